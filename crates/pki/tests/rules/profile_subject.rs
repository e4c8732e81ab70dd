//! The subject of French health professionals' cards: one set in any order, one identifier, and
//! what kind of number it is.

use crate::card::{card_type, person, profession_in_training};
use crate::profile::{read, read_with};
use cardea_pki::profile::{PersonIdentifierType, ProfilePolicy};

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

/// Judges the subject made of these sets.
fn subject_code(sets: Sets) -> Result<(), &'static str> {
    read(move |card| card.tbs.subject = person(sets))
        .map(|identity| assert_eq!(identity.subject_id, RPPS))
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

/// Attack A17.
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

/// The kind of a person's number, or the code of the refusal.
fn kind_of(number: &str, policy: &ProfilePolicy) -> Result<String, &'static str> {
    let change = |card: &mut crate::authority::Draft| {
        card.tbs.subject = person(&[&[(GN, "CAMILLE"), (CN, number), (SN, "DURAND")]]);
    };
    let identity = read_with(policy, change)?;
    assert_eq!(identity.subject_id, number, "the number stands as it is");
    Ok(identity.subject_id_type.to_string())
}

#[test]
fn prefix_and_form_decide_the_kind_of_a_persons_number() {
    for (number, expected) in [
        ("899700366240", Some("rpps")),
        ("00B6077602", Some("adeli")),
        ("30B0057881/CPET0002", Some("finess_register")),
        ("4187512751/0007", Some("siren_register")),
        ("518751275100020/0007", Some("siret_register")),
        ("699700366240007/AB12", Some("rpps_practice")),
        ("10B6077602/3", Some("adeli_practice")),
        ("30B0057881/cpet0002", Some("finess_register")),
        ("30B0057881/EMP-0002", Some("finess_register")),
        ("30B0057881/CPE/T", Some("finess_register")),
        ("30B0057881/EMP 0002", None),
        ("30B0057881/EMP\t0002", None),
        ("30B0057881/EMP\u{a0}0002", None),
        ("30B0057881/EMP\u{202e}0002", None),
        ("30B0057881/\u{421}PET0002", None),
        ("9123456", None),
        ("99700000029", None),
        ("ANS20250115093012", Some("ans")),
        ("ANS2025011509301", None),
        ("89970036624", None),
        ("8997003662401", None),
        ("89970036624A", None),
        ("00B6077602/1", None),
        ("30B0057881", None),
        ("30B0057881/", None),
        ("10someone@example.org", None),
        ("7123456789", None),
        ("8\u{0660}9970036624", None),
        ("\u{ff18}99700366240", None),
    ] {
        let kind = kind_of(number, &ProfilePolicy::sandbox());
        let expected = expected.map_or(REFUSED.map(|()| String::new()), |it| Ok(it.to_owned()));
        assert_eq!(kind, expected, "{number}");
    }
}

/// Kinds that ended in 2020, and whose form others' numbers may have: 99700000029 is a pharmacist's
/// number without its prefix.
#[test]
fn an_ended_kind_of_number_is_accepted_only_where_it_is_listed() {
    let listing = |kind| ProfilePolicy {
        identifiers: Some(vec![PersonIdentifierType::new(kind)]),
        ..ProfilePolicy::sandbox()
    };
    let kind_on = |family: u32, number: &str, policy: &ProfilePolicy| {
        let identity = read_with(policy, |card| {
            card.tbs.subject = person(&[&[(GN, "CAMILLE"), (CN, number), (SN, "DURAND")]]);
            if family == TRAINING {
                card.set(card_type(family));
                card.remove("1.2.250.1.71.1.2.7");
                card.set(profession_in_training(21));
            }
        })?;
        Ok(identity.subject_id_type.to_string())
    };
    const PROFESSIONAL: u32 = 0;
    const TRAINING: u32 = 1;
    const NOT_LISTED: Result<&str, &str> = Err("pki.identifier_type_refused");
    const NO_KIND: Result<&str, &str> = Err("pki.profile_subject_invalid");
    let default = ProfilePolicy::sandbox();
    let (drass, student, rpps) = (listing("drass"), listing("student"), listing("rpps"));
    for (family, number, policy, expected) in [
        (PROFESSIONAL, "20123456789", &default, NOT_LISTED),
        (PROFESSIONAL, "20123456789", &rpps, NOT_LISTED),
        (PROFESSIONAL, "20123456789", &drass, Ok("drass")),
        (TRAINING, "99700000029", &default, NOT_LISTED),
        (TRAINING, "99700000029", &rpps, NOT_LISTED),
        (TRAINING, "99700000029", &student, Ok("student")),
        (PROFESSIONAL, "99700000029", &default, NO_KIND),
        (PROFESSIONAL, "99700000029", &student, NO_KIND),
        (TRAINING, RPPS, &default, Ok("rpps")),
    ] {
        assert_eq!(
            kind_on(family, number, policy),
            expected.map(str::to_owned),
            "{family} {number} {:?}",
            policy.identifiers
        );
    }
}

#[test]
fn the_operator_says_which_kinds_of_numbers_are_accepted() {
    let policy = ProfilePolicy {
        identifiers: Some(
            ["rpps", "finess_register"]
                .map(PersonIdentifierType::new)
                .to_vec(),
        ),
        ..ProfilePolicy::sandbox()
    };
    for (number, accepted) in [
        ("899700366240", true),
        ("30B0057881/CPET0002", true),
        ("00B6077602", false),
        ("20123456789", false),
        ("ANS20250115093012", false),
    ] {
        let expected = match accepted {
            true => None,
            false => Some("pki.identifier_type_refused"),
        };
        assert_eq!(kind_of(number, &policy).err(), expected, "{number}");
    }
    let nobody = ProfilePolicy {
        identifiers: Some(Vec::new()),
        ..ProfilePolicy::sandbox()
    };
    assert_eq!(
        kind_of(RPPS, &nobody).err(),
        Some("pki.identifier_type_refused")
    );
}

#[test]
fn the_same_digit_means_another_thing_for_a_structure() {
    let kind_of = |number: &str| {
        let change = |card: &mut crate::authority::Draft| {
            card.tbs.subject = person(&[&[(OU, number)], PERSON]);
        };
        let identity = read(change)?;
        Ok(identity.structure.map(|it| it.id_type.to_string()))
    };
    for (number, expected) in [
        ("10B0057881", Ok("finess")),
        ("318751275100020", Ok("siret")),
        ("2187512751", Ok("siren")),
        ("499700366240007", Ok("rpps_practice")),
        ("00B6077602", Ok("adeli_practice")),
        ("30B0057881/CPET0002", Err("pki.profile_subject_invalid")),
        ("5123456789", Err("pki.profile_subject_invalid")),
    ] {
        let expected = expected.map(|kind| Some(kind.to_owned()));
        assert_eq!(kind_of(number), expected, "{number}");
    }
}
