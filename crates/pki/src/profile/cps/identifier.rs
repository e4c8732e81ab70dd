//! Person and structure identifiers: a type prefix and a value whose shape belongs to the type.
//!
//! The tables are the whole rule. A prefix alone is ambiguous (10 and 30 are codes of their own
//! in the terminology), so the shape of the rest decides with it.

use crate::Error;
use crate::profile::{PersonIdentifierType, StructureIdentifierType};

/// The shape of an identifier after its prefix.
enum Shape {
    /// So many digits.
    Digits(usize),
    /// So many digits and capital letters (Corsica has letters, and so have test values).
    Alphanumeric(usize),
    /// Between so many digits and capital letters.
    AlphanumericBetween(usize, usize),
    /// An identifier of this shape, `/`, and a register number.
    Register(&'static Shape),
}

const REGISTER_NUMBER_CHARACTERS_MAX: usize = 20;

impl Shape {
    fn fits(&self, text: &str) -> bool {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let alphanumeric = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        };
        match self {
            Self::Digits(length) => text.len() == *length && digits(text),
            Self::Alphanumeric(length) => text.len() == *length && alphanumeric(text),
            Self::AlphanumericBetween(min, max) => {
                (*min..=*max).contains(&text.len()) && alphanumeric(text)
            }
            Self::Register(structure) => text.split_once('/').is_some_and(|(id, register)| {
                structure.fits(id)
                    && (1..=REGISTER_NUMBER_CHARACTERS_MAX).contains(&register.len())
                    && alphanumeric(register)
            }),
        }
    }
}

/// Terminology TRE_G08.
const PERSONS: &[(char, Shape, PersonIdentifierType)] = &[
    ('0', Shape::Alphanumeric(9), PersonIdentifierType::Adeli),
    (
        '1',
        Shape::Register(&Shape::Alphanumeric(9)),
        PersonIdentifierType::AdeliPractice,
    ),
    (
        '2',
        Shape::AlphanumericBetween(1, 20),
        PersonIdentifierType::Drass,
    ),
    (
        '3',
        Shape::Register(&Shape::Alphanumeric(9)),
        PersonIdentifierType::FinessRegister,
    ),
    (
        '4',
        Shape::Register(&Shape::Digits(9)),
        PersonIdentifierType::SirenRegister,
    ),
    (
        '5',
        Shape::Register(&Shape::Digits(14)),
        PersonIdentifierType::SiretRegister,
    ),
    (
        '6',
        Shape::Register(&Shape::AlphanumericBetween(11, 14)),
        PersonIdentifierType::RppsPractice,
    ),
    ('8', Shape::Digits(11), PersonIdentifierType::Rpps),
    (
        '9',
        Shape::AlphanumericBetween(1, 20),
        PersonIdentifierType::Student,
    ),
];

/// Terminology TRE_G07. A prefix digit means another thing than for persons.
const STRUCTURES: &[(char, Shape, StructureIdentifierType)] = &[
    (
        '0',
        Shape::AlphanumericBetween(9, 11),
        StructureIdentifierType::AdeliPractice,
    ),
    ('1', Shape::Alphanumeric(9), StructureIdentifierType::Finess),
    ('2', Shape::Digits(9), StructureIdentifierType::Siren),
    ('3', Shape::Digits(14), StructureIdentifierType::Siret),
    (
        '4',
        Shape::Digits(14),
        StructureIdentifierType::RppsPractice,
    ),
];

/// An identifier with its type.
pub(super) struct Identifier<T> {
    pub(super) value: String,
    pub(super) kind: T,
}

fn read<T: Copy>(value: &str, table: &[(char, Shape, T)]) -> Option<Identifier<T>> {
    table.iter().find_map(|(prefix, shape, kind)| {
        let rest = value.strip_prefix(*prefix)?;
        shape.fits(rest).then(|| Identifier {
            value: value.to_owned(),
            kind: *kind,
        })
    })
}

pub(super) fn read_person(value: &str) -> Result<Identifier<PersonIdentifierType>, Error> {
    read(value, PERSONS).ok_or(Error::ProfileSubjectInvalid(
        "the person identifier has no known form",
    ))
}

pub(super) fn read_structure(value: &str) -> Result<Identifier<StructureIdentifierType>, Error> {
    read(value, STRUCTURES).ok_or(Error::ProfileSubjectInvalid(
        "the structure identifier has no known form",
    ))
}

#[cfg(test)]
mod tests {
    use super::{read_person, read_structure};
    use crate::profile::PersonIdentifierType as Person;
    use crate::profile::StructureIdentifierType as Place;

    #[test]
    fn prefix_and_shape_decide_a_person_identifier() {
        for (value, expected) in [
            ("899700366240", Some(Person::Rpps)),
            ("00B6077602", Some(Person::Adeli)),
            ("30B0057881/CPET0002", Some(Person::FinessRegister)),
            ("4187512751/0007", Some(Person::SirenRegister)),
            ("518751275100020/0007", Some(Person::SiretRegister)),
            ("699700366240007/AB12", Some(Person::RppsPractice)),
            ("10B6077602/3", Some(Person::AdeliPractice)),
            ("20123456789", Some(Person::Drass)),
            ("9123456", Some(Person::Student)),
            ("89970036624", None),
            ("8997003662401", None),
            ("89970036624A", None),
            ("00B6077602/1", None),
            ("30B0057881", None),
            ("30B0057881/", None),
            ("30B0057881/CPE/T", None),
            ("30B0057881/cpet", None),
            ("10someone@example.org", None),
            ("7123456789", None),
            ("CECILE", None),
            ("", None),
            ("8\u{0660}9970036624", None),
        ] {
            assert_eq!(
                read_person(value).ok().map(|id| id.kind),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn the_same_digit_means_another_thing_for_a_structure() {
        for (value, expected) in [
            ("10B0057881", Some(Place::Finess)),
            ("318751275100020", Some(Place::Siret)),
            ("2187512751", Some(Place::Siren)),
            ("499700366240007", Some(Place::RppsPractice)),
            ("30B0057881/CPET0002", None),
            ("5123456789", None),
            ("", None),
        ] {
            assert_eq!(
                read_structure(value).ok().map(|id| id.kind),
                expected,
                "{value}"
            );
        }
    }
}
