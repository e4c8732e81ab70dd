//! ECDSA as JWS has it: `r || s` of exact length (attack C6).

use cardea_jose::{Algorithm, Jwk, VerifyingKey};

use crate::plan::Plan;
use crate::vectors::{Group, Vector, run, unhex};

fn accepts(algorithm: Algorithm, group: &Group, vector: &Vector) -> bool {
    let key = VerifyingKey::from_public_key(group.public_key(), &[algorithm]).unwrap();
    let (message, signature) = (unhex(&vector.msg), unhex(&vector.sig));
    let accepted = key
        .verify_signature(algorithm, &message, &signature)
        .is_ok();
    if let Some(jwk) = &group.public_key_jwk {
        let jwk: Jwk = serde_json::from_value(jwk.clone()).unwrap();
        let same = VerifyingKey::from_jwk(&jwk).unwrap();
        let again = same.verify_signature(algorithm, &message, &signature);
        assert_eq!(again.is_ok(), accepted, "the JWK is another key");
    }
    let card_key = VerifyingKey::from_card_key(group.public_key(), &[algorithm]).unwrap();
    let by_card = card_key.verify_signature(algorithm, &message, &signature);
    assert_eq!(
        by_card.is_ok(),
        accepted,
        "a card's key is judged otherwise"
    );
    accepted
}

#[test]
fn es256_has_the_verdict_of_every_vector() {
    run(Plan::P1363(Algorithm::Es256), |group, vector| {
        accepts(Algorithm::Es256, group, vector)
    });
}

#[test]
fn es384_has_the_verdict_of_every_vector() {
    run(Plan::P1363(Algorithm::Es384), |group, vector| {
        accepts(Algorithm::Es384, group, vector)
    });
}
