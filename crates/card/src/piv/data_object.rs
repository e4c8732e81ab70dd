//! Data objects of the PIV application (SP 800-73-4 part 1 section 3 and appendix A).

use tracing::warn;

use super::exchange::{Exchange, INS_GET_RESPONSE};
use super::unexpected;
use crate::apdu::{Command, class_of_channel};
use crate::{CardCertificate, Error, KeyReference, PivSlot, StatusWord, tlv};

const INS_GET_DATA: u8 = 0xCB;
/// The card holder unique identifier.
const CHUID: [u8; 3] = [0x5F, 0xC1, 0x02];
const TAG_OBJECT: u32 = 0x53;
const TAG_FASC_N: u32 = 0x30;
const TAG_GUID: u32 = 0x34;
const TAG_CERTIFICATE: u32 = 0x70;
const TAG_CERTIFICATE_INFO: u32 = 0x71;
const GUID_BYTES: usize = 16;
/// Object header, buffer length, FASC-N, agency, organization, DUNS and GUID.
const CHUID_BEGINNING_BYTES: u8 = 100;
/// CertInfo bits that mean gzip: the specification's, and the one some card software writes.
const INFO_COMPRESSED: u8 = 0x81;
const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];

const TAG_AUTHENTICATION_TEMPLATE: u8 = 0x7C;
const TAG_TO_SIGN: u8 = 0x81;
const TAG_SIGNED: u8 = 0x82;

/// GET DATA (SP 800-73-4 part 2 section 3.1.2). `None` when the card has no such object.
fn get_data(exchange: &mut Exchange<'_>, tag: [u8; 3]) -> Result<Option<Vec<u8>>, Error> {
    let [first, second, third] = tag;
    let command = Command::new("GET DATA", INS_GET_DATA, 0x3F, 0xFF)
        .with_data(&[0x5C, 3, first, second, third])
        .expecting_response();
    let response = exchange.send(&command)?;
    match response.status {
        StatusWord::SUCCESS => Ok(Some(response.data)),
        StatusWord::NOT_FOUND | StatusWord::REFERENCED_DATA_NOT_FOUND => Ok(None),
        status => Err(unexpected(&command, status)),
    }
}

/// The card's serial number: the GUID of its CHUID in hexadecimal; where that is all zeros, as on
/// older cards, the FASC-N.
pub(super) fn read_serial(exchange: &mut Exchange<'_>) -> Result<String, Error> {
    let missing = Error::Unsupported {
        missing: "a serial number (CHUID)",
    };
    let Some(object) = get_data(exchange, CHUID)? else {
        return Err(missing);
    };
    let guid = tlv::find(&object, &[TAG_OBJECT, TAG_GUID])?;
    let fasc_n = tlv::find(&object, &[TAG_OBJECT, TAG_FASC_N])?;
    serial_of(guid, fasc_n).ok_or(missing)
}

fn serial_of(guid: Option<&[u8]>, fasc_n: Option<&[u8]>) -> Option<String> {
    guid.filter(|guid| guid.len() == GUID_BYTES)
        .into_iter()
        .chain(fasc_n)
        .find(|identifier| identifier.iter().any(|byte| *byte != 0))
        .map(|identifier| {
            identifier
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        })
}

/// Refuses a card of another serial number, by one command: a signed CHUID has thousands of bytes,
/// but both numbers stand at its beginning (SP 800-73-4 part 1 table 9).
pub(super) fn check_serial(exchange: &mut Exchange<'_>, serial: &str) -> Result<(), Error> {
    let [first, second, third] = CHUID;
    let class = class_of_channel(exchange.logical_channel());
    let ask = |length| {
        [
            class,
            INS_GET_DATA,
            0x3F,
            0xFF,
            5,
            0x5C,
            3,
            first,
            second,
            third,
            length,
        ]
    };
    let mut answer = exchange.transmit(&ask(CHUID_BEGINNING_BYTES))?;
    if let Some(length) = answer.status.exact_length() {
        answer = exchange.transmit(&ask(length))?;
    } else if let (Some(remaining), true) =
        (answer.status.bytes_remaining(), answer.data.is_empty())
    {
        // With T=0 an answer is announced before it comes.
        let length = remaining.clamp(1, CHUID_BEGINNING_BYTES);
        answer = exchange.transmit(&[class, INS_GET_RESPONSE, 0, 0, length])?;
    }
    let is_answer = answer.status.is_success() || answer.status.bytes_remaining().is_some();
    let found = is_answer
        .then(|| serial_in_beginning(&answer.data))
        .flatten();
    // Another card, or one that is no PIV card with a number at all.
    if found.as_deref() == Some(serial) {
        Ok(())
    } else {
        Err(Error::CardRemoved)
    }
}

/// The serial number in the first bytes of a CHUID, whose whole is not at hand.
fn serial_in_beginning(beginning: &[u8]) -> Option<String> {
    let (&[tag], rest) = beginning.split_first_chunk()?;
    if u32::from(tag) != TAG_OBJECT {
        return None;
    }
    let &length = rest.first()?;
    // BER: the length itself, or how many bytes of it follow.
    let length_bytes = if length < 0x80 {
        1
    } else {
        1 + usize::from(length & 0x7F)
    };
    let mut content = rest.get(length_bytes..)?;
    let (mut guid, mut fasc_n) = (None, None);
    while let Some((&[tag, length], rest)) = content.split_first_chunk() {
        let Some(value) = rest.get(..usize::from(length)).filter(|_| length < 0x80) else {
            break;
        };
        match u32::from(tag) {
            TAG_GUID => guid = Some(value),
            TAG_FASC_N => fasc_n = Some(value),
            _ => {}
        }
        content = rest.get(value.len()..)?;
    }
    serial_of(guid, fasc_n)
}

/// The certificate of a slot; `None` for an empty slot.
pub(super) fn read_certificate(
    exchange: &mut Exchange<'_>,
    slot: PivSlot,
) -> Result<Option<CardCertificate>, Error> {
    let Some(object) = get_data(exchange, slot.certificate_tag())? else {
        return Ok(None);
    };
    let Some(der) = tlv::find(&object, &[TAG_OBJECT, TAG_CERTIFICATE])? else {
        return Ok(None);
    };
    if der.is_empty() {
        return Ok(None);
    }
    let info = tlv::find(&object, &[TAG_OBJECT, TAG_CERTIFICATE_INFO])?.unwrap_or_default();
    let is_flagged = info.first().is_some_and(|info| info & INFO_COMPRESSED != 0);
    if is_flagged || der.starts_with(&GZIP_MAGIC) {
        return Err(Error::CertificateCompressed);
    }
    CardCertificate::parse(KeyReference::Piv(slot), der.to_vec()).map(Some)
}

/// The dynamic authentication template that asks for a signature of `block`.
pub(super) fn signature_template(block: &[u8]) -> Result<Vec<u8>, Error> {
    let mut content = tlv::element_bytes(TAG_SIGNED, &[])?;
    content.extend(tlv::element_bytes(TAG_TO_SIGN, block)?);
    tlv::element_bytes(TAG_AUTHENTICATION_TEMPLATE, &content)
}

/// The signature in the card's answer to [`signature_template`].
pub(super) fn signature_in(response: &[u8]) -> Result<Vec<u8>, Error> {
    let path = [
        u32::from(TAG_AUTHENTICATION_TEMPLATE),
        u32::from(TAG_SIGNED),
    ];
    tlv::find(response, &path)?
        .map(<[u8]>::to_vec)
        .ok_or(Error::ResponseMalformed {
            reason: "it has no signature",
        })
}

/// Whether an error says something about one data object only, and the next may well be fine.
pub(super) fn is_about_this_object(error: &Error) -> bool {
    matches!(
        error,
        Error::CertificateMalformed { .. }
            | Error::CertificateCompressed
            | Error::ResponseMalformed { .. }
            | Error::UnexpectedStatus { .. }
    )
}

/// Leaves a trace of a certificate that could not be read; nothing of its content.
pub(super) fn note_unreadable(slot: PivSlot, error: &Error) {
    warn!(slot = ?slot, code = error.code(), "a certificate on the card is unreadable");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chuid(guid: [u8; 16], signature_bytes: u8) -> Vec<u8> {
        let mut content = vec![0x30, 25];
        content.extend([0xD1; 25]);
        content.extend([0x34, 16]);
        content.extend(guid);
        content.extend([0x35, 8]);
        content.extend(*b"20301231");
        content.extend([0x3E, signature_bytes]);
        content.extend(vec![0xAA; usize::from(signature_bytes)]);
        let mut object = vec![0x53];
        match u8::try_from(content.len()) {
            Ok(length) if length < 0x80 => object.push(length),
            Ok(length) => object.extend([0x81, length]),
            Err(_) => object.extend([0x82, 1, 0]),
        }
        object.extend(content);
        object
    }

    #[test]
    fn the_serial_number_is_found_in_the_beginning_of_a_chuid_of_any_length() {
        for signature_bytes in [0, 100, 120] {
            let object = chuid([7; 16], signature_bytes);
            let beginning = object.get(..60.min(object.len())).unwrap();
            assert_eq!(serial_in_beginning(beginning), Some("07".repeat(16)));
        }
        // Older cards have no GUID, and are known by their FASC-N.
        let object = chuid([0; 16], 0);
        assert_eq!(serial_in_beginning(&object), Some("d1".repeat(25)));
    }

    #[test]
    fn a_beginning_that_is_none_has_no_serial_number() {
        let object = chuid([7; 16], 0);
        for length in 0..4 {
            assert_eq!(serial_in_beginning(&object[..length]), None);
        }
        assert_eq!(serial_in_beginning(&[0x54, 0]), None);
        assert_eq!(serial_in_beginning(&[0x53, 0xFF, 1]), None);
    }
}
