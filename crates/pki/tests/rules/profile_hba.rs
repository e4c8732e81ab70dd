//! The profile of German health professionals' cards.

use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{
    Certificate, Error, PathPolicy, ProfessionalIdentity, TrustStore, ValidatedPath, validate_path,
};
use cardea_test_pki::hba::{HbaProfile, admission};
use cardea_test_pki::{
    CertificateSpec, CountryPki, KeyKind, KeyUsages, ObjectIdentifier, TestPki,
    object_identifier as oid,
};
use openssl::nid::Nid;
use serde_json::json;
use std::sync::OnceLock;

fn pki() -> &'static CountryPki {
    static PKI: OnceLock<CountryPki> = OnceLock::new();
    PKI.get_or_init(|| CountryPki::germany(TestPki::SHARED_AT).unwrap())
}

fn validate(spec: &CertificateSpec) -> Result<ValidatedPath, Error> {
    let issued = pki().issue(spec).unwrap();
    let store = TrustStore::new(
        vec![Certificate::parse(pki().anchor_der()).unwrap()],
        vec![Certificate::parse(pki().issuing().certificate_der()).unwrap()],
    );
    let card = Certificate::parse(&issued.der).unwrap();
    validate_path(&card, &[], &store, &PathPolicy::login(), pki().at())
}

fn read(
    holder: &HbaProfile,
    change: impl FnOnce(&mut CertificateSpec),
) -> Result<ProfessionalIdentity, &'static str> {
    let mut spec = holder.authentication(pki().at()).unwrap();
    change(&mut spec);
    let path = validate(&spec).map_err(|error| error.code())?;
    let hba = Profile::builtin("hba").unwrap();
    hba.identify(&path, &ProfilePolicy::sandbox())
        .map_err(|error| error.code())
}

fn code(outcome: Result<ProfessionalIdentity, &'static str>) -> Result<(), &'static str> {
    outcome.map(|_| ())
}

#[test]
fn a_physicians_card_validates_on_brainpool_curves_and_gives_the_documented_identity() {
    let holder = HbaProfile::physician();
    let path = validate(&holder.authentication(pki().at()).unwrap()).unwrap();
    let curve = |certificate: &Certificate| {
        let key = certificate.public_key().ec_key().unwrap();
        key.group().curve_name()
    };
    assert_eq!(curve(path.end_entity()), Some(Nid::BRAINPOOL_P256R1));

    let identity = read(&holder, |_| {}).unwrap();
    assert_eq!(
        serde_json::to_value(&identity).unwrap(),
        json!({
            "subject_id": "1-HBA-Testkarte-883110000129083",
            "subject_id_type": "telematik_id",
            "given_name": "Renate",
            "family_name": "Müßterfrau",
            "title": "Ärztin/Arzt",
            "profession": {"code": "1.2.276.0.76.4.30", "system": "PractitionerProfessionOID"},
            "card": {"family": "hba", "number": "12.80276883110000129083"},
            "test": true,
        })
    );
}

#[test]
fn the_profile_asks_for_the_curve_of_these_cards() {
    let hba = Profile::builtin("hba").unwrap();
    assert!(hba.signature_algorithms().iter().any(|it| it == "BP256R1"));
    let cps = Profile::builtin("cps").unwrap();
    assert!(!cps.signature_algorithms().iter().any(|it| it == "BP256R1"));
}

#[test]
fn a_renewed_card_keeps_the_subject() {
    let first = HbaProfile::physician();
    let renewed = HbaProfile {
        card_number: "12.80276883110000999999".to_owned(),
        key: KeyKind::P256,
        ..first.clone()
    };
    let (first, renewed) = (
        read(&first, |_| {}).unwrap(),
        read(&renewed, |_| {}).unwrap(),
    );
    assert_eq!(first.subject_id, renewed.subject_id);
    assert_ne!(first.card, renewed.card);
}

/// The members of the set sort by the lengths of their values.
#[test]
fn the_set_is_read_in_whatever_order() {
    let short_names = HbaProfile {
        given_name: "An".to_owned(),
        family_name: "Li".to_owned(),
        card_number: "15.8027688311000012908300001".to_owned(),
        ..HbaProfile::physician()
    };
    let identity = read(&short_names, |_| {}).unwrap();
    assert_eq!(identity.given_name.as_deref(), Some("An"));
    assert_eq!(identity.card.number, "15.8027688311000012908300001");
}

#[test]
fn professions_are_told_apart() {
    for (arc, item) in [(31, "Zahnärztin/Zahnarzt"), (32, "Apotheker/-in")] {
        let dotted = format!("1.2.276.0.76.4.{arc}");
        let holder = HbaProfile {
            profession: ObjectIdentifier::new(&dotted).unwrap(),
            profession_item: item.to_owned(),
            ..HbaProfile::physician()
        };
        let identity = read(&holder, |_| {}).unwrap();
        assert_eq!(identity.profession.unwrap().code, dotted);
        assert_eq!(identity.title.as_deref(), Some(item));
    }
}

/// Attack A17.
#[test]
fn an_admission_that_can_be_read_in_two_ways_is_refused() {
    let holder = HbaProfile::physician();
    let info = holder.profession_info().unwrap();
    let dentist = HbaProfile {
        profession: ObjectIdentifier::new("1.2.276.0.76.4.31").unwrap(),
        telematik_id: Some("2-another-one".to_owned()),
        ..holder.clone()
    };
    let other = dentist.profession_info().unwrap();
    let with = |infos: Vec<Vec<u8>>| {
        code(read(&holder, |spec| {
            spec.extra_extensions = vec![admission(&infos).unwrap()];
        }))
    };
    let invalid = Err("pki.profile_extension_invalid");
    assert_eq!(with(vec![info.clone()]), Ok(()));
    assert_eq!(with(vec![info.clone(), other]), invalid, "two professions");
    assert_eq!(with(Vec::new()), invalid, "no profession");
    let mut cut = info;
    cut.pop();
    assert_eq!(with(vec![cut]), invalid, "cut short");
    let none = code(read(&holder, |spec| spec.extra_extensions.clear()));
    assert_eq!(none, invalid, "no admission at all");
}

#[test]
fn a_number_of_another_form_identifies_nobody() {
    let invalid = Err("pki.profile_extension_invalid");
    let with = |telematik_id: Option<&str>| {
        let holder = HbaProfile {
            telematik_id: telematik_id.map(str::to_owned),
            ..HbaProfile::physician()
        };
        code(read(&holder, |_| {}))
    };
    assert_eq!(with(Some("10-123.45")), Ok(()));
    for (name, number) in [
        ("none", None),
        ("no sector", Some("123456")),
        ("a sector of three digits", Some("123-456")),
        ("nothing behind the sector", Some("1-")),
        ("a space", Some("1-12 34")),
    ] {
        assert_eq!(with(number), invalid, "{name}");
    }
}

/// Attack A8.
#[test]
fn what_is_not_a_professionals_authentication_certificate_is_refused() {
    let holder = HbaProfile::physician();
    let policy = |policy| code(read(&holder, move |spec| spec.policies = vec![policy]));
    for (name, outcome, expected) in [
        (
            "the card's certificate for encryption",
            policy(oid::POLICY_HBA_ENCRYPTION),
            "pki.not_a_card",
        ),
        (
            "an institution's card",
            policy(oid::POLICY_SMC_B_AUTHENTICATION),
            "pki.not_a_card",
        ),
        (
            "the card's certificate for signatures",
            code(read(&holder, |spec| {
                spec.key_usage = vec![KeyUsages::NonRepudiation];
            })),
            "pki.key_usage_wrong",
        ),
        (
            "an organisation in the subject",
            code(read(&holder, |spec| {
                spec.subject = spec.subject.clone().organization("Praxis");
            })),
            "pki.profile_subject_invalid",
        ),
    ] {
        assert_eq!(outcome, Err(expected), "{name}");
    }
}

#[test]
fn a_test_card_says_so_in_its_common_name() {
    let holder = HbaProfile::physician();
    let path = validate(&holder.authentication(pki().at()).unwrap()).unwrap();
    let hba = Profile::builtin("hba").unwrap();
    let refused = hba.identify(&path, &ProfilePolicy::production());
    assert_eq!(refused.unwrap_err().code(), "pki.test_mark_refused");

    let real_name = |spec: &mut CertificateSpec| {
        spec.subject = cardea_test_pki::DistinguishedName::new()
            .country("DE")
            .set(&[
                (oid::SERIAL_NUMBER, "12.80276883110000129083"),
                (oid::GIVEN_NAME, "Renate"),
                (oid::SURNAME, "Müßterfrau"),
                (oid::COMMON_NAME, "Renate Müßterfrau"),
            ]);
    };
    assert_eq!(code(read(&holder, real_name)), Err("pki.test_mark_refused"));
}
