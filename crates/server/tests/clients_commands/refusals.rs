//! Registrations that the commands refuse.

use cardea_jose::{Algorithm, SigningKey};
use serde_json::json;

use super::{Operator, REDIRECT_URI};

/// A registration that nobody could read is not put on record either.
#[test]
fn a_registration_without_end_is_refused() {
    let operator = Operator::new();
    let long = "x".repeat(1200);
    let uris: Vec<String> = (0..60)
        .map(|number| format!("{REDIRECT_URI}/{number}/{long}"))
        .collect();
    let table = json!({ "client_id": "portal", "name": "P", "redirect_uris": uris });
    let mut text = "[[client]]\n".to_owned();
    for (key, value) in table.as_object().unwrap() {
        text.push_str(&format!("{key} = {value}\n"));
    }
    operator.write("clients.toml", &text);
    let (exit, error) = operator.json(&["add", "--file", "clients.toml"]);
    assert_eq!(
        (exit, error["code"].as_str()),
        (2, Some("provider.client_invalid")),
        "{error}"
    );
    assert!(operator.events().is_empty());
}

/// Attack E4.
#[test]
fn an_unsafe_registration_is_refused_by_key_and_reason() {
    let operator = Operator::new();
    let base = ["add", "--client-id", "portal", "--name", "P"];
    for (more, key) in [
        (&[][..], "redirect_uris"),
        (
            &["--redirect-uri", REDIRECT_URI, "--scope", "profile"],
            "scopes",
        ),
        (
            &["--redirect-uri", "fr.example.portal:/cb"],
            "redirect_uris",
        ),
        (
            &[
                "--redirect-uri",
                REDIRECT_URI,
                "--backchannel-logout-uri",
                "https://10.0.0.1/",
            ],
            "backchannel_logout_uri",
        ),
        (
            &[
                "--redirect-uri",
                REDIRECT_URI,
                "--token-endpoint-auth-method",
                "private_key_jwt",
            ],
            "jwks",
        ),
    ] {
        let (exit, error) = operator.json(&[&base, more].concat());
        assert_eq!(
            (exit, error["code"].as_str()),
            (2, Some("server.config_invalid")),
            "{key}"
        );
        let reason = error["reason"].as_str().unwrap();
        assert!(
            reason.starts_with(&format!("the command line: {key}: ")),
            "{reason}"
        );
    }
    for unsafe_uri in [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://*.example.fr/",
    ] {
        let (exit, error) = operator.json(&[&base[..], &["--redirect-uri", unsafe_uri]].concat());
        assert_eq!(
            (exit, error["code"].as_str()),
            (2, Some("server.case_malformed"))
        );
    }
    assert!(operator.events().is_empty());
}

/// What the profile does not allow is refused before anything is stored, and what is left open
/// follows the profile.
#[test]
fn a_registration_that_contradicts_the_profile_is_refused() {
    let operator = Operator::new();
    let example = include_str!("../../cardea.example.toml");
    let (settings, _) = example.split_once("\n[[client]]\n").unwrap();
    let strict = settings.replacen("profile = \"oidc\"", "profile = \"fapi2\"", 1);
    assert_ne!(strict, settings);
    operator.write("cardea.toml", &strict);
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    operator.write(
        "jwks.json",
        &json!({ "keys": [key.public_jwk()] }).to_string(),
    );
    let base = [
        "add",
        "--client-id",
        "portal",
        "--name",
        "P",
        "--redirect-uri",
        REDIRECT_URI,
    ];
    let by_key = [
        "--token-endpoint-auth-method",
        "private_key_jwt",
        "--jwks-file",
        "jwks.json",
    ];
    for (more, key) in [
        (&[][..], "token_endpoint_auth_method"),
        (
            &["--token-endpoint-auth-method", "none"],
            "token_endpoint_auth_method",
        ),
        (&[&by_key[..], &["--pkce", "optional"]].concat(), "pkce"),
        (
            &[&by_key[..], &["--id-token-signed-response-alg", "RS256"]].concat(),
            "id_token_signed_response_alg",
        ),
    ] {
        let (exit, error) = operator.json(&[&base, more].concat());
        assert_eq!(exit, 2, "{error}");
        assert_eq!(error["code"], "server.config_invalid");
        let reason = error["reason"].as_str().unwrap();
        let start = format!("the command line: {key}: ");
        assert!(reason.starts_with(&start), "{reason}");
        assert!(reason.contains("profile"), "{reason}");
    }
    assert!(operator.events().is_empty());
    let (exit, added) = operator.json(&[&base[..], &by_key].concat());
    assert_eq!(exit, 0, "{added}");
    let (_, shown) = operator.json(&["show", "portal"]);
    let chosen = shown["registration"].get("id_token_signed_response_alg");
    assert_eq!(chosen, None, "it follows the profile");
}

/// Nobody could ever show a certificate to a server without [mtls].
#[test]
fn certificates_are_registered_only_where_they_are_asked_for() {
    let operator = Operator::new();
    let base = [
        "add",
        "--client-id",
        "portal",
        "--name",
        "P",
        "--redirect-uri",
        REDIRECT_URI,
    ];
    let by_name = [
        "--token-endpoint-auth-method",
        "tls_client_auth",
        "--tls-client-auth-san-dns",
        "portal.example.fr",
    ];
    let bound = ["--tls-client-certificate-bound-access-tokens"];
    for (more, key) in [
        (&by_name[..], "token_endpoint_auth_method"),
        (&bound, "tls_client_certificate_bound_access_tokens"),
    ] {
        let (exit, error) = operator.json(&[&base, more].concat());
        assert_eq!((exit, &error["code"]), (2, &json!("server.config_invalid")));
        let reason = error["reason"].as_str().unwrap();
        let start = format!("the command line: {key}: ");
        assert!(reason.starts_with(&start), "{reason}");
        assert!(reason.contains("[mtls]"), "{reason}");
    }
    assert!(operator.events().is_empty());
    let example = include_str!("../../cardea.example.toml");
    let mtls = "[mtls]\nlisten = \"127.0.0.1:8444\"\nurl = \"https://mtls.example.fr:8444\"\n\
                [mtls.proxy]\naddresses = [\"127.0.0.1\"]\n\n[[client]]\n";
    operator.write(
        "cardea.toml",
        &example.replacen("\n[[client]]\n", &format!("\n{mtls}"), 1),
    );
    let (exit, added) = operator.json(&[&base[..], &by_name].concat());
    assert_eq!(exit, 0, "{added}");
}

#[test]
fn a_private_key_is_not_registered() {
    let operator = Operator::new();
    let base = ["add", "--client-id", "portal", "--name", "P"];
    let private = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"a","y":"b","d":"c"}]}"#;
    operator.write("private.json", private);
    let more = [
        "--redirect-uri",
        REDIRECT_URI,
        "--jwks-file",
        "private.json",
    ];
    let (exit, error) = operator.json(&[&base[..], &more].concat());
    assert_eq!(exit, 2);
    assert!(
        error["reason"].as_str().unwrap().contains("jwks_file"),
        "{error}"
    );
    assert!(operator.events().is_empty());
}
