//! What an administrator is told before anybody depends on the host's door.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// What the program says of a configuration, and its exit status.
fn check(issuer: &str, users: &str, words: &[&str]) -> (String, i32) {
    let folder = tempfile::tempdir().unwrap();
    let (secret, config) = (folder.path().join("secret"), folder.path().join("it.toml"));
    write(&secret, "s3cret\n", 0o600);
    let text = format!(
        "issuer = \"{issuer}\"\nclient_id = \"db01\"\nclient_secret_file = \"{}\"\n\
         [users]\n{users}",
        secret.display()
    );
    write(&config, &text, 0o644);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea-host-login"));
    command.arg("--config").arg(&config).args(words);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (said, output.status.code().unwrap())
}

const ALICE: &str = "alice = [{ claim = \"subject_id\", value = \"899700000001\" }]\n";

#[test]
fn a_host_that_lets_nobody_in_is_told_so() {
    let issuer = "https://id.example.fr";
    let (said, status) = check(issuer, "", &["--check"]);
    assert!(said.contains("warning: [users] names no account"), "{said}");
    assert_eq!(status, 0);
    let (said, status) = check(issuer, ALICE, &["--check"]);
    assert_eq!(
        (said.as_str(), status),
        ("I the configuration is usable\n", 0)
    );
}

#[test]
fn an_issuer_that_does_not_answer_is_found_before_anybody_stands_at_the_door() {
    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let issuer = format!("http://127.0.0.1:{port}");
    assert_eq!(check(&issuer, ALICE, &["--check"]).1, 0);
    let (said, status) = check(&issuer, ALICE, &["--check", "--online"]);
    assert!(said.contains("the issuer does not answer"), "{said}");
    assert_eq!(status, 2);
}
