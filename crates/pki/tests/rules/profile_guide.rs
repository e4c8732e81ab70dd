//! The worked example of docs/profiles.md: a card of an invented country that nothing but the file
//! in the document defines.

use crate::authority::{Draft, extension, policies, raw_extension};
use crate::card::{Baseline, person};
use cardea_pki::ProfessionalIdentity;
use cardea_pki::profile::{CardFamily, CardRule, PersonIdentifierType, Profile, ProfilePolicy};
use x509_cert::der::Tag;
use x509_cert::der::asn1::{Any, PrintableStringRef, Utf8StringRef};
use x509_cert::ext::pkix::name::{GeneralName, OtherName};

const GUIDE: &str = include_str!("../../../../docs/profiles.md");

const CARD_TYPE: &str = "1.3.6.1.4.1.32473.42.1";
const PROFESSION: &str = "1.3.6.1.4.1.32473.42.2";
const CARD_NUMBER: &str = "1.3.6.1.4.1.32473.42.3";
const TEST_MARK: &str = "1.3.6.1.4.1.32473.42.4";
const STUDIES: &str = "1.3.6.1.4.1.32473.42.5";
const CARD_POLICY: &str = "1.3.6.1.4.1.32473.42.10.1";
const SOFTWARE_POLICY: &str = "1.3.6.1.4.1.32473.42.10.2";
const ALTERNATIVE_NAME: &str = "2.5.29.17";

const C: &str = "2.5.4.6";
const O: &str = "2.5.4.10";
const SN: &str = "2.5.4.4";
const GN: &str = "2.5.4.42";
const SERIAL: &str = "2.5.4.5";
const ORGANISATION: &str = "2.5.4.97";

/// The first block of the document in this language.
fn block(language: &str) -> &'static str {
    let start = format!("\n```{language}\n");
    let (_, after) = GUIDE.split_once(&start).expect("the example");
    after.split("\n```").next().expect("its end")
}

fn text(dotted: &str, value: &str) -> x509_cert::ext::Extension {
    extension(dotted, false, &Utf8StringRef::new(value).unwrap())
}

/// The certificate that the document describes.
fn example(card: &mut Draft) {
    for private in ["2", "3", "5", "7"] {
        card.remove(&format!("1.2.250.1.71.1.2.{private}"));
    }
    card.set(policies(&[CARD_POLICY]));
    card.set(text(CARD_TYPE, "PRO"));
    card.set(extension(PROFESSION, false, &301_u32));
    let number = PrintableStringRef::new("9000000001").unwrap();
    card.set(extension(CARD_NUMBER, false, &number));
    card.set(extension(TEST_MARK, false, &true));
    card.set(principal("QL7001234@cards.example"));
    name(card, "QL7001234");
}

fn principal(name: &str) -> x509_cert::ext::Extension {
    let name = GeneralName::OtherName(OtherName {
        type_id: crate::authority::oid("1.3.6.1.4.1.311.20.2.3"),
        value: Any::new(Tag::Utf8String, name.as_bytes()).unwrap(),
    });
    extension(ALTERNATIVE_NAME, false, &vec![name])
}

fn name(card: &mut Draft, number: &str) {
    card.tbs.subject = person(&[
        &[(C, "QL")],
        &[(O, "Clinic of Examples")],
        &[(ORGANISATION, "QLC-0042")],
        &[(SERIAL, number), (SN, "Tester"), (GN, "Ada")],
    ]);
}

fn read_with(
    policy: &ProfilePolicy,
    change: impl FnOnce(&mut Draft),
) -> Result<ProfessionalIdentity, &'static str> {
    let profile = Profile::parse(block("toml")).unwrap();
    let mut baseline = Baseline::new();
    example(&mut baseline.card);
    change(&mut baseline.card);
    let identity = profile.identify(&baseline.path(), policy);
    identity.map_err(|error| error.code())
}

fn read(change: impl FnOnce(&mut Draft)) -> Result<ProfessionalIdentity, &'static str> {
    read_with(&ProfilePolicy::sandbox(), change)
}

#[test]
fn the_example_gives_the_identity_that_the_document_shows() {
    let shown: serde_json::Value = serde_json::from_str(block("json")).unwrap();
    let identity = read(|_| {}).unwrap();
    assert_eq!(serde_json::to_value(&identity).unwrap(), shown);
}

#[test]
fn the_examples_profile_knows_what_a_configuration_may_name() {
    let profile = Profile::parse(block("toml")).unwrap();
    assert_eq!(profile.name(), "quintland");
    assert_eq!(profile.signature_algorithms(), ["ES256"]);
    let families: Vec<&str> = profile.card_families().map(CardFamily::as_str).collect();
    assert_eq!(families, ["professional", "student", "staff"]);
    let kinds: Vec<&str> = profile
        .identifier_types()
        .map(PersonIdentifierType::as_str)
        .collect();
    assert_eq!(kinds, ["register_number", "house_number"]);
}

const NOT_A_CARD: Result<(), &str> = Err("pki.not_a_card");
const EXTENSION: Result<(), &str> = Err("pki.profile_extension_invalid");
const SUBJECT: Result<(), &str> = Err("pki.profile_subject_invalid");

fn code(outcome: Result<ProfessionalIdentity, &'static str>) -> Result<(), &'static str> {
    outcome.map(|_| ())
}

#[test]
fn what_is_no_card_of_the_example_is_refused() {
    for (what, outcome, expected) in [
        (
            "a software certificate",
            code(read(|card| card.set(policies(&[SOFTWARE_POLICY])))),
            NOT_A_CARD,
        ),
        (
            "no login name",
            code(read(|card| card.remove(ALTERNATIVE_NAME))),
            NOT_A_CARD,
        ),
        (
            "another login name",
            code(read(|card| card.set(principal("QL7001234@example.org")))),
            NOT_A_CARD,
        ),
        (
            "no card type",
            code(read(|card| card.remove(CARD_TYPE))),
            NOT_A_CARD,
        ),
        (
            "an unknown card type",
            code(read(|card| card.set(text(CARD_TYPE, "pro")))),
            EXTENSION,
        ),
        (
            "a card type of another ASN.1 type",
            code(read(|card| card.set(extension(CARD_TYPE, false, &1_u32)))),
            EXTENSION,
        ),
        (
            "no number",
            code(read(|card| card.remove(CARD_NUMBER))),
            NOT_A_CARD,
        ),
    ] {
        assert_eq!(outcome, expected, "{what}");
    }
}

#[test]
fn a_person_that_the_examples_rules_do_not_fit_is_refused() {
    let student = |card: &mut Draft| card.set(text(CARD_TYPE, "STU"));
    let studies = |card: &mut Draft| {
        student(card);
        card.remove(PROFESSION);
        card.set(extension(STUDIES, false, &301_u32));
    };
    for (what, outcome, expected) in [
        ("a student of the same number", code(read(studies)), Ok(())),
        (
            "a student with a professional's code",
            code(read(student)),
            EXTENSION,
        ),
        (
            "no profession",
            code(read(|card| card.remove(PROFESSION))),
            EXTENSION,
        ),
        (
            "a negative profession",
            code(read(|card| {
                card.set(raw_extension(PROFESSION, false, &[2, 1, 0xff]))
            })),
            EXTENSION,
        ),
        (
            "a test mark that is no BOOLEAN",
            code(read(|card| {
                card.set(raw_extension(TEST_MARK, false, &[2, 1, 1]))
            })),
            EXTENSION,
        ),
        (
            "a real card in a sandbox",
            code(read(|card| card.remove(TEST_MARK))),
            Err("pki.test_mark_refused"),
        ),
        (
            "a number of no known form",
            code(read(|card| name(card, "QL8001234"))),
            SUBJECT,
        ),
        (
            "a number of the house",
            code(read(|card| name(card, "QLC-0042/7A"))),
            Ok(()),
        ),
    ] {
        assert_eq!(outcome, expected, "{what}");
    }
}

#[test]
fn the_operators_rules_apply_to_the_example_too() {
    let policy = ProfilePolicy {
        cards: Some(vec![CardRule {
            family: CardFamily::new("professional"),
            policies: Vec::new(),
        }]),
        identifiers: Some(vec![PersonIdentifierType::new("register_number")]),
        ..ProfilePolicy::sandbox()
    };
    let code = |change: fn(&mut Draft)| read_with(&policy, change).map(|_| ());
    assert_eq!(code(|_| {}), Ok(()));
    assert_eq!(
        code(|card| {
            card.set(text(CARD_TYPE, "STA"));
            card.remove(PROFESSION);
        }),
        Err("pki.card_family_refused")
    );
    assert_eq!(
        code(|card| name(card, "QLC-0042/7A")),
        Err("pki.identifier_type_refused")
    );
}
