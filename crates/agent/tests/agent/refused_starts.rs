//! Starts that are refused: what is printed names the configuration file, the key, the reason and
//! the code.

use std::process::Command;

use crate::workstation::Person;

/// Starts the agent with this in its configuration, and gives what it prints when it has ended.
fn start(folder: &std::path::Path, keys: &str) -> String {
    let file = folder.join("agent.toml");
    let state = match keys.contains("state_dir") {
        true => "",
        false => "state_dir = \"state\"\n",
    };
    let text = format!("port = 0\npinentry = \"./pinentry\"\n{state}{keys}\n");
    std::fs::write(&file, text).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_cardea-agent"))
        .args(["run", "--config"])
        .arg(&file)
        .env_remove("XDG_RUNTIME_DIR")
        .env("CARDEA_LOG", "off")
        .output()
        .unwrap();
    assert!(!ended.status.success(), "{keys}");
    String::from_utf8(ended.stderr).unwrap()
}

#[test]
fn a_start_that_is_refused_names_file_key_reason_and_code() {
    let folder = tempfile::tempdir().unwrap();
    let _person = Person::new(folder.path(), &["cancel"]);
    let file = folder.path().join("agent.toml");
    let cases = [
        (
            "backend",
            "backend = { pkcs11 = { module = \"none.so\" } }",
            "none.so",
            "agent.file_unreadable",
        ),
        (
            "instance_key",
            "instance_key = { pkcs11 = { module = \"none.so\", token_label = \"t\", \
             pin_file = \"pin\" } }",
            "none.so",
            "agent.instance_key_unavailable",
        ),
        (
            "state_dir",
            "state_dir = \"agent.toml\"",
            "agent.toml",
            "agent.state_unusable",
        ),
        (
            "socket",
            "socket = \"none/agent/agent.sock\"",
            "0700",
            "agent.socket_unavailable",
        ),
    ];
    for (key, keys, reason, code) in cases {
        let said = start(folder.path(), keys);
        let begin = format!("cardea-agent: {}: {key}: ", file.display());
        assert!(said.starts_with(&begin), "{said}");
        assert!(said.contains(reason), "{said}");
        assert!(said.trim_end().ends_with(&format!("({code})")), "{said}");
    }
}
