//! What strangers write reaches the log of the real program as values within its lines, or not at
//! all (attack H17).

use std::time::Duration;

use cardea_test_pki::{CardProfile, KeyKind};
use serde_json::{Value, json};

use crate::card::Card;
use crate::program::Program;
use crate::relying_party::Request;
use crate::test_app::{CLIENT_ID, Changes, TestApp};

/// A line of the log that was never written by the server, in colour.
const FORGED: &str =
    "x\r\n{\"level\":\"INFO\",\"message\":\"forged\",\"forged\":true}\n\u{1b}[31m\u{9b}2J";

/// Sends the text wherever a request has room for one.
async fn send_everywhere(app: &TestApp) {
    for name in [
        "client_id",
        "state",
        "nonce",
        "scope",
        "redirect_uri",
        "ui_locales",
        "prompt",
    ] {
        let request = Request::new().with(name, FORGED);
        request.send(app).await;
        let form = app.post("/par").form(&request.parameters);
        form.basic_auth(FORGED, Some(FORGED)).send().await.unwrap();
    }
    for name in [
        "client_id",
        "code",
        "grant_type",
        "refresh_token",
        "token",
        "client_assertion",
    ] {
        let form = [("client_id", CLIENT_ID), (name, FORGED)];
        for path in ["/token", "/introspect", "/revoke"] {
            app.post(path).form(&form).send().await.unwrap();
        }
    }
    for name in [
        "id_token_hint",
        "client_id",
        "post_logout_redirect_uri",
        "state",
        "logout_hint",
    ] {
        let get = app.get("/logout").query(&[(name, FORGED)]);
        get.send().await.unwrap();
    }
    let escaped = "%0d%0a%7b%22forged%22:true%7d%0a%1b%5b31m";
    for path in ["/login/", "/errors/", "/consent/", "/static/", "/"] {
        app.get_raw(&format!("{path}{escaped}")).await;
    }
    // Bytes that are no text, and an escape sequence, in headers that programs like to log.
    for name in [
        "User-Agent",
        "Referer",
        "X-Forwarded-For",
        "Origin",
        "Cookie",
        "Authorization",
    ] {
        for value in [
            &b"\xff\xfe"[..],
            b"x\t{\"forged\":true}",
            "\u{9b}31m".as_bytes(),
        ] {
            let value = reqwest::header::HeaderValue::from_bytes(value).unwrap();
            let get = app.get("/userinfo").header(name, value);
            get.send().await.unwrap();
        }
    }
    app.get_raw("/jwks HTTP/1.1\r\nUser-Agent: \u{1b}[31mforged")
        .await;
}

/// Names that a card carries: they are nobody's to log, however they are written.
async fn sign_in_with_odd_names(app: &TestApp) {
    let names = ["Eve\u{1b}[31m", "Eve\u{202e}drow", "Eve\"}"];
    for (given_name, family_name) in names.into_iter().zip(["FORGED-A", "FORGED-B", "FORGED-C"]) {
        let profile = CardProfile::nurse().with_key(KeyKind::P256);
        let profile = profile.with_name(given_name, family_name);
        // The test PKI may refuse to make such a card.
        let Ok(issued) = app.host.pki.issue_card(&profile) else {
            continue;
        };
        let card = Card::of(issued, app);
        let login = Request::new().begin(app).await;
        let body = card.answer(app, &login.challenge(app).await);
        let post = login.post_assertion(app, &body);
        // Whether it is taken is another test's question; nobody proves presence here.
        let _ = tokio::time::timeout(Duration::from_secs(10), post).await;
    }
    let login = Request::new().begin(app).await;
    let body = json!({ "assertion": FORGED, "attestation": FORGED });
    login.post_assertion(app, &body).await;
}

#[tokio::test]
async fn h17_a_stranger_writes_no_line_and_no_colour_into_the_log() {
    let changes = Changes::limiting("refusals_per_address_and_minute = 100000");
    let address = Program::unused_address().await;
    let app = TestApp::start_with(changes).await;
    let app = app.handed_to(format!("http://{address}"));
    let mut program = Program::start(app.folder(), &address).await;
    send_everywhere(&app).await;
    sign_in_with_odd_names(&app).await;
    program.kill();

    let log = String::from_utf8(program.log()).expect("the log is text");
    assert!(log.ends_with('\n'));
    let mut refusals = 0;
    for line in log.lines() {
        let document: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        let members = document.as_object().unwrap();
        for name in ["time", "level", "target"] {
            assert!(members.contains_key(name), "{line}");
        }
        assert!(!members.contains_key("forged"), "{line}");
        assert_ne!(document["message"], "forged", "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(!line.contains("FORGED-"), "a card's name: {line}");
        refusals += u32::from(document["message"] == "refused");
    }
    assert!(refusals > 50, "{refusals}");
}
