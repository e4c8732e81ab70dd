//! JWS in its serializations, and JSON web keys (attack G7).

use cardea_jose::{Jwk, JwkSet, UnverifiedJws, VerifyingKey, parse_base64url};
use serde::Deserialize;
use serde_json::Value;

use crate::plan::{PLAN, Plan};
use crate::vectors::{Tally, Verdict, assert_openssl_forgot, read};

const BYTES_MAX: usize = 16 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Suite {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    public: Option<Value>,
    private: Option<Value>,
    tests: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    tc_id: u32,
    comment: String,
    jws: Option<Value>,
    jwe: Option<Value>,
    result: Verdict,
}

impl Vector {
    /// What arrives on the wire: the compact text, or the JSON form as text.
    fn received(&self) -> String {
        match self.jws.as_ref().or(self.jwe.as_ref()).unwrap() {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// Form, header, key and signature, by the steps that every token of ours goes through. Only the
/// `typ` is left out, which the vectors do not have.
fn verifies(compact: &str, key: &Jwk) -> bool {
    let Ok(jws) = UnverifiedJws::parse(compact, BYTES_MAX) else {
        return false;
    };
    let (signing_input, signature) = compact.rsplit_once('.').unwrap();
    let signature = parse_base64url(signature).unwrap();
    VerifyingKey::from_jwk(key).is_ok_and(|key| {
        let message = signing_input.as_bytes();
        key.verify_signature(jws.algorithm(), message, &signature)
            .is_ok()
    })
}

fn run(wanted: Plan, accepts: impl Fn(&Value, &str) -> bool) -> usize {
    let planned = PLAN.into_iter().find(|(_, _, plan)| *plan == wanted);
    let (file, vectors, _) = planned.unwrap();
    let suite: Suite = read(file);
    assert_eq!(suite.number_of_tests, vectors);
    let mut tally = Tally::new(file);
    for group in &suite.test_groups {
        // A symmetric key has no public half; it is offered as it is.
        let key = group.public.as_ref().or(group.private.as_ref()).unwrap();
        for vector in &group.tests {
            let accepted = accepts(key, &vector.received());
            assert_openssl_forgot(file);
            tally.judge(vector.tc_id, vector.result, accepted, &vector.comment);
        }
    }
    tally.finish(vectors)
}

fn accepts_under_key(key: &Value, received: &str) -> bool {
    serde_json::from_value::<Jwk>(key.clone()).is_ok_and(|key| verifies(received, &key))
}

fn accepts_under_set(set: &Value, received: &str) -> bool {
    let Ok(set) = serde_json::from_value::<JwkSet>(set.clone()) else {
        return false;
    };
    let Ok(jws) = UnverifiedJws::parse(received, BYTES_MAX) else {
        return false;
    };
    let named = jws.kid().and_then(|kid| set.find(kid));
    named.is_some_and(|key| verifies(received, key))
}

fn accepts_either(key: &Value, received: &str) -> bool {
    if key.get("keys").is_some() {
        accepts_under_set(key, received)
    } else {
        accepts_under_key(key, received)
    }
}

#[test]
fn every_jws_has_its_verdict() {
    // 46 are called valid; the plan names the 30 whose algorithms are not in the closed list.
    assert_eq!(run(Plan::JsonWebSignature, accepts_under_key), 16);
}

#[test]
fn every_key_set_has_its_verdict() {
    assert_eq!(run(Plan::JsonWebKey, accepts_under_set), 1);
}

#[test]
fn every_mixed_vector_has_its_verdict() {
    assert_eq!(run(Plan::JsonWebCrypto, accepts_either), 2);
}
