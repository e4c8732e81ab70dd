//! Who an operator is, whichever card she uses and however often the configuration names her.

use std::collections::BTreeSet;

use cardea_pki::ProfessionalIdentity;
use serde::{Deserialize, Serialize};

use super::{AdminOperator, AdminRules, FourEyes};

/// A person who operates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorPerson {
    /// What we call her.
    pub sub: String,
    /// Her name as her card has it.
    pub name: String,
    /// [`AdminOperator::digest`] of the entry that she came in by.
    pub entry: String,
    /// `person` of that entry.
    pub person: Option<String>,
}

impl OperatorPerson {
    pub(super) fn new(operator: &AdminOperator, card: &ProfessionalIdentity, sub: &str) -> Self {
        Self {
            sub: sub.to_owned(),
            name: name_of(card),
            entry: operator.digest(),
            person: operator.person.clone(),
        }
    }

    /// Whether two are one person: two cards, two entries of the configuration and two numbers in
    /// two registers do not make two of anybody. Where the configuration says of both who they are
    /// its word counts; else the same name is taken for the same person.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        if self.sub == other.sub || self.entry == other.entry {
            return true;
        }
        match (&self.person, &other.person) {
            (Some(one), Some(two)) => one == two,
            _ => {
                let (one, two) = (letters(&self.name), letters(&other.name));
                one.is_empty() || two.is_empty() || one == two
            }
        }
    }
}

impl AdminRules {
    /// How many persons operate, as far as the configuration alone can tell.
    #[must_use]
    pub fn count_persons(operators: &[AdminOperator]) -> usize {
        let persons = operators.iter().map(|operator| match &operator.person {
            Some(person) => format!("person:{person}"),
            None => operator.digest(),
        });
        persons.collect::<BTreeSet<_>>().len()
    }

    /// Whether two operators are asked for: as the configuration says, and where it does not,
    /// wherever there are two.
    #[must_use]
    pub fn four_eyes_of(operators: &[AdminOperator], said: Option<bool>) -> FourEyes {
        match said.unwrap_or_else(|| Self::count_persons(operators) > 1) {
            true => FourEyes::Required,
            false => FourEyes::NotAsked,
        }
    }
}

/// The name on a card.
pub(super) fn name_of(card: &ProfessionalIdentity) -> String {
    let names = [&card.given_name, &card.family_name];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    names.join(" ")
}

/// Whether two cards have one name; cards without any have none in common.
pub(super) fn is_one_name(one: &str, other: &str) -> bool {
    let (one, other) = (letters(one), letters(other));
    !one.is_empty() && one == other
}

/// The letters of a name in capitals, in their order: cards of two families write one name with
/// and without hyphens, accents and joined letters. Words in another order are another name.
fn letters(name: &str) -> String {
    let mut plain = String::new();
    for letter in name.chars().flat_map(char::to_uppercase) {
        match letter {
            'Œ' => plain.push_str("OE"),
            'Æ' => plain.push_str("AE"),
            letter => plain.extend(Some(without_accent(letter)).filter(|it| it.is_alphanumeric())),
        }
    }
    plain
}

fn without_accent(letter: char) -> char {
    match letter {
        'À' | 'Á' | 'Â' | 'Ã' | 'Ä' | 'Å' => 'A',
        'Ç' => 'C',
        'È' | 'É' | 'Ê' | 'Ë' => 'E',
        'Ì' | 'Í' | 'Î' | 'Ï' => 'I',
        'Ñ' => 'N',
        'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ö' => 'O',
        'Ù' | 'Ú' | 'Û' | 'Ü' => 'U',
        'Ý' | 'Ÿ' => 'Y',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{AdminOperator, AdminRules, FourEyes, OperatorPerson};

    fn person(sub: &str, name: &str, person: Option<&str>) -> OperatorPerson {
        OperatorPerson {
            sub: sub.to_owned(),
            name: name.to_owned(),
            entry: format!("entry of {sub}"),
            person: person.map(str::to_owned),
        }
    }

    #[test]
    fn two_cards_and_two_entries_are_one_person() {
        let she = person("one", "ANNE-MARIE LEFÈVRE", None);
        assert!(she.is_same_as(&person("one", "OTHER", None)));
        assert!(she.is_same_as(&person("two", "Anne Marie Lefevre", None)));
        assert!(she.is_same_as(&person("two", "Anne Marie Lefevre", Some("a"))));
        assert!(!she.is_same_as(&person("two", "Marc Petit", None)));
        let joined = person("one", "Chloé LEBŒUF-VÆLIN", None);
        assert!(joined.is_same_as(&person("two", "CHLOE LEBOEUF VAELIN", None)));
        // A card without a name cannot be told from others.
        assert!(person("one", "", None).is_same_as(&person("two", "", None)));
        assert!(person("one", " - ", None).is_same_as(&she));
        assert!(she.is_same_as(&person("one", " - ", None)));
        let mut twin = person("two", "Somebody Else", None);
        twin.entry.clone_from(&she.entry);
        assert!(she.is_same_as(&twin));
        // The configuration may say who is who.
        let of = |sub, word| person(sub, "Marie Martin", Some(word));
        assert!(!of("one", "a").is_same_as(&of("two", "b")));
        assert!(person("one", "A", Some("x")).is_same_as(&person("two", "B", Some("x"))));
    }

    #[test]
    fn four_eyes_are_asked_for_where_there_are_two_persons() {
        let operator = |number: &str, person: Option<&str>| AdminOperator {
            subject_id: number.to_owned(),
            subject_id_type: "rpps".to_owned(),
            trust_anchor: None,
            person: person.map(str::to_owned),
        };
        let of = |operators: &[AdminOperator]| AdminRules::four_eyes_of(operators, None);
        let (one, two) = (operator("1", None), operator("2", None));
        assert_eq!(of(&[]), FourEyes::NotAsked);
        assert_eq!(of(std::slice::from_ref(&one)), FourEyes::NotAsked);
        assert_eq!(of(&[one.clone(), one.clone()]), FourEyes::NotAsked);
        assert_eq!(of(&[one.clone(), two.clone()]), FourEyes::Required);
        let (a, b) = (operator("1", Some("a")), operator("2", Some("a")));
        assert_eq!(of(&[a, b]), FourEyes::NotAsked);
        let said = AdminRules::four_eyes_of(&[one, two], Some(false));
        assert_eq!(said, FourEyes::NotAsked);
    }
}
