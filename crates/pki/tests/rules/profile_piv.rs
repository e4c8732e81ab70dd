//! The profile of United States identity cards.

use cardea_pki::profile::{CardFamily, CardRule, Profile, ProfilePolicy};
use cardea_pki::{
    Certificate, Error, PathPolicy, ProfessionalIdentity, TrustStore, ValidatedPath, validate_path,
};
use cardea_test_pki::piv::{FASCN, PivProfile, encode_fascn, fascn_name, subject_alt_name, uri};
use cardea_test_pki::{CertificateSpec, CountryPki, TestPki, object_identifier as oid};
use serde_json::json;
use std::sync::OnceLock;

const UUID: &str = "09d49c7e-fdd0-432e-acea-268ae905274c";

fn pki() -> &'static CountryPki {
    static PKI: OnceLock<CountryPki> = OnceLock::new();
    PKI.get_or_init(|| CountryPki::united_states(TestPki::SHARED_AT).unwrap())
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

fn read_spec(
    spec: &CertificateSpec,
    policy: &ProfilePolicy,
) -> Result<ProfessionalIdentity, &'static str> {
    let path = validate(spec).map_err(|error| error.code())?;
    let piv = Profile::builtin("piv").unwrap();
    piv.identify(&path, policy).map_err(|error| error.code())
}

fn read(holder: &PivProfile) -> Result<ProfessionalIdentity, &'static str> {
    let spec = holder.authentication(pki().at()).unwrap();
    read_spec(&spec, &ProfilePolicy::sandbox())
}

#[test]
fn a_federal_card_gives_the_person_of_its_fascn() {
    let identity = read(&PivProfile::employee()).unwrap();
    assert_eq!(
        serde_json::to_value(&identity).unwrap(),
        json!({
            "subject_id": "1-9999-1234567890",
            "subject_id_type": "fascn_person",
            "given_name": "Jordan Q.",
            "family_name": "Sample",
            "structure": {"id": "4700", "id_type": "agency_code"},
            "card": {"family": "piv", "number": "4700-0256-001337-1-1"},
            "test": true,
        })
    );
}

/// Attacks A21 and A22.
#[test]
fn a_renewed_card_keeps_the_subject_and_a_colleague_has_another() {
    let with = |fascn: &str| {
        let holder = PivProfile {
            fascn: Some(encode_fascn(fascn)),
            ..PivProfile::employee()
        };
        read(&holder).unwrap()
    };
    let first = with(FASCN);
    let renewed = with(&FASCN.replace("=1=1=", "=1=2="));
    assert_eq!(first.subject_id, renewed.subject_id);
    assert_ne!(first.card.number, renewed.card.number);
    let colleague = with(&FASCN.replace("1234567890", "1234567891"));
    assert_ne!(first.subject_id, colleague.subject_id);
}

#[test]
fn where_no_person_is_numbered_the_uuid_of_the_card_identifies() {
    for (name, fascn) in [
        ("no FASC-N", None),
        (
            "no person in it",
            Some(FASCN.replace("1234567890", "0000000000")),
        ),
        (
            "an issuer outside the government",
            Some(FASCN.replace("4700", "9999")),
        ),
    ] {
        let holder = PivProfile {
            fascn: fascn.as_deref().map(encode_fascn),
            ..PivProfile::employee()
        };
        let identity = read(&holder).unwrap();
        assert_eq!(identity.subject_id, UUID, "{name}");
        assert_eq!(identity.subject_id_type.as_str(), "uuid", "{name}");
    }
}

#[test]
fn the_policy_tells_the_issuers_apart() {
    let with = |policy| {
        let holder = PivProfile {
            policy,
            ..PivProfile::employee()
        };
        read(&holder).map(|identity| identity.card.family.to_string())
    };
    assert_eq!(
        with(oid::POLICY_PIV_INTEROPERABLE_TEST),
        Ok("piv_i".to_owned())
    );
    assert_eq!(
        with(oid::POLICY_PIV_CARD_AUTHENTICATION_TEST),
        Err("pki.not_a_card"),
        "the key that signs without a PIN"
    );
    let mut both = PivProfile::employee().authentication(pki().at()).unwrap();
    both.policies.push(oid::POLICY_PIV_INTEROPERABLE_TEST);
    assert_eq!(
        read_spec(&both, &ProfilePolicy::sandbox()).map(|_| ()),
        Err("pki.profile_extension_invalid"),
        "two policies of which one may stand"
    );
}

/// `piv-interim` TRUE: the background investigation was not completed.
/// Attack A8.
#[test]
fn an_interim_card_is_a_family_of_its_own_that_an_operator_may_refuse() {
    let with = |interim, policy: &ProfilePolicy| {
        let holder = PivProfile {
            interim,
            ..PivProfile::employee()
        };
        let spec = holder.authentication(pki().at()).unwrap();
        read_spec(&spec, policy).map(|identity| identity.card.family.to_string())
    };
    let all = ProfilePolicy::sandbox();
    let investigated = ProfilePolicy {
        cards: Some(vec![CardRule {
            family: CardFamily::new("piv"),
            policies: Vec::new(),
        }]),
        ..ProfilePolicy::sandbox()
    };
    assert_eq!(with(Some(true), &all), Ok("piv_interim".to_owned()));
    assert_eq!(with(Some(false), &all), Ok("piv".to_owned()));
    assert_eq!(with(None, &all), Ok("piv".to_owned()));
    assert_eq!(
        with(Some(true), &investigated),
        Err("pki.card_family_refused")
    );
    assert_eq!(with(Some(false), &investigated), Ok("piv".to_owned()));
}

#[test]
fn alternative_names_that_deceive_are_refused() {
    let federal = encode_fascn(FASCN);
    let mut damaged = federal.clone();
    damaged[7] ^= 1;
    let urn = uri(&format!("urn:uuid:{UUID}")).unwrap();
    let upper = uri(&format!("URN:UUID:{}", UUID.to_uppercase())).unwrap();
    let address = uri("https://id.example.org/").unwrap();
    let fascn = |bytes: &[u8]| fascn_name(bytes).unwrap();
    let invalid = Err("pki.profile_extension_invalid");
    for (name, names, expected) in [
        (
            "FASC-N and UUID",
            vec![fascn(&federal), urn.clone()],
            Ok(()),
        ),
        ("UUID in capitals", vec![upper.clone()], Ok(())),
        (
            "another address besides",
            vec![address, urn.clone()],
            Ok(()),
        ),
        (
            "a damaged FASC-N",
            vec![fascn(&damaged), urn.clone()],
            invalid,
        ),
        ("a short FASC-N", vec![fascn(&federal[1..])], invalid),
        (
            "two FASC-Ns",
            vec![fascn(&federal), fascn(&federal)],
            invalid,
        ),
        ("two UUIDs", vec![urn, upper], invalid),
        (
            "a malformed UUID",
            vec![uri("urn:uuid:1").unwrap()],
            invalid,
        ),
        (
            "neither",
            vec![uri("urn:x:1").unwrap()],
            Err("pki.not_a_card"),
        ),
    ] {
        let mut spec = PivProfile::employee().authentication(pki().at()).unwrap();
        spec.extra_extensions = vec![subject_alt_name(&names).unwrap()];
        let outcome = read_spec(&spec, &ProfilePolicy::sandbox()).map(|_| ());
        assert_eq!(outcome, expected, "{name}");
    }
}

#[test]
fn names_are_read_from_their_own_attributes_or_the_common_name() {
    let names = |change: fn(&mut CertificateSpec)| {
        let mut spec = PivProfile::employee().authentication(pki().at()).unwrap();
        change(&mut spec);
        let identity = read_spec(&spec, &ProfilePolicy::sandbox()).unwrap();
        (identity.given_name, identity.family_name)
    };
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(
        names(|spec| {
            let name = cardea_test_pki::DistinguishedName::new().country("US");
            spec.subject = name.common_name("Jordan Q. Sample (affiliate)");
        }),
        (some("Jordan Q."), some("Sample"))
    );
    assert_eq!(
        names(|spec| {
            let name = cardea_test_pki::DistinguishedName::new().country("US");
            spec.subject = name.set(&[
                (oid::COMMON_NAME, "SAMPLE.JORDAN.Q.1234567890"),
                (oid::GIVEN_NAME, "Jordan"),
                (oid::SURNAME, "Sample"),
            ]);
        }),
        (some("Jordan"), some("Sample"))
    );
    assert_eq!(
        names(|spec| {
            let name = cardea_test_pki::DistinguishedName::new().country("US");
            spec.subject = name.common_name("SAMPLE");
        }),
        (None, some("SAMPLE"))
    );
}

#[test]
fn two_common_names_are_refused() {
    let mut spec = PivProfile::employee().authentication(pki().at()).unwrap();
    spec.subject = spec.subject.clone().common_name("Somebody Else");
    assert_eq!(
        read_spec(&spec, &ProfilePolicy::sandbox()).map(|_| ()),
        Err("pki.profile_subject_invalid")
    );
}
