//! A card of every kind that a portal's developer has to meet before its users do.

use cardea_test_pki::{CardFamily, CardProfile, Error, KeyKind, PersonIdentifier, Profession};

use crate::condition::Condition;

/// Names of invented people, given name and family name; each appears once.
const GIVEN_NAMES: [&str; 8] = [
    "Camille",
    "Dominique",
    "Alix",
    "Sacha",
    "Maxime",
    "Claude",
    "Noa",
    "Yael",
];
const FAMILY_NAMES: [&str; 5] = ["ESSAI", "EXEMPLE", "MODELE", "EPREUVE", "FICTIF"];

/// How many days the card that expires soon is still good.
const SOON_DAYS: u16 = 7;

/// One card of the deck.
#[derive(Clone, Debug)]
pub struct DeckCard {
    /// Name of its folder.
    pub folder: String,
    /// Whose card it is.
    pub profile: CardProfile,
    /// The state that it is made in.
    pub condition: Condition,
}

/// Every card: one of each profession, one of each establishment family, and a pharmacist's card
/// in each condition that is not good.
///
/// # Errors
/// [`Error::ProfessionUnknown`], which cannot be for professions of the list.
pub fn deck(key: KeyKind) -> Result<Vec<DeckCard>, Error> {
    let mut cards = Vec::new();
    for profession in Profession::all() {
        let title = folder_word(profession.title()?);
        let family = family_of(profession);
        cards.push(DeckCard {
            folder: format!("{}-{}-{title}", family.as_str(), profession.code()),
            profile: professional(profession, cards.len(), key),
            condition: Condition::Good,
        });
    }
    for profile in [CardProfile::secretary(), CardProfile::authorised_staff()] {
        let (given_name, family_name) = invented_name(cards.len());
        cards.push(DeckCard {
            folder: format!("{}-personnel", profile.family.as_str()),
            profile: profile.with_key(key).with_name(given_name, family_name),
            condition: Condition::Good,
        });
    }
    for condition in [
        Condition::Expired,
        Condition::NotYetValid,
        Condition::ExpiresIn { days: SOON_DAYS },
        Condition::Revoked,
        Condition::BlockedPin,
    ] {
        cards.push(DeckCard {
            folder: format!("state-{}", condition.as_str().replace('_', "-")),
            profile: professional(Profession::Practising(21), cards.len(), key),
            condition,
        });
    }
    Ok(cards)
}

fn family_of(profession: Profession) -> CardFamily {
    match profession {
        Profession::Practising(_) => CardFamily::Cps,
        Profession::InTraining(_) => CardFamily::Cpf,
    }
}

/// The `index` keeps names and numbers of two cards apart.
fn professional(profession: Profession, index: usize, key: KeyKind) -> CardProfile {
    let (given_name, family_name) = invented_name(index);
    let profile = CardProfile {
        family: family_of(profession),
        profession: Some(profession),
        ..CardProfile::pharmacist()
    };
    profile
        .with_key(key)
        .with_name(given_name, family_name)
        .with_identifier(PersonIdentifier::Rpps(format!("99720000{index:03}")))
}

fn invented_name(index: usize) -> (&'static str, &'static str) {
    let given_names = GIVEN_NAMES.iter().copied();
    let pairs = FAMILY_NAMES
        .iter()
        .flat_map(|family| given_names.clone().map(move |given| (given, *family)));
    pairs.cycle().nth(index).unwrap_or(("Camille", "ESSAI"))
}

/// A label as a part of a folder's name: lower case, no accents, hyphens.
fn folder_word(label: &str) -> String {
    let plain = |character: char| match character {
        'é' | 'è' | 'É' => 'e',
        'a'..='z' | '0'..='9' => character,
        'A'..='Z' => character.to_ascii_lowercase(),
        _ => '-',
    };
    label.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use cardea_test_pki::{KeyKind, Profession};

    use super::deck;
    use crate::condition::Condition;

    #[test]
    fn each_profession_and_each_condition_has_a_card_of_its_own() {
        let cards = deck(KeyKind::P256).unwrap();
        for profession in Profession::all() {
            assert!(
                cards
                    .iter()
                    .any(|card| card.profile.profession == Some(profession)
                        && card.condition == Condition::Good),
                "{profession:?}"
            );
        }
        let folders: HashSet<_> = cards.iter().map(|card| &card.folder).collect();
        let numbers: HashSet<_> = cards
            .iter()
            .map(|card| card.profile.identifier.common_name())
            .collect();
        let names: HashSet<_> = cards
            .iter()
            .map(|card| (&card.profile.given_name, &card.profile.family_name))
            .collect();
        assert_eq!(
            (folders.len(), numbers.len(), names.len()),
            (cards.len(), cards.len(), cards.len())
        );
        assert!(cards.iter().any(|card| card.folder == "cps-10-medecin"));
    }
}
