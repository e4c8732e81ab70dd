//! Any bytes as a card assertion.

use super::signing::{self, CardKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cardea_assertion::{
    ASSERTION_BYTES_MAX, ASSERTION_TYP, CARD_ALGORITHMS, Error, UnverifiedAssertion,
    UnverifiedGrant, certificate_name,
};
use cardea_jose::Algorithm;
use serde_json::Value;

/// Parsing refuses with a code, or reads what stands there; and only a signature that OpenSSL
/// verifies, under the algorithm and the type that the header names, makes it a verified one.
pub fn check(data: &[u8]) {
    let Ok(compact) = std::str::from_utf8(data) else {
        return;
    };
    check_grant(compact);
    check_verdict(compact, CardKey::for_algorithm("ES256"));
    if let Some((signed, key)) = signing::sign_again(compact) {
        check_verdict(&signed, key);
    }
}

/// No bytes are a card grant and a login's assertion at once; a grant names the card that came
/// along.
fn check_grant(compact: &str) {
    match UnverifiedGrant::parse(compact) {
        Ok(grant) => {
            assert!(UnverifiedAssertion::parse(compact).is_err());
            let card = certificate_name(grant.leaf_certificate_der());
            assert_eq!((&grant.claims().iss, &grant.claims().sub), (&card, &card));
        }
        Err(error) => check_error(&error),
    }
}

fn check_verdict(compact: &str, key: &CardKey) {
    let assertion = match UnverifiedAssertion::parse(compact) {
        Ok(assertion) => assertion,
        Err(error) => {
            check_error(&error);
            return;
        }
    };
    assert!(compact.len() <= ASSERTION_BYTES_MAX);
    let parts: Vec<&str> = compact.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        panic!("three parts");
    };
    let signing_input = format!("{header}.{payload}");
    let (header, payload) = (decode(header), decode(payload));
    let signature = decode(signature);
    let text = std::str::from_utf8(&header).expect("JSON is UTF-8");
    // Members that nobody asks for may hold what this reader of all JSON refuses: lone surrogates,
    // numbers beyond a double.
    let Ok(header) = serde_json::from_str::<Value>(text) else {
        return;
    };
    check_content(&assertion, &header, &payload);
    let names = |member: &str| header.get(member).and_then(Value::as_str);
    let is_of_type = names("typ").is_some_and(|typ| typ.eq_ignore_ascii_case(ASSERTION_TYP));
    let fits = names("alg") == Some(key.algorithm) && is_of_type;
    let is_signed = key.verifies(signing_input.as_bytes(), &signature);
    let allowed = [&CARD_ALGORITHMS[..], &[Algorithm::Bp256r1]].concat();
    match assertion.verify(key.public(), &allowed) {
        Ok(verified) => {
            assert!(fits && is_signed, "verified without reason");
            let again = UnverifiedAssertion::parse(compact).expect("it was read before");
            assert_eq!(again.claims(), verified.claims());
        }
        Err(error) => {
            check_error(&error);
            assert!(!(fits && is_signed), "refused without reason: {error}");
        }
    }
}

fn check_error(error: &Error) {
    let is_listed = Error::ALL_CODES.contains(&error.code())
        || cardea_jose::Error::ALL_CODES.contains(&error.code());
    assert!(is_listed, "{error}");
}

/// Decodes a part, which has one encoding only: two would give one assertion two hashes.
fn decode(part: &str) -> Vec<u8> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .expect("what was read is base64url");
    assert_eq!(URL_SAFE_NO_PAD.encode(&bytes), part);
    bytes
}

fn check_content(assertion: &UnverifiedAssertion<'_>, header: &Value, payload: &[u8]) {
    for refused in ["crit", "jku", "x5u", "b64"] {
        let member = header.get(refused).filter(|member| !member.is_null());
        assert!(member.is_none(), "{refused} was stepped over");
    }
    let listed = header.get("x5c").and_then(Value::as_array);
    let listed: Vec<Vec<u8>> = listed
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|text| STANDARD.decode(text).expect("what was read is base64"))
        .collect();
    let (leaf, chain) = listed.split_first().expect("an assertion names its card");
    assert_eq!(assertion.leaf_certificate_der(), leaf);
    assert_eq!(assertion.chain_der(), chain);
    let text = std::str::from_utf8(payload).expect("JSON is UTF-8");
    let Ok(payload) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let read = serde_json::to_value(assertion.claims()).expect("claims are JSON");
    for (name, value) in read.as_object().expect("claims are an object") {
        match payload.get(name) {
            // A member of its own, `cnf`, may hold more than we read.
            Some(Value::Object(given)) => {
                let known = value.as_object().expect("an object too");
                assert!(
                    known
                        .iter()
                        .all(|(name, value)| given.get(name) == Some(value))
                );
            }
            given => assert_eq!(given, Some(value), "{name}"),
        }
    }
}
