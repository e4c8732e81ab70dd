//! Whether a certificate may do for signing in, by all that it says itself.
//!
//! One line answers one question: it must not say yes of a certificate that the lines around it
//! call expired.

use serde::Serialize;

use super::reading::{Certified, Reading, Validity};
use super::warning::Warning;
use crate::language::Text;

/// The answer. Its issuer and its revocation have the last word, and are not asked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SignIn {
    /// Nothing in it stands against it.
    Possible,
    /// A test card: a production server refuses it.
    InTestsOnly,
    /// Its key is in a file.
    NotOnACard,
    /// It is for something else.
    NotItsUse,
    /// Past its validity.
    Expired,
    /// Before its validity.
    NotYetValid,
    /// A key or a signature that logins refuse.
    Weak,
}

impl SignIn {
    /// Reads the answer off everything else, the warnings included.
    pub(super) fn of(reading: &Reading) -> Self {
        match (reading.certified, reading.validity) {
            (Certified::SoftwareAuthentication, _) => Self::NotOnACard,
            (Certified::CardAuthentication, Validity::Expired) => Self::Expired,
            (Certified::CardAuthentication, Validity::NotYetValid) => Self::NotYetValid,
            (Certified::CardAuthentication, Validity::Current) => {
                if reading.warnings.contains(&Warning::Weak) {
                    Self::Weak
                } else if reading.test == Some(true) {
                    Self::InTestsOnly
                } else {
                    Self::Possible
                }
            }
            _ => Self::NotItsUse,
        }
    }

    /// The words.
    pub(super) fn text(self) -> Text {
        match self {
            Self::Possible => Text::new("yes, by its uses", "oui, d'après ses usages"),
            Self::InTestsOnly => Text::new(
                "only in a test environment",
                "seulement dans un environnement de test",
            ),
            Self::NotOnACard => Text::new(
                "not where a card is asked for: it is on none",
                "pas là où une carte est demandée : il est hors carte",
            ),
            Self::NotItsUse => Text::new("no", "non"),
            Self::Expired => Text::new("no: expired", "non : expiré"),
            Self::NotYetValid => Text::new("no: not valid yet", "non : pas encore valable"),
            Self::Weak => Text::new(
                "no: key or signature too weak",
                "non : clé ou signature trop faible",
            ),
        }
    }
}
