//! The card grant and its challenge: accepted once as they should be, then refused with exactly one
//! thing changed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cardea_assertion::{
    ATTESTATION_TYP, AttestationClaims, CARD_ALGORITHMS, CHALLENGE_TYP, Confirmation, Error,
    GRANT_CHALLENGE_TYP, GRANT_TYP, GrantAttestationClaims, GrantChallenge, GrantClaims,
    LoginChallenge, Purpose, UnverifiedAssertion, UnverifiedChallenge, UnverifiedGrant,
    UserVerification, VerifiedGrant, certificate_name, verify_attestation,
};
use cardea_jose::{Algorithm, SigningKey, VerifyingKey, base64url, sha256_base64url};
use openssl::pkey::{PKey, Private, Public};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.fr";
const LEAF: &[u8] = b"leaf";

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

/// A card with its claims; the header and claims that it signs can be anything.
struct Card {
    key: PKey<Private>,
    instance: SigningKey,
}

impl Card {
    fn new() -> Self {
        let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1);
        let key = openssl::ec::EcKey::generate(&group.unwrap()).unwrap();
        Self {
            key: PKey::from_ec_key(key).unwrap(),
            instance: key_of_instance(),
        }
    }

    fn claims(&self) -> Value {
        let claims = GrantClaims {
            iss: certificate_name(LEAF),
            sub: certificate_name(LEAF),
            aud: ISSUER.to_owned(),
            client_id: "software".to_owned(),
            challenge: sha256_base64url(b"challenge"),
            nonce: "n".repeat(43),
            jti: "j".repeat(43),
            iat: 1_000_001,
            exp: 1_000_120,
            card_serial: "0042".to_owned(),
            uv: UserVerification::Now,
            cnf: Confirmation {
                jkt: sha256_base64url(b"presence"),
            },
            instance_jkt: self.instance.kid().to_owned(),
        };
        serde_json::to_value(claims).unwrap()
    }

    fn header() -> Value {
        use base64::Engine as _;
        let leaf = base64::engine::general_purpose::STANDARD.encode(LEAF);
        json!({"alg": "ES256", "typ": GRANT_TYP, "x5c": [leaf]})
    }

    fn sign(&self, header: &Value, claims: &str) -> String {
        let header = base64url(header.to_string().as_bytes());
        let input = format!("{header}.{}", base64url(claims.as_bytes()));
        let digest = openssl::hash::MessageDigest::sha256();
        let mut signer = openssl::sign::Signer::new(digest, &self.key).unwrap();
        let der = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        let signature = openssl::ecdsa::EcdsaSig::from_der(&der).unwrap();
        let mut joined = signature.r().to_vec_padded(32).unwrap();
        joined.extend(signature.s().to_vec_padded(32).unwrap());
        format!("{input}.{}", base64url(&joined))
    }

    fn grant(&self) -> String {
        self.sign(&Self::header(), &self.claims().to_string())
    }

    fn public(&self) -> PKey<Public> {
        PKey::public_key_from_der(&self.key.public_key_to_der().unwrap()).unwrap()
    }

    fn verify(&self, text: &str) -> Result<VerifiedGrant, Error> {
        UnverifiedGrant::parse(text)?.verify(self.public(), &CARD_ALGORITHMS)
    }

    fn code_of(&self, text: &str) -> &'static str {
        self.verify(text).map_or_else(|error| error.code(), |_| "")
    }
}

fn key_of_instance() -> SigningKey {
    key()
}

#[test]
fn a_grant_is_accepted_and_names_its_card() {
    let card = Card::new();
    let verified = card.verify(&card.grant()).unwrap();
    assert_eq!(
        serde_json::to_value(verified.claims()).unwrap(),
        card.claims()
    );
    let digest = sha256_base64url(LEAF);
    assert_eq!(verified.claims().sub, format!("ni:///sha-256;{digest}"));
}

#[test]
fn every_member_is_needed_and_no_other_is_allowed() {
    let card = Card::new();
    let claims = card.claims();
    for member in claims.as_object().unwrap().keys() {
        let mut fewer = claims.clone();
        fewer.as_object_mut().unwrap().remove(member);
        let text = card.sign(&Card::header(), &fewer.to_string());
        assert_eq!(
            card.code_of(&text),
            "jose.claims_malformed",
            "without {member}"
        );
        // Twice the same member: parsers differ in which one counts.
        let twice = claims.to_string();
        let value = &claims[member];
        let twice = format!("{{\"{member}\":{value},{}", twice.trim_start_matches('{'));
        let text = card.sign(&Card::header(), &twice);
        assert_eq!(
            card.code_of(&text),
            "jose.claims_malformed",
            "{member} twice"
        );
    }
    for member in ["origin", "act", "nbf", "purpose", "scope"] {
        let mut more = claims.clone();
        more[member] = ISSUER.into();
        let text = card.sign(&Card::header(), &more.to_string());
        assert_eq!(
            card.code_of(&text),
            "jose.claims_malformed",
            "with {member}"
        );
    }
    let mut more = claims.clone();
    more["cnf"]["x5t#S256"] = "x".into();
    let text = card.sign(&Card::header(), &more.to_string());
    assert_eq!(card.code_of(&text), "jose.claims_malformed");
}

#[test]
fn values_of_another_kind_or_size_are_refused() {
    let card = Card::new();
    let long = "x".repeat(513);
    let cases = [
        ("aud", json!([ISSUER]), "jose.claims_malformed"),
        ("exp", json!("1000120"), "jose.claims_malformed"),
        ("exp", json!(1_000_120.5), "jose.claims_malformed"),
        ("uv", json!("typed"), "jose.claims_malformed"),
        ("cnf", json!(null), "jose.claims_malformed"),
        ("exp", json!(1_000_000), "assertion.malformed"),
        ("exp", json!(1_000_602), "assertion.malformed"),
        ("iat", json!(i64::MIN), "assertion.malformed"),
        ("iss", json!("ni:///sha-256;another"), "assertion.malformed"),
        (
            "sub",
            json!(certificate_name(b"another")),
            "assertion.malformed",
        ),
        ("sub", json!("software"), "assertion.malformed"),
        ("client_id", json!(long), "assertion.malformed"),
        ("card_serial", json!(long), "assertion.malformed"),
        ("cnf", json!({"jkt": long}), "assertion.malformed"),
    ];
    for (member, value, code) in cases {
        let mut changed = card.claims();
        changed[member] = value.clone();
        let text = card.sign(&Card::header(), &changed.to_string());
        assert_eq!(card.code_of(&text), code, "{member}: {value}");
    }
    let huge = "x".repeat(cardea_assertion::ASSERTION_BYTES_MAX + 1);
    assert_eq!(card.code_of(&huge), "jose.too_large");
}

/// Attacks C8 and C9: another algorithm, another type, keys that the header brings along.
#[test]
fn the_header_decides_nothing() {
    let card = Card::new();
    let claims = card.claims().to_string();
    let cases = [
        ("alg", json!("none"), "jose.algorithm_not_allowed"),
        ("alg", json!("HS256"), "jose.algorithm_not_allowed"),
        ("alg", json!("RS256"), "jose.algorithm_not_allowed"),
        ("typ", json!("card-assertion+jwt"), "jose.type_mismatch"),
        ("typ", json!("JWT"), "jose.type_mismatch"),
        ("typ", json!("dpop+jwt"), "jose.type_mismatch"),
        ("x5c", json!([]), "jose.malformed"),
        (
            "jku",
            json!("https://evil.test/keys"),
            "jose.header_refused",
        ),
        ("crit", json!(["exp"]), "jose.header_refused"),
    ];
    for (parameter, value, code) in cases {
        let mut header = Card::header();
        header[parameter] = value.clone();
        let text = card.sign(&header, &claims);
        assert_eq!(card.code_of(&text), code, "{parameter}: {value}");
    }
    let other = Card::new();
    assert_eq!(other.code_of(&card.grant()), "assertion.signature_invalid");
}

/// Neither of the card's statements can be read as the other, even with the other's `typ`.
#[test]
fn a_login_assertion_is_no_grant_and_a_grant_no_login_assertion() {
    let card = Card::new();
    let mut login = card.claims();
    for member in ["iss", "sub", "exp"] {
        login.as_object_mut().unwrap().remove(member);
    }
    login["origin"] = ISSUER.into();
    for typ in [GRANT_TYP, "card-assertion+jwt"] {
        let mut header = Card::header();
        header["typ"] = typ.into();
        let text = card.sign(&header, &login.to_string());
        assert_eq!(card.code_of(&text), "jose.claims_malformed", "{typ}");
        let text = card.sign(&header, &card.claims().to_string());
        let code = UnverifiedAssertion::parse(&text).unwrap_err().code();
        assert_eq!(code, "jose.claims_malformed", "{typ}");
    }
}

#[test]
fn an_attestation_fits_one_grant_and_one_instance() {
    let card = Card::new();
    let text = card.grant();
    let verified = card.verify(&text).unwrap();
    let honest = GrantAttestationClaims::new(&text, UserVerification::Now);
    let signed = honest.sign(&card.instance).unwrap();
    let instance = verify_attestation(&signed, &verified).unwrap();
    assert_eq!(instance.as_str(), card.instance.kid());

    let mismatch = "assertion.attestation_mismatch";
    let of_another = GrantAttestationClaims::new("another", UserVerification::Now);
    let of_weaker = GrantAttestationClaims::new(&text, UserVerification::Cached);
    let of_login = AttestationClaims::new(&text, ISSUER, UserVerification::Now);
    let more = json!({"grant": honest.grant, "uv": "now", "origin": ISSUER});
    let by_instance = |typ, claims: &Value| card.instance.sign_jwt_with_jwk(typ, claims).unwrap();
    let own = "card-grant-attestation+jwt";
    let cases = [
        (honest.sign(&key()).unwrap(), mismatch),
        (of_another.sign(&card.instance).unwrap(), mismatch),
        (of_weaker.sign(&card.instance).unwrap(), mismatch),
        (of_login.sign(&card.instance).unwrap(), "jose.type_mismatch"),
        (by_instance(own, &more), "jose.claims_malformed"),
        (
            by_instance(ATTESTATION_TYP, &serde_json::to_value(&honest).unwrap()),
            "jose.type_mismatch",
        ),
    ];
    for (forged, code) in cases {
        assert_eq!(
            verify_attestation(&forged, &verified).unwrap_err().code(),
            code
        );
    }
}

fn challenge() -> GrantChallenge {
    GrantChallenge {
        iss: ISSUER.to_owned(),
        purpose: Purpose::Grant,
        nonce: "n".repeat(43),
        jti: "j".repeat(43),
        iat: 1_000_000,
        exp: 1_000_120,
        client_id: "software".to_owned(),
        client_name: "Logiciel d’officine".to_owned(),
        scope: "openid".to_owned(),
        resource: vec!["https://api.example.fr".to_owned()],
    }
}

fn code_of_challenge(text: &str, key: &SigningKey) -> &'static str {
    let key = VerifyingKey::from_jwk(key.public_jwk()).unwrap();
    let unverified = UnverifiedChallenge::parse(text);
    let verified = unverified.and_then(|challenge| challenge.verify_grant(&key, ISSUER));
    verified.map_or_else(
        |error| error.code(),
        |verified| {
            assert_eq!(verified.hash(), sha256_base64url(text.as_bytes()));
            ""
        },
    )
}

#[test]
fn a_grant_challenge_with_one_thing_changed_is_refused() {
    type Change = fn(&mut GrantChallenge);
    let cases: [(&str, Change, &str); 8] = [
        ("nothing", |_| {}, ""),
        ("issuer", |c| c.iss.push('/'), "assertion.audience_mismatch"),
        (
            "purpose",
            |c| c.purpose = Purpose::Login,
            "assertion.malformed",
        ),
        ("endless", |c| c.exp = i64::MAX, "assertion.malformed"),
        (
            "guessable jti",
            |c| c.jti = "j".repeat(21),
            "assertion.malformed",
        ),
        (
            "long name",
            |c| c.client_name = "x".repeat(513),
            "assertion.malformed",
        ),
        (
            "many resources",
            |c| c.resource = vec!["https://api.example.fr".to_owned(); 9],
            "assertion.malformed",
        ),
        (
            "long resource",
            |c| c.resource = vec!["x".repeat(513)],
            "assertion.malformed",
        ),
    ];
    let issuer_key = key();
    for (name, change, code) in cases {
        let mut changed = challenge();
        change(&mut changed);
        let text = changed.sign(&issuer_key).unwrap();
        assert_eq!(code_of_challenge(&text, &issuer_key), code, "{name}");
        assert_ne!(
            code_of_challenge(&text, &key()),
            "",
            "{name} by another key"
        );
    }
}

/// Tested both ways: by the type, and by the purpose where the type lies.
#[test]
fn a_login_challenge_is_no_grant_challenge_and_the_other_way_round() {
    let issuer_key = key();
    let grant = challenge();
    let login = LoginChallenge {
        device: None,
        host_account: None,
        iss: grant.iss.clone(),
        purpose: Purpose::Login,
        nonce: grant.nonce.clone(),
        jti: grant.jti.clone(),
        iat: grant.iat,
        exp: grant.exp,
        client_id: grant.client_id.clone(),
        client_name: grant.client_name.clone(),
        scope: grant.scope.clone(),
        acr: None,
        uv: UserVerification::Now,
        browser: sha256_base64url(b"cookie"),
    };
    let as_login = |text: &str| {
        let key = VerifyingKey::from_jwk(issuer_key.public_jwk()).unwrap();
        let unverified = UnverifiedChallenge::parse(text).unwrap();
        unverified.verify(&key, ISSUER).unwrap_err().code()
    };
    let text = login.sign(&issuer_key).unwrap();
    assert_eq!(code_of_challenge(&text, &issuer_key), "jose.type_mismatch");
    assert_eq!(
        as_login(&grant.sign(&issuer_key).unwrap()),
        "jose.type_mismatch"
    );
    let text = issuer_key.sign_jwt(GRANT_CHALLENGE_TYP, &login).unwrap();
    assert_eq!(code_of_challenge(&text, &issuer_key), "assertion.malformed");
    let mut purpose = login.clone();
    purpose.purpose = Purpose::Grant;
    let text = issuer_key.sign_jwt(CHALLENGE_TYP, &purpose).unwrap();
    assert_eq!(as_login(&text), "assertion.malformed");
}
