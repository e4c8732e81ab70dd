//! Forgeries of genuine tokens, at every place that reads one of ours (attacks G1, G2, G4 and G5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_jose::{Algorithm, SigningKey};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Value, json};

use crate::card::Card;
use crate::relying_party::{Request, SignedIn, parameter, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header};

/// A login and its tokens.
struct Victim {
    signed_in: SignedIn,
    access_token: String,
    id_token: String,
}

async fn start() -> (TestApp, Victim) {
    // Both tokens by RS256, whose public key an attacker might use as a secret.
    let mut changes = Changes::limiting("refusals_per_address_and_minute = 10000");
    let algorithm = "id_token_signed_response_alg = \"ES256\"";
    let other = "id_token_signed_response_alg = \"RS256\"".to_owned();
    changes.replace.push((algorithm, other));
    let app = TestApp::start_with(changes).await;
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;
    let tokens = request.redeem(&app, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let victim = Victim {
        signed_in,
        access_token: text("access_token"),
        id_token: text("id_token"),
    };
    (app, victim)
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The token's own header, and the rest of its signed text.
fn taken_apart(token: &str) -> (Value, String) {
    let (head, rest) = token.split_once('.').unwrap();
    let (payload, _) = rest.split_once('.').unwrap();
    let head = URL_SAFE_NO_PAD.decode(head).unwrap();
    (serde_json::from_slice(&head).unwrap(), payload.to_owned())
}

fn with(header: &Value, members: &Value) -> Value {
    let mut header = header.clone();
    for (name, value) in members.as_object().unwrap() {
        header[name] = value.clone();
    }
    header
}

/// G1: every spelling of no algorithm, and a signature that is left out.
fn unsigned(token: &str) -> Vec<(String, String)> {
    let (header, payload) = taken_apart(token);
    let mut forged = vec![
        (
            "no signature".to_owned(),
            format!("{}.{payload}.", part(&header)),
        ),
        (
            "two parts".to_owned(),
            format!("{}.{payload}", part(&header)),
        ),
    ];
    for name in ["none", "None", "NONE", "nOnE", "none ", ""] {
        let header = part(&with(&header, &json!({ "alg": name })));
        forged.push((format!("alg {name:?}"), format!("{header}.{payload}.")));
        let (_, signature) = token.rsplit_once('.').unwrap();
        forged.push((
            format!("alg {name:?}, signed"),
            format!("{header}.{payload}.{signature}"),
        ));
    }
    forged
}

/// G2: the published key as the secret of an HMAC, in each of its forms.
fn with_public_key_as_secret(token: &str, jwks: &Value) -> Vec<(String, String)> {
    let (header, payload) = taken_apart(token);
    let keys = jwks["keys"].as_array().unwrap();
    let jwk = keys.iter().find(|jwk| jwk["kid"] == header["kid"]);
    let jwk = jwk.unwrap();
    let number = |name: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap());
        BigNum::from_slice(&bytes.unwrap()).unwrap()
    };
    let rsa = Rsa::from_public_components(number("n"), number("e")).unwrap();
    let public = PKey::from_rsa(rsa).unwrap();
    let forms = [
        ("PEM", public.public_key_to_pem().unwrap()),
        ("PEM cut", {
            let pem = public.public_key_to_pem().unwrap();
            pem.trim_ascii().to_vec()
        }),
        ("DER", public.public_key_to_der().unwrap()),
        ("JWK", jwk.to_string().into_bytes()),
        ("modulus", jwk["n"].as_str().unwrap().as_bytes().to_vec()),
    ];
    let sign = |(name, secret): &(&str, Vec<u8>)| {
        let header = part(&with(&header, &json!({ "alg": "HS256" })));
        let input = format!("{header}.{payload}");
        let secret = PKey::hmac(secret).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &secret).unwrap();
        let tag = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        let tag = URL_SAFE_NO_PAD.encode(tag);
        ((*name).to_owned(), format!("{input}.{tag}"))
    };
    forms.iter().map(sign).collect()
}

/// G4: a key of the attacker's, named in the header in every way that there is.
fn with_key_brought_along(token: &str, attacker: &SigningKey) -> Vec<(String, String)> {
    let (header, payload) = taken_apart(token);
    let private = PKey::private_key_from_pem(&attacker.to_pem().unwrap()).unwrap();
    let sign = |(name, members): (&str, Value)| {
        let input = format!("{}.{payload}", part(&with(&header, &members)));
        let mut signer = Signer::new(MessageDigest::sha256(), &private).unwrap();
        let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        let signature = URL_SAFE_NO_PAD.encode(signature);
        (name.to_owned(), format!("{input}.{signature}"))
    };
    let kid = attacker.kid();
    let jwk = attacker.public_jwk();
    [
        ("the genuine kid", json!({})),
        ("own kid", json!({ "kid": kid })),
        ("jwk", json!({ "jwk": jwk })),
        ("jwk and kid", json!({ "jwk": jwk, "kid": kid })),
        (
            "jku",
            json!({ "jku": "https://evil.test/jwks", "kid": kid }),
        ),
        ("x5u", json!({ "x5u": "https://evil.test/certificate" })),
        ("x5c", json!({ "x5c": ["MAA="] })),
        ("crit", json!({ "crit": ["unheard-of"], "unheard-of": 1 })),
        ("b64", json!({ "b64": false, "crit": ["b64"] })),
    ]
    .map(sign)
    .into()
}

async fn every_forgery(app: &TestApp, token: &str) -> Vec<(String, String)> {
    let jwks: Value = app.get("/jwks").send().await.unwrap().json().await.unwrap();
    let attacker = SigningKey::generate(Algorithm::Rs256).unwrap();
    [
        unsigned(token),
        with_public_key_as_secret(token, &jwks),
        with_key_brought_along(token, &attacker),
    ]
    .concat()
}

async fn userinfo(app: &TestApp, token: &str) -> u16 {
    let get = app.get("/userinfo").bearer_auth(token);
    let response = get.send().await.unwrap();
    if response.status() == 401 {
        let challenge = header(&response, "www-authenticate");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
    response.status().as_u16()
}

async fn lookup(app: &TestApp, path: &str, token: &str) -> (u16, String) {
    let post = app.post(path).basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    let response = post.form(&[("token", token)]).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn g1_g2_g4_a_forged_access_token_opens_nothing() {
    let (app, victim) = start().await;
    let token = victim.access_token.as_str();
    let inactive = (200, r#"{"active":false}"#.to_owned());
    for (name, forged) in every_forgery(&app, token).await {
        assert_eq!(userinfo(&app, &forged).await, 401, "{name}");
        assert_eq!(
            lookup(&app, "/introspect", &forged).await,
            inactive,
            "{name}"
        );
        let revoked = lookup(&app, "/revoke", &forged).await;
        assert_eq!(revoked, (200, String::new()), "{name}");
    }
    // None of them has taken the genuine one back either.
    let (status, answer) = lookup(&app, "/introspect", token).await;
    assert!(
        status == 200 && answer.contains(r#""active":true"#),
        "{answer}"
    );
    assert_eq!(userinfo(&app, token).await, 200);
}

#[tokio::test]
async fn g1_g2_g4_a_forged_hint_speaks_for_nobody() {
    let (app, victim) = start().await;
    let cookie = victim.signed_in.session_cookie.as_str();
    let authorize = async |hint: &str| {
        let request = Request::new().with("prompt", "none");
        let request = request.with("id_token_hint", hint);
        let get = app.get("/authorize").header("Cookie", cookie);
        let response = get.query(&request.parameters).send().await.unwrap();
        header(&response, "location")
    };
    let logout = async |hint: &str| {
        let query = [
            ("id_token_hint", hint),
            (
                "post_logout_redirect_uri",
                "https://portal.example.test/bye",
            ),
        ];
        let get = app.get("/logout").header("Cookie", cookie);
        let response = get.query(&query).send().await.unwrap();
        (response.status().as_u16(), header(&response, "location"))
    };
    for (name, forged) in every_forgery(&app, &victim.id_token).await {
        let location = authorize(&forged).await;
        let error = parameter(&location, "error");
        assert_eq!(error.as_deref(), Some("invalid_request"), "{name}");
        let about = parameter(&location, "error_uri").unwrap();
        assert!(
            about.ends_with("/provider.id_token_hint_invalid"),
            "{about}"
        );
        // The person is asked; nobody is sent anywhere, and the session lives on.
        assert_eq!(logout(&forged).await, (200, String::new()), "{name}");
    }
    let location = authorize(&victim.id_token).await;
    assert!(parameter(&location, "code").is_some(), "{location}");
    assert_eq!(logout(&victim.id_token).await.0, 303);
}

/// Attack G5: each kind of token at each place for another kind.
#[tokio::test]
async fn g5_no_token_passes_for_one_of_another_kind() {
    let (app, victim) = start().await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let now = crate::key_client::now();
    let claims = json!({
        "iss": CLIENT_ID, "sub": CLIENT_ID, "aud": app.issuer, "jti": "0123456789",
        "iat": now, "exp": now + 60,
    });
    let assertion = key.sign_jwt("JWT", &claims).unwrap();
    let inactive = (200, r#"{"active":false}"#.to_owned());
    for (name, other) in [
        ("an ID token", &victim.id_token),
        ("an assertion", &assertion),
    ] {
        assert_eq!(userinfo(&app, other).await, 401, "{name}");
        assert_eq!(lookup(&app, "/introspect", other).await, inactive, "{name}");
    }
    for (name, other) in [
        ("an access token", &victim.access_token),
        ("an assertion", &assertion),
        ("a code", &victim.signed_in.code),
    ] {
        let request = Request::new().with("id_token_hint", other);
        let location = header(&request.send(&app).await, "location");
        let error = parameter(&location, "error");
        assert_eq!(error.as_deref(), Some("invalid_request"), "{name}");
    }
    // Nor is any of them a client's proof, a code or a refresh token.
    let proof = [
        ("grant_type", "authorization_code"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", victim.id_token.as_str()),
    ];
    let response = app.post("/token").form(&proof).send().await.unwrap();
    assert_eq!(response.status(), 401);
    for token in [&victim.id_token, &victim.access_token] {
        let response = Request::new().redeem(&app, token).await;
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], "invalid_grant");
    }
}
