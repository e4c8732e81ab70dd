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

/// All requests at the listener are the proxy's, and none at that of the pages.
#[test]
fn beside_own_tls_a_proxy_says_whose_address_counts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cardea.toml");
    let load = |client_address: &str| {
        let example = include_str!("../../../cardea.example.toml");
        let own_tls = "[tls]\ncertificate = \"a\"\nkey = \"b\"\n[keys]";
        let text = example
            .replacen("http://127.0.0.1:8080", "https://id.example.test", 1)
            .replacen("\nclient_address = \"peer\"\n", "\n", 1)
            .replacen("\n[keys]", &format!("\n{own_tls}"), 1);
        let proxy = format!("[mtls.proxy]\naddresses = [\"127.0.0.1\"]\n{client_address}");
        fs::write(&file, format!("{text}\n{LISTEN}\n{URL}\n{proxy}")).unwrap();
        Config::load(&file)
    };
    let message = load("").unwrap_err().to_string();
    assert!(message.contains("mtls.proxy.client_address"), "{message}");
    for value in ["peer", "x_forwarded_for"] {
        let config = load(&format!("client_address = \"{value}\"")).unwrap();
        assert_eq!(config.limits.client_address, None);
        let proxy = config.mtls.unwrap().proxy.unwrap();
        assert!(proxy.client_address.is_some());
    }
}

fn check(lines: &str, key: &str) {
    let message = load(lines).err().map(|error| error.to_string());
    let message = message.unwrap_or_else(|| panic!("accepted: {lines}"));
    assert!(message.contains(key), "{key}: {message}");
}

#[test]
fn each_mistake_of_the_listener_names_its_key() {
    let listener = format!("{LISTEN}\n{URL}\n{TLS}");
    let everywhere = LISTEN.replace("127.0.0.1", "0.0.0.0");
    let proxy = "[mtls.proxy]\naddresses = [\"127.0.0.1\"]";
    let budget = "[mtls.trust_anchor.revocation]\ntime_budget_ms = 1";
    for (lines, key) in [
        (format!("{LISTEN}\n{URL}"), "mtls: "),
        (
            format!("{}\n{URL}\n{TLS}", LISTEN.replace("8444", "8080")),
            "mtls.listen",
        ),
        (
            format!("{LISTEN}\n{}\n{TLS}", URL.replace("https", "http")),
            "mtls.url",
        ),
        (
            format!("{LISTEN}\n{URL}\n[mtls.proxy]\naddresses = []"),
            "mtls.proxy.addresses",
        ),
        (format!("{everywhere}\n{URL}\n{proxy}"), "mtls.listen"),
        (
            format!("{listener}\n{ANCHOR}\n{ANCHOR}"),
            "mtls.trust_anchor",
        ),
        (
            format!("{listener}\n{ANCHOR}\n{budget}"),
            "mtls.trust_anchor[0].revocation.time_budget_ms",
        ),
    ] {
        check(&lines, key);
    }
}

#[test]
fn each_mistake_of_a_client_names_its_key() {
    const METHOD: &str = "token_endpoint_auth_method";
    let listener = format!("{LISTEN}\n{URL}\n{TLS}");
    let method = format!("{METHOD} = \"tls_client_auth\"");
    let dns = "tls_client_auth_san_dns = \"a.test\"";
    let secret = "secret = \"0123456789abcdef\"";
    let with = |lines: &str| format!("{listener}\n{ANCHOR}\n{}", service(lines));
    let of_client = |lines: &str, key: &str| check(&with(lines), &format!("client[1].{key}"));
    of_client(&method, METHOD);
    of_client(&format!("{method}\n{dns}\n{secret}"), METHOD);
    of_client(&format!("{dns}\n{secret}"), "tls_client_auth_san_dns");
    of_client(
        &format!("{METHOD} = \"self_signed_tls_client_auth\""),
        "jwks",
    );
    let two = format!("{method}\n{dns}\ntls_client_auth_san_ip = \"192.0.2.1\"");
    of_client(&two, "tls_client_auth_san_ip");
    for (key, value) in [
        ("tls_client_auth_subject_dn", "portal"),
        ("tls_client_auth_san_dns", "*.a.test"),
        ("tls_client_auth_san_dns", "A.test"),
        ("tls_client_auth_san_uri", "a.test"),
        ("tls_client_auth_san_ip", "192.0.2"),
        ("tls_client_auth_san_email", "a.test"),
    ] {
        of_client(&format!("{method}\n{key} = \"{value}\""), key);
    }
    let unvouched = format!("{listener}\n{}", service(&format!("{method}\n{dns}")));
    check(&unvouched, "client[1].token_endpoint_auth_method");
    let bound = format!("tls_client_certificate_bound_access_tokens = true\n{secret}");
    check(&service(&bound), "client[1]");
}
