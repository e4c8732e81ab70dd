//! RS256 and PS256, under keys of any use and under keys restricted to PSS; and curves of nobody
//! (attack C7).

use cardea_jose::{Algorithm, Jwk, VerifyingKey};
use openssl::pkey::Id;

use crate::plan::Plan;
use crate::vectors::{Group, Suite, Vector, Verdict, read, run, unhex};

fn accepts(algorithm: Algorithm, group: &Group, vector: &Vector) -> bool {
    let accepted = accepts_card_key(algorithm, group, vector);
    if let Some(jwk) = &group.public_key_jwk {
        let (message, signature) = (unhex(&vector.msg), unhex(&vector.sig));
        let as_jwk = serde_json::from_value::<Jwk>(jwk.clone())
            .map(|jwk| VerifyingKey::from_jwk(&jwk).unwrap())
            .is_ok_and(|key| {
                key.verify_signature(algorithm, &message, &signature)
                    .is_ok()
            });
        assert_eq!(as_jwk, accepted, "the JWK is another key");
    }
    accepted
}

/// Under the one algorithm and under the other: a signature must never fit both.
fn accepts_as(algorithm: Algorithm, group: &Group, vector: &Vector) -> bool {
    let other = match algorithm {
        Algorithm::Rs256 => Algorithm::Ps256,
        _ => Algorithm::Rs256,
    };
    let accepted = accepts(algorithm, group, vector);
    let fits_both = accepted && accepts_card_key(other, group, vector);
    assert!(!fits_both, "{} as {}", vector.tc_id, other.as_str());
    accepted
}

fn accepts_card_key(algorithm: Algorithm, group: &Group, vector: &Vector) -> bool {
    let (message, signature) = (unhex(&vector.msg), unhex(&vector.sig));
    VerifyingKey::from_card_key(group.public_key(), &[algorithm]).is_ok_and(|key| {
        key.verify_signature(algorithm, &message, &signature)
            .is_ok()
    })
}

#[test]
fn rs256_has_the_verdict_of_every_vector() {
    run(Plan::Rs256, |group, vector| {
        accepts_as(Algorithm::Rs256, group, vector)
    });
}

#[test]
fn ps256_has_the_verdict_of_every_vector() {
    run(Plan::Ps256, |group, vector| {
        accepts_as(Algorithm::Ps256, group, vector)
    });
}

/// RFC 7518 section 3.5: SHA-256 for the message and for the mask, and a salt as long.
fn has_ps256_parameters(group: &Group) -> bool {
    group.sha == "SHA-256" && group.mgf_sha.as_deref() == Some("SHA-256") && group.s_len == Some(32)
}

/// What is valid under other parameters is refused as PS256; what is invalid under them says
/// nothing about PS256, whose own signatures are among it.
fn accepts_only_own_parameters(group: &Group, vector: &Vector) -> bool {
    let accepted = accepts_as(Algorithm::Ps256, group, vector);
    if has_ps256_parameters(group) {
        return accepted;
    }
    let valid = vector.result == Verdict::Valid;
    assert!(!(accepted && valid), "{} as PS256", vector.tc_id);
    valid
}

#[test]
fn ps256_refuses_other_salts_and_masks() {
    run(Plan::NoPs256, |group, vector| {
        assert!(!has_ps256_parameters(group));
        accepts_only_own_parameters(group, vector)
    });
}

#[test]
fn ps256_finds_its_own_parameters_among_others() {
    run(Plan::Ps256AmongOthers, accepts_only_own_parameters);
}

#[test]
fn a_key_restricted_to_pss_signs_ps256_in_a_card_and_nothing_elsewhere() {
    run(Plan::Ps256RestrictedKey, |group, vector| {
        let key = group.public_key();
        assert_eq!(key.id(), Id::RSA_PSS);
        assert!(Algorithm::for_public_key(&key).is_empty());
        assert_eq!(Algorithm::for_card_key(&key), [Algorithm::Ps256]);
        accepts_only_own_parameters(group, vector)
    });
}

#[test]
fn exactly_the_vectors_with_the_parameters_of_ps256_are_such_vectors() {
    let own = |file: &str| {
        let suite: Suite = read(file);
        let groups = suite.test_groups.iter();
        groups.filter(|group| has_ps256_parameters(group)).count()
    };
    // Of 150 groups with one vector each: 1 of 5 hashes, 1 of 5 masks, 1 of 6 salts.
    assert_eq!(own("rsa_pss_misc_test.json"), 1);
    assert_eq!(own("rsa_pss_misc_params_test.json"), 1);
    assert!(own("rsa_pss_2048_sha256_mgf1_32_params_test.json") > 0);
}

#[test]
fn a_key_on_a_curve_that_nobody_signs_with_is_refused() {
    run(Plan::KeyRefused, |group, vector| {
        let key = group.public_key();
        assert!(Algorithm::for_public_key(&key).is_empty());
        assert!(Algorithm::for_card_key(&key).is_empty());
        if let Some(jwk) = &group.public_key_jwk {
            assert!(serde_json::from_value::<Jwk>(jwk.clone()).is_err());
        }
        vector.result == Verdict::Valid
    });
}
