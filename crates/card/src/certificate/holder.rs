//! The names that a prompt shows: who holds the card, and who issued it.

use x509_parser::der_parser::asn1_rs::{FromDer, Integer};
use x509_parser::der_parser::{Oid, oid};
use x509_parser::prelude::{X509Certificate, X509Name};

/// Most bytes kept of one name.
const NAME_BYTES_MAX: usize = 256;

const GIVEN_NAME: Oid<'static> = oid!(2.5.4.42);
const SURNAME: Oid<'static> = oid!(2.5.4.4);
const TITLE: Oid<'static> = oid!(2.5.4.12);
const COMMON_NAME: Oid<'static> = oid!(2.5.4.3);
/// The card's product type (IGC-Santé private extension, code table TRE_G02).
const CARD_PRODUCT: Oid<'static> = oid!(1.2.250.1.71.1.2.2);

/// Names from a certificate's subject and issuer. They are unproven and unescaped: whoever shows
/// them cuts them and removes control and direction characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardHolder {
    /// Given name (GN).
    pub given_name: Option<String>,
    /// Surname (SN).
    pub surname: Option<String>,
    /// Title: on health professionals' cards the profession in words.
    pub title: Option<String>,
    /// Common name: on health professionals' cards the national identifier, not a name.
    pub common_name: Option<String>,
    /// Common name of the issuer.
    pub issuer_name: Option<String>,
    /// The family of health professionals' cards, where the certificate names it.
    pub card_family: Option<CardFamily>,
}

impl CardHolder {
    pub(super) fn read(certificate: &X509Certificate<'_>) -> Self {
        let subject = certificate.subject();
        Self {
            given_name: name(subject, &GIVEN_NAME),
            surname: name(subject, &SURNAME),
            title: name(subject, &TITLE),
            common_name: name(subject, &COMMON_NAME),
            issuer_name: name(certificate.issuer(), &COMMON_NAME),
            card_family: card_family(certificate),
        }
    }
}

/// The families of health professionals' cards (IGC-Santé code table TRE_G02).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CardFamily {
    /// 0: a health professional's card.
    Cps,
    /// 1: a card of a professional in training.
    Cpf,
    /// 2: a card of establishment staff.
    Cpe,
    /// 3: a card of other authorised staff.
    Cpa,
}

impl CardFamily {
    /// The abbreviation printed on the card.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cps => "CPS",
            Self::Cpf => "CPF",
            Self::Cpe => "CPE",
            Self::Cpa => "CPA",
        }
    }
}

/// The only value of an attribute, wherever it stands: CPS subjects carry GN, CN and SN in one
/// multi-valued RDN whose order varies from card to card. A repeated attribute is no name.
fn name(from: &X509Name<'_>, attribute: &Oid<'_>) -> Option<String> {
    let mut values = from
        .iter_attributes()
        .filter(|candidate| candidate.attr_type() == attribute);
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    let text = value.as_str().ok()?;
    (!text.is_empty() && text.len() <= NAME_BYTES_MAX).then(|| text.to_owned())
}

fn card_family(certificate: &X509Certificate<'_>) -> Option<CardFamily> {
    let extension = certificate.get_extension_unique(&CARD_PRODUCT).ok()??;
    let (trailing, product) = Integer::from_der(extension.value).ok()?;
    if !trailing.is_empty() {
        return None;
    }
    match product.as_u8().ok()? {
        0 => Some(CardFamily::Cps),
        1 => Some(CardFamily::Cpf),
        2 => Some(CardFamily::Cpe),
        3 => Some(CardFamily::Cpa),
        _ => None,
    }
}
