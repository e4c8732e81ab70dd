//! What commands refuse, and what they say about it.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::{cardea, mistakes_of, refused, secret, sound_configuration};

/// What a start refuses because of the machine, and keys that are not there at all.
#[test]
fn folders_modes_and_addresses_are_looked_at_too() {
    let folder = tempfile::tempdir().unwrap();
    let sound = sound_configuration(folder.path());
    let mistakes = |text: &str| {
        std::fs::write(folder.path().join("cardea.toml"), text).unwrap();
        let found = mistakes_of(folder.path());
        let places = found.into_iter().map(|(line, key, _)| (line > 0, key));
        places.collect::<Vec<_>>()
    };
    std::fs::write(folder.path().join("open.sqlite"), "").unwrap();
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.path().join("open.sqlite"), mode).unwrap();
    secret(folder.path(), "private.sqlite", "");
    let first = [four_eyes_of_one(&sound)];
    for (text, expected) in first.into_iter().chain(machine_cases(&sound)) {
        assert_eq!(mistakes(&text), expected, "{text}");
    }
    // What only the server is given is told as such.
    let output = cardea(folder.path(), &["config", "check"]);
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(
        words.contains("keys.encryption.environment: is not looked at"),
        "{words}"
    );
}

/// A zone that the machine does not know is told by its line, its key and what it must be.
#[test]
fn the_time_zone_of_the_pages_is_one_of_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let sound = sound_configuration(folder.path());
    let mistakes = |zone: &str| {
        let table = format!("[pages]\ntime_zone = \"{zone}\"\n[keys]");
        let text = sound.replacen("[keys]", &table, 1);
        std::fs::write(folder.path().join("cardea.toml"), &text).unwrap();
        let before = text.split("time_zone").next().unwrap();
        let line = u64::try_from(before.matches('\n').count()).unwrap() + 1;
        (line, mistakes_of(folder.path()))
    };
    for good in [
        "Europe/Paris",
        "America/Martinique",
        "Pacific/Noumea",
        "UTC",
    ] {
        assert_eq!(mistakes(good).1, [], "{good}");
    }
    for bad in ["Europe/Lutece", "Paris", ""] {
        let (line, found) = mistakes(bad);
        let [(at, key, reason)] = found.as_slice() else {
            panic!("{bad}: {found:?}");
        };
        assert_eq!((*at, key.as_str()), (line, "pages.time_zone"), "{bad}");
        assert!(reason.contains("no time zone"), "{reason}");
    }
}

/// Four eyes that are two of one person.
fn four_eyes_of_one(sound: &str) -> (String, Vec<(bool, String)>) {
    let admin = "[admin]\nenabled = true\nfour_eyes = true\n[[admin.operator]]\n\
                 subject_id = \"899700000001\"\nsubject_id_type = \"rpps\"";
    let text = sound.replacen("[keys]", &format!("{admin}\n[keys]"), 1);
    (text, vec![(true, "admin.four_eyes".to_owned())])
}

/// Configurations, each with the keys that are to be named and whether a line is.
fn machine_cases(sound: &str) -> Vec<(String, Vec<(bool, String)>)> {
    let named = |key: &str| vec![(true, key.to_owned())];
    let with = |table: &str| sound.replacen("[keys]", &format!("{table}\n[keys]"), 1);
    let operator = |kind: &str| {
        with(&format!(
            "[admin]\nenabled = true\n[[admin.operator]]\nname = \"A\"\n\
             subject_id = \"899700000001\"\nsubject_id_type = \"{kind}\""
        ))
    };
    let variable = |name: &str| {
        let key = format!("[keys]\nencryption = {{ environment = \"{name}\" }}");
        sound.replacen("[keys]", &key, 1)
    };
    vec![
        (
            with("[operations]\nlisten = \"127.0.0.1:8080\""),
            named("operations.listen"),
        ),
        (
            with("[operations]\nlisten = \"[::]:8080\"\nbearer_token_file = \"no-such\""),
            vec![
                (true, "operations.listen".to_owned()),
                (true, "operations.bearer_token_file".to_owned()),
            ],
        ),
        (
            with("[operations]\nlisten = \"0.0.0.0:9464\""),
            named("operations.bearer_token_file"),
        ),
        (with("[operations]\nlisten = \"127.0.0.1:9464\""), vec![]),
        (
            with("[database]\nurl = \"sqlite://no-such/cardea.sqlite\""),
            named("database.url"),
        ),
        (
            with("[database]\nurl = \"sqlite://open.sqlite\""),
            named("database.url"),
        ),
        (
            with("[database]\nurl = \"sqlite://private.sqlite\""),
            vec![],
        ),
        (operator("rpps"), vec![]),
        (operator("rps"), named("admin.operator[0].subject_id_type")),
        (
            sound.replace("[keys]", "[keys]\nstore = \"pkcs11\""),
            named("keys.pkcs11"),
        ),
        (
            sound.replace("redirect_uris = [\"https://portal.example.fr/cb\"]\n", ""),
            named("client[0].redirect_uris"),
        ),
        (
            sound.replacen("token_endpoint_auth_method = \"none\"\n", "", 1),
            named("client[0].token_endpoint_auth_method"),
        ),
        (
            format!("clients_file = [\"no-such.toml\"]\n{sound}"),
            named("clients_file[0]"),
        ),
        (
            sound.replace("profile = \"cps\"", "profile = \"no-such.toml\""),
            named("trust_anchor[0].profile"),
        ),
        (variable("CARDEA_NO_SUCH_VARIABLE"), vec![]),
    ]
}

#[test]
fn a_configuration_without_end_is_not_read_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = cardea(folder.path(), &["config", "check", "--config", "/dev/zero"]);
    let words = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(words.contains("is larger than 1048576 bytes"), "{words}");
}

/// A database that is not there says so, by a code and a cause of its own.
#[test]
fn a_backup_says_why_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let sound = sound_configuration(folder.path());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let backup = |url: &str| {
        let text = sound.replace("[keys]", &format!("[database]\nurl = \"{url}\"\n[keys]"));
        let text = text.replace("[session]", "[presence]\nwait_seconds = 20\n[session]");
        std::fs::write(folder.path().join("cardea.toml"), text).unwrap();
        refused(&cardea(folder.path(), &["backup", "--out", "x.backup"]))
    };
    let words = backup(&format!("postgres://cardea@127.0.0.1:{port}/cardea"));
    assert!(words.contains("Connection refused"), "{words}");
    assert!(words.contains("[server.database_unavailable]"), "{words}");
    let words = backup("sqlite://no-such.sqlite");
    assert!(words.contains("No such file"), "{words}");
    assert!(!folder.path().join("x.backup.partial").exists());
}

/// Keys are not taken out by a slip: where nobody can be asked, the word has to be there.
#[test]
fn an_emergency_has_to_be_meant() {
    let folder = tempfile::tempdir().unwrap();
    let text = sound_configuration(folder.path());
    std::fs::write(folder.path().join("cardea.toml"), text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_cardea"))
        .current_dir(folder.path())
        .args(["keys", "rotate", "--emergency"])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = refused(&output);
    assert!(words.contains("--yes"), "{words}");
    assert!(words.contains("[server.confirmation_missing]"), "{words}");
}
