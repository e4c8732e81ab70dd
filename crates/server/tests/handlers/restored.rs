//! A database that was taken back to a backup: what was used since stays used (attacks C1,
//! E13, F1, F4, F6, F9 and H19), on both databases.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use cardea_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::card::Card;
use crate::key_client::{KeyClient, Told, nonce, now, proof, refusal, success, told};
use crate::relying_party::{Request, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp};
use crate::two_nodes::on_postgres;

/// A portal that refreshes, and a service with a key.
fn changes(service: &KeyClient) -> Changes {
    let mut changes = service.registered();
    let from = "id_token_signed_response_alg = \"ES256\"";
    let to = "grant_types = [\"authorization_code\", \"refresh_token\"]".to_owned();
    changes.replace.push((from, to));
    changes
}

fn cardea(app: &TestApp, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea"));
    command.current_dir(app.folder()).args(arguments);
    command.output().unwrap()
}

async fn run(app: &TestApp, arguments: &'static [&'static str]) -> Output {
    // The server runs in this process, and must go on meanwhile.
    tokio::task::block_in_place(|| cardea(app, arguments))
}

async fn refresh(app: &TestApp, token: &Value) -> Told {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str().unwrap()),
    ];
    let request = app.post("/token").form(&form);
    let request = request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    told(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_e13_f1_f4_f6_f9_what_was_used_since_the_backup_stays_used_on_sqlite() {
    let service = KeyClient::new();
    let app = TestApp::start_with(changes(&service)).await;
    replay_after_restore(app, service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_e13_f1_f4_f6_f9_h19_what_was_used_since_the_backup_stays_used_on_postgresql() {
    let service = KeyClient::new();
    let (app, _) = on_postgres(changes(&service)).await;
    replay_after_restore(app, service).await;
}

async fn replay_after_restore(app: TestApp, service: KeyClient) {
    // Before the backup: a code, a refresh token, a challenge and a pushed request wait.
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &card).await;
    let second = Card::pharmacist(&app);
    let second_request = Request::new();
    let second_in = sign_in(&app, &second_request, &second).await;
    let tokens = second_request.redeem(&app, &second_in.code).await;
    let tokens: Value = tokens.json().await.unwrap();
    let login = Request::new().begin(&app).await;
    let challenge = login.challenge(&app).await;
    let answer = Card::pharmacist(&app).answer(&app, &challenge);
    let pushing = app.post("/par").form(&Request::new().parameters);
    let pushing = pushing.basic_auth(CLIENT_ID, Some(CLIENT_SECRET)).send();
    let pushed: Value = pushing.await.unwrap().json().await.unwrap();
    let pushed = pushed["request_uri"].as_str().unwrap().to_owned();

    let made = run(&app, &["backup", "--out", "whole.backup"]).await;
    assert!(made.status.success(), "{made:?}");
    let mode = fs::metadata(app.folder().join("whole.backup")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let again = run(&app, &["backup", "--out", "whole.backup"]).await;
    assert!(!again.status.success(), "no backup is overwritten");

    // Since then: all of it is used, and an assertion and a proof that nobody had made before.
    assert_eq!(request.redeem(&app, &signed_in.code).await.status(), 200);
    assert_eq!(refresh(&app, &tokens["refresh_token"]).await, success());
    let assertion = service.assertion(&app);
    let by_assertion = async |app: &TestApp, assertion: &str| {
        told(service.ask_with(app, assertion).send().await.unwrap()).await
    };
    assert_eq!(by_assertion(&app, &assertion).await, success());
    let without_iat = {
        let mut claims = service.claims(&app);
        claims.as_object_mut().unwrap().remove("iat");
        service.key.sign_jwt("JWT", &claims).unwrap()
    };
    assert_eq!(by_assertion(&app, &without_iat).await, success());
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let bound = proof(
        &app,
        &key,
        ("POST", "/token"),
        None,
        Some(&nonce(&app).await),
    );
    let by_proof = async |app: &TestApp, proof: &str| {
        let mut claims = service.claims(app);
        // As of a client whose clock is a minute ahead: nothing else is taken so soon.
        claims["iat"] = json!(now() + 60);
        claims["exp"] = json!(now() + 120);
        let assertion = service.key.sign_jwt("JWT", &claims).unwrap();
        let asking = service.ask_with(app, &assertion).header("DPoP", proof);
        told(asking.send().await.unwrap()).await
    };
    assert_eq!(by_proof(&app, &bound).await, success());

    let app = restored(app).await;

    let spent = request.redeem(&app, &signed_in.code).await;
    let reused = refusal(400, "invalid_grant", "provider.code_reused");
    assert_eq!(told(spent).await, reused);
    let revoked = refusal(400, "invalid_grant", "provider.refresh_token_revoked");
    assert_eq!(refresh(&app, &tokens["refresh_token"]).await, revoked);
    let access_token = tokens["access_token"].as_str().unwrap();
    let userinfo = app.get("/userinfo").bearer_auth(access_token).send();
    assert_eq!(userinfo.await.unwrap().status(), 401);
    assert_eq!(login.post_assertion(&app, &answer).await.status(), 403);
    let query = [("client_id", CLIENT_ID), ("request_uri", pushed.as_str())];
    let opened = app.get("/authorize").query(&query).send().await.unwrap();
    let location = crate::test_app::header(&opened, "location");
    assert!(!location.contains("/login/"), "{location}");

    let before = refusal(
        401,
        "invalid_client",
        "provider.client_assertion_before_restore",
    );
    assert_eq!(by_assertion(&app, &assertion).await, before);
    assert_eq!(by_assertion(&app, &without_iat).await, before);
    // The clock has to pass the second of the restore.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let renewed = refusal(400, "use_dpop_nonce", "provider.dpop_nonce_invalid");
    assert_eq!(by_proof(&app, &bound).await, renewed);

    // A new login goes as ever.
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;
    assert_eq!(request.redeem(&app, &signed_in.code).await.status(), 200);
}

/// Stops the server, takes its database back, and starts it again.
async fn restored(app: TestApp) -> TestApp {
    // Its listener is still there.
    let refused = run(&app, &["restore", "whole.backup"]).await;
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && text.contains("stop all servers"),
        "{text}"
    );
    let text = fs::read_to_string(app.folder().join("cardea.toml")).unwrap();
    let listen = |line: &str| match line.starts_with("listen = ") {
        true => "listen = \"127.0.0.1:0\"\n".to_owned(),
        false => format!("{line}\n"),
    };
    let text: String = text.lines().map(listen).collect();
    fs::write(app.folder().join("stopped.toml"), text).unwrap();
    app.stop();

    // A file that was cut, or changed, changes nothing.
    let backup = fs::read_to_string(app.folder().join("whole.backup")).unwrap();
    let (cut, _) = backup.trim_end().rsplit_once('\n').unwrap();
    fs::write(app.folder().join("cut.backup"), format!("{cut}\n")).unwrap();
    let changed = backup.replacen("\"portal\"", "\"porta1\"", 1);
    fs::write(app.folder().join("changed.backup"), changed).unwrap();
    for name in ["cut.backup", "changed.backup", "cardea.toml"] {
        let refused = cardea(&app, &["restore", name, "--config", "stopped.toml"]);
        assert!(!refused.status.success(), "{name}");
    }
    let other = [
        "restore",
        "whole.backup",
        "--config",
        "stopped.toml",
        "--sha256",
        "x",
    ];
    assert!(!cardea(&app, &other).status.success());

    let done = run(
        &app,
        &["restore", "whole.backup", "--config", "stopped.toml"],
    )
    .await;
    assert!(done.status.success(), "{done:?}");
    app.restart().await
}
