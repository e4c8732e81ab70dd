//! Profession codes: TRE_G15 for professionals, TRE_G16 for professionals in training.
//!
//! The two tables use the same numbers, so a student decoded against the wrong one becomes a
//! doctor; hence two types.

use crate::error::Error;

/// A profession code of a card certificate, with the table that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profession {
    /// A practising professional: TRE_G15, private extension 1.2.250.1.71.1.2.7.
    Practising(u8),
    /// A professional in training: TRE_G16, private extension 1.2.250.1.71.1.2.8.
    InTraining(u8),
}

const PRACTISING: &[(u8, &str)] = &[
    (10, "Médecin"),
    (21, "Pharmacien"),
    (26, "Audioprothésiste"),
    (28, "Opticien-Lunetier"),
    (31, "Assistant dentaire"),
    (32, "Physicien médical"),
    (40, "Chirurgien-Dentiste"),
    (50, "Sage-Femme"),
    (60, "Infirmier"),
    (69, "Infirmier psychiatrique"),
    (70, "Masseur-Kinésithérapeute"),
    (80, "Pédicure-Podologue"),
    (81, "Orthoprothésiste"),
    (82, "Podo-Orthésiste"),
    (83, "Orthopédiste-Orthésiste"),
    (84, "Oculariste"),
    (85, "Epithésiste"),
    (86, "Technicien de laboratoire médical"),
    (91, "Orthophoniste"),
    (92, "Orthoptiste"),
    (94, "Ergothérapeute"),
    (95, "Diététicien"),
    (96, "Psychomotricien"),
    (98, "Manipulateur ERM"),
];

const IN_TRAINING: &[(u8, &str)] = &[
    (10, "Médecin en formation"),
    (21, "Pharmacien en formation"),
    (40, "Chirurgien-Dentiste en formation"),
    (50, "Sage-Femme en formation"),
];

impl Profession {
    /// Every profession that a card can name, first those in practice, then those in training.
    pub fn all() -> impl Iterator<Item = Self> {
        let practising = PRACTISING.iter().map(|(code, _)| Self::Practising(*code));
        practising.chain(IN_TRAINING.iter().map(|(code, _)| Self::InTraining(*code)))
    }

    /// The code in its table.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Practising(code) | Self::InTraining(code) => code,
        }
    }

    /// The table that the code belongs to.
    #[must_use]
    pub fn terminology(self) -> &'static str {
        match self {
            Self::Practising(_) => "TRE_G15",
            Self::InTraining(_) => "TRE_G16",
        }
    }

    /// The French label that the certificate carries as `title`.
    ///
    /// # Errors
    /// [`Error::ProfessionUnknown`] when the code is not in its table.
    pub fn title(self) -> Result<&'static str, Error> {
        let (code, terminology) = (self.code(), self.terminology());
        let table = match self {
            Self::Practising(_) => PRACTISING,
            Self::InTraining(_) => IN_TRAINING,
        };
        table
            .iter()
            .find(|(known, _)| *known == code)
            .map(|(_, label)| *label)
            .ok_or(Error::ProfessionUnknown { code, terminology })
    }
}

#[cfg(test)]
mod tests {
    use super::Profession;

    #[test]
    fn one_number_has_a_label_in_each_table() {
        assert_eq!(Profession::Practising(10).title().unwrap(), "Médecin");
        assert_eq!(
            Profession::InTraining(10).title().unwrap(),
            "Médecin en formation"
        );
    }

    #[test]
    fn every_profession_of_the_list_has_a_label() {
        assert_eq!(Profession::all().count(), 28);
        assert!(Profession::all().all(|profession| profession.title().is_ok()));
    }

    #[test]
    fn a_nurse_in_training_does_not_exist() {
        let error = Profession::InTraining(60).title().unwrap_err();
        assert_eq!(error.code(), "test_pki.profession_unknown");
    }
}
