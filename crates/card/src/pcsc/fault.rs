//! PC/SC return codes as errors of this crate.

use crate::Error;
use crate::apdu::RESPONSE_BYTES_MAX;

pub(super) fn from_pcsc(error: pcsc::Error) -> Error {
    match error {
        pcsc::Error::NoService
        | pcsc::Error::ServiceStopped
        | pcsc::Error::Shutdown
        // The service was restarted and does not know this connection any more.
        | pcsc::Error::InvalidHandle => Error::ReaderServiceUnavailable,
        pcsc::Error::NoReadersAvailable
        | pcsc::Error::UnknownReader
        | pcsc::Error::ReaderUnavailable => Error::NoReader,
        pcsc::Error::NoSmartcard => Error::NoCard,
        // "Not transacted" is how a card shows that was pulled one command earlier.
        pcsc::Error::RemovedCard | pcsc::Error::NotTransacted => Error::CardRemoved,
        pcsc::Error::ResetCard => Error::CardReset,
        pcsc::Error::UnresponsiveCard | pcsc::Error::UnpoweredCard => Error::Unresponsive,
        pcsc::Error::SharingViolation | pcsc::Error::ServerTooBusy => Error::Busy,
        pcsc::Error::InsufficientBuffer => {
            Error::ResponseTooLong { bytes_max: RESPONSE_BYTES_MAX }
        }
        other => Error::ReaderFault { status: other as u32, reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pcsc_codes_have_meanings() {
        let cases = [
            (pcsc::Error::NoService, "card.reader_service_unavailable"),
            (pcsc::Error::NoReadersAvailable, "card.no_reader"),
            (pcsc::Error::NoSmartcard, "card.no_card"),
            (pcsc::Error::RemovedCard, "card.removed"),
            (pcsc::Error::NotTransacted, "card.removed"),
            (pcsc::Error::ResetCard, "card.reset"),
            (pcsc::Error::UnresponsiveCard, "card.unresponsive"),
            (pcsc::Error::SharingViolation, "card.busy"),
            (pcsc::Error::InsufficientBuffer, "card.response_too_long"),
            (pcsc::Error::ProtoMismatch, "card.reader_fault"),
        ];
        for (error, code) in cases {
            assert_eq!(from_pcsc(error).code(), code, "{error}");
        }
    }
}
