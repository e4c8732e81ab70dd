//! The professional a card stands for.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a certificate profile reads out of a validated certificate.
///
/// The serialised form is a contract with the operator's tools; absent members are left out.
/// The claims follow the card at each login: nothing of an earlier card is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfessionalIdentity {
    /// The person's identifier as it stands on the card, type prefix included. Stable over card
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
    /// The terminology the code is from, such as `TRE_G15` (professions) or `TRE_G16` (in
    /// training).
    pub system: String,
}

/// A structure: a practice, an establishment, an enterprise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Structure {
    /// The identifier as it stands on the card, type prefix included.
    pub id: String,
    /// What kind of identifier it is.
    pub id_type: StructureIdentifierType,
    /// The name, as short as the issuer has cut it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Which card it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardReference {
    /// The family of cards.
    pub family: CardFamily,
    /// The card's number, such as `<issuer>/<card>`.
    pub number: String,
}

/// Writes one name of a profile's own list. Two names of different lists are never compared.
macro_rules! declared_name {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as a profile declares it.
            #[must_use]
            pub fn new(name: &str) -> Self {
                Self(name.into())
            }

            /// The name, as it is serialised.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

declared_name! {
    /// A family of professional cards, by the name that its profile gives it: `cps`, `piv`, `hba`.
    CardFamily
}

declared_name! {
    /// A kind of person identifier, by the name that its profile gives it: `rpps`,
    /// `finess_register`, `telematik_id`.
    PersonIdentifierType
}

declared_name! {
    /// A kind of structure identifier, by the name that its profile gives it: `finess`, `siret`.
    StructureIdentifierType
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
