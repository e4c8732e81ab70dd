//! National identifiers of persons (terminology TRE_G08) and structures (TRE_G07).
//!
//! The same digit means different things in the two tables (3 is a FINESS-based person but a
//! SIRET structure), so they are two types.

use crate::error::Error;

/// A person's national identifier: the CN of a card certificate is its type code and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonIdentifier {
    /// `0` + ADELI number, 9 letters or digits.
    Adeli(String),
    /// `1` + ADELI practice identifier, `/`, register number.
    AdeliPractice(String),
    /// `3` + FINESS number, `/`, register number: staff of an establishment.
    FinessRegister(String),
    /// `4` + SIREN number, `/`, register number.
    SirenRegister(String),
    /// `5` + SIRET number, `/`, register number.
    SiretRegister(String),
    /// `6` + RPPS practice identifier, `/`, register number.
    RppsPractice(String),
    /// `8` + RPPS number, 11 digits.
    Rpps(String),
    /// `9` + student number; the kind ended in 2020 but old cards show it.
    Student(String),
}

impl PersonIdentifier {
    /// An RPPS identifier from 11 digits, or from 12 of which the first is the type code 8.
    ///
    /// # Errors
    /// [`Error::IdentifierRefused`] for anything else.
    pub fn rpps(text: &str) -> Result<Self, Error> {
        let refused = |reason| Error::IdentifierRefused {
            kind: "RPPS",
            reason,
        };
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused("only digits are allowed"));
        }
        match (text.len(), text.strip_prefix('8')) {
            (11, _) => Ok(Self::Rpps(text.to_owned())),
            (12, Some(number)) => Ok(Self::Rpps(number.to_owned())),
            _ => Err(refused(
                "11 digits are needed, or 12 starting with the type code 8",
            )),
        }
    }

    /// An ADELI identifier from 9 letters or digits.
    ///
    /// # Errors
    /// [`Error::IdentifierRefused`] for anything else.
    pub fn adeli(text: &str) -> Result<Self, Error> {
        if text.len() == 9 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self::Adeli(text.to_owned()))
        } else {
            let reason = "9 letters or digits are needed";
            Err(Error::IdentifierRefused {
                kind: "ADELI",
                reason,
            })
        }
    }

    /// An establishment identifier: FINESS number and register number with a slash between.
    ///
    /// # Errors
    /// [`Error::IdentifierRefused`] when the slash or one of the halves is missing.
    pub fn finess_register(text: &str) -> Result<Self, Error> {
        match text.split_once('/') {
            Some((finess, register))
                if finess.len() == 9
                    && finess.bytes().all(|byte| byte.is_ascii_alphanumeric())
                    && !register.is_empty() =>
            {
                Ok(Self::FinessRegister(text.to_owned()))
            }
            _ => Err(Error::IdentifierRefused {
                kind: "FINESS",
                reason: "the form is FFFFFFFFF/REGISTER, 9 letters or digits before the slash",
            }),
        }
    }

    /// The value as a certificate's CN: type code, then the number.
    #[must_use]
    pub fn common_name(&self) -> String {
        let (code, value) = match self {
            Self::Adeli(value) => ('0', value),
            Self::AdeliPractice(value) => ('1', value),
            Self::FinessRegister(value) => ('3', value),
            Self::SirenRegister(value) => ('4', value),
            Self::SiretRegister(value) => ('5', value),
            Self::RppsPractice(value) => ('6', value),
            Self::Rpps(value) => ('8', value),
            Self::Student(value) => ('9', value),
        };
        format!("{code}{value}")
    }
}

/// A structure's national identifier: the OU of an establishment card is its code and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StructureIdentifier {
    /// `0` + ADELI practice.
    AdeliPractice(String),
    /// `1` + FINESS number, 9 letters or digits.
    Finess(String),
    /// `2` + SIREN number.
    Siren(String),
    /// `3` + SIRET number.
    Siret(String),
    /// `4` + RPPS number and practice rank.
    RppsPractice(String),
}

impl StructureIdentifier {
    /// The value as a certificate's OU: type code, then the number.
    #[must_use]
    pub fn organizational_unit(&self) -> String {
        let (code, value) = match self {
            Self::AdeliPractice(value) => ('0', value),
            Self::Finess(value) => ('1', value),
            Self::Siren(value) => ('2', value),
            Self::Siret(value) => ('3', value),
            Self::RppsPractice(value) => ('4', value),
        };
        format!("{code}{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::{PersonIdentifier, StructureIdentifier};

    #[test]
    fn each_kind_of_person_starts_with_its_type_code() {
        let cases = [
            (PersonIdentifier::adeli("00B607760"), "000B607760"),
            (
                PersonIdentifier::finess_register("0B0057881/CPET0002"),
                "30B0057881/CPET0002",
            ),
            (PersonIdentifier::rpps("99700000011"), "899700000011"),
            (PersonIdentifier::rpps("899700000011"), "899700000011"),
            (Ok(PersonIdentifier::Student("P0001".to_owned())), "9P0001"),
            (
                Ok(PersonIdentifier::SiretRegister(
                    "12345678900011/7".to_owned(),
                )),
                "512345678900011/7",
            ),
        ];
        for (identifier, expected) in cases {
            assert_eq!(
                identifier.expect("a good identifier").common_name(),
                expected
            );
        }
    }

    #[test]
    fn malformed_identifiers_are_refused() {
        let cases = [
            PersonIdentifier::rpps("8997"),
            PersonIdentifier::rpps("999700000011"),
            PersonIdentifier::rpps("9970000001A"),
            PersonIdentifier::adeli("12345"),
            PersonIdentifier::finess_register("0B0057881"),
            PersonIdentifier::finess_register("0B0057881/"),
        ];
        for case in cases {
            assert_eq!(
                case.expect_err("must be refused").code(),
                "test_pki.identifier_refused"
            );
        }
    }

    #[test]
    fn the_digit_three_means_a_siret_structure() {
        let siret = StructureIdentifier::Siret("12345678900011".to_owned());
        assert_eq!(siret.organizational_unit(), "312345678900011");
    }
}
