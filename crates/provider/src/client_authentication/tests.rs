use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn basic(text: &str) -> String {
    format!("Basic {}", STANDARD.encode(text))
}

#[test]
fn basic_credentials_are_form_decoded() {
    let none = TokenParameters::default();
    for (text, id, secret) in [
        ("portal:secret", "portal", "secret"),
        ("por%3Atal:s%2Be+c%25", "por:tal", "s+e c%"),
        ("portal:abc==", "portal", "abc=="),
        ("portal:a:b", "portal", "a:b"),
    ] {
        let credentials = ClientCredentials::read(Some(&basic(text)), &none).unwrap();
        assert_eq!(credentials.client_id, id);
        assert!(
            matches!(&credentials.proof, Proof::Basic(s) if s.as_str() == secret),
            "{text}"
        );
    }
}

#[test]
fn each_wrong_form_has_its_code() {
    let body = |client_id: Option<&str>, secret: Option<&str>| TokenParameters {
        client_id: client_id.map(str::to_owned),
        client_secret: secret.map(str::to_owned),
        ..TokenParameters::default()
    };
    let good = basic("portal:secret");
    let cases = [
        (
            Some(good.as_str()),
            body(None, Some("s")),
            "provider.client_authentication_repeated",
        ),
        (
            Some(good.as_str()),
            body(Some("other"), None),
            "provider.client_authentication_failed",
        ),
        (
            Some("Bearer x"),
            body(None, None),
            "provider.client_authentication_failed",
        ),
        (
            Some("Basic %%%"),
            body(None, None),
            "provider.client_authentication_failed",
        ),
        (
            Some("Basic"),
            body(None, None),
            "provider.client_authentication_failed",
        ),
        (
            None,
            body(None, Some("s")),
            "provider.client_authentication_missing",
        ),
        (
            None,
            body(None, None),
            "provider.client_authentication_missing",
        ),
    ];
    for (header, parameters, code) in cases {
        let error = ClientCredentials::read(header, &parameters).unwrap_err();
        assert_eq!(error.code(), code, "{header:?}");
    }
}

/// Attack F3: two methods at once, and an assertion of another kind.
#[test]
fn f3_an_assertion_stands_alone_and_says_what_it_is() {
    const BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let invalid = "provider.client_assertion_invalid";
    let repeated = "provider.client_authentication_repeated";
    let key = cardea_jose::SigningKey::generate(cardea_jose::Algorithm::Es256).unwrap();
    let claims = serde_json::json!({ "sub": "portal" });
    let good = key.sign_jwt("JWT", &claims).unwrap();
    let no_sub = key.sign_jwt("JWT", &serde_json::json!({})).unwrap();
    let body = |typ: Option<&str>, assertion: Option<&str>| TokenParameters {
        client_assertion_type: typ.map(str::to_owned),
        client_assertion: assertion.map(str::to_owned),
        ..TokenParameters::default()
    };
    let read = |header: Option<&str>, parameters: &TokenParameters| {
        let outcome = ClientCredentials::read(header, parameters);
        outcome.map_or_else(|error| error.code().to_owned(), |it| it.client_id)
    };
    assert_eq!(read(None, &body(Some(BEARER), Some(&good))), "portal");
    let named = |client_id: &str| TokenParameters {
        client_id: Some(client_id.to_owned()),
        ..body(Some(BEARER), Some(&good))
    };
    assert_eq!(read(None, &named("portal")), "portal");
    let failed = "provider.client_authentication_failed";
    assert_eq!(read(None, &named("other")), failed);
    for (parameters, code) in [
        (body(None, Some(&good)), invalid),
        (body(Some("urn:other"), Some(&good)), invalid),
        (body(Some(BEARER), None), invalid),
        (body(Some(BEARER), Some("x")), invalid),
        (body(Some(BEARER), Some(&no_sub)), invalid),
    ] {
        assert_eq!(read(None, &parameters), code, "{parameters:?}");
    }
    let secret_too = TokenParameters {
        client_secret: Some("secret".to_owned()),
        ..body(Some(BEARER), Some(&good))
    };
    assert_eq!(read(None, &secret_too), repeated);
    let header = basic("portal:secret");
    assert_eq!(
        read(Some(&header), &body(Some(BEARER), Some(&good))),
        repeated
    );
}

#[test]
fn debug_output_never_shows_the_secret() {
    let none = TokenParameters::default();
    let credentials = ClientCredentials::read(Some(&basic("portal:hush")), &none).unwrap();
    assert!(!format!("{credentials:?}").contains("hush"));
}
