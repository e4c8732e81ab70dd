//! Codes of the French terminologies in words, French and English.
//!
//! The words are for people to read. No decision rests on them.

use super::card_fields::Profession;
use crate::language::Text;

/// Professions (TRE_G15).
const PROFESSIONS: &[(&str, Text)] = &[
    ("10", Text::new("doctor", "médecin")),
    ("21", Text::new("pharmacist", "pharmacien")),
    (
        "26",
        Text::new("hearing-aid specialist", "audioprothésiste"),
    ),
    ("28", Text::new("optician", "opticien-lunetier")),
    ("31", Text::new("dental assistant", "assistant dentaire")),
    ("32", Text::new("medical physicist", "physicien médical")),
    (
        "35",
        Text::new("social worker", "assistant de service social"),
    ),
    ("40", Text::new("dental surgeon", "chirurgien-dentiste")),
    ("50", Text::new("midwife", "sage-femme")),
    ("60", Text::new("nurse", "infirmier")),
    (
        "69",
        Text::new("psychiatric nurse", "infirmier psychiatrique"),
    ),
    (
        "70",
        Text::new("physiotherapist", "masseur-kinésithérapeute"),
    ),
    ("80", Text::new("podiatrist", "pédicure-podologue")),
    (
        "81",
        Text::new("orthotist and prosthetist", "orthoprothésiste"),
    ),
    ("82", Text::new("pedorthist", "podo-orthésiste")),
    ("83", Text::new("orthotist", "orthopédiste-orthésiste")),
    ("84", Text::new("ocularist", "oculariste")),
    ("85", Text::new("epithesist", "épithésiste")),
    (
        "86",
        Text::new(
            "medical laboratory technician",
            "technicien de laboratoire médical",
        ),
    ),
    ("91", Text::new("speech therapist", "orthophoniste")),
    ("92", Text::new("orthoptist", "orthoptiste")),
    ("93", Text::new("psychologist", "psychologue")),
    ("94", Text::new("occupational therapist", "ergothérapeute")),
    ("95", Text::new("dietitian", "diététicien")),
    ("96", Text::new("psychomotor therapist", "psychomotricien")),
    (
        "98",
        Text::new("radiographer", "manipulateur d'électroradiologie médicale"),
    ),
];

/// Professions in training (TRE_G16). The same numbers: a student is never a doctor.
const PROFESSIONS_IN_TRAINING: &[(&str, Text)] = &[
    (
        "10",
        Text::new(
            "medical student or intern, not a doctor",
            "médecin en formation (étudiant)",
        ),
    ),
    (
        "21",
        Text::new(
            "pharmacy student or intern, not a pharmacist",
            "pharmacien en formation (étudiant)",
        ),
    ),
    (
        "40",
        Text::new(
            "dental student, not a dental surgeon",
            "chirurgien-dentiste en formation (étudiant)",
        ),
    ),
    (
        "50",
        Text::new(
            "midwifery student, not a midwife",
            "sage-femme en formation (étudiant)",
        ),
    ),
];

const FAMILIES: &[(&str, Text)] = &[
    (
        "cps",
        Text::new(
            "CPS, a health professional's card",
            "CPS, carte de professionnel de santé",
        ),
    ),
    (
        "cpf",
        Text::new(
            "CPF, a card of a professional in training",
            "CPF, carte de professionnel en formation",
        ),
    ),
    (
        "cpe",
        Text::new(
            "CPE, a card of an establishment's staff",
            "CPE, carte de personnel d'établissement",
        ),
    ),
    (
        "cpa",
        Text::new("CPA, a card of other staff", "CPA, carte d'autre personnel"),
    ),
    (
        "piv",
        Text::new(
            "PIV, a card of the United States government's staff",
            "PIV, carte d'agent du gouvernement des États-Unis",
        ),
    ),
    (
        "piv_interim",
        Text::new(
            "PIV, a card whose holder is still being vetted",
            "PIV, carte dont le titulaire est encore en cours de vérification",
        ),
    ),
    (
        "piv_i",
        Text::new(
            "PIV-I, a card of the same form from another issuer",
            "PIV-I, carte de même forme d'un autre émetteur",
        ),
    ),
    (
        "hba",
        Text::new(
            "HBA, a German health professional's card",
            "HBA, carte allemande de professionnel de santé",
        ),
    ),
];

/// Each is followed by the identifier without its first character.
const PERSON_IDENTIFIERS: &[(&str, Text)] = &[
    ("adeli", Text::new("ADELI number", "numéro ADELI")),
    (
        "adeli_practice",
        Text::new(
            "employee of a practice, ADELI number / register number:",
            "employé d'un cabinet, numéro ADELI / numéro de registre :",
        ),
    ),
    (
        "drass",
        Text::new("former interns' number", "ancien numéro d'interne"),
    ),
    (
        "finess_register",
        Text::new(
            "employee of an establishment, FINESS number / register number:",
            "employé d'un établissement, numéro FINESS / numéro de registre :",
        ),
    ),
    (
        "siren_register",
        Text::new(
            "employee of an enterprise, SIREN number / register number:",
            "employé d'une entreprise, numéro SIREN / numéro de registre :",
        ),
    ),
    (
        "siret_register",
        Text::new(
            "employee of a site, SIRET number / register number:",
            "employé d'un site, numéro SIRET / numéro de registre :",
        ),
    ),
    (
        "rpps_practice",
        Text::new(
            "employee of a practice, RPPS number / register number:",
            "employé d'un cabinet, numéro RPPS / numéro de registre :",
        ),
    ),
    ("rpps", Text::new("RPPS number", "numéro RPPS")),
    (
        "student",
        Text::new("former students' number", "ancien numéro d'étudiant"),
    ),
];

/// Identifiers whose first character is their own.
const OTHER_IDENTIFIERS: &[(&str, Text)] = &[
    (
        "telematik_id",
        Text::new(
            "Telematik-ID, a German health professional's number",
            "Telematik-ID, numéro d'un professionnel de santé allemand",
        ),
    ),
    (
        "fascn_person",
        Text::new(
            "person number of a United States agency, from the card's FASC-N",
            "numéro de personne d'une agence des États-Unis, lu dans le FASC-N de la carte",
        ),
    ),
    (
        "fascn",
        Text::new(
            "FASC-N, the number of a United States government card",
            "FASC-N, numéro d'une carte du gouvernement des États-Unis",
        ),
    ),
    ("uuid", Text::new("the card's UUID", "UUID de la carte")),
];

const STRUCTURE_IDENTIFIERS: &[(&str, Text)] = &[
    (
        "adeli_practice",
        Text::new("practice, ADELI", "cabinet, ADELI"),
    ),
    ("finess", Text::new("FINESS", "FINESS")),
    ("siren", Text::new("SIREN", "SIREN")),
    ("siret", Text::new("SIRET", "SIRET")),
    (
        "rpps_practice",
        Text::new("practice, RPPS", "cabinet, RPPS"),
    ),
];

/// A profession's words, by its code in its terminology.
pub(super) fn profession(profession: &Profession) -> Option<Text> {
    let table = match profession.system.as_str() {
        "TRE_G15" => PROFESSIONS,
        "TRE_G16" => PROFESSIONS_IN_TRAINING,
        _ => return None,
    };
    find(table, &profession.code)
}

/// A card family's words.
pub(super) fn family(name: &str) -> Option<Text> {
    find(FAMILIES, name)
}

/// The words for the kind of a person's identifier.
pub(super) fn person_identifier(kind: &str) -> Option<Text> {
    find(PERSON_IDENTIFIERS, kind)
}

/// The words for the kind of an identifier that is shown whole.
pub(super) fn other_identifier(kind: &str) -> Option<Text> {
    find(OTHER_IDENTIFIERS, kind)
}

/// The words for the kind of a structure's identifier.
pub(super) fn structure_identifier(kind: &str) -> Option<Text> {
    find(STRUCTURE_IDENTIFIERS, kind)
}

fn find(table: &[(&str, Text)], key: &str) -> Option<Text> {
    table
        .iter()
        .find(|(known, _)| *known == key)
        .map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::{Profession, profession};
    use crate::language::Language;

    #[test]
    fn a_student_is_never_called_a_doctor() {
        let words = |system| {
            let (code, system) = ("10".to_owned(), String::from(system));
            profession(&Profession { code, system }).unwrap()
        };
        assert_eq!(words("TRE_G15").in_language(Language::French), "médecin");
        assert_eq!(words("TRE_G15").in_language(Language::English), "doctor");
        let student = words("TRE_G16");
        assert!(student.in_language(Language::French).contains("étudiant"));
        assert!(
            student
                .in_language(Language::English)
                .contains("not a doctor")
        );
    }
}
