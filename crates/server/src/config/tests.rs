//! The example parses; each mistake is named with file, line, key and reason.

use std::fs;
use std::path::Path;

use cardea_jose::{Algorithm, SigningKey};

use super::{AuthMethod, Config, DatabaseUrl, TestCardsConfig};
use crate::error::Error;

const EXAMPLE: &str = include_str!("../../cardea.example.toml");

fn load(text: &str) -> Result<Config, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cardea.toml");
    fs::write(&file, text).unwrap();
    Config::load(&file)
}

#[test]
fn example_is_accepted() {
    let config = load(EXAMPLE).unwrap();
    assert_eq!(config.issuer.as_str(), "http://127.0.0.1:8080");
    assert_eq!(config.client.len(), 1);
    assert_eq!(
        config.client[0].auth_method(),
        Some(AuthMethod::ClientSecretBasic)
    );
    assert_eq!(config.trust_anchor[0].test_cards, TestCardsConfig::Require);
}

#[test]
fn paths_are_relative_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cardea.toml");
    fs::write(&file, EXAMPLE).unwrap();
    let config = Config::load(&file).unwrap();
    let DatabaseUrl::Sqlite(database) = &config.database.url else {
        panic!("not SQLite")
    };
    for path in [database, &config.keys.dir, &config.trust_anchor[0].anchors] {
        assert!(path.starts_with(folder.path()), "{}", path.display());
    }
}

/// Attack H14: whoever runs a service for real cards could write another history.
#[test]
fn h14_a_service_for_real_cards_names_a_witness_or_says_that_it_has_none() {
    const WITNESS: &str = "[[ledger.witness]]\nurl = \"https://witness.example.org\"\n\
        verifier_key = \"witness.example.org+8584107c+\
        BAnuhGOx0bEbbR9f+/ZuTlPXR2WUiFSvKdgJHRLCX87Z\"\n";
    let with = |issuer: &str, cards: &str, policy: &str, more: &str| {
        let text = EXAMPLE
            .replace("\"http://127.0.0.1:8080\"", issuer)
            .replace("sandbox = true", "sandbox = false")
            .replace("test_cards = \"require\"", cards)
            .replace("witness_policy = \"required\"", policy);
        let loaded = load(&format!("{text}\n{more}"));
        loaded.map(|_| ()).map_err(|error| error.to_string())
    };
    let (reached, here) = ("\"https://id.example.test\"", "\"http://127.0.0.1:8080\"");
    let (real, test) = ("test_cards = \"refuse\"", "test_cards = \"require\"");
    let (required, waived) = (
        "witness_policy = \"required\"",
        "witness_policy = \"waived\"",
    );
    // One on the same machine counts as none.
    let local = WITNESS.replace("https://witness.example.org\"", "http://127.0.0.1:8090\"");
    let local = local.as_str();
    for (issuer, cards, policy, more) in [
        (reached, real, required, WITNESS),
        (reached, real, waived, ""),
        (reached, real, waived, local),
        (here, real, required, local),
        (reached, test, required, ""),
        (here, real, required, ""),
    ] {
        assert_eq!(
            with(issuer, cards, policy, more),
            Ok(()),
            "{issuer} {cards}"
        );
    }
    for (policy, more) in [(required, ""), (required, local), (waived, WITNESS)] {
        let refused = with(reached, real, policy, more).unwrap_err();
        assert!(refused.contains("ledger.witness_policy"), "{refused}");
    }
}

/// An agent at another node is asked at the next interval, and no sooner.
#[test]
fn with_several_nodes_a_login_waits_longer_than_an_interval() {
    let shared = "url = \"postgres://cardea@db.test/cardea\"";
    let wait = |database: &str, seconds: &str| {
        let text = EXAMPLE
            .replace("url = \"sqlite://cardea.sqlite\"", database)
            .replace("wait_seconds = 15", &format!("wait_seconds = {seconds}"));
        load(&text).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(wait(shared, "11"), Ok(()));
    let refused = wait(shared, "10").unwrap_err();
    assert!(refused.contains("presence.wait_seconds"), "{refused}");
    assert_eq!(
        wait("url = \"sqlite://cardea.sqlite\"", "2"),
        Ok(()),
        "one node"
    );
}

/// Keys of the example that have a default.
const OPTIONAL: &[&str] = &[
    "sandbox",
    "agent_url",
    "clients_file",
    "url",
    "dir",
    "pin_policy",
    "interval_seconds",
    "grace_seconds",
    "wait_seconds",
    "mass_loss_agents",
    "mass_loss_percent",
    "mass_loss_grace_seconds",
    "recheck_seconds",
    "logout_retry_seconds",
    "connections_max",
    "unclaimed_max",
    "unclaimed_per_address_max",
    "idle_seconds",
    "absolute_seconds",
    "access_token_seconds",
    "hosts",
    "stale_crl_grace_seconds",
    "order",
    "time_budget_ms",
    "crl_refresh_seconds",
    "ocsp_nonce",
    "intermediates",
    "per_address_and_minute",
    "challenges_per_address_and_minute",
    "refusals_per_address_and_minute",
    "pushed_requests_per_client",
    "waiting_logins_max",
    "connections_per_address",
    "other_connections_max",
    "require_pushed_authorization_requests",
    "client_address",
    "scopes",
];

#[test]
fn what_may_be_left_out_has_the_documented_default() {
    let mut minimal = String::new();
    for line in EXAMPLE.lines() {
        let key = line.split('=').next().unwrap_or_default().trim();
        if !OPTIONAL.contains(&key) {
            minimal.push_str(line);
            minimal.push('\n');
        }
    }
    let config = load(&minimal).unwrap();
    assert!(!config.sandbox);
    assert_eq!(config.agent_url.as_str(), "http://127.0.0.1:47110");
    assert_eq!(config.presence.grace_seconds, 30);
    assert_eq!(config.presence.unclaimed_per_address_max, 200);
    assert_eq!(config.limits.refusals_per_address_and_minute, 300);
    assert_eq!(config.limits.client_address, None);
    assert_eq!(config.limits.pushed_requests_per_client, 4500);
    assert_eq!(config.limits.waiting_logins_max, 100_000);
    assert_eq!(config.limits.connections_per_address, 4_000);
    assert_eq!(config.limits.other_connections_max, 4_000);
    assert!(!config.require_pushed_authorization_requests);
    assert_eq!(config.session.absolute_seconds, 14_400);
    assert_eq!(config.session.access_token_seconds, 120);
    assert_eq!(config.session.recheck_seconds, 900);
    assert_eq!(config.session.logout_retry_seconds, 86_400);
    assert_eq!(config.presence.mass_loss_agents, 5);
    assert_eq!(config.presence.mass_loss_percent, 25);
    assert_eq!(config.presence.mass_loss_grace_seconds, 900);
    assert_eq!(
        config.client[0].auth_method(),
        Some(AuthMethod::ClientSecretBasic)
    );
    assert_eq!(
        config.client[0].scope_values(&config.profile.rules()),
        ["openid", "profile", "professional"]
    );
}

const SECRET: &str =
    "secret_sha256 = \"9cd3c4f0fe4b3d0f5d9d8ba7f1d43cc54f0c14a4a07ffea9b3a3d5b2a1c0d3e4\"";

/// Name, text of the example, what replaces it, and the key that the message must name.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    (
        "misspelt key",
        "grace_seconds",
        "grace_secconds",
        "presence.grace_secconds",
    ),
    (
        "no place for a pushed request",
        "pushed_requests_per_client = 4500",
        "pushed_requests_per_client = 0",
        "limits.pushed_requests_per_client",
    ),
    (
        "a real card in a sandbox",
        "test_cards = \"require\"",
        "test_cards = \"refuse\"",
        "trust_anchor[0].test_cards",
    ),
    (
        "issuer",
        "issuer = \"http://127.0.0.1:8080\"",
        "issuer = \"http://id.example.test\"",
        "issuer",
    ),
    (
        "listen",
        "\"127.0.0.1:8080\"\n\n# The loop",
        "\"0.0.0.0:8080\"\n\n# The loop",
        "listen",
    ),
    (
        "type",
        "interval_seconds = 10",
        "interval_seconds = \"10\"",
        "presence.interval_seconds",
    ),
    (
        "range",
        "wait_seconds = 15",
        "wait_seconds = 0",
        "presence.wait_seconds",
    ),
    (
        "grace",
        "grace_seconds = 30",
        "grace_seconds = 5",
        "presence.grace_seconds",
    ),
    (
        "longer than the design",
        "absolute_seconds = 14400",
        "absolute_seconds = 14401",
        "session.absolute_seconds",
    ),
    (
        "tokens that outlive their card",
        "access_token_seconds = 120",
        "access_token_seconds = 121",
        "session.access_token_seconds",
    ),
    (
        "a loss of one is none of many",
        "mass_loss_agents = 5",
        "mass_loss_agents = 1",
        "presence.mass_loss_agents",
    ),
    (
        "a card that is never looked at again",
        "recheck_seconds = 900",
        "recheck_seconds = 14401",
        "session.recheck_seconds",
    ),
    (
        "a policy that does not exist",
        "pin_policy = \"strict\"",
        "pin_policy = \"none\"",
        "card.pin_policy",
    ),
    (
        "database",
        "sqlite://cardea.sqlite",
        "mysql://db",
        "database.url",
    ),
    (
        "profile",
        "profile = \"cps\"",
        "profile = \"xyz\"",
        "trust_anchor[0].profile",
    ),
    (
        "family of another profile",
        "profile = \"cps\"",
        "profile = \"hba\"\ncards = [{ family = \"hba\" }, { family = \"cps\" }]",
        "trust_anchor[0].cards[1].family",
    ),
    (
        "kind of identifier",
        "profile = \"cps\"",
        "profile = \"cps\"\nidentifiers = [\"rpps\", \"rps\"]",
        "trust_anchor[0].identifiers[1]",
    ),
    (
        "chaining",
        "profile = \"cps\"",
        "profile = \"cps\"\nextended_key_usage_chaining = \"off\"",
        "trust_anchor[0].extended_key_usage_chaining",
    ),
    (
        "initial policy",
        "profile = \"cps\"",
        "profile = \"cps\"\ninitial_policies = [\"any\"]",
        "trust_anchor[0].initial_policies[0]",
    ),
    (
        "host",
        "\"127.0.0.1:8090\"",
        "\"http://127.0.0.1:8090\"",
        "trust_anchor[0].revocation.hosts[0]",
    ),
    (
        "order",
        "order = \"ocsp_then_crl\"",
        "order = \"crl\"",
        "trust_anchor[0].revocation.order",
    ),
    (
        "time budget",
        "time_budget_ms = 4000",
        "time_budget_ms = 99",
        "trust_anchor[0].revocation.time_budget_ms",
    ),
    (
        "redirect",
        "[\"http://127.0.0.1:8081/callback\"]",
        "[\"javascript:alert(1)\"]",
        "client[0].redirect_uris[0]",
    ),
    (
        "no redirect",
        "[\"http://127.0.0.1:8081/callback\"]",
        "[]",
        "client[0].redirect_uris",
    ),
    ("digest", "9cd3c4f0", "zzz", "client[0].secret_sha256"),
    (
        "both secrets",
        SECRET,
        "secret_sha256 = \"9cd3c4f0fe4b3d0f5d9d8ba7f1d43cc54f0c14a4a07ffea9b3a3d5b2a1c0d3e4\"\n\
             secret = \"0123456789abcdef\"",
        "client[0].secret",
    ),
    (
        "method",
        SECRET,
        "token_endpoint_auth_method = \"client_secret_post\"",
        "client[0].token_endpoint_auth_method",
    ),
    (
        "scope",
        "[\"openid\", \"profile\", \"professional\"]",
        "[\"profile\"]",
        "client[0].scopes",
    ),
    (
        "name",
        "Portail de démonstration",
        "Portail \\u202e",
        "client[0].name",
    ),
    (
        "algorithm",
        "\"ES256\"",
        "\"HS256\"",
        "client[0].id_token_signed_response_alg",
    ),
    (
        "wildcard",
        "[\"http://127.0.0.1:8081/callback\"]",
        "[\"https://*.example.test/callback\"]",
        "client[0].redirect_uris[0]",
    ),
    (
        "own scheme with a secret",
        "[\"http://127.0.0.1:8081/callback\"]",
        "[\"test.example.portal:/callback\"]",
        "client[0].redirect_uris",
    ),
    (
        "logout address",
        "http://127.0.0.1:8081/backchannel-logout",
        "https://169.254.169.254/latest",
        "client[0].backchannel_logout_uri",
    ),
    (
        "offline access",
        "[\"openid\", \"profile\", \"professional\"]",
        "[\"openid\", \"offline_access\"]",
        "client[0].scopes",
    ),
    (
        "scope with a quote",
        "[\"openid\", \"profile\", \"professional\"]",
        "[\"openid\", \"a\\\"b\"]",
        "client[0].scopes",
    ),
    (
        "password grant",
        SECRET,
        "grant_types = [\"password\"]",
        "client[0].grant_types[0]",
    ),
    (
        "key grant without a key",
        SECRET,
        "token_endpoint_auth_method = \"private_key_jwt\"",
        "client[0].jwks",
    ),
    (
        "private key",
        SECRET,
        "jwks = { keys = [{ kty = \"EC\", crv = \"P-256\", x = \"a\", y = \"b\", d = \"c\" }] }",
        "client[0].jwks.keys[0]",
    ),
    (
        "symmetric key",
        SECRET,
        "jwks = { keys = [{ kty = \"oct\", k = \"c2VjcmV0\" }] }",
        "client[0].jwks.keys[0]",
    ),
    (
        "sector without pairwise",
        SECRET,
        "secret = \"0123456789abcdef\"\nsector_identifier = \"example.test\"",
        "client[0].sector_identifier",
    ),
    (
        "resource",
        SECRET,
        "secret = \"0123456789abcdef\"\nresources = [\"https://api.example.test/#x\"]",
        "client[0].resources",
    ),
    (
        "TLS on http issuer",
        "[keys]",
        "[tls]\ncertificate = \"a\"\nkey = \"b\"\n[keys]",
        "issuer",
    ),
];

#[test]
fn each_mistake_is_named_with_its_key() {
    for (name, from, to, expected_key) in MISTAKES {
        assert!(EXAMPLE.contains(from), "{name}: the example lost {from}");
        let error = load(&EXAMPLE.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.code(), "server.config_invalid", "{name}");
        let Error::ConfigInvalid { key, reason, .. } = &error else {
            panic!("{name}")
        };
        assert_eq!(key, expected_key, "{name}: {reason}");
        assert!(error.to_string().contains("cardea.toml"), "{name}");
    }
}

/// A profile file is found beside the configuration, and its mistakes are its own.
#[test]
fn a_profile_of_ones_own_is_relative_to_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let named = "profile = \"own.toml\"\nidentifiers = [\"number\"]";
    write(
        "cardea.toml",
        &EXAMPLE.replacen("profile = \"cps\"", named, 1),
    );
    let load = || Config::load(&folder.path().join("cardea.toml"));
    assert_eq!(load().unwrap_err().code(), "server.config_unreadable");
    let own = r#"
        name = "own"
        description = "Cards of an invented country"
        signature_algorithms = ["ES256"]
        subject = { attributes = ["CN"] }
        test_mark = { by = "anchor" }
        card = { number = { certificate = "serial" }, families = [{ name = "own" }] }
        identifier = [{ type = "number", from = { subject = "CN" }, pattern = "{digit:8}" }]
    "#;
    write("own.toml", own);
    let profile = load().unwrap().trust_anchor.remove(0).profile;
    assert!(Path::new(&profile).starts_with(folder.path()), "{profile}");
    write("own.toml", &own.replace("{digit:8}", "{digit}"));
    let message = load().unwrap_err().to_string();
    assert!(
        message.contains("own.toml: identifier[0].pattern: "),
        "{message}"
    );
}

/// Behind a proxy, all requests come from the proxy.
#[test]
fn where_tls_ends_elsewhere_the_source_of_addresses_must_be_given() {
    let behind_proxy = EXAMPLE.replacen("http://127.0.0.1:8080", "https://id.example.test", 1);
    let silent = behind_proxy.replacen("\nclient_address = \"peer\"", "\n", 1);
    let error = load(&silent).unwrap_err();
    let Error::ConfigInvalid { key, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(key, "limits.client_address");
    for address in ["peer", "x_forwarded_for"] {
        let line = format!("\nclient_address = \"{address}\"");
        let given = behind_proxy.replacen("\nclient_address = \"peer\"", &line, 1);
        assert!(load(&given).unwrap().limits.client_address.is_some());
    }
    let own_tls = "[tls]\ncertificate = \"a\"\nkey = \"b\"\n[keys]";
    assert!(load(&silent.replacen("[keys]", own_tls, 1)).is_ok());
    let loopback = EXAMPLE.replacen("\nclient_address = \"peer\"", "\n", 1);
    assert!(load(&loopback).is_ok());
}

#[test]
fn a_mistake_shows_its_line_but_never_a_secret() {
    let text = EXAMPLE.replacen("secret_sha256 = \"", "secret = \"short\" # \"", 1);
    let error = load(&text).unwrap_err();
    let Error::ConfigInvalid { line, key, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(key, "client[0].secret");
    let expected = text
        .lines()
        .position(|line| line.starts_with("secret ="))
        .unwrap()
        + 1;
    assert_eq!(*line, Some(expected));
    assert!(!error.to_string().contains("short\""));
}

#[test]
fn client_files_have_the_same_form() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let client = |id: &str| {
        format!(
            "[[client]]\nclient_id = \"{id}\"\nname = \"P\"\n\
             redirect_uris = [\"https://p.example.test/cb\"]\n\
             token_endpoint_auth_method = \"none\"\n"
        )
    };
    write(
        "cardea.toml",
        &EXAMPLE.replacen("clients_file = []", "clients_file = [\"more.toml\"]", 1),
    );
    let load = || Config::load(&folder.path().join("cardea.toml"));
    write("more.toml", &client("portal-2"));
    assert_eq!(load().unwrap().client.len(), 2);
    write("more.toml", &client("demo-portal"));
    assert!(load().unwrap_err().to_string().contains("stands twice"));
    // A client whose secret was lost must not become a public one.
    let lost = client("portal-2").replace("token_endpoint_auth_method = \"none\"", "");
    write("more.toml", &lost);
    let refused = load().unwrap_err().to_string();
    assert!(refused.contains("secret_sha256"), "{refused}");
    write("more.toml", &client("portal-2").replace("name", "nom"));
    assert!(load().unwrap_err().to_string().contains("more.toml"));
    fs::remove_file(folder.path().join("more.toml")).unwrap();
    assert_eq!(load().unwrap_err().code(), "server.config_unreadable");
}

#[test]
fn keys_may_stand_in_a_file_beside_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let keyed = "token_endpoint_auth_method = \"private_key_jwt\"\njwks_file = \"keys.json\"";
    write("cardea.toml", &EXAMPLE.replacen(SECRET, keyed, 1));
    let load = || Config::load(&folder.path().join("cardea.toml"));
    let refused = || {
        let error = load().unwrap_err();
        let Error::ConfigInvalid { key, reason, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(key, "client[0].jwks_file");
        reason
    };
    assert!(refused().contains("keys.json"));
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwk = serde_json::to_string(key.public_jwk()).unwrap();
    write("keys.json", &format!("{{\"keys\":[{jwk}]}}"));
    let client = load().unwrap().client.remove(0);
    assert_eq!(client.jwks.unwrap().keys, [key.public_jwk().clone()]);
    assert_eq!(client.file, Some(folder.path().join("cardea.toml")));
    write(
        "keys.json",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}",
    );
    assert!(!refused().contains("c2VjcmV0"), "a key is never shown");
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Path::new("/nonexistent/cardea.toml")).unwrap_err();
    assert_eq!(error.code(), "server.config_unreadable");
    assert!(error.to_string().contains("/nonexistent/cardea.toml"));
}
