//! The program as an operator runs it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::path::Path;
use std::process::{Command, Output};

#[path = "command_line/refusals.rs"]
mod refusals;

fn cardea(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cardea"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "it must fail");
    assert!(output.stdout.is_empty(), "nothing on standard output");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_names_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    let output = cardea(folder.path(), &["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.contains("serve") && text.contains("keys"), "{text}");
}

#[test]
fn a_mistake_in_the_configuration_is_named_by_file_key_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let example = include_str!("../cardea.example.toml");
    let text = example.replacen("grace_seconds = 30", "grace_seconds = \"long\"", 1);
    std::fs::write(folder.path().join("cardea.toml"), text).unwrap();
    let message = refused(&cardea(folder.path(), &["serve"]));
    for part in ["cardea.toml:", "presence.grace_seconds", "invalid type"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn keys_are_made_printed_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    for (command, file) in [
        ("new-root", "root.pem"),
        ("new-challenge-key", "challenge.pem"),
    ] {
        let output = cardea(folder.path(), &["keys", command, "--out", file]);
        assert!(output.status.success());
        let jwk: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let members = jwk.as_object().unwrap();
        assert!(
            members.contains_key("kid") && !members.contains_key("d"),
            "a public key"
        );
        let again = cardea(folder.path(), &["keys", command, "--out", file]);
        assert!(refused(&again).contains("is not overwritten"));
    }
    let sign = |issuer: &str| {
        let arguments = [
            "keys",
            "sign-challenge-list",
            "--root",
            "root.pem",
            "--issuer",
            issuer,
            "--version",
            "7",
            "--key",
            "challenge.pem",
            "--out",
            "list.jws",
        ];
        cardea(folder.path(), &arguments)
    };
    assert!(sign("https://login.example.test").status.success());
    let list = std::fs::read_to_string(folder.path().join("list.jws")).unwrap();
    assert_eq!(list.trim().split('.').count(), 3);
    assert!(refused(&sign("http://login.example.test")).contains("must use https"));
}

#[test]
fn an_enrolment_document_is_signed_and_shown_with_the_fingerprints_to_compare() {
    let folder = tempfile::tempdir().unwrap();
    for (root, public) in [("root-1.pem", "root-1.jwk"), ("root-2.pem", "root-2.jwk")] {
        let output = cardea(folder.path(), &["keys", "new-root", "--out", root]);
        std::fs::write(folder.path().join(public), output.stdout).unwrap();
    }
    let sign = |name: &str, origin: &str| {
        let issuer = "https://login.example.test";
        let mut arguments = vec!["keys", "sign-enrolment", "--root", "root-1.pem"];
        arguments.extend(["--second-root", "root-2.jwk", "--issuer", issuer]);
        arguments.extend(["--name", name, "--origin", origin, "--out", "enrolment.jws"]);
        cardea(folder.path(), &arguments)
    };
    let signed = sign("Portail santé", "https://login.example.test");
    assert!(signed.status.success(), "{signed:?}");
    let shown = cardea(folder.path(), &["keys", "show-enrolment", "enrolment.jws"]);
    assert!(shown.status.success());
    assert_eq!(shown.stdout, signed.stdout);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("Portail santé"), "{text}");
    let fingerprints = text.lines().filter(|line| line.starts_with("root key "));
    assert_eq!(fingerprints.count(), 2, "{text}");
    refused(&sign("", "https://login.example.test"));
    refused(&sign("Portail", "https://login.example.test/path"));
    std::fs::write(folder.path().join("enrolment.jws"), "x.y.z").unwrap();
    refused(&cardea(
        folder.path(),
        &["keys", "show-enrolment", "enrolment.jws"],
    ));
}

/// Who signs for workstations without a witness is told what they will not find out.
#[test]
fn an_enrolment_document_without_a_witness_is_signed_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    cardea(folder.path(), &["keys", "new-root", "--out", "root.pem"]);
    let verifier = |name: &str, kind| {
        let key = openssl::pkey::PKey::generate_ed25519().unwrap();
        let name = cardea_transparency::KeyName::new(name).unwrap();
        let signer = cardea_transparency::NoteSigner::new(name, kind, key).unwrap();
        signer.verifier().to_string()
    };
    let log = verifier(
        "login.example.test/log",
        cardea_transparency::SignatureKind::Ed25519,
    );
    let kind = cardea_transparency::SignatureKind::Cosignature;
    let (one, other) = (verifier("one.test", kind), verifier("other.test", kind));
    let witnessed = ["--log-key", &log, "--witness-key", &one];
    let by_one_of_two = ["--witness-key", &other, "--quorum", "1"];
    for (more, warning, line) in [
        (Vec::new(), "names no log (--log-key) and no witness", None),
        (witnessed[..2].to_vec(), "names no witness", None),
        (witnessed.to_vec(), "", Some("cosigning:  1 of 1")),
        (
            [&witnessed[..], &by_one_of_two[..]].concat(),
            "",
            Some("cosigning:  1 of 2"),
        ),
    ] {
        let mut arguments = vec!["keys", "sign-enrolment", "--root", "root.pem"];
        arguments.extend([
            "--issuer",
            "https://login.example.test",
            "--name",
            "Portail",
        ]);
        arguments.extend(["--out", "enrolment.jws"]);
        arguments.extend(more);
        let signed = cardea(folder.path(), &arguments);
        assert!(signed.status.success(), "{signed:?}");
        let told = String::from_utf8_lossy(&signed.stderr).into_owned();
        assert_eq!(told.contains("warning"), !warning.is_empty(), "{told}");
        assert!(told.contains(warning), "{told}");
        let text = String::from_utf8_lossy(&signed.stdout).into_owned();
        let cosigning = text.lines().find(|it| it.starts_with("cosigning:"));
        assert_eq!(cosigning, line);
        let shown = cardea(folder.path(), &["keys", "show-enrolment", "enrolment.jws"]);
        assert_eq!(shown.stdout, signed.stdout);
    }
}

/// The mistakes of a configuration, each as line, key and the beginning of its reason.
fn mistakes_of(folder: &Path) -> Vec<(u64, String, String)> {
    mistakes_told(folder, &["config", "check", "--json"])
}

fn mistakes_told(folder: &Path, arguments: &[&str]) -> Vec<(u64, String, String)> {
    let output = cardea(folder, arguments);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mistakes = document.get("mistakes").unwrap().as_array().unwrap();
    let is_valid = document.get("valid").unwrap().as_bool().unwrap();
    assert_eq!(is_valid, mistakes.is_empty());
    let expected = if is_valid { 0 } else { 2 };
    assert_eq!(output.status.code(), Some(expected));
    let text = |mistake: &serde_json::Value, name: &str| {
        let value = mistake.get(name).and_then(|it| it.as_str());
        value.unwrap_or_default().to_owned()
    };
    let line = |mistake: &serde_json::Value| {
        let line = mistake.get("line").and_then(serde_json::Value::as_u64);
        line.unwrap_or_default()
    };
    mistakes
        .iter()
        .map(|it| (line(it), text(it, "key"), text(it, "reason")))
        .collect()
}

/// A configuration with every file that it names.
fn sound_configuration(folder: &Path) -> String {
    for (command, file) in [
        ("new-root", "root.pem"),
        ("new-challenge-key", "challenge.pem"),
    ] {
        assert!(
            cardea(folder, &["keys", command, "--out", file])
                .status
                .success()
        );
    }
    let issuer = "http://127.0.0.1:8080";
    let signing = ["keys", "challenge-list", "sign", "--root", "root.pem"];
    let of = [
        "--issuer",
        issuer,
        "--version",
        "1",
        "--key",
        "challenge.pem",
    ];
    let out = ["--out", "challenge.jws"];
    let signed = cardea(folder, &[&signing[..], &of, &out].concat());
    assert!(signed.status.success(), "{signed:?}");
    let pki = cardea_test_pki::TestPki::shared().unwrap();
    let certificate = openssl::x509::X509::from_der(&pki.card_anchors_der()[0]).unwrap();
    std::fs::write(folder.join("anchors.pem"), certificate.to_pem().unwrap()).unwrap();
    format!(
        r#"issuer = "{issuer}"
listen = "127.0.0.1:8080"

[keys]
challenge_key = "challenge.pem"
challenge_list = "challenge.jws"

[session]
idle_seconds = 1800

[[trust_anchor]]
name = "cards"
anchors = "anchors.pem"
profile = "cps"

[[client]]
client_id = "portal"
name = "Portail"
redirect_uris = ["https://portal.example.fr/cb"]
token_endpoint_auth_method = "none"

[[client]]
client_id = "second"
name = "Second"
redirect_uris = ["https://second.example.fr/cb"]
token_endpoint_auth_method = "none"
"#
    )
}

#[test]
fn a_sound_configuration_has_no_mistake_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let text = sound_configuration(folder.path());
    std::fs::write(folder.path().join("cardea.toml"), text).unwrap();
    let names = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    assert_eq!(mistakes_of(folder.path()), []);
    assert_eq!(names(), before, "nothing is made, no key and no database");
}

#[test]
fn every_mistake_is_named_by_line_key_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let text = sound_configuration(folder.path());
    let text = text
        .replace("listen = \"127.0.0.1:8080\"", "listen = \"0.0.0.0:8080\"")
        .replace(
            "idle_seconds = 1800",
            "idle_seconds = 1\nabsolut_seconds = 5",
        )
        .replace("name = \"Portail\"\n", "")
        .replace(
            "\"https://second.example.fr/cb\"",
            "\"http://second.example.fr/cb\"",
        )
        .replace("client_id = \"second\"", "client_id = \"portal\"")
        .replace("profile = \"cps\"", "profile = \"cpz\"")
        .replace("anchors = \"anchors.pem\"", "anchors = \"challenge.jws\"");
    std::fs::write(folder.path().join("cardea.toml"), text).unwrap();
    let found = mistakes_of(folder.path());
    let places: Vec<_> = found
        .iter()
        .map(|(line, key, _)| (*line, key.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            (2, "listen"),
            (9, "session.idle_seconds"),
            (10, "session.absolut_seconds"),
            (14, "trust_anchor[0].anchors"),
            (15, "trust_anchor[0].profile"),
            (17, "client[0].name"),
            (23, "client[1].client_id"),
            (25, "client[1].redirect_uris[0]"),
        ],
        "{found:#?}"
    );
}

#[test]
fn a_text_that_is_no_toml_and_a_file_that_is_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = sound_configuration(folder.path());
    let broken = text.replacen("name = \"cards\"", "name = cards", 1);
    std::fs::write(folder.path().join("cardea.toml"), broken).unwrap();
    let found = mistakes_of(folder.path());
    assert_eq!(found.first().unwrap().0, 12, "{found:?}");
    let missing = format!("clients_file = [\"more.toml\"]\n{text}");
    let missing = missing.replace("\"challenge.pem\"", "\"no-such.pem\"");
    std::fs::write(folder.path().join("cardea.toml"), missing).unwrap();
    let found = mistakes_of(folder.path());
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().any(|(_, key, _)| key == "keys.challenge_key"));
    std::fs::remove_file(folder.path().join("cardea.toml")).unwrap();
    assert_eq!(mistakes_of(folder.path()).len(), 1);
}

/// The certificate's key, and its time.
#[test]
fn a_certificate_and_a_key_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = sound_configuration(folder.path()).replace("http://", "https://");
    let tls = "[tls]\ncertificate = \"anchors.pem\"\nkey = \"root.pem\"\n\n[session]";
    let text = text.replace("[session]", tls);
    std::fs::write(folder.path().join("cardea.toml"), text).unwrap();
    let found = mistakes_of(folder.path());
    let of_key = found.iter().find(|(_, key, _)| key == "tls.key").unwrap();
    assert!(
        of_key.2.contains("is not the key of the certificate"),
        "{found:?}"
    );
}

/// Writes a secret as its owner would.
fn secret(folder: &Path, name: &str, content: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(folder.join(name), content).unwrap();
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(folder.join(name), mode).unwrap();
}

#[test]
fn files_of_keys_operations_and_clients_authorities_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let sound = sound_configuration(folder.path());
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    secret(folder.path(), "kek", key);
    secret(folder.path(), "pin", "1234");
    secret(folder.path(), "token", "sixteen-bytes-and-more");
    secret(folder.path(), "short", "x");
    std::fs::write(folder.path().join("open"), key).unwrap();
    std::fs::create_dir(folder.path().join("backups")).unwrap();
    let module = folder.path().join("pin").display().to_string();
    let with = |kek: &str,
                previous: &str,
                (module, pin): (&str, &str),
                (token, backups, anchors): (&str, &str, &str)| {
        let keys = format!(
            "challenge_list = \"challenge.jws\"\nencryption = {{ file = \"{kek}\" }}\n\
             previous_encryption = {{ file = \"{previous}\" }}\n\
             [keys.pkcs11]\nmodule = \"{module}\"\ntoken = \"t\"\npin_file = \"{pin}\"\n\
             [operations]\nbearer_token_file = \"{token}\"\nbackup_dir = \"{backups}\"\n\
             [mtls]\nlisten = \"127.0.0.1:8443\"\nurl = \"https://mtls.example.fr\"\n\
             proxy = {{ addresses = [\"127.0.0.1\"] }}\n\
             [[mtls.trust_anchor]]\nname = \"clients\"\nanchors = \"{anchors}\"\n\
             revocation_check = \"off\"\n"
        );
        let text = sound.replace("challenge_list = \"challenge.jws\"\n", &keys);
        std::fs::write(folder.path().join("cardea.toml"), text).unwrap();
        let found = mistakes_of(folder.path());
        let keys = found.into_iter().map(|(line, key, _)| (line > 0, key));
        keys.collect::<Vec<_>>()
    };
    let good = ("token", "backups", "anchors.pem");
    assert_eq!(with("kek", "kek", (&module, "pin"), good), []);
    // The start makes the present one, and no previous one.
    assert_eq!(with("new", "kek", (&module, "pin"), good), []);
    let bad = ("short", "no-such", "challenge.jws");
    let found = with("open", "new", ("/no/such.so", "pin"), bad);
    let expected = [
        "keys.encryption.file",
        "keys.previous_encryption.file",
        "keys.pkcs11.module",
        "operations.bearer_token_file",
        "operations.backup_dir",
        "mtls.trust_anchor[0].anchors",
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|key| (true, (*key).to_owned()))
        .collect();
    assert_eq!(found, expected);
    let found = with("pin", "kek", (&module, "open"), good);
    let keys: Vec<_> = found.iter().map(|(_, key)| key.as_str()).collect();
    assert_eq!(keys, ["keys.encryption.file", "keys.pkcs11.pin_file"]);
    assert_eq!(
        with("no-such-folder/kek", "kek", (&module, "pin"), good),
        [(true, "keys.encryption.file".to_owned())]
    );
}

/// A listener on a host of its own shows a certificate for that host.
#[test]
fn a_certificate_for_another_host_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("host.pem");
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-subj", "/CN=host", "-days", "2"])
        .args([
            "-addext",
            "subjectAltName=DNS:id.example.fr,DNS:*.cards.example.fr",
        ])
        .arg("-keyout")
        .arg(folder.path().join("host.key"))
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    secret(
        folder.path(),
        "host.key",
        &std::fs::read_to_string(folder.path().join("host.key")).unwrap(),
    );
    let sound = sound_configuration(folder.path());
    let mut keys = Vec::new();
    for host in [
        "one.cards.example.fr",
        "cards.example.fr",
        "a.b.cards.example.fr",
    ] {
        let tables = format!(
            "[tls]\ncertificate = \"host.pem\"\nkey = \"host.key\"\n\
             [agentless]\nlisten = \"127.0.0.1:8444\"\nurl = \"https://{host}\"\n[session]"
        );
        let text = sound
            .replace("[session]", &tables)
            .replace("http://127.0.0.1:8080", "https://id.example.fr");
        std::fs::write(folder.path().join("cardea.toml"), text).unwrap();
        let found = mistakes_of(folder.path());
        // The list of challenge keys is another issuer's, and nobody watches its log.
        let others = found.into_iter().map(|(_, key, _)| key);
        let others = others.filter(|key| !key.starts_with("keys.") && !key.starts_with("ledger."));
        keys.push(others.collect::<Vec<_>>());
    }
    let wrong = vec!["agentless.url".to_owned()];
    assert_eq!(keys, [Vec::new(), wrong.clone(), wrong]);
}

/// Where it is told to, the check reads the database, and leaves it as it is.
#[test]
fn a_client_of_the_database_and_of_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = sound_configuration(folder.path());
    let of_file = text.replace(
        "[[client]]\nclient_id = \"second\"",
        "[[client]]\nclient_id = \"third\"",
    );
    std::fs::write(folder.path().join("cardea.toml"), &of_file).unwrap();
    let with_database = ["config", "check", "--json", "--database"];
    assert_eq!(mistakes_told(folder.path(), &with_database), []);
    assert!(!folder.path().join("cardea.sqlite").exists());
    let mut add = vec![
        "clients",
        "add",
        "--client-id",
        "second",
        "--name",
        "Second",
    ];
    add.extend([
        "--redirect-uri",
        "https://second.example.fr/cb",
        "--token-endpoint-auth-method",
        "none",
    ]);
    let added = cardea(folder.path(), &add);
    assert!(added.status.success(), "{added:?}");
    assert_eq!(mistakes_told(folder.path(), &with_database), []);
    std::fs::write(folder.path().join("cardea.toml"), &text).unwrap();
    assert_eq!(mistakes_of(folder.path()), []);
    let found = mistakes_told(folder.path(), &with_database);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].0, found[0].1.as_str()),
        (23, "client[1].client_id")
    );
    // In a file of clients.
    let (own, second) = text.split_at(text.rfind("[[client]]").unwrap());
    let own = format!("clients_file = [\"more.toml\"]\n{own}");
    std::fs::write(folder.path().join("cardea.toml"), own).unwrap();
    std::fs::write(folder.path().join("more.toml"), second).unwrap();
    let found = mistakes_told(folder.path(), &with_database);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, 2, "{found:?}");
    std::fs::write(folder.path().join("cardea.sqlite"), "no database").unwrap();
    let found = mistakes_told(folder.path(), &with_database);
    assert!(
        found.iter().any(|(_, key, _)| key == "database.url"),
        "{found:?}"
    );
}
