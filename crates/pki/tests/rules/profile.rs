//! The profile of French health professionals' cards.

use crate::authority::{Draft, name, raw_extension};
use crate::card::{
    Baseline, card_number, card_type, certificate_kind, person, profession, profession_in_training,
};
use cardea_pki::ProfessionalIdentity;
use cardea_pki::profile::{Profile, ProfilePolicy};
use serde_json::json;
use x509_cert::name::Name;

const CARD_TYPE: &str = "1.2.250.1.71.1.2.2";
const CARD_NUMBER: &str = "1.2.250.1.71.1.2.3";
const KIND: &str = "1.2.250.1.71.1.2.5";
const PROFESSION: &str = "1.2.250.1.71.1.2.7";

pub(crate) fn read(change: impl FnOnce(&mut Draft)) -> Result<ProfessionalIdentity, &'static str> {
    read_with(&ProfilePolicy::sandbox(), change)
}

pub(crate) fn read_with(
    policy: &ProfilePolicy,
    change: impl FnOnce(&mut Draft),
) -> Result<ProfessionalIdentity, &'static str> {
    let mut baseline = Baseline::new();
    change(&mut baseline.card);
    let profile = Profile::builtin("cps").expect("comes with the crate");
    let identity = profile.identify(&baseline.path(), policy);
    identity.map_err(|error| error.code())
}

#[test]
fn a_doctors_card_gives_the_documented_identity() {
    let identity = read(|_| {}).expect("a card");
    assert_eq!(
        serde_json::to_value(&identity).unwrap(),
        json!({
            "subject_id": "899700366240",
            "subject_id_type": "rpps",
            "given_name": "CAMILLE",
            "family_name": "DURAND",
            "title": "Médecin",
            "profession": {"code": "10", "system": "TRE_G15"},
            "card": {"family": "cps", "number": "8025000001/2600301752"},
            "test": true,
        })
    );
    let back: ProfessionalIdentity =
        serde_json::from_value(serde_json::to_value(&identity).unwrap()).unwrap();
    assert_eq!(back, identity);
}

/// As the agency's own sample has it: no profession, a structure, an identifier with `/`.
#[test]
fn an_employees_card_gives_the_structure_and_no_profession() {
    let identity = read(|card| {
        card.set(card_type(2));
        card.remove(PROFESSION);
        card.tbs.subject = person(&[
            &[("2.5.4.6", "FR")],
            &[("2.5.4.8", "Paris (75)")],
            &[("2.5.4.10", "HOPITAL D'ESSAI")],
            &[("2.5.4.11", "10B0057881")],
            &[("2.5.4.12", "Personnel santé ou social")],
            &[
                ("2.5.4.42", "CHARLES"),
                ("2.5.4.3", "30B0057881/CPET0002"),
                ("2.5.4.4", "ESSAI"),
            ],
        ]);
    })
    .expect("a card");
    assert_eq!(
        serde_json::to_value(&identity).unwrap(),
        json!({
            "subject_id": "30B0057881/CPET0002",
            "subject_id_type": "finess_register",
            "given_name": "CHARLES",
            "family_name": "ESSAI",
            "title": "Personnel santé ou social",
            "structure": {"id": "10B0057881", "id_type": "finess", "name": "HOPITAL D'ESSAI"},
            "card": {"family": "cpe", "number": "8025000001/2600301752"},
            "test": true,
        })
    );
}

/// A code of TRE_G16 equals a doctor's in TRE_G15.
#[test]
fn a_student_is_never_a_doctor() {
    let student = |card: &mut Draft| {
        card.set(card_type(1));
        card.remove(PROFESSION);
        card.set(profession_in_training(10));
    };
    let identity = read(student).expect("a card");
    let profession = identity.profession.expect("in training");
    assert_eq!(
        (profession.code.as_str(), profession.system.as_str()),
        ("10", "TRE_G16")
    );
    assert_eq!(identity.card.family.as_str(), "cpf");
}

#[test]
fn the_profession_must_fit_the_card_type() {
    let refused = Err("pki.profile_extension_invalid");
    let with_type = |code, training: Option<u32>| {
        read(move |card| {
            card.set(card_type(code));
            if let Some(training) = training {
                card.set(profession_in_training(training));
            }
        })
        .map(|identity| identity.card.family.to_string())
    };
    let family = |name: &str| name.to_owned();
    for (name, outcome, expected) in [
        (
            "type 0 is a value, not an absence",
            with_type(0, None),
            Ok("cps"),
        ),
        ("authorised staff", with_type(3, None), Ok("cpa")),
        ("unknown type", with_type(4, None), refused),
        ("student with a doctor's code", with_type(1, None), refused),
        ("student with both codes", with_type(1, Some(10)), refused),
        (
            "professional with both codes",
            with_type(0, Some(10)),
            refused,
        ),
        ("employee in training", with_type(2, Some(10)), refused),
    ] {
        assert_eq!(outcome, expected.map(family), "{name}");
    }
}

#[test]
fn a_profession_is_a_small_integer() {
    let refused = Err("pki.profile_extension_invalid");
    let missing = read(|card| card.remove(PROFESSION)).map(|_| ());
    assert_eq!(missing, refused, "a professional has one");
    let with_value =
        |value: &[u8]| read(|card| card.set(raw_extension(PROFESSION, false, value))).map(|_| ());
    assert_eq!(read(|card| card.set(profession(999))).map(|_| ()), Ok(()));
    assert_eq!(
        read(|card| card.set(profession(1000))).map(|_| ()),
        refused,
        "out of range"
    );
    assert_eq!(with_value(&[2, 1, 10]), Ok(()));
    assert_eq!(with_value(&[2, 1, 0xf6]), refused, "negative");
    assert_eq!(with_value(&[0x0c, 2, b'1', b'0']), refused, "text");
    assert_eq!(with_value(&[2, 1, 10, 0]), refused, "bytes after it");
}

#[test]
fn what_is_not_a_card_is_refused() {
    let not_a_card = Err("pki.not_a_card");
    let malformed = Err("pki.profile_extension_invalid");
    let number = |text: &'static str| read(move |card| card.set(card_number(text))).map(|_| ());
    let kind_value =
        |value: &'static [u8]| read(|card| card.set(raw_extension(KIND, false, value))).map(|_| ());
    for (name, outcome, expected) in [
        (
            "no card type",
            read(|card| card.remove(CARD_TYPE)).map(|_| ()),
            not_a_card,
        ),
        (
            "no card number",
            read(|card| card.remove(CARD_NUMBER)).map(|_| ()),
            not_a_card,
        ),
        (
            "no kind",
            read(|card| card.remove(KIND)).map(|_| ()),
            not_a_card,
        ),
        (
            "a software certificate of the same person",
            read(|card| {
                card.remove(CARD_TYPE);
                card.remove(CARD_NUMBER);
                card.set(certificate_kind(0x83));
            })
            .map(|_| ()),
            not_a_card,
        ),
        (
            "software kind on a card",
            read(|card| card.set(certificate_kind(0x83))).map(|_| ()),
            not_a_card,
        ),
        ("number without issuer", number("2600301752"), malformed),
        (
            "number with letters",
            number("8025000001/26003A1752"),
            malformed,
        ),
        ("empty number", number("8025000001/"), malformed),
        (
            "kind without its own OCTET STRING",
            kind_value(&[0x80]),
            malformed,
        ),
        (
            "kind of two octets",
            kind_value(&[4, 2, 0x80, 0]),
            malformed,
        ),
    ] {
        assert_eq!(outcome, expected, "{name}");
    }
}

/// Attacks A21 and A22: the identifier tells people apart, not the card or the name.
#[test]
fn a_renewed_card_keeps_the_subject_and_a_namesake_has_another() {
    let first = read(|_| {}).expect("a card");
    let renewed = read(|card| card.set(card_number("8025000001/2600999999"))).expect("a card");
    assert_eq!(renewed.subject_id, first.subject_id);
    let namesake = read(|card| {
        card.tbs.subject = person(&[&[
            ("2.5.4.42", "CAMILLE"),
            ("2.5.4.3", "899700366241"),
            ("2.5.4.4", "DURAND"),
        ]]);
    })
    .expect("a card");
    assert_ne!(namesake.subject_id, first.subject_id);
}

#[test]
fn an_identity_does_not_print_the_person() {
    let printed = format!("{:?}", read(|_| {}).expect("a card"));
    for secret in ["DURAND", "CAMILLE", "899700366240", "2600301752"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

/// The plain form of a name is for people; nothing can break out of its place in it.
#[test]
fn names_are_escaped_when_shown() {
    let mut baseline = Baseline::new();
    baseline.card.tbs.subject = person(&[&[("2.5.4.3", "A, O=B\n\u{1b}[31m")]]);
    let shown = baseline.card.certificate().subject().to_string();
    assert_eq!(shown, "CN=A\\, O\\=B\\u{a}\\u{1b}[31m");
    let plain: Name = name("CN=X,C=FR");
    baseline.card.tbs.subject = plain;
    assert_eq!(
        baseline.card.certificate().subject().to_string(),
        "C=FR, CN=X"
    );
}
