//! Each statement accepted once as it should be, then refused with exactly one thing changed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cardea_assertion::{
    AssertionClaims, AttestationClaims, CARD_ALGORITHMS, CHALLENGE_TYP, ChallengeKeyList,
    Confirmation, DepartureReason, Error, HostAccount, LoginChallenge, PresenceState, Purpose,
    SigningInput, UnverifiedAssertion, UnverifiedChallenge, UserVerification, VerifiedAssertion,
    sign_departed, sign_present, verify_attestation, verify_challenge_keys, verify_presence,
};
use cardea_jose::{Algorithm, JwkSet, SigningKey, VerifyingKey, sha256_base64url};

const ISSUER: &str = "https://id.example.fr";

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

fn challenge() -> LoginChallenge {
    LoginChallenge {
        device: None,
        host_account: None,
        iss: ISSUER.to_owned(),
        purpose: Purpose::Login,
        nonce: "n".repeat(43),
        jti: "j".repeat(22),
        iat: 1_000_000,
        exp: 1_000_120,
        client_id: "portal".to_owned(),
        client_name: "Portail de démonstration".to_owned(),
        scope: "openid".to_owned(),
        acr: None,
        uv: UserVerification::Now,
        browser: sha256_base64url(b"cookie"),
    }
}

fn verify_challenge(text: &str, key: &SigningKey) -> Result<LoginChallenge, Error> {
    let key = VerifyingKey::from_jwk(key.public_jwk())?;
    Ok(UnverifiedChallenge::parse(text)?
        .verify(&key, ISSUER)?
        .claims()
        .clone())
}

#[test]
fn a_challenge_is_accepted_from_its_issuer_only() {
    let issuer_key = key();
    let text = challenge().sign(&issuer_key).unwrap();
    assert_eq!(verify_challenge(&text, &issuer_key).unwrap(), challenge());
    let code = verify_challenge(&text, &key()).unwrap_err().code();
    assert_eq!(code, "assertion.signature_invalid");
}

#[test]
fn a_challenge_with_one_thing_changed_is_refused() {
    type Change = fn(&mut LoginChallenge);
    let cases: [(&str, Change, &str); 6] = [
        (
            "issuer",
            |c| c.iss = "https://id.example.fr/".to_owned(),
            "assertion.audience_mismatch",
        ),
        (
            "expiry before issue",
            |c| c.exp = c.iat - 1,
            "assertion.malformed",
        ),
        ("endless", |c| c.exp = i64::MAX, "assertion.malformed"),
        (
            "overflowing",
            |c| (c.iat, c.exp) = (i64::MIN, i64::MAX),
            "assertion.malformed",
        ),
        (
            "guessable nonce",
            |c| c.nonce = "n".repeat(21),
            "assertion.malformed",
        ),
        (
            "long name",
            |c| c.client_name = "x".repeat(513),
            "assertion.malformed",
        ),
    ];
    let issuer_key = key();
    for (name, change, code) in cases {
        let mut changed = challenge();
        change(&mut changed);
        let text = changed.sign(&issuer_key).unwrap();
        assert_eq!(
            verify_challenge(&text, &issuer_key).unwrap_err().code(),
            code,
            "{name}"
        );
    }
}

#[test]
fn a_statement_of_another_type_is_no_challenge() {
    let issuer_key = key();
    let text = issuer_key
        .sign_jwt("card-assertion+jwt", &challenge())
        .unwrap();
    let code = verify_challenge(&text, &issuer_key).unwrap_err().code();
    assert_eq!(code, "jose.type_mismatch");
    let mut purpose = serde_json::to_value(challenge()).unwrap();
    purpose["purpose"] = "grant".into();
    let text = issuer_key.sign_jwt("card-challenge+jwt", &purpose).unwrap();
    let code = verify_challenge(&text, &issuer_key).unwrap_err().code();
    assert_eq!(code, "assertion.malformed");
}

struct Login {
    card: openssl::pkey::PKey<openssl::pkey::Private>,
    instance: SigningKey,
    claims: AssertionClaims,
}

impl Login {
    fn new() -> Self {
        let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1);
        let card = openssl::ec::EcKey::generate(&group.unwrap()).unwrap();
        let instance = key();
        let claims = AssertionClaims {
            aud: ISSUER.to_owned(),
            origin: ISSUER.to_owned(),
            client_id: "portal".to_owned(),
            challenge: sha256_base64url(b"challenge"),
            nonce: "n".repeat(43),
            jti: "j".repeat(22),
            iat: 1_000_001,
            card_serial: "0042".to_owned(),
            uv: UserVerification::Now,
            cnf: Confirmation {
                jkt: sha256_base64url(b"presence"),
            },
            instance_jkt: instance.kid().to_owned(),
        };
        Self {
            card: openssl::pkey::PKey::from_ec_key(card).unwrap(),
            instance,
            claims,
        }
    }

    fn assertion(&self) -> String {
        let input =
            SigningInput::new(Algorithm::Es256, &[b"leaf", b"issuing"], &self.claims).unwrap();
        let mut signer =
            openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &self.card).unwrap();
        let der = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        let signature = openssl::ecdsa::EcdsaSig::from_der(&der).unwrap();
        let mut joined = signature.r().to_vec_padded(32).unwrap();
        joined.extend(signature.s().to_vec_padded(32).unwrap());
        input.into_assertion(&joined)
    }

    fn verify(&self, text: &str) -> Result<VerifiedAssertion, Error> {
        let der = self.card.public_key_to_der().unwrap();
        let public = openssl::pkey::PKey::public_key_from_der(&der).unwrap();
        UnverifiedAssertion::parse(text)?.verify(public, &CARD_ALGORITHMS)
    }
}

#[test]
fn an_assertion_carries_its_certificates_and_claims() {
    let login = Login::new();
    let text = login.assertion();
    let parsed = UnverifiedAssertion::parse(&text).unwrap();
    assert_eq!(parsed.leaf_certificate_der(), b"leaf");
    assert_eq!(parsed.chain_der(), [b"issuing".to_vec()]);
    assert_eq!(login.verify(&text).unwrap().claims(), &login.claims);
}

#[test]
fn an_assertion_by_another_card_or_changed_on_its_way_is_refused() {
    let (login, other) = (Login::new(), Login::new());
    let text = login.assertion();
    assert_eq!(
        other.verify(&text).unwrap_err().code(),
        "assertion.signature_invalid"
    );
    let (input, signature) = text.rsplit_once('.').unwrap();
    let mut changed = login.claims.clone();
    changed.origin = "https://evil.test".to_owned();
    let forged = SigningInput::new(Algorithm::Es256, &[b"leaf", b"issuing"], &changed).unwrap();
    let forged = format!("{}.{signature}", String::from_utf8_lossy(forged.as_bytes()));
    assert_eq!(
        login.verify(&forged).unwrap_err().code(),
        "assertion.signature_invalid"
    );
    assert_eq!(login.verify(input).unwrap_err().code(), "jose.malformed");
    let huge = "x".repeat(cardea_assertion::ASSERTION_BYTES_MAX + 1);
    assert_eq!(login.verify(&huge).unwrap_err().code(), "jose.too_large");
}

#[test]
fn an_attestation_fits_one_assertion_and_one_instance() {
    let login = Login::new();
    let text = login.assertion();
    let verified = login.verify(&text).unwrap();
    let honest = AttestationClaims::new(&text, ISSUER, UserVerification::Now);
    let signed = honest.sign(&login.instance).unwrap();
    let instance = verify_attestation(&signed, &verified).unwrap();
    assert_eq!(instance.as_str(), login.instance.kid());

    let stranger = honest.sign(&key()).unwrap();
    let other = AttestationClaims::new("another", ISSUER, UserVerification::Now);
    let origin = AttestationClaims::new(&text, "https://evil.test", UserVerification::Now);
    let uv = AttestationClaims::new(&text, ISSUER, UserVerification::Cached);
    let by_instance = |claims: AttestationClaims| claims.sign(&login.instance).unwrap();
    for forged in [
        stranger,
        by_instance(other),
        by_instance(origin),
        by_instance(uv),
    ] {
        let code = verify_attestation(&forged, &verified).unwrap_err().code();
        assert_eq!(code, "assertion.attestation_mismatch");
    }
}

/// What a workstation calls itself is shown to a person: one short line that runs one way.
#[test]
fn the_name_of_a_workstation_is_told_only_where_it_can_be_shown() {
    let login = Login::new();
    let text = login.assertion();
    let verified = login.verify(&text).unwrap();
    for (name, told) in [
        ("Comptoir 2", true),
        ("", false),
        ("  ", false),
        ("a\nb", false),
        ("\u{202e}riotpmoC", false),
        (&"x".repeat(64), true),
        (&"x".repeat(65), false),
    ] {
        let claims = AttestationClaims::new(&text, ISSUER, UserVerification::Now);
        let signed = claims.named(Some(name.to_owned())).sign(&login.instance);
        let instance = verify_attestation(&signed.unwrap(), &verified).unwrap();
        assert_eq!(instance.name(), told.then_some(name));
    }
}

#[test]
fn presence_is_proven_by_its_own_key_for_its_own_issuer() {
    let presence_key = key();
    let present = sign_present(&presence_key, ISSUER, "nonce").unwrap();
    let verified = verify_presence(&present, ISSUER).unwrap();
    assert_eq!(
        (verified.jkt(), verified.nonce()),
        (presence_key.kid(), Some("nonce"))
    );
    let departed = sign_departed(&presence_key, ISSUER, DepartureReason::ScreenLocked).unwrap();
    let departed = verify_presence(&departed, ISSUER).unwrap();
    assert_eq!(
        (departed.state(), departed.reason()),
        (PresenceState::Departed, Some(DepartureReason::ScreenLocked))
    );

    let elsewhere = verify_presence(&present, "https://other.example.fr").unwrap_err();
    assert_eq!(elsewhere.code(), "assertion.audience_mismatch");
    let claims = serde_json::json!({"aud": ISSUER, "state": "present", "jti": "j"});
    let bare = presence_key
        .sign_jwt_with_jwk("card-presence+jwt", &claims)
        .unwrap();
    assert_eq!(
        verify_presence(&bare, ISSUER).unwrap_err().code(),
        "assertion.malformed"
    );
    let keyless = presence_key.sign_jwt("card-presence+jwt", &claims).unwrap();
    assert_eq!(
        verify_presence(&keyless, ISSUER).unwrap_err().code(),
        "assertion.malformed"
    );
    let typ = presence_key.sign_jwt_with_jwk("dpop+jwt", &claims).unwrap();
    assert_eq!(
        verify_presence(&typ, ISSUER).unwrap_err().code(),
        "jose.type_mismatch"
    );
}

#[test]
fn a_departure_may_give_a_reason_and_a_presence_none() {
    let presence_key = key();
    let stated = |state: &str, reason: &str| {
        let claims = serde_json::json!({
            "aud": ISSUER, "state": state, "nonce": "nonce", "reason": reason, "jti": "j",
        });
        presence_key
            .sign_jwt_with_jwk("card-presence+jwt", &claims)
            .unwrap()
    };
    // A later agent knows more reasons, and its departure must not be lost for them.
    let later = verify_presence(&stated("departed", "of a later version"), ISSUER).unwrap();
    assert_eq!(later.reason(), Some(DepartureReason::Other));
    let present = verify_presence(&stated("present", "sleep"), ISSUER).unwrap_err();
    assert_eq!(present.code(), "assertion.malformed");
    let claims = serde_json::json!({"aud": ISSUER, "state": "departed", "jti": "j"});
    let earlier = presence_key
        .sign_jwt_with_jwk("card-presence+jwt", &claims)
        .unwrap();
    let earlier = verify_presence(&earlier, ISSUER).unwrap();
    assert_eq!(
        (earlier.state(), earlier.reason()),
        (PresenceState::Departed, None)
    );
}

#[test]
fn a_challenge_key_list_needs_a_pinned_root_and_never_rolls_back() {
    let (first, second, stranger) = (key(), key(), key());
    let roots = [first.public_jwk().clone(), second.public_jwk().clone()];
    let keys = JwkSet {
        keys: vec![key().public_jwk().clone()],
    };
    let list = ChallengeKeyList {
        iss: ISSUER.to_owned(),
        version: 3,
        iat: 1_000_000,
        keys,
    };
    for root in [&first, &second] {
        let text = list.sign(root).unwrap();
        assert_eq!(
            verify_challenge_keys(&text, &roots, ISSUER, 3).unwrap(),
            list
        );
    }
    let text = list.sign(&stranger).unwrap();
    let untrusted = verify_challenge_keys(&text, &roots, ISSUER, 0).unwrap_err();
    assert_eq!(untrusted.code(), "assertion.challenge_key_list_untrusted");
    let text = list.sign(&first).unwrap();
    let old = verify_challenge_keys(&text, &roots, ISSUER, 4).unwrap_err();
    assert_eq!(old.code(), "assertion.challenge_key_list_rolled_back");
    let foreign = verify_challenge_keys(&text, &roots, "https://other.example.fr", 0).unwrap_err();
    assert_eq!(foreign.code(), "assertion.audience_mismatch");
}

/// RFC 8628 section 5.4: what a host says reaches the prompt as it was signed, and within bounds.
#[test]
fn what_a_host_says_is_short_and_plain() {
    let say = |account: &str, service: &str, remote: &str| {
        let remote = (!remote.is_empty()).then(|| remote.to_owned());
        HostAccount::new(account.to_owned(), Some(service.to_owned()), remote)
    };
    let key = key();
    for (remote, account) in [
        ("203.0.113.9", "alice"),
        ("2001:db8::9", "HOSPITAL\\a.b"),
        ("", "root"),
    ] {
        let said = LoginChallenge {
            device: Some("192.0.2.7".to_owned()),
            host_account: Some(say(account, "sshd", remote).unwrap()),
            ..challenge()
        };
        let signed = said.sign(&key).unwrap();
        assert_eq!(verify_challenge(&signed, &key).unwrap(), said);
    }
    let (long, longer) = ("a".repeat(33), "a".repeat(65));
    for (name, account, service, remote) in [
        ("no account", "", "sshd", "203.0.113.9"),
        ("a long account", &long, "sshd", "203.0.113.9"),
        ("a long service", "alice", &long, "203.0.113.9"),
        ("a long place", "alice", "sshd", &longer),
        ("a sentence", "alice", "sshd", "your own workstation"),
        ("a line break", "alice\n", "sshd", "203.0.113.9"),
        ("a turned text", "alice", "sshd", "\u{202e}9.311.0.302"),
        ("markup", "<b>", "sshd", "203.0.113.9"),
    ] {
        let refused = say(account, service, remote).unwrap_err();
        assert_eq!(refused.code(), "assertion.malformed", "{name}");
    }
    // Signed all the same, by an issuer that does not check: no agent shows it.
    let mut claims = serde_json::to_value(challenge()).unwrap();
    claims["host_account"] = serde_json::json!({ "account": "a b" });
    let signed = key.sign_jwt(CHALLENGE_TYP, &claims).unwrap();
    let refused = verify_challenge(&signed, &key).unwrap_err();
    assert_eq!(refused.code(), "assertion.malformed");
}
