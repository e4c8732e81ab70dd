//! The command is the only way to a card's care, and it works at a real reader.

use std::path::Path;
use std::process::Command;

use cardea_agent::agent_socket::frame::encode;
use serde_json::{Value, json};

use super::{CHANGE, CONFIG, UNBLOCK, takes};
use crate::readers::{Readers, pharmacist};
use crate::service::{pin_status, run_in_own_process};
use crate::workstation::{Person, Workstation};

/// D11: no route, no frame of the socket and no message of a browser leads to a card's care.
#[tokio::test]
async fn d11_no_page_no_socket_and_no_native_host_unblocks_or_changes_anything() {
    let card = pharmacist();
    let readers = Readers::holding(&card);
    let workstation = Workstation::start(&readers, &["pin 12345678"]).await;
    let page = workstation.page();
    let body = r#"{"puk":"12345678","old":"1234","new":"8642"}"#;
    let headers = "Content-Type: application/json\r\n";
    for path in [
        "card",
        "unblock",
        "change-pin",
        "pin",
        "puk",
        "card/unblock",
    ] {
        for line in [format!("POST /v1/{path}"), format!("GET /v1/{path}")] {
            let answer = page.send(&line, headers, body).await;
            assert_eq!((answer.status, &*answer.code()), (404, "agent.not_found"));
        }
    }
    let socket = crate::socket::open(&workstation);
    let types = ["unblock", "change_pin", "change-pin", "card", "puk", "pin"];
    for kind in types {
        let request = json!({"type": kind, "puk": "12345678", "new": "8642"});
        let answer = frame_answer(&socket, &request).await;
        assert_eq!(answer["code"], "agent.request_invalid", "{answer}");
    }
    let headers = card.command_headers();
    let care = headers
        .iter()
        .any(|header| matches!(header[1], CHANGE | UNBLOCK));
    assert!(!care && workstation.person.was_told().is_empty());
    assert!(takes(&card, "1234"));
}

async fn frame_answer(socket: &Path, request: &Value) -> Value {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::UnixStream::connect(socket).await.unwrap();
    let frame = encode(request.to_string().as_bytes()).unwrap();
    stream.write_all(&frame).await.unwrap();
    let length = stream.read_u32_le().await.unwrap();
    let mut text = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut text).await.unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// D11: only the command's own files know how to give a card a new PIN.
#[test]
fn d11_only_the_command_for_people_knows_a_cards_care() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut knowing) = (vec![source.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let calls = [
                "PinChange",
                "Unblocking {",
                ".change_pin(",
                ".ask_puk(",
                "card_command::",
            ];
            if calls.iter().any(|call| text.contains(call)) {
                let name = path.strip_prefix(&source).unwrap();
                knowing.push(name.to_str().unwrap().to_owned());
            }
        }
    }
    knowing.sort();
    let expected = [
        "card_command.rs",
        "card_command/dialog.rs",
        "card_command/new_pin.rs",
        "card_session/care.rs",
        "main.rs",
    ];
    assert_eq!(knowing, expected);
}

/// The real program at a real smart-card service.
#[test]
fn the_program_changes_and_unblocks_at_a_real_reader() {
    let name = "card_care::only_way::the_program_changes_and_unblocks_at_a_real_reader";
    run_in_own_process(name, async |service| {
        let card = pharmacist();
        let plugged = service.plug(&card);
        assert!(plugged.wait_until_seen(crate::service::LIMIT));
        let folder = tempfile::tempdir().unwrap();
        let person = Person::new(folder.path(), &["pin 1234", "pin 8642", "pin 8642"]);
        let config = folder.path().join("agent.toml");
        std::fs::write(&config, CONFIG).unwrap();
        let run = |arguments: &[&str]| {
            let ran = Command::new(env!("CARGO_BIN_EXE_cardea-agent"))
                .arg("card")
                .args(arguments)
                .args(["--json", "--config"])
                .arg(&config)
                .output()
                .unwrap();
            let document: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
            (ran.status.code(), document)
        };
        let (status, changed) = run(&["change-pin"]);
        assert_eq!(
            (status, &changed["result"]),
            (Some(0), &json!("pin_changed"))
        );
        let reader = service.reader();
        assert_eq!(changed["reader"], *reader);
        // Three wrong ones by somebody else.
        for _ in 0..3 {
            assert!(!takes(&card, "9999"));
        }
        let (status, shown) = run(&["show"]);
        let shown = shown["readers"].as_array().unwrap();
        let shown = shown
            .iter()
            .find(|shown| shown["card"] == "present")
            .unwrap();
        assert_eq!((status, &shown["blocked"]), (Some(0), &json!(true)));
        person.will_answer(&["pin 8642"]);
        let (status, failed) = run(&["change-pin"]);
        assert_eq!(
            (status, &failed["code"]),
            (Some(1), &json!("card.pin_blocked"))
        );
        person.will_answer(&["ok", "pin 12345678", "pin 2468", "pin 2468"]);
        let (status, unblocked) = run(&["unblock", "--reader", &reader]);
        assert_eq!(
            (status, &unblocked["result"]),
            (Some(0), &json!("unblocked"))
        );
        assert!(takes(&card, "2468"));
        assert!(!pin_status(&card).verified);
    });
}
