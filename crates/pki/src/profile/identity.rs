//! The professional a card stands for.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a certificate profile reads out of a validated certificate.
///
/// The serialised form is a contract with the operator's tools; absent members are left out.
/// The claims follow the card at each login: nothing of an earlier card is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfessionalIdentity {
    /// The national identifier with its type prefix, as it stands on the card. Stable over card
    /// renewals; it may hold letters and `/`.
    pub subject_id: String,
    /// What kind of identifier it is.
    pub subject_id_type: PersonIdentifierType,
    /// Given name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Family name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// The profession's label for people to read, such as "Pharmacien". Never decide by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The profession; absent for establishment staff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profession: Option<Profession>,
    /// The structure the card was issued for, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<Structure>,
    /// The card.
    pub card: CardReference,
    /// Whether the issuer marked the card as a test card.
    pub test: bool,
}

/// A code is nothing without its system: 10 is a doctor in one and a medical student in another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profession {
    /// The code, such as `21`.
    pub code: String,
    /// The terminology the code is from: `TRE_G15` (professions) or `TRE_G16` (in training).
    pub system: String,
}

/// A structure: a practice, an establishment, an enterprise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Structure {
    /// The identifier with its type prefix, as it stands on the card.
    pub id: String,
    /// What kind of identifier it is.
    pub id_type: StructureIdentifierType,
    /// The name, cut by the issuer at 40 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Which card it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardReference {
    /// The family of cards.
    pub family: CardFamily,
    /// The card's number, `<issuer>/<card>`.
    pub number: String,
}

/// Families of professional cards (terminology TRE_G02).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CardFamily {
    /// Health professional.
    Cps,
    /// Professional in training.
    Cpf,
    /// Establishment director or employee; one code serves both.
    Cpe,
    /// Other staff, director or authorised employee; one code serves both.
    Cpa,
}

impl CardFamily {
    /// The name in lower case, as it is serialised.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cps => "cps",
            Self::Cpf => "cpf",
            Self::Cpe => "cpe",
            Self::Cpa => "cpa",
        }
    }
}

/// Kinds of person identifiers (terminology TRE_G08).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonIdentifierType {
    /// 0: ADELI number.
    Adeli,
    /// 1: ADELI practice and register number.
    AdeliPractice,
    /// 2: interns' number; no longer issued.
    Drass,
    /// 3: FINESS establishment and register number.
    FinessRegister,
    /// 4: SIREN enterprise and register number.
    SirenRegister,
    /// 5: SIRET site and register number.
    SiretRegister,
    /// 6: RPPS practice and register number.
    RppsPractice,
    /// 8: RPPS number.
    Rpps,
    /// 9: student number; no longer issued.
    Student,
}

/// Kinds of structure identifiers (terminology TRE_G07). The same digit means another thing than
/// for persons: 3 is a SIRET here and an establishment's employee there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StructureIdentifierType {
    /// 0: ADELI practice.
    AdeliPractice,
    /// 1: FINESS establishment.
    Finess,
    /// 2: SIREN enterprise.
    Siren,
    /// 3: SIRET site.
    Siret,
    /// 4: RPPS practice.
    RppsPractice,
}

/// Personal data stays out of logs.
impl fmt::Debug for ProfessionalIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProfessionalIdentity")
            .field("subject_id_type", &self.subject_id_type)
            .field("profession", &self.profession)
            .field("card_family", &self.card.family)
            .field("test", &self.test)
            .finish_non_exhaustive()
    }
}
