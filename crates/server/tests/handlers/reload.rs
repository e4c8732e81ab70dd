//! The configuration read anew while logins go on: by SIGHUP of the real program, and in process.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::card::Card;
use crate::program::Program;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{Changes, REDIRECT_URI, TestApp};

const WITHIN: Duration = Duration::from_secs(30);
pub(crate) const ADDED: &str = "added";

/// A further client at the end of a configuration.
fn with_client(text: &str, redirect_uri: &str) -> String {
    format!(
        "{text}\n[[client]]\nclient_id = \"{ADDED}\"\nname = \"Ajouté\"\n\
         redirect_uris = [\"{redirect_uri}\"]\ntoken_endpoint_auth_method = \"none\"\n"
    )
}

/// Whether the server shows a login page to the client.
async fn is_known(app: &TestApp) -> bool {
    let request = Request::new().with("client_id", ADDED);
    request.send(app).await.status() == 303
}

pub(crate) async fn until_known(app: &TestApp, known: bool) {
    let begun = Instant::now();
    while is_known(app).await != known {
        assert!(begun.elapsed() < WITHIN, "not {known} in time");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn until_logged(program: &Program, text: &str) -> String {
    let begun = Instant::now();
    loop {
        let log = String::from_utf8(program.log()).unwrap();
        if let Some(line) = log.lines().find(|line| line.contains(text)) {
            return line.to_owned();
        }
        assert!(begun.elapsed() < WITHIN, "{text} is not in the log:\n{log}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_takes_a_good_file_and_leaves_a_bad_one_while_a_login_goes_on() {
    let app = TestApp::start().await;
    let address = Program::unused_address().await;
    let program = Program::start(app.folder(), &address).await;
    let file = app.folder().join("program.toml");
    let first = fs::read_to_string(&file).unwrap();
    let app = app.handed_to(format!("http://{address}"));
    assert!(!is_known(&app).await);
    // A login that has its challenge already.
    let card = Card::pharmacist(&app);
    let login = Request::new().begin(&app).await;
    let challenge = login.challenge(&app).await;

    fs::write(&file, with_client(&first, REDIRECT_URI)).unwrap();
    program.hang_up();
    until_known(&app, true).await;

    // One that is unsafe: nothing of the file is taken, and the log says where the mistake is.
    fs::write(&file, with_client(&first, "javascript:alert(1)")).unwrap();
    program.hang_up();
    let line = until_logged(&program, "server.reload_refused").await;
    assert!(line.contains("server.config_invalid"), "{line}");
    assert!(line.contains("redirect_uris"), "{line}");
    assert!(is_known(&app).await, "the client before stays");

    let body = card.answer(&app, &challenge);
    let mut connection = card.connect(&app).await;
    let (response, ()) = tokio::join!(
        login.post_assertion(&app, &body),
        connection.prove(&app, &card)
    );
    assert_eq!(response.status(), 200, "the login has gone on meanwhile");

    fs::write(
        &file,
        first.replace("[presence]\n", "[presence]\ngrace_seconds = 40\n"),
    )
    .unwrap();
    program.hang_up();
    until_known(&app, false).await;
    let line = until_logged(&program, "server.reload_needs_restart").await;
    assert!(line.contains("presence"), "{line}");
}

/// Attack H14: a change by file is on record as well.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_client_that_leaves_the_file_loses_what_it_holds_on_record() {
    let changes = Changes::replacing("[presence]", "[presence]");
    let app = TestApp::start_with(changes).await;
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;
    let tokens = request.redeem(&app, &signed_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    let userinfo = async || {
        let get = app.get("/userinfo").bearer_auth(&token);
        get.send().await.unwrap().status().as_u16()
    };
    assert_eq!(userinfo().await, 200);
    let file = app.folder().join("cardea.toml");
    let text = fs::read_to_string(&file).unwrap();
    let gone = text.replace("client_id = \"portal\"", "client_id = \"another\"");
    fs::write(&file, gone).unwrap();
    let report = app.reload().await.unwrap();
    assert_eq!(
        report.replaced,
        ["clients", "trust_anchors", "tls_certificates"]
    );
    assert!(report.needs_restart.is_empty(), "{report:?}");
    assert_eq!(userinfo().await, 401);
    let events = app.events().await;
    let reloaded = events.iter().find(|it| it.kind == "configuration.reloaded");
    let details = &reloaded.unwrap().details;
    assert!(details.contains("cardea.toml"), "{details}");
    assert!(details.contains("\"clients\""), "{details}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_changes_nothing() {
    let app = TestApp::start().await;
    let file = app.folder().join("cardea.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\nmisspelt = 1\n")).unwrap();
    let error = app.reload().await.unwrap_err();
    assert_eq!(error.code(), "server.config_invalid");
    fs::remove_file(&file).unwrap();
    let error = app.reload().await.unwrap_err();
    assert_eq!(error.code(), "server.config_unreadable");
    sign_in(&app, &Request::new(), &Card::pharmacist(&app)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_the_database_has_as_well_keeps_the_new_clients_out() {
    let app = TestApp::start().await;
    app.operate(&[
        "add",
        "--client-id",
        ADDED,
        "--name",
        "Ajouté",
        "--redirect-uri",
        REDIRECT_URI,
        "--token-endpoint-auth-method",
        "none",
    ])
    .await;
    let file = app.folder().join("cardea.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, with_client(&text, REDIRECT_URI)).unwrap();
    let report = app.reload().await.unwrap();
    let kept = report.kept.iter().find(|kept| kept.kind == "clients");
    let kept = kept.unwrap();
    assert_eq!(kept.code, "server.provider_refused");
    assert!(kept.reason.contains(ADDED), "{}", kept.reason);
    until_known(&app, true).await;
}
