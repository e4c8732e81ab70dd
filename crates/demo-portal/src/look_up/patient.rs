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
    let names = FAMILY_NAMES.iter().flat_map(|family| {
        let given = GIVEN_NAMES.iter();
        given.map(move |given| (*given, *family))
    });
    let patient = |(index, (given_name, family_name)): (u64, _)| {
        let number = FIRST + index;
        Patient {
            number: format!("{number}{:02}", 97 - number % 97),
            given_name,
            family_name,
        }
    };
    (0..count).zip(names.cycle()).map(patient).collect()
}

#[cfg(test)]
mod tests {
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
}
