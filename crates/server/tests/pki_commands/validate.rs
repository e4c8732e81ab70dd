//! `cardea pki validate` of one certificate.

use cardea_test_pki::hba::HbaProfile;
use cardea_test_pki::{
    AuthorityName, CardProfile, CertificateSpec, CountryPki, CrlSpec, KeyKind, OcspSpec,
    OcspStatus, RevokedEntry, TestPki,
};
use serde_json::{Value, json};
use time::Duration;

use crate::folder::{AT, Folder, one_document, pem, pharmacist, stdout};

const CRLS: &str = "--crls crls";

#[test]
fn a_card_is_valid_and_its_identity_is_the_contracts() {
    let folder = Folder::with_card(&pharmacist().authentication, &[]);
    let (exit, answer) = folder.validate("--crls crls --profile cps");
    assert_eq!(exit, 0, "{answer}");
    assert_eq!(answer["valid"], true);
    assert_eq!(
        (&answer["code"], &answer["reason"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(answer["path"].as_array().unwrap().len(), 3);
    let subject = answer["path"][0].as_str().unwrap();
    assert!(subject.contains("LEFEVRE-TEST"), "{subject}");
    assert_eq!(answer["policies"].as_array().unwrap().len(), 1);
    let identity = &answer["identity"];
    let subject_id = identity["subject_id"].as_str().unwrap();
    let expected = json!({
        "subject_id": subject_id,
        "subject_id_type": "rpps",
        "given_name": "Dominique",
        "family_name": "LEFEVRE-TEST",
        "title": "Pharmacien",
        "profession": {"code": "21", "system": "TRE_G15"},
        "card": {"family": "cps", "number": "8025000001/2600000001"},
        "test": true,
    });
    assert_eq!(identity, &expected);
}

#[test]
fn without_a_profile_there_is_no_identity() {
    let folder = Folder::with_card(&pharmacist().authentication, &[]);
    let (exit, answer) = folder.validate(CRLS);
    assert_eq!(exit, 0, "{answer}");
    assert!(answer.get("identity").is_none(), "{answer}");
}

#[test]
fn a_real_card_is_judged_too_and_says_so() {
    let pki = TestPki::shared().unwrap();
    let profile = CardProfile::doctor().with_key(KeyKind::P256);
    let card = pki
        .issue_card_with(&profile, pki.at(), |spec| spec.certificate_kind = Some(0))
        .unwrap();
    let folder = Folder::with_card(&card.authentication, &[]);
    let (exit, answer) = folder.validate("--crls crls --profile cps");
    assert_eq!(exit, 0, "{answer}");
    assert_eq!(answer["identity"]["test"], false);
}

/// As a login judges it: the authority is certified by two roots, of which one revoked that.
#[test]
fn a_revoked_cross_certificate_hides_no_other_path() {
    const ISSUER: AuthorityName = AuthorityName::FORT_PERSONNES;
    let pki = TestPki::shared().unwrap();
    let issuing = pki.authority(ISSUER).unwrap();
    let root = pki.authority(ISSUER.root()).unwrap();
    let other = CountryPki::new("FR", "AUTRE", KeyKind::P256, pki.at()).unwrap();
    let spec = CertificateSpec::authority(ISSUER, ISSUER.subject(), pki.at());
    let key = issuing.key().to_owned();
    let cross = other.root().issue_with_key(&spec, key).unwrap();
    let own = issuing.certificate_der().to_vec();
    let serial = cardea_pki::Certificate::parse(&own).unwrap();
    let mut revoking = CrlSpec::new(ISSUER.root(), pki.at());
    revoking.revoked.push(RevokedEntry {
        serial: serial.serial().to_vec(),
        at: pki.at() - Duration::DAY,
        reason: None,
    });
    let folder = Folder::with_card(&pharmacist().authentication, &[]);
    folder.write("intermediates.pem", &pem(&[own, cross.der]));
    folder.write("crls/revoking.crl", &root.crl(&revoking).unwrap());
    let (exit, answer) = folder.validate(CRLS);
    assert_eq!(
        (exit, &answer["code"]),
        (1, &json!("pki.certificate_revoked"))
    );
    let anchors = [root.certificate_der().to_vec(), other.anchor_der().to_vec()];
    folder.write("anchors.pem", &pem(&anchors));
    let list = other.root().crl(&CrlSpec::new(ISSUER.root(), pki.at()));
    folder.write("crls/other.crl", &list.unwrap());
    let (exit, answer) = folder.validate(CRLS);
    assert_eq!(exit, 0, "{answer}");
}

#[test]
fn a_revoked_card_is_not_valid() {
    let card = pharmacist();
    let folder = Folder::with_card(&card.authentication, &[&card.authentication]);
    let (exit, answer) = folder.validate(CRLS);
    assert_eq!(
        (exit, &answer["code"]),
        (1, &json!("pki.certificate_revoked"))
    );
    assert_eq!(answer["valid"], false);
    assert_eq!(
        answer["path"].as_array().unwrap().len(),
        3,
        "the path was found"
    );
    assert_eq!(answer["policies"], json!([]));
    assert!(
        answer["reason"].as_str().unwrap().contains("revoked"),
        "{answer}"
    );
    let (exit, answer) = folder.validate("--revocation off");
    assert_eq!(exit, 0, "{answer}");
}

#[test]
fn revocation_is_hard_unless_told_otherwise() {
    let folder = Folder::with_card(&pharmacist().authentication, &[]);
    let (exit, answer) = folder.validate("");
    assert_eq!(
        (exit, &answer["code"]),
        (1, &json!("pki.revocation_unknown"))
    );
}

#[test]
fn a_list_counts_to_its_next_update_whatever_its_age() {
    let pki = TestPki::shared().unwrap();
    let card = pharmacist();
    let folder = Folder::with_card(&card.authentication, &[]);
    for (index, authority) in AuthorityName::all().enumerate() {
        let mut spec = CrlSpec::new(authority, pki.at());
        spec.next_update = Some(pki.at() + Duration::days(100));
        let crl = pki.authority(authority).unwrap().crl(&spec).unwrap();
        folder.write(&format!("crls/{index}.crl"), &crl);
    }
    // A login would refuse lists of more than a week.
    for (at, expected) in [
        ("2026-04-25T11:59:59Z", None),
        ("2026-04-25T12:00:00Z", None),
        ("2026-04-25T12:00:01Z", Some("pki.revocation_stale")),
        ("2026-01-15T11:00:00Z", None),
        ("2026-01-15T10:59:59Z", Some("pki.revocation_stale")),
    ] {
        let (_, answer) = folder.validate_at(at, CRLS);
        assert_eq!(answer["code"].as_str(), expected, "{at}: {answer}");
    }
}

#[test]
fn a_profile_asks_what_a_login_asks() {
    let folder = Folder::with_card(&pharmacist().signature, &[]);
    let (exit, answer) = folder.validate(CRLS);
    assert_eq!(exit, 0, "plain RFC 5280: {answer}");
    let (exit, answer) = folder.validate("--crls crls --profile cps");
    assert_eq!((exit, &answer["code"]), (1, &json!("pki.key_usage_wrong")));
}

#[test]
fn a_software_certificate_is_no_card() {
    let pki = TestPki::shared().unwrap();
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let software = pki.issue(&profile.software(pki.at()).unwrap()).unwrap();
    let folder = Folder::with_card(&software, &[]);
    let (exit, answer) = folder.validate("--crls crls --profile cps");
    assert_eq!((exit, &answer["code"]), (1, &json!("pki.not_a_card")));
    assert!(answer.get("identity").is_none());
}

#[test]
fn policies_are_inputs() {
    let folder = Folder::with_card(&pharmacist().authentication, &[]);
    let (_, answer) = folder.validate(CRLS);
    let policy = answer["policies"][0].as_str().unwrap().to_owned();
    let explicit = "--crls crls --require-explicit-policy --initial-policy";
    let (exit, answer) = folder.validate(&format!("{explicit} {policy}"));
    assert_eq!((exit, &answer["policies"]), (0, &json!([policy])));
    let (exit, answer) = folder.validate(&format!("{explicit} 1.2.3"));
    assert_eq!((exit, &answer["code"]), (1, &json!("pki.policy_refused")));
    let (exit, answer) = folder.validate(&format!("{explicit} 1.2.3 --initial-policy {policy}"));
    assert_eq!(exit, 0, "{answer}");
    // The authorities assert anyPolicy alone.
    let (exit, answer) = folder.validate(&format!("{explicit} {policy} --inhibit-any-policy"));
    assert_eq!((exit, &answer["code"]), (1, &json!("pki.policy_refused")));
}

#[test]
fn ocsp_responses_are_evidence_too() {
    let pki = TestPki::shared().unwrap();
    let card = pharmacist();
    let folder = Folder::with_card(&card.authentication, &[]);
    let root = AuthorityName::FORT_PERSONNES.root();
    let spec = CrlSpec::new(root, pki.at());
    folder.write(
        "root.crl",
        &pki.authority(root).unwrap().crl(&spec).unwrap(),
    );
    let response = |status| {
        let spec = OcspSpec::new(status, pki.at());
        pki.ocsp_response(&card.authentication, &spec).unwrap()
    };
    folder.write("ocsp.der", &response(OcspStatus::Good));
    let (exit, answer) = folder.validate("--crls root.crl --ocsp ocsp.der --revocation hard");
    assert_eq!(exit, 0, "{answer}");
    folder.write(
        "ocsp.der",
        &response(OcspStatus::Revoked {
            at: pki.at() - Duration::HOUR,
            reason: None,
        }),
    );
    let (exit, answer) = folder.validate("--crls root.crl --ocsp ocsp.der --revocation hard");
    assert_eq!(
        (exit, &answer["code"]),
        (1, &json!("pki.certificate_revoked"))
    );
}

#[test]
fn paths_are_der_pem_or_folders_and_the_leaf_may_bring_its_issuers() {
    let pki = TestPki::shared().unwrap();
    let card = pharmacist();
    let folder = Folder::with_card(&card.authentication, &[]);
    let mut chain = vec![card.authentication.der.clone()];
    chain.extend(card.authentication.chain_der.clone());
    folder.write("chain.pem", &pem(&chain));
    std::fs::create_dir(folder.path().join("roots")).unwrap();
    for (index, der) in pki.anchors_der().iter().enumerate() {
        folder.write(&format!("roots/{index}.der"), der);
    }
    folder.write("roots/README", b"no certificate");
    std::fs::create_dir(folder.path().join("roots/old")).unwrap();
    let validate = |arguments: &str| {
        let output = folder.pki(&format!("validate --json --at {AT} {arguments}"));
        (output.status.code().unwrap(), one_document(&output))
    };
    let (exit, answer) = validate("--crls crls --anchors roots -- chain.pem");
    assert_eq!(exit, 0, "{answer}");
    // The last path of a list is the certificate, where nothing parts them.
    let (exit, answer) = validate("--anchors roots --crls crls chain.pem");
    assert_eq!(exit, 0, "{answer}");
    let (exit, answer) = validate("--crls crls --anchors roots -- leaf.crt");
    assert_eq!((exit, &answer["code"]), (1, &json!("pki.untrusted_anchor")));
}

#[test]
fn people_get_words_and_no_control_characters() {
    let pki = TestPki::shared().unwrap();
    let profile = CardProfile::pharmacist()
        .with_key(KeyKind::P256)
        .with_name("Eve\u{1b}[2J", "DUR\u{202e}AND");
    let card = pki.issue_card(&profile).unwrap();
    let folder = Folder::with_card(&card.authentication, &[]);
    let arguments = "--anchors anchors.pem --intermediates intermediates.pem --crls crls --at";
    let text = stdout(&folder.pki(&format!("validate {arguments} {AT} leaf.crt")));
    assert!(
        text.starts_with("valid at 2026-01-15T12:00:00Z\n"),
        "{text}"
    );
    assert!(text.contains("DUR\\u{202e}AND"), "{text}");
    let json = stdout(&folder.pki(&format!("validate --json {arguments} {AT} leaf.crt")));
    for text in [&text, &json] {
        let raw = |it: char| it.is_control() && it != '\n' || it == '\u{202e}';
        assert!(!text.chars().any(raw), "{text:?}");
    }
    let text = stdout(&folder.pki(&format!("validate --profile cps {arguments} {AT} leaf.crt")));
    for part in ["NOT VALID", "pki.profile_subject_invalid", "what to do"] {
        assert!(text.contains(part), "{text}");
    }
}

/// A real certificate of the agency's test chain. The data is no part of the project.
#[test]
fn an_establishments_card_of_the_agencys_test_chain_is_read() {
    let data = crate::pkits::shared_data("ans-test");
    let folder = Folder::new();
    let bundle = data.join("ca-bundle.crt");
    let validate = |at: &str, leaf: &str| {
        let (bundle, leaf) = (bundle.display(), data.join(leaf));
        let output = folder.pki(&format!(
            "validate --json --anchors {bundle} --intermediates {bundle} --revocation off \
             --profile cps --at {at} {}",
            leaf.display()
        ));
        (output.status.code().unwrap(), one_document(&output))
    };
    let (exit, answer) = validate("2018-06-01T00:00:00Z", "cpe-authentication.crt");
    assert_eq!(exit, 0, "{answer}");
    let identity = &answer["identity"];
    assert_eq!(identity["subject_id"], "30B0057881/CPET0002");
    assert_eq!(identity["subject_id_type"], "finess_register");
    assert_eq!(identity["card"]["family"], "cpe");
    assert_eq!(identity["structure"]["id"], "10B0057881");
    assert_eq!(identity["test"], true);
    assert!(identity.get("profession").is_none());
    let (exit, answer) = validate("2021-06-01T00:00:00Z", "cpe-authentication.crt");
    assert_eq!(
        (exit, &answer["code"]),
        (1, &json!("pki.certificate_expired"))
    );
    let (exit, answer) = validate("2020-06-01T00:00:00Z", "software-signature.pem");
    assert_eq!((exit, &answer["valid"]), (1, &json!(false)));
}

#[test]
fn another_countrys_card_is_read_by_its_profile() {
    let germany = CountryPki::germany(TestPki::SHARED_AT).unwrap();
    let physician = HbaProfile::physician()
        .authentication(germany.at())
        .unwrap();
    let card = germany.issue(&physician).unwrap();
    let folder = Folder::new();
    folder.write("anchors.pem", germany.anchor_der());
    folder.write("intermediates.pem", germany.issuing().certificate_der());
    folder.write("leaf.crt", &card.der);
    let (exit, answer) = folder.validate("--revocation off --profile hba");
    assert_eq!(exit, 0, "{answer}");
    assert_eq!(answer["identity"]["subject_id_type"], "telematik_id");
    assert_eq!(answer["identity"]["card"]["family"], "hba");
    let (exit, answer) = folder.validate("--revocation off --profile cps");
    assert_eq!((exit, &answer["code"]), (1, &json!("pki.not_a_card")));
}
