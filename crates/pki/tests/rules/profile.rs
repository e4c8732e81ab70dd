//! The profile of French health professionals' cards.

use crate::authority::{Draft, name, policies, raw_extension};
use crate::card::{
    Baseline, CARD_POLICY, card_number, card_type, certificate_kind, person, profession,
    profession_in_training,
};
use cardea_pki::profile::{CardFamily, CardRule, ProfilePolicy, TestCards, cps};
use cardea_pki::{Oid, ProfessionalIdentity};
use serde_json::json;
use x509_cert::name::Name;

const CARD_TYPE: &str = "1.2.250.1.71.1.2.2";
const CARD_NUMBER: &str = "1.2.250.1.71.1.2.3";
const KIND: &str = "1.2.250.1.71.1.2.5";
const PROFESSION: &str = "1.2.250.1.71.1.2.7";

type Set = &'static [(&'static str, &'static str)];
type Sets = &'static [Set];

const CN: &str = "2.5.4.3";
const SN: &str = "2.5.4.4";
const O: &str = "2.5.4.10";
const OU: &str = "2.5.4.11";
const TITLE: &str = "2.5.4.12";
const GN: &str = "2.5.4.42";
const RPPS: &str = "899700366240";
const PERSON: Set = &[(GN, "CAMILLE"), (CN, RPPS), (SN, "DURAND")];

fn read(change: impl FnOnce(&mut Draft)) -> Result<ProfessionalIdentity, &'static str> {
    read_with(&ProfilePolicy::sandbox(), change)
}

fn read_with(
    policy: &ProfilePolicy,
    change: impl FnOnce(&mut Draft),
) -> Result<ProfessionalIdentity, &'static str> {
    let mut baseline = Baseline::new();
    change(&mut baseline.card);
    cps::check_profile(&baseline.path(), policy).map_err(|error| error.code())
}

fn subject(sets: Sets) -> impl FnOnce(&mut Draft) {
    move |card| card.tbs.subject = person(sets)
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
    assert_eq!(identity.card.family, CardFamily::Cpf);
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
        .map(|identity| identity.card.family)
    };
    for (name, outcome, expected) in [
        (
            "type 0 is a value, not an absence",
            with_type(0, None),
            Ok(CardFamily::Cps),
        ),
        ("authorised staff", with_type(3, None), Ok(CardFamily::Cpa)),
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
        assert_eq!(outcome, expected, "{name}");
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

/// Judges the subject made of these sets.
fn subject_code(sets: Sets) -> Result<(), &'static str> {
    read(subject(sets)).map(|identity| assert_eq!(identity.subject_id, RPPS))
}

const REFUSED: Result<(), &str> = Err("pki.profile_subject_invalid");

#[test]
fn identifier_and_names_stand_in_one_set_in_any_order() {
    const LONG_GIVEN_NAME: Set = &[(GN, "CAMILLE ALEXANDRINE"), (CN, RPPS), (SN, "LI")];
    const FOURTH_MEMBER: Set = &[
        (GN, "CAMILLE"),
        (CN, RPPS),
        (SN, "DURAND"),
        (TITLE, "Médecin"),
    ];
    const APART: Sets = &[&[(GN, "CAMILLE")], &[(CN, RPPS)], &[(SN, "DURAND")]];
    let cases: [(&str, Sets, Result<(), &str>); 8] = [
        ("person alone", &[PERSON], Ok(())),
        (
            "DER sorts the members otherwise",
            &[LONG_GIVEN_NAME],
            Ok(()),
        ),
        (
            "no identifier",
            &[&[(GN, "CAMILLE"), (SN, "DURAND")]],
            REFUSED,
        ),
        ("members apart", APART, REFUSED),
        (
            "a second identifier",
            &[PERSON, &[(CN, "899700366241")]],
            REFUSED,
        ),
        ("a second person", &[PERSON, PERSON], REFUSED),
        (
            "another profile's attribute",
            &[PERSON, &[("2.5.4.5", RPPS)]],
            REFUSED,
        ),
        ("a fourth member", &[FOURTH_MEMBER], REFUSED),
    ];
    for (name, sets, expected) in cases {
        assert_eq!(subject_code(sets), expected, "{name}");
    }
}

#[test]
fn values_that_deceive_are_refused() {
    const NAME_FOR_IDENTIFIER: Set = &[(GN, "CAMILLE"), (CN, "CAMILLE DURAND"), (SN, "DURAND")];
    const NUL: Set = &[(GN, "CAMILLE"), (CN, RPPS), (SN, "DU\0RAND")];
    const RIGHT_TO_LEFT: Set = &[(GN, "CAMILLE"), (CN, RPPS), (SN, "DU\u{202e}RAND")];
    const ZERO_WIDTH: Set = &[(GN, "CAMILLE"), (CN, RPPS), (SN, "DU\u{200b}RAND")];
    const EMPTY: Set = &[(GN, "CAMILLE"), (CN, RPPS), (SN, "")];
    const ACCENTS: Set = &[(GN, "ZOÉ"), (CN, RPPS), (SN, "D'ÂGE-LE ÑOÑO")];
    let cases: [(&str, Set, Result<(), &str>); 6] = [
        ("accents", ACCENTS, Ok(())),
        ("a name for an identifier", NAME_FOR_IDENTIFIER, REFUSED),
        ("a NUL", NUL, REFUSED),
        ("a right-to-left mark", RIGHT_TO_LEFT, REFUSED),
        ("a zero-width space", ZERO_WIDTH, REFUSED),
        ("an empty name", EMPTY, REFUSED),
    ];
    for (name, set, expected) in cases {
        let outcome = read(move |card| card.tbs.subject = person(&[set])).map(|_| ());
        assert_eq!(outcome, expected, "{name}");
    }
}

#[test]
fn a_structure_has_one_identifier_of_its_own_kind() {
    const FINESS: Set = &[(OU, "10B0057881")];
    let cases: [(&str, Sets, Result<(), &str>); 5] = [
        (
            "identifier and name",
            &[&[(O, "HOPITAL")], FINESS, PERSON],
            Ok(()),
        ),
        ("identifier alone", &[FINESS, PERSON], Ok(())),
        ("name alone", &[&[(O, "HOPITAL")], PERSON], REFUSED),
        ("a person's identifier", &[&[(OU, RPPS)], PERSON], REFUSED),
        (
            "two of them",
            &[FINESS, &[(OU, "10B0057882")], PERSON],
            REFUSED,
        ),
    ];
    for (name, sets, expected) in cases {
        assert_eq!(subject_code(sets), expected, "{name}");
    }
}

#[test]
fn an_over_long_name_is_refused() {
    let with_surname = |length: usize| {
        let surname = "D".repeat(length);
        read(move |card| {
            card.tbs.subject = person(&[&[
                ("2.5.4.42", "CAMILLE"),
                ("2.5.4.3", "899700366240"),
                ("2.5.4.4", &surname),
            ]]);
        })
        .map(|_| ())
    };
    assert_eq!(with_surname(64), Ok(()));
    assert_eq!(with_surname(129), Err("pki.profile_subject_invalid"));
}

/// Attacks A21 and A22: the identifier tells people apart, not the card or the name.
#[test]
fn a_renewed_card_keeps_the_subject_and_a_namesake_has_another() {
    let first = read(|_| {}).expect("a card");
    let renewed = read(|card| card.set(card_number("8025000001/2600999999"))).expect("a card");
    assert_eq!(renewed.subject_id, first.subject_id);
    let namesake = read(subject(&[&[
        ("2.5.4.42", "CAMILLE"),
        ("2.5.4.3", "899700366241"),
        ("2.5.4.4", "DURAND"),
    ]]))
    .expect("a card");
    assert_ne!(namesake.subject_id, first.subject_id);
}

#[test]
fn the_operator_says_which_cards_are_accepted() {
    const OTHER: &str = "1.2.250.1.213.1.7.9.2";
    let rule = |family, policies: &[&str]| CardRule {
        family,
        policies: policies.iter().filter_map(|oid| Oid::parse(oid)).collect(),
    };
    let accept = |cards, test_cards| ProfilePolicy { cards, test_cards };
    let doctors = accept(
        vec![rule(CardFamily::Cps, &[OTHER, CARD_POLICY])],
        TestCards::Require,
    );
    let others = accept(vec![rule(CardFamily::Cps, &[OTHER])], TestCards::Require);
    let staff = accept(vec![rule(CardFamily::Cpe, &[])], TestCards::Require);
    let real = |card: &mut Draft| card.set(certificate_kind(0));
    let any_policy = |card: &mut Draft| card.set(policies(&["2.5.29.32.0"]));
    let code = |outcome: Result<ProfessionalIdentity, _>| outcome.map(|_| ());
    for (name, outcome, expected) in [
        (
            "its policy is listed",
            code(read_with(&doctors, |_| {})),
            Ok(()),
        ),
        (
            "its policy is another",
            code(read_with(&others, |_| {})),
            Err("pki.card_policy_refused"),
        ),
        (
            "its policy is any",
            code(read_with(&doctors, any_policy)),
            Err("pki.card_policy_refused"),
        ),
        (
            "its family has no rule",
            code(read_with(&staff, |_| {})),
            Err("pki.card_family_refused"),
        ),
        (
            "a test card in production",
            code(read_with(&ProfilePolicy::production(), |_| {})),
            Err("pki.test_mark_refused"),
        ),
        (
            "a real card in production",
            code(read_with(&ProfilePolicy::production(), real)),
            Ok(()),
        ),
        (
            "a real card in a sandbox",
            code(read_with(&ProfilePolicy::sandbox(), real)),
            Err("pki.test_mark_refused"),
        ),
    ] {
        assert_eq!(outcome, expected, "{name}");
    }
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
