//! The step-up and its challenge: accepted once as they should be, then refused with exactly one
//! thing changed; and taken for nothing else, nor anything else for them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cardea_assertion::{
    ASSERTION_TYP, ATTESTATION_TYP, AssertionClaims, AttestationClaims, CARD_ALGORITHMS,
    CHALLENGE_TYP, Confirmation, Error, GRANT_CHALLENGE_TYP, GRANT_TYP, GrantAttestationClaims,
    GrantChallenge, GrantClaims, LoginChallenge, Purpose, STEP_UP_ATTESTATION_TYP,
    STEP_UP_CHALLENGE_TYP, STEP_UP_TYP, StepUpAttestationClaims, StepUpChallenge, StepUpClaims,
    UnverifiedAssertion, UnverifiedChallenge, UnverifiedGrant, UnverifiedStepUp, UserVerification,
    VerifiedStepUp, certificate_name, verify_attestation,
};
use cardea_jose::{Algorithm, SigningKey, VerifyingKey, base64url, sha256_base64url};
use openssl::pkey::{PKey, Private, Public};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.fr";
const LEAF: &[u8] = b"leaf";

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

struct Card {
    key: PKey<Private>,
    instance: SigningKey,
}

impl Card {
    fn new() -> Self {
        let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1);
        let key_of_card = openssl::ec::EcKey::generate(&group.unwrap()).unwrap();
        Self {
            key: PKey::from_ec_key(key_of_card).unwrap(),
            instance: key(),
        }
    }

    fn claims(&self) -> Value {
        let claims = StepUpClaims {
            aud: ISSUER.to_owned(),
            client_id: "portal".to_owned(),
            service: "records".to_owned(),
            patients: 41,
            challenge: sha256_base64url(b"challenge"),
            nonce: "n".repeat(43),
            jti: "j".repeat(43),
            iat: 1_000_001,
            exp: 1_000_120,
            card_serial: "0042".to_owned(),
            uv: UserVerification::Now,
            presence: sha256_base64url(b"presence"),
            instance_jkt: self.instance.kid().to_owned(),
        };
        serde_json::to_value(claims).unwrap()
    }

    fn sign(&self, typ: &str, claims: &str) -> String {
        use base64::Engine as _;
        let leaf = base64::engine::general_purpose::STANDARD.encode(LEAF);
        let header = json!({"alg": "ES256", "typ": typ, "x5c": [leaf]});
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

    fn public(&self) -> PKey<Public> {
        PKey::public_key_from_der(&self.key.public_key_to_der().unwrap()).unwrap()
    }

    fn verify(&self, text: &str) -> Result<VerifiedStepUp, Error> {
        UnverifiedStepUp::parse(text)?.verify(self.public(), &CARD_ALGORITHMS)
    }

    fn code_of(&self, text: &str) -> &'static str {
        self.verify(text).map_or_else(|error| error.code(), |_| "")
    }

    fn code_as_login(&self, text: &str) -> &'static str {
        let verified = UnverifiedAssertion::parse(text)
            .and_then(|it| it.verify(self.public(), &CARD_ALGORITHMS));
        verified.map_or_else(|error| error.code(), |_| "")
    }

    fn code_as_grant(&self, text: &str) -> &'static str {
        let verified =
            UnverifiedGrant::parse(text).and_then(|it| it.verify(self.public(), &CARD_ALGORITHMS));
        verified.map_or_else(|error| error.code(), |_| "")
    }

    fn login(&self) -> Value {
        let claims = AssertionClaims {
            aud: ISSUER.to_owned(),
            origin: ISSUER.to_owned(),
            client_id: "portal".to_owned(),
            challenge: sha256_base64url(b"challenge"),
            nonce: "n".repeat(43),
            jti: "j".repeat(43),
            iat: 1_000_001,
            card_serial: "0042".to_owned(),
            uv: UserVerification::Now,
            cnf: Confirmation {
                jkt: sha256_base64url(b"presence"),
            },
            instance_jkt: self.instance.kid().to_owned(),
        };
        serde_json::to_value(claims).unwrap()
    }

    fn grant(&self) -> Value {
        let claims = GrantClaims {
            iss: certificate_name(LEAF),
            sub: certificate_name(LEAF),
            aud: ISSUER.to_owned(),
            client_id: "portal".to_owned(),
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
}

#[test]
fn a_step_up_is_accepted_with_all_of_its_members_and_no_others() {
    let card = Card::new();
    let claims = card.claims();
    let verified = card.verify(&card.sign(STEP_UP_TYP, &claims.to_string()));
    assert_eq!(
        serde_json::to_value(verified.unwrap().claims()).unwrap(),
        claims
    );
    for member in claims.as_object().unwrap().keys() {
        let mut fewer = claims.clone();
        fewer.as_object_mut().unwrap().remove(member);
        let text = card.sign(STEP_UP_TYP, &fewer.to_string());
        assert_eq!(card.code_of(&text), "jose.claims_malformed", "{member}");
    }
    for member in ["origin", "cnf", "iss", "sub", "purpose"] {
        let mut more = claims.clone();
        more[member] = ISSUER.into();
        let text = card.sign(STEP_UP_TYP, &more.to_string());
        assert_eq!(card.code_of(&text), "jose.claims_malformed", "{member}");
    }
}

#[test]
fn values_of_another_kind_or_size_are_refused() {
    let card = Card::new();
    let long = "x".repeat(513);
    for (member, value, code) in [
        ("patients", json!(-1), "jose.claims_malformed"),
        ("patients", json!("41"), "jose.claims_malformed"),
        ("uv", json!("typed"), "jose.claims_malformed"),
        ("exp", json!(1_000_000), "assertion.malformed"),
        ("exp", json!(1_000_602), "assertion.malformed"),
        ("iat", json!(i64::MIN), "assertion.malformed"),
        ("service", json!(long), "assertion.malformed"),
        ("presence", json!(long), "assertion.malformed"),
        ("card_serial", json!(long), "assertion.malformed"),
    ] {
        let mut changed = card.claims();
        changed[member] = value.clone();
        let text = card.sign(STEP_UP_TYP, &changed.to_string());
        assert_eq!(card.code_of(&text), code, "{member}: {value}");
    }
    let other = Card::new();
    let text = other.sign(STEP_UP_TYP, &card.claims().to_string());
    assert_eq!(card.code_of(&text), "assertion.signature_invalid");
}

/// Attacks C9 and C10: a signature for one thing is never one for another, by its type and by its
/// members, each tested alone and both ways.
#[test]
fn no_statement_passes_for_another() {
    let card = Card::new();
    let (own, login, grant) = (card.claims(), card.login(), card.grant());
    let sign = |typ, claims: &Value| card.sign(typ, &claims.to_string());
    // Each is good for what it is.
    assert_eq!(card.code_as_login(&sign(ASSERTION_TYP, &login)), "");
    assert_eq!(card.code_as_grant(&sign(GRANT_TYP, &grant)), "");
    assert_eq!(card.code_of(&sign(STEP_UP_TYP, &own)), "");
    // The type lies.
    for claims in [&login, &grant] {
        assert_eq!(
            card.code_of(&sign(STEP_UP_TYP, claims)),
            "jose.claims_malformed"
        );
    }
    assert_eq!(
        card.code_as_login(&sign(ASSERTION_TYP, &own)),
        "jose.claims_malformed"
    );
    assert_eq!(
        card.code_as_grant(&sign(GRANT_TYP, &own)),
        "jose.claims_malformed"
    );
    // The members lie.
    for typ in [ASSERTION_TYP, GRANT_TYP, "JWT", "card-presence+jwt"] {
        assert_eq!(card.code_of(&sign(typ, &own)), "jose.type_mismatch");
    }
    assert_eq!(
        card.code_as_login(&sign(STEP_UP_TYP, &login)),
        "jose.type_mismatch"
    );
    assert_eq!(
        card.code_as_grant(&sign(STEP_UP_TYP, &grant)),
        "jose.type_mismatch"
    );
}

#[test]
fn the_countersignature_is_over_this_statement_and_of_its_own_kind() {
    let card = Card::new();
    let text = card.sign(STEP_UP_TYP, &card.claims().to_string());
    let verified = card.verify(&text).unwrap();
    let code = |compact: &str| {
        verify_attestation(compact, &verified).map_or_else(|error| error.code(), |_| "")
    };
    let honest = StepUpAttestationClaims::new(&text, UserVerification::Now);
    assert_eq!(code(&honest.sign(&card.instance).unwrap()), "");
    let mismatch = "assertion.attestation_mismatch";
    let of_another = StepUpAttestationClaims::new("another", UserVerification::Now);
    let weaker = StepUpAttestationClaims::new(&text, UserVerification::Cached);
    let of_grant = GrantAttestationClaims::new(&text, UserVerification::Now);
    let of_login = AttestationClaims::new(&text, ISSUER, UserVerification::Now);
    let as_own = |typ: &str| card.instance.sign_jwt_with_jwk(typ, &honest).unwrap();
    for (forged, expected) in [
        (of_another.sign(&card.instance).unwrap(), mismatch),
        (weaker.sign(&card.instance).unwrap(), mismatch),
        (honest.sign(&key()).unwrap(), mismatch),
        (of_grant.sign(&card.instance).unwrap(), "jose.type_mismatch"),
        (of_login.sign(&card.instance).unwrap(), "jose.type_mismatch"),
        (as_own(ATTESTATION_TYP), "jose.type_mismatch"),
        (
            card.instance
                .sign_jwt_with_jwk(STEP_UP_ATTESTATION_TYP, &of_grant)
                .unwrap(),
            "jose.claims_malformed",
        ),
    ] {
        assert_eq!(code(&forged), expected);
    }
}

fn challenge() -> StepUpChallenge {
    StepUpChallenge {
        iss: ISSUER.to_owned(),
        purpose: Purpose::StepUp,
        nonce: "n".repeat(43),
        jti: "j".repeat(43),
        iat: 1_000_000,
        exp: 1_000_120,
        client_id: "portal".to_owned(),
        client_name: "Portail".to_owned(),
        service: "records".to_owned(),
        patients: 41,
        presence: sha256_base64url(b"presence"),
    }
}

#[derive(Clone, Copy, Debug)]
enum As {
    Login,
    Grant,
    StepUp,
}

fn code_of_challenge(text: &str, key: &SigningKey, read: As) -> &'static str {
    let key = VerifyingKey::from_jwk(key.public_jwk()).unwrap();
    let unverified = UnverifiedChallenge::parse(text).unwrap();
    let verified = match read {
        As::Login => unverified.verify(&key, ISSUER).map(|_| ()),
        As::Grant => unverified.verify_grant(&key, ISSUER).map(|_| ()),
        As::StepUp => unverified.verify_step_up(&key, ISSUER).map(|_| ()),
    };
    verified.map_or_else(|error| error.code(), |()| "")
}

#[test]
fn a_challenge_with_one_thing_changed_is_refused() {
    type Change = fn(&mut StepUpChallenge);
    let cases: [(&str, Change, &str); 8] = [
        ("nothing", |_| {}, ""),
        ("issuer", |c| c.iss.push('/'), "assertion.audience_mismatch"),
        (
            "login",
            |c| c.purpose = Purpose::Login,
            "assertion.malformed",
        ),
        (
            "grant",
            |c| c.purpose = Purpose::Grant,
            "assertion.malformed",
        ),
        ("endless", |c| c.exp = i64::MAX, "assertion.malformed"),
        ("guessable", |c| c.nonce.truncate(21), "assertion.malformed"),
        (
            "long service",
            |c| c.service = "x".repeat(513),
            "assertion.malformed",
        ),
        (
            "long key",
            |c| c.presence = "x".repeat(513),
            "assertion.malformed",
        ),
    ];
    let issuer_key = key();
    for (name, change, code) in cases {
        let mut changed = challenge();
        change(&mut changed);
        let text = changed.sign(&issuer_key).unwrap();
        assert_eq!(
            code_of_challenge(&text, &issuer_key, As::StepUp),
            code,
            "{name}"
        );
        assert_ne!(code_of_challenge(&text, &key(), As::StepUp), "", "{name}");
    }
}

#[test]
fn no_challenge_passes_for_another() {
    let issuer_key = key();
    let own = challenge();
    let login = LoginChallenge {
        device: None,
        host_account: None,
        iss: own.iss.clone(),
        purpose: Purpose::Login,
        nonce: own.nonce.clone(),
        jti: own.jti.clone(),
        iat: own.iat,
        exp: own.exp,
        client_id: own.client_id.clone(),
        client_name: own.client_name.clone(),
        scope: "openid".to_owned(),
        acr: None,
        uv: UserVerification::Now,
        browser: sha256_base64url(b"cookie"),
    };
    let grant = GrantChallenge {
        iss: own.iss.clone(),
        purpose: Purpose::Grant,
        nonce: own.nonce.clone(),
        jti: own.jti.clone(),
        iat: own.iat,
        exp: own.exp,
        client_id: own.client_id.clone(),
        client_name: own.client_name.clone(),
        scope: "openid".to_owned(),
        resource: Vec::new(),
    };
    let by_type = "jose.type_mismatch";
    for (text, read) in [
        (own.sign(&issuer_key).unwrap(), As::Login),
        (own.sign(&issuer_key).unwrap(), As::Grant),
        (login.sign(&issuer_key).unwrap(), As::StepUp),
        (grant.sign(&issuer_key).unwrap(), As::StepUp),
    ] {
        assert_eq!(code_of_challenge(&text, &issuer_key, read), by_type);
    }
    // Where the type lies, the members do not fit.
    let members = |typ: &str, claims: &Value| issuer_key.sign_jwt(typ, claims).unwrap();
    let own = serde_json::to_value(&own).unwrap();
    for (text, read) in [
        (members(CHALLENGE_TYP, &own), As::Login),
        (members(GRANT_CHALLENGE_TYP, &own), As::Grant),
        (
            members(
                STEP_UP_CHALLENGE_TYP,
                &serde_json::to_value(&login).unwrap(),
            ),
            As::StepUp,
        ),
        (
            members(
                STEP_UP_CHALLENGE_TYP,
                &serde_json::to_value(&grant).unwrap(),
            ),
            As::StepUp,
        ),
    ] {
        let code = code_of_challenge(&text, &issuer_key, read);
        assert_eq!(code, "jose.claims_malformed", "{read:?}");
    }
}
