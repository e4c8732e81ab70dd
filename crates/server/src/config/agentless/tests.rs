//! What `[agentless]` may say.

use std::fs;

use crate::config::Config;
use crate::error::Error;

const ISSUER: &str = "issuer = \"http://127.0.0.1:8080\"";
const SAFE_ISSUER: &str = "issuer = \"https://id.example.test\"";
const TABLE: &str = "[agentless]\nlisten = \"127.0.0.1:8445\"\nurl = \"https://card.example.test\"";
const TLS: &str = "[agentless.tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"";

/// The example with another issuer and more at its end.
fn load(issuer: &str, lines: &str) -> Result<Config, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cardea.toml");
    let example = include_str!("../../../cardea.example.toml");
    assert!(example.contains(ISSUER));
    let example = example.replace(ISSUER, issuer);
    fs::write(&file, format!("{example}\n{lines}")).unwrap();
    Config::load(&file)
}

#[test]
fn a_listener_of_its_own_host_is_taken_and_off_until_it_is_on() {
    let config = load(SAFE_ISSUER, &format!("{TABLE}\n{TLS}")).unwrap();
    assert!(config.agentless().is_none());
    for minutes in [1, 15, 30] {
        let lines = format!("{TABLE}\nenabled = true\nsession_minutes = {minutes}\n{TLS}");
        let config = load(SAFE_ISSUER, &lines).unwrap();
        let agentless = config.agentless().unwrap();
        assert_eq!(agentless.origin(), "https://card.example.test");
        assert_eq!(agentless.session_minutes, minutes);
        assert!(!agentless.cards_sign_pss);
    }
    // The main listener's certificate does as well.
    let tls = TLS.replace("agentless.", "");
    load(SAFE_ISSUER, &format!("{TABLE}\n{tls}")).unwrap();
}

/// Also while it is off: it may be turned on at any start.
#[test]
fn each_mistake_names_its_key() {
    let with = |from: &str, to: &str| format!("{}\n{TLS}", TABLE.replace(from, to));
    let minutes = |minutes: &str| format!("{TABLE}\nsession_minutes = {minutes}\n{TLS}");
    let cases = [
        // A session that nobody watches is short.
        (SAFE_ISSUER, minutes("0"), "agentless.session_minutes"),
        (SAFE_ISSUER, minutes("31"), "agentless.session_minutes"),
        (
            SAFE_ISSUER,
            minutes("4294967295"),
            "agentless.session_minutes",
        ),
        (SAFE_ISSUER, TABLE.to_owned(), "agentless.tls"),
        // Cookies know no ports.
        (
            SAFE_ISSUER,
            with("card.example.test", "id.example.test"),
            "agentless.url",
        ),
        (
            SAFE_ISSUER,
            with("card.example.test", "id.example.test:8445"),
            "agentless.url",
        ),
        (SAFE_ISSUER, with("https:", "http:"), "agentless.url"),
        (
            SAFE_ISSUER,
            with(".test\"", ".test/path\""),
            "agentless.url",
        ),
        (ISSUER, with("", ""), "agentless.url"),
        (SAFE_ISSUER, with(":8445", ":8080"), "agentless.listen"),
    ];
    for (issuer, lines, key) in cases {
        let error = load(issuer, &lines).unwrap_err();
        assert_eq!(error.code(), "server.config_invalid", "{lines}");
        let text = error.to_string();
        assert!(text.contains(key), "{text}\n{lines}");
    }
}
