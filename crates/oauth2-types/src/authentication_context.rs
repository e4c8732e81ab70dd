//! What a login proved: `acr` (level reached) and `amr` (methods used, RFC 8176).

use serde::{Deserialize, Serialize};

/// The authentication context class that a card login reaches.
///
/// It follows from what the card and the agent stated, never from what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Acr {
    /// Card, and the PIN typed for this login; presence is watched.
    #[serde(rename = "urn:cardea:acr:card-pin")]
    CardPin,
    /// Card, and a PIN typed earlier while the card stayed in the reader.
    #[serde(rename = "urn:cardea:acr:card-pin-cached")]
    CardPinCached,
    /// The card alone: one factor.
    #[serde(rename = "urn:cardea:acr:card")]
    Card,
    /// The card's key answered a TLS handshake of the browser's own: nobody says whether a PIN was
    /// typed, which page asked for it, or whether the card is still there.
    #[serde(rename = "urn:cardea:acr:card-unwatched")]
    CardUnwatched,
}

impl Acr {
    /// Every class, strongest first.
    pub const ALL: [Self; 4] = [
        Self::CardPin,
        Self::CardPinCached,
        Self::Card,
        Self::CardUnwatched,
    ];

    /// The value in `acr`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CardPin => "urn:cardea:acr:card-pin",
            Self::CardPinCached => "urn:cardea:acr:card-pin-cached",
            Self::Card => "urn:cardea:acr:card",
            Self::CardUnwatched => "urn:cardea:acr:card-unwatched",
        }
    }

    /// The class named by a value, if it is one of ours.
    #[must_use]
    pub fn find(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|acr| acr.as_str() == value)
    }

    /// Whether this class satisfies a request for `wanted`.
    #[must_use]
    pub fn satisfies(self, wanted: Self) -> bool {
        let strength = |acr| match acr {
            Self::CardPin => 3,
            Self::CardPinCached => 2,
            Self::Card => 1,
            Self::CardUnwatched => 0,
        };
        strength(self) >= strength(wanted)
    }

    /// The methods behind the class (RFC 8176): smart card, hardware key, PIN, several factors.
    #[must_use]
    pub fn amr(self) -> &'static [&'static str] {
        match self {
            Self::CardPin | Self::CardPinCached => &["sc", "pin", "hwk", "mfa"],
            Self::Card | Self::CardUnwatched => &["sc", "hwk"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_without_pin_is_one_factor() {
        assert!(!Acr::Card.amr().contains(&"mfa"));
        assert!(!Acr::Card.satisfies(Acr::CardPinCached));
        assert!(Acr::CardPin.satisfies(Acr::Card));
    }

    #[test]
    fn a_card_that_nobody_watches_satisfies_nothing_else() {
        assert_eq!(Acr::CardUnwatched.amr(), ["sc", "hwk"]);
        for wanted in Acr::ALL {
            let itself = wanted == Acr::CardUnwatched;
            assert_eq!(Acr::CardUnwatched.satisfies(wanted), itself);
            assert!(wanted.satisfies(Acr::CardUnwatched));
        }
    }

    #[test]
    fn names_are_found_back() {
        for acr in Acr::ALL {
            assert_eq!(Acr::find(acr.as_str()), Some(acr));
            assert_eq!(serde_json::to_value(acr).unwrap(), acr.as_str());
        }
        assert_eq!(Acr::find("0"), None);
    }
}
