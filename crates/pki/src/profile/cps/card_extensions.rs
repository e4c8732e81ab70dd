//! The private extensions that make a certificate a card's (arc 1.2.250.1.71.1.2).

use crate::profile::{CardFamily, CardReference, Profession};
use crate::{Certificate, Error};
use x509_cert::der::Decode;
use x509_cert::der::asn1::{OctetStringRef, PrintableStringRef};

/// Card type, an INTEGER of terminology TRE_G02. 0 is a value; absent is no card at all.
const CARD_TYPE: &str = "1.2.250.1.71.1.2.2";
/// Card number, a PrintableString `<issuer>/<card>`.
const CARD_NUMBER: &str = "1.2.250.1.71.1.2.3";
/// Kind of certificate, one octet in an OCTET STRING nested in the extension's own.
const CERTIFICATE_KIND: &str = "1.2.250.1.71.1.2.5";
/// Profession, an INTEGER of terminology TRE_G15.
const PROFESSION: &str = "1.2.250.1.71.1.2.7";
/// Profession in training, an INTEGER of terminology TRE_G16.
const PROFESSION_IN_TRAINING: &str = "1.2.250.1.71.1.2.8";

const KIND_TEST_BIT: u8 = 0x80;
const KIND_CARD: u8 = 0;
const CARD_NUMBER_DIGITS_MAX: usize = 16;
const PROFESSION_CODE_MAX: u32 = 999;

/// Whether a family's cards carry an extension.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
    Forbidden,
}

/// What each card type is, and which profession extension its cards carry. A student's card has
/// the code in another terminology: read as a profession it would make a student a doctor.
const CARD_TYPES: &[(u32, CardFamily, Presence, Presence)] = &[
    (0, CardFamily::Cps, Presence::Required, Presence::Forbidden),
    (1, CardFamily::Cpf, Presence::Forbidden, Presence::Required),
    (2, CardFamily::Cpe, Presence::Optional, Presence::Forbidden),
    (3, CardFamily::Cpa, Presence::Optional, Presence::Forbidden),
];

pub(super) struct CardExtensions {
    pub(super) reference: CardReference,
    pub(super) profession: Option<Profession>,
    pub(super) is_test: bool,
}

impl CardExtensions {
    pub(super) fn read(certificate: &Certificate) -> Result<Self, Error> {
        let kind = read_kind(certificate)?;
        let card_type: u32 =
            read_integer(certificate, CARD_TYPE)?.ok_or(Error::NotACard("it has no card type"))?;
        let number = read_number(certificate)?;
        let (_, family, profession, in_training) = CARD_TYPES
            .iter()
            .find(|(code, ..)| *code == card_type)
            .ok_or(Error::ProfileExtensionInvalid("the card type is not known"))?;
        let profession = read_profession(certificate, PROFESSION, "TRE_G15", *profession)?;
        let training =
            read_profession(certificate, PROFESSION_IN_TRAINING, "TRE_G16", *in_training)?;
        Ok(Self {
            reference: CardReference {
                family: *family,
                number,
            },
            profession: profession.or(training),
            is_test: kind & KIND_TEST_BIT != 0,
        })
    }
}

/// The kind must be there, or a test card could pass as a real one by leaving it out.
fn read_kind(certificate: &Certificate) -> Result<u8, Error> {
    let value = value_of(certificate, CERTIFICATE_KIND).ok_or(Error::NotACard(
        "it does not say what kind of certificate it is",
    ))?;
    let octets = OctetStringRef::from_der(value)
        .map_err(|_| Error::ProfileExtensionInvalid("the certificate kind is malformed"))?;
    let [kind] = octets.as_bytes() else {
        return Err(Error::ProfileExtensionInvalid(
            "the certificate kind is malformed",
        ));
    };
    if kind & !KIND_TEST_BIT != KIND_CARD {
        return Err(Error::NotACard(
            "its kind is software, server or organisation",
        ));
    }
    Ok(*kind)
}

fn read_number(certificate: &Certificate) -> Result<String, Error> {
    let value =
        value_of(certificate, CARD_NUMBER).ok_or(Error::NotACard("it has no card number"))?;
    let malformed = Error::ProfileExtensionInvalid("the card number is malformed");
    let Ok(number) = PrintableStringRef::from_der(value) else {
        return Err(malformed);
    };
    let is_number = |part: &str| {
        (1..=CARD_NUMBER_DIGITS_MAX).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match number.as_str().split_once('/') {
        Some((issuer, card)) if is_number(issuer) && is_number(card) => {
            Ok(number.as_str().to_owned())
        }
        _ => Err(malformed),
    }
}

fn read_profession(
    certificate: &Certificate,
    oid: &str,
    system: &str,
    presence: Presence,
) -> Result<Option<Profession>, Error> {
    let code = read_integer(certificate, oid)?;
    match (code, presence) {
        (None, Presence::Required) => {
            Err(Error::ProfileExtensionInvalid("the card has no profession"))
        }
        (Some(_), Presence::Forbidden) => Err(Error::ProfileExtensionInvalid(
            "the profession does not fit the card type",
        )),
        (Some(code), _) if code > PROFESSION_CODE_MAX => Err(Error::ProfileExtensionInvalid(
            "the profession code is out of range",
        )),
        (code, _) => Ok(code.map(|code| Profession {
            code: format!("{code:02}"),
            system: system.to_owned(),
        })),
    }
}

fn read_integer(certificate: &Certificate, oid: &str) -> Result<Option<u32>, Error> {
    let Some(value) = value_of(certificate, oid) else {
        return Ok(None);
    };
    u32::from_der(value)
        .map(Some)
        .map_err(|_| Error::ProfileExtensionInvalid("an INTEGER is malformed"))
}

fn value_of<'a>(certificate: &'a Certificate, oid: &str) -> Option<&'a [u8]> {
    certificate
        .private_extension(oid)
        .map(|extension| extension.value.as_slice())
}
