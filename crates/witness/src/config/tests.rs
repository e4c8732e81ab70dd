use std::path::Path;

use super::{Config, ServeConfig};

const KEY: &str = "log.example.org+b7706ae2+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";

fn text() -> String {
    format!(
        "name = \"witness.example\"\nkey_file = \"k\"\nstate_folder = \"s\"\n[serve]\n\
         [[log]]\norigin = \"log.example.org\"\nkeys = [\"{KEY}\"]\n"
    )
}

fn parse(text: &str) -> Result<Config, crate::Error> {
    Config::parse(text, Path::new("witness.toml"))
}

#[test]
fn the_example_can_be_followed() {
    let config = parse(include_str!("../../witness.example.toml")).unwrap();
    assert_eq!(config.serve, ServeConfig::default());
    let origin = "id.example.org/log";
    assert_eq!(config.log(origin).unwrap().keys.len(), 1);
    assert!(config.log("another").is_none());
}

#[test]
fn what_cannot_be_followed_is_named_with_line_and_key() {
    parse(&text()).unwrap();
    let witness = "w.example+9f85bf13+BAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";
    let many = format!("keys = [{}]", format!("\"{KEY}\",").repeat(17));
    let keys = format!("keys = [\"{KEY}\"]");
    let twice = text() + "[[log]]\n" + text().split_once("[[log]]\n").unwrap().1;
    let listen = "[serve]\nlisten = \"0.0.0.0:1\"";
    for (why, text, place) in [
        ("no TOML", "name = ".to_owned(), "witness.toml:1: (file): "),
        (
            "a space in the name",
            text().replace("s.example", "s example"),
            ":1: name: ",
        ),
        ("an unknown key", format!("x = 1\n{}", text()), ":1: x: "),
        ("no key file", text().replace("key_file", "#"), "key_file"),
        (
            "beyond this machine",
            text().replace("[serve]", listen),
            ":4: serve: listen",
        ),
        (
            "no places",
            text().replace("[serve]", "[serve]\nrequests_max = 0"),
            "requests_max",
        ),
        (
            "too long a stop",
            text().replace("[serve]", "[serve]\nstop_seconds = 301"),
            "stop_",
        ),
        (
            "an unknown key there",
            text().replace("[serve]", "[serve]\nx = 1"),
            "serve",
        ),
        (
            "no origin",
            text().replace("\"log.example.org\"", "\"\""),
            "log[0].origin",
        ),
        (
            "two lines",
            text().replace("\"log.example.org\"", "\"a\\nb\""),
            "log[0].origin",
        ),
        ("no keys", text().replace(&keys, "keys = []"), "log[0].keys"),
        ("many keys", text().replace(&keys, &many), "log[0].keys"),
        (
            "a key's id",
            text().replace("+b77", "+b78"),
            "id is another",
        ),
        (
            "a witness's key",
            text().replace(KEY, witness),
            "log[0].keys",
        ),
        ("a log twice", twice, "same origin"),
    ] {
        let refused = parse(&text).expect_err(why);
        assert_eq!(refused.code(), "witness.config_invalid", "{why}");
        assert!(refused.to_string().contains(place), "{why}: {refused}");
    }
}

#[test]
fn beyond_this_machine_is_a_choice() {
    let chosen = "[serve]\nlisten = \"0.0.0.0:1\"\nplain_http_on_the_network = true";
    parse(&text().replace("[serve]", chosen)).unwrap();
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let refused = Config::load(Path::new("/no/such/witness.toml")).unwrap_err();
    assert_eq!(refused.code(), "witness.file_unreadable");
    assert!(refused.to_string().contains("/no/such/witness.toml"));
}

#[test]
fn files_lie_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("witness.toml");
    std::fs::write(&file, text()).unwrap();
    let config = Config::load(&file).unwrap();
    assert_eq!(config.key_file, folder.path().join("k"));
    std::fs::write(&file, format!("#{}", "x".repeat(1024 * 1024))).unwrap();
    let refused = Config::load(&file).unwrap_err();
    assert_eq!(refused.code(), "witness.config_invalid");
}

/// Its key is made first: who runs the log has to name it, too.
#[test]
fn a_witness_may_watch_no_log_yet() {
    let text = text().split_once("[[log]]").unwrap().0.to_owned();
    let config = Config::parse(&text, "witness.toml".as_ref()).unwrap();
    assert!(config.logs.is_empty());
}
