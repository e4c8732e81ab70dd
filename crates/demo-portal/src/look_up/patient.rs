//! People who don't exist.

use serde::Serialize;

const GIVEN_NAMES: [&str; 12] = [
    "Alix",
    "Camille",
    "Dominique",
    "Éden",
    "Gaël",
    "Jocelyn",
    "Lou",
    "Maé",
    "Noa",
    "Océane",
    "Sacha",
    "Yaël",
];
const FAMILY_NAMES: [&str; 16] = [
    "Abricot", "Bouleau", "Cerisier", "Douglas", "Épicéa", "Frêne", "Genêt", "Houx", "If",
    "Jasmin", "Laurier", "Mélèze", "Noyer", "Olivier", "Platane", "Saule",
];
/// Names between those who follow one another by number, without a divisor of how many there are;
/// and by how many more in the rounds after the first.
const STRIDE: usize = 89;
const SHIFT: usize = 31;
/// Sex 9 is given to nobody.
const FIRST: u64 = 9_990_199_000_001;

/// One invented patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Patient {
    /// Thirteen digits and two of a check, in the manner of an insured person's number.
    pub(crate) number: String,
    pub(crate) given_name: &'static str,
    pub(crate) family_name: &'static str,
}

/// So many patients, whose numbers follow one another.
pub(crate) fn invent(count: u64) -> Vec<Patient> {
    (FIRST..FIRST.saturating_add(count))
        .zip(0..)
        .map(|(number, index)| {
            let (given_name, family_name) = name(index);
            Patient {
                number: format!("{number}{:02}", 97 - number % 97),
                given_name,
                family_name,
            }
        })
        .collect()
}

/// People of one name have numbers in no order: else each search would look like a robot's.
fn name(index: usize) -> (&'static str, &'static str) {
    let all = GIVEN_NAMES.len() * FAMILY_NAMES.len();
    let round = index / all;
    let place = index * STRIDE + round * round * SHIFT;
    let given = GIVEN_NAMES.get(place % GIVEN_NAMES.len());
    let family = place / GIVEN_NAMES.len() % FAMILY_NAMES.len();
    let family = FAMILY_NAMES.get(family);
    (
        given.copied().unwrap_or_default(),
        family.copied().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use cardea_guard::is_in_sequence;

    use super::invent;

    #[test]
    fn numbers_differ_and_end_with_their_check() {
        let patients = invent(500);
        let numbers: std::collections::BTreeSet<_> =
            patients.iter().map(|patient| &patient.number).collect();
        assert_eq!(numbers.len(), 500);
        for number in numbers {
            let (body, check) = number.split_at(13);
            let body: u64 = body.parse().unwrap();
            assert_eq!(97 - body % 97, check.parse::<u64>().unwrap());
        }
    }

    #[test]
    fn a_search_by_name_does_not_look_like_counting() {
        let patients = invent(500);
        for given in super::GIVEN_NAMES {
            for family in super::FAMILY_NAMES {
                let mut found: Vec<&str> = Vec::new();
                let is_it =
                    |it: &&super::Patient| (it.given_name, it.family_name) == (given, family);
                for patient in patients.iter().filter(is_it) {
                    assert!(!is_in_sequence(&found, &patient.number), "{given} {family}");
                    found.push(&patient.number);
                }
                assert!((2..=3).contains(&found.len()), "{given} {family}");
            }
        }
    }
}
