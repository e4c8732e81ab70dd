//! Data objects of the PIV application (SP 800-73-4 part 1 section 3 and appendix A).

use tracing::warn;

use super::exchange::Exchange;
use super::unexpected;
use crate::apdu::Command;
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
        .ok_or(missing)
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
