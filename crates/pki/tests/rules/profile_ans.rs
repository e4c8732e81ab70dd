//! The agency's own published test certificates: of a card, and of a software signature.

use crate::authority::{Draft, NOW, raw_extension};
use crate::card::Baseline;
use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{Certificate, Error, PathPolicy, TrustStore, ValidatedPath, validate_path};
use serde_json::json;
use std::path::Path;
use time::OffsetDateTime;
use time::macros::datetime;
use x509_cert::der::{Decode, Encode};

const AT: OffsetDateTime = datetime!(2018-06-01 0:00 UTC);

fn certificates(file: &str) -> Vec<Certificate> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ans-test");
    let path = folder.join(file);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; the public test certificates belong in a folder shared/data/ans-test \
             beside the project's own",
            path.display()
        )
    });
    let begin = b"-----BEGIN";
    if bytes.windows(begin.len()).any(|window| window == begin) {
        Certificate::parse_pem_bundle(&bytes).unwrap()
    } else {
        vec![Certificate::parse(&bytes).unwrap()]
    }
}

fn one(file: &str) -> Certificate {
    let mut found = certificates(file);
    assert_eq!(found.len(), 1, "{file}");
    found.remove(0)
}

/// The bundle as an operator would configure it: roots as anchors, the rest as intermediates.
fn store() -> TrustStore {
    let (anchors, intermediates) = certificates("ca-bundle.crt")
        .into_iter()
        .partition(|certificate| certificate.subject() == certificate.issuer());
    TrustStore::new(anchors, intermediates)
}

fn validate(leaf: &Certificate) -> Result<ValidatedPath, Error> {
    validate_path(leaf, &[], &store(), &PathPolicy::login(), AT)
}

fn cps() -> &'static Profile {
    Profile::builtin("cps").unwrap()
}

#[test]
fn the_published_card_validates_and_gives_its_holder() {
    let path = validate(&one("cpe-authentication.crt")).unwrap();
    let identity = cps().identify(&path, &ProfilePolicy::sandbox()).unwrap();
    assert_eq!(
        serde_json::to_value(&identity).unwrap(),
        json!({
            "subject_id": "30B0057881/CPET0002",
            "subject_id_type": "finess_register",
            "given_name": "CHARLES",
            "family_name": "ADMINISTRATIF-CH057880002",
            "title": "Personnel santé ou social",
            "structure": {
                "id": "10B0057881",
                "id_type": "finess",
                "name": "HOPITAL DES 3 DAMES",
            },
            "card": {"family": "cpe", "number": "8025000001/2600301752"},
            "test": true,
        })
    );
    let refused = cps().identify(&path, &ProfilePolicy::production());
    assert_eq!(refused.unwrap_err().code(), "pki.test_mark_refused");
}

#[test]
fn the_published_card_is_valid_only_in_its_time() {
    let card = one("cpe-authentication.crt");
    for (at, code) in [
        (
            datetime!(2017-03-23 15:16:42 UTC),
            "pki.certificate_not_yet_valid",
        ),
        (
            datetime!(2020-03-23 15:16:44 UTC),
            "pki.certificate_expired",
        ),
    ] {
        let refused = validate_path(&card, &[], &store(), &PathPolicy::login(), at);
        assert_eq!(refused.unwrap_err().code(), code);
    }
}

#[test]
fn the_published_software_certificate_is_refused_for_its_use_and_for_its_issuer() {
    let software = one("software-signature.pem");
    let at = software.not_before();
    let code = |policy| {
        let outcome = validate_path(&software, &[], &store(), &policy, at);
        outcome.unwrap_err().code()
    };
    assert_eq!(code(PathPolicy::login()), "pki.key_usage_wrong");
    assert_eq!(code(PathPolicy::rfc5280()), "pki.untrusted_anchor");
}

/// Even where an operator trusts the authority of software certificates by mistake, and where the
/// certificate were for authentication: the same subject and extensions below a trusted authority.
#[test]
fn what_the_software_certificate_says_is_never_a_card() {
    let software = x509_cert::Certificate::from_der(one("software-signature.pem").der()).unwrap();
    let copied = |card: &mut Draft| {
        card.tbs.subject = software.tbs_certificate.subject.clone();
        for private in ["2", "3", "5", "7", "8"] {
            card.remove(&format!("1.2.250.1.71.1.2.{private}"));
        }
        for extension in software.tbs_certificate.extensions.iter().flatten() {
            let dotted = extension.extn_id.to_string();
            if dotted.starts_with("1.2.250.1.71.") {
                let value = extension.extn_value.as_bytes();
                card.set(raw_extension(&dotted, false, value));
            }
        }
    };
    let mut baseline = Baseline::new();
    copied(&mut baseline.card);
    let path = baseline.path();
    assert_eq!(
        path.end_entity().subject().der(),
        software.tbs_certificate.subject.to_der().unwrap()
    );
    for policy in [ProfilePolicy::sandbox(), ProfilePolicy::production()] {
        let refused = cps().identify(&path, &policy).unwrap_err();
        assert_eq!(refused.code(), "pki.not_a_card");
    }
    assert!(
        NOW > AT,
        "the baseline lives later than the published certificates"
    );
}
