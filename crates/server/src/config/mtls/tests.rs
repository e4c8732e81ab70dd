//! What `[mtls]` and the clients that need it may say.

use std::fs;

use super::MtlsUrl;
use crate::config::Config;
use crate::error::Error;

#[test]
fn the_address_is_an_origin_with_tls() {
    for (text, accepted) in [
        ("https://mtls.id.example.fr", true),
        ("https://mtls.id.example.fr/", true),
        ("https://mtls.id.example.fr:8443", true),
        ("http://mtls.id.example.fr", false),
        ("https://mtls.id.example.fr:443", false),
        ("https://MTLS.id.example.fr", false),
        ("https://mtls.id.example.fr/path", false),
        ("https://mtls.id.example.fr/?q", false),
        ("https://user@mtls.id.example.fr", false),
        ("mtls.id.example.fr", false),
    ] {
        let outcome = MtlsUrl::try_from(text.to_owned());
        assert_eq!(outcome.is_ok(), accepted, "{text}");
    }
}

/// The example with more at its end.
fn load(lines: &str) -> Result<Config, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cardea.toml");
    let example = include_str!("../../../cardea.example.toml");
    fs::write(&file, format!("{example}\n{lines}")).unwrap();
    Config::load(&file)
}

const URL: &str = "url = \"https://mtls.example.test\"";
const LISTEN: &str = "[mtls]\nlisten = \"127.0.0.1:8444\"";
const TLS: &str = "[mtls.tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"";
const ANCHOR: &str = "[[mtls.trust_anchor]]\nname = \"services\"\nanchors = \"a.pem\"";

fn service(lines: &str) -> String {
    format!(
        "[[client]]\nclient_id = \"service\"\nname = \"Service\"\n\
         grant_types = [\"client_credentials\"]\n{lines}"
    )
}

#[test]
fn a_listener_and_its_clients_are_taken() {
    let by_dns = "token_endpoint_auth_method = \"tls_client_auth\"\n\
                  tls_client_auth_san_dns = \"service.example.test\"\n\
                  tls_client_certificate_bound_access_tokens = true";
    let config = load(&format!(
        "{LISTEN}\n{URL}\n{TLS}\n{ANCHOR}\n{}",
        service(by_dns)
    ))
    .unwrap();
    let mtls = config.mtls.unwrap();
    assert_eq!(mtls.url.as_str(), "https://mtls.example.test");
    assert!(mtls.trust_anchor[0].anchors.is_absolute());
    assert!(mtls.tls.unwrap().key.is_absolute());
    let proxy = "[mtls.proxy]\naddresses = [\"127.0.0.1\", \"::1\"]";
    load(&format!("{LISTEN}\n{URL}\n{proxy}")).unwrap();
}

#[test]
fn each_mistake_names_its_key() {
    let listener = format!("{LISTEN}\n{URL}\n{TLS}");
    let method = "token_endpoint_auth_method = \"tls_client_auth\"";
    let with = |lines: &str| format!("{listener}\n{ANCHOR}\n{}", service(lines));
    let named = |line: &str| with(&format!("{method}\n{line}"));
    for (lines, key) in [
        (format!("{LISTEN}\n{URL}"), "mtls: "),
        (
            format!("[mtls]\nlisten = \"127.0.0.1:8080\"\n{URL}\n{TLS}"),
            "mtls.listen",
        ),
        (
            format!("{LISTEN}\nurl = \"http://mtls.example.test\"\n{TLS}"),
            "mtls.url",
        ),
        (
            format!("{LISTEN}\n{URL}\n[mtls.proxy]\naddresses = []"),
            "mtls.proxy.addresses",
        ),
        (
            format!(
                "[mtls]\nlisten = \"0.0.0.0:8444\"\n{URL}\n[mtls.proxy]\naddresses = [\"127.0.0.1\"]"
            ),
            "mtls.listen",
        ),
        (
            format!("{listener}\n{ANCHOR}\n{ANCHOR}"),
            "mtls.trust_anchor",
        ),
        (
            format!("{listener}\n{ANCHOR}\n[mtls.trust_anchor.revocation]\ntime_budget_ms = 1"),
            "mtls.trust_anchor[0].revocation.time_budget_ms",
        ),
        (
            format!(
                "{listener}\n{}",
                service(&format!("{method}\ntls_client_auth_san_dns = \"a.test\""))
            ),
            "client[1].token_endpoint_auth_method",
        ),
        (
            service(
                "tls_client_certificate_bound_access_tokens = true\nsecret = \"0123456789abcdef\"",
            ),
            "client[1]",
        ),
        (with(method), "client[1].token_endpoint_auth_method"),
        (
            named("tls_client_auth_san_dns = \"a.test\"\ntls_client_auth_san_ip = \"192.0.2.1\""),
            "client[1].tls_client_auth_san_ip",
        ),
        (
            with("tls_client_auth_san_dns = \"a.test\"\nsecret = \"0123456789abcdef\""),
            "client[1].tls_client_auth_san_dns",
        ),
        (
            named("tls_client_auth_subject_dn = \"portal\""),
            "client[1].tls_client_auth_subject_dn",
        ),
        (
            named("tls_client_auth_san_dns = \"*.a.test\""),
            "client[1].tls_client_auth_san_dns",
        ),
        (
            named("tls_client_auth_san_dns = \"A.test\""),
            "client[1].tls_client_auth_san_dns",
        ),
        (
            named("tls_client_auth_san_uri = \"a.test\""),
            "client[1].tls_client_auth_san_uri",
        ),
        (
            named("tls_client_auth_san_ip = \"192.0.2\""),
            "client[1].tls_client_auth_san_ip",
        ),
        (
            named("tls_client_auth_san_email = \"a.test\""),
            "client[1].tls_client_auth_san_email",
        ),
        (
            with("token_endpoint_auth_method = \"self_signed_tls_client_auth\""),
            "client[1].jwks",
        ),
        (
            named("tls_client_auth_san_dns = \"a.test\"\nsecret = \"0123456789abcdef\""),
            "client[1].token_endpoint_auth_method",
        ),
    ] {
        let message = load(&lines).err().map(|error| error.to_string());
        let message = message.unwrap_or_else(|| panic!("accepted: {lines}"));
        assert!(message.contains(key), "{key}: {message}");
    }
}
