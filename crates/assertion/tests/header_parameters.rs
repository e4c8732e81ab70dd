//! What a header may bring along beside the certificates: nothing that is followed (attack C9).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cardea_assertion::{CARD_ALGORITHMS, Error, UnverifiedAssertion, VerifiedAssertion};
use cardea_jose::{Algorithm, SigningKey};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private, Public};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Value, json};

struct Card(PKey<Private>);

impl Card {
    fn new() -> Self {
        Self(PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap())
    }

    fn public(&self) -> PKey<Public> {
        PKey::public_key_from_der(&self.0.public_key_to_der().unwrap()).unwrap()
    }

    fn sign(&self, header: &Value) -> String {
        let claims = json!({
            "aud": "https://id.example.fr", "origin": "https://id.example.fr",
            "client_id": "portal", "challenge": "c".repeat(43), "nonce": "n".repeat(43),
            "jti": "j".repeat(22), "iat": 1_000_001, "card_serial": "0042", "uv": "now",
            "cnf": {"jkt": "p".repeat(43)}, "instance_jkt": "i".repeat(43),
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", part(header), part(&claims));
        let mut signer = Signer::new(MessageDigest::sha256(), &self.0).unwrap();
        let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn verify(&self, text: &str) -> Result<VerifiedAssertion, Error> {
        UnverifiedAssertion::parse(text)?.verify(self.public(), &CARD_ALGORITHMS)
    }
}

fn header(more: &Value) -> Value {
    let leaf = STANDARD.encode(b"leaf");
    let mut header = json!({"alg": "RS256", "typ": "card-assertion+jwt", "x5c": [leaf]});
    let members = header.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    header
}

#[test]
fn parameters_that_would_be_followed_are_refused() {
    let card = Card::new();
    assert!(card.verify(&card.sign(&header(&json!({})))).is_ok());
    for (more, code) in [
        (
            json!({"jku": "https://evil.test/keys"}),
            "jose.header_refused",
        ),
        (
            json!({"x5u": "https://evil.test/leaf"}),
            "jose.header_refused",
        ),
        (json!({"crit": ["exp"]}), "jose.header_refused"),
        (json!({"b64": false}), "jose.header_refused"),
        (json!({"x5c": []}), "jose.malformed"),
        (json!({"x5c": null}), "jose.malformed"),
        (json!({"x5c": "bGVhZg=="}), "jose.malformed"),
        (json!({"x5c": ["*"]}), "jose.malformed"),
        (json!({"x5c": vec!["bGVhZg=="; 7]}), "jose.malformed"),
        (json!({"typ": "JWT"}), "jose.type_mismatch"),
        (json!({"typ": "card-grant+jwt"}), "jose.type_mismatch"),
        (json!({"typ": null}), "jose.type_mismatch"),
    ] {
        let refusal = card.verify(&card.sign(&header(&more))).unwrap_err();
        assert_eq!(refusal.code(), code, "{more}");
    }
}

#[test]
fn a_key_in_the_header_does_not_stand_in_for_the_certificates() {
    let card = Card::new();
    let attacker = SigningKey::generate(Algorithm::Rs256).unwrap();
    let attackers_card = Card(PKey::private_key_from_pem(&attacker.to_pem().unwrap()).unwrap());
    let jwk = serde_json::to_value(attacker.public_jwk()).unwrap();
    let forged = attackers_card.sign(&header(&json!({"jwk": jwk})));
    let refusal = card.verify(&forged).unwrap_err();
    assert_eq!(refusal.code(), "assertion.signature_invalid");
}

#[test]
fn serializations_with_several_signers_are_refused() {
    let card = Card::new();
    let compact = card.sign(&header(&json!({})));
    let parts: Vec<&str> = compact.split('.').collect();
    let signer = json!({"protected": parts[0], "signature": parts[2]});
    let general = json!({"payload": parts[1], "signatures": [signer, signer]});
    let flattened = json!({
        "payload": parts[1], "protected": parts[0], "signature": parts[2],
    });
    let detached = format!("{}..{}", parts[0], parts[2]);
    for text in [
        general.to_string(),
        flattened.to_string(),
        format!("{compact}.{}", parts[2]),
    ] {
        assert_eq!(card.verify(&text).unwrap_err().code(), "jose.malformed");
    }
    assert_eq!(
        card.verify(&detached).unwrap_err().code(),
        "jose.claims_malformed"
    );
}
