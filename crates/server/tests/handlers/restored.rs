//! A database that was taken back to a backup: what was used since stays used (attacks C1,
//! E13, F1, F4, F6, F9 and H19), on both databases.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::time::Duration;

use cardea_jose::{Algorithm, SigningKey};
use cardea_storage::event::{EventRecord, list_newest};
use cardea_transparency::{Note, RestoreRecord, VerifierKey};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::card::Card;
use crate::key_client::{KeyClient, Told, nonce, now, proof, refusal, success, told};
use crate::ledger::{log_in, signed};
use crate::register;
use crate::relying_party::{Login, Request, SignedIn, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header, problem_code};
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

pub(crate) async fn run(app: &TestApp, arguments: &[&str]) -> Output {
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
    let waiting = Waiting::begin(&app).await;
    let made = run(&app, &["backup", "--out", "whole.backup"]).await;
    assert!(made.status.success(), "{made:?}");
    let mode = fs::metadata(app.folder().join("whole.backup")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let again = run(&app, &["backup", "--out", "whole.backup"]).await;
    assert!(!again.status.success(), "no backup is overwritten");
    waiting.use_up(&app).await;
    let signed = Signed::used_up(&app, &service).await;

    let before = token_keys(&app).await;
    let app = restored(app).await;
    // Attack G9: a key may have been taken out since; none of the backup signs or verifies.
    let after = token_keys(&app).await;
    assert_eq!(after.len(), before.len());
    assert!(!after.iter().any(|kid| before.contains(kid)), "{after:?}");
    app.in_database_of_its_own(async |transaction| {
        let events = list_newest(transaction, 100).await.unwrap();
        let withdrawn = |event: &&EventRecord| event.kind == "token_key.withdrawn";
        assert_eq!(events.iter().filter(withdrawn).count(), before.len());
    })
    .await;
    waiting.check_refused(&app).await;
    signed.check_refused(&app, &service).await;
    // A new login goes as ever.
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;
    assert_eq!(request.redeem(&app, &signed_in.code).await.status(), 200);
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was suspended since the copy is let in again: the operator is told, with what sets it anew.
#[tokio::test(flavor = "multi_thread")]
async fn suspensions_since_the_backup_are_named_with_what_sets_them_again() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    drop(sign_in(&app, &Request::new(), &card).await);
    let id_of = async |number: &str| {
        let listed = app.operate_on("cards", &["list", number]).await;
        listed["cards"][0]["id"].as_str().unwrap().to_owned()
    };
    let known = id_of("899700000029").await;
    let made = run(&app, &["backup", "--out", "whole.backup"]).await;
    assert!(made.status.success(), "{made:?}");
    let nurse = cardea_test_pki::CardProfile::nurse();
    let nurse = Card::new(&app, &nurse.with_key(cardea_test_pki::KeyKind::P256));
    drop(sign_in(&app, &Request::new(), &nurse).await);
    let unknown = id_of("899700000037").await;
    for id in [&known, &unknown] {
        let arguments = ["suspend", id, "--reason", "called at night"];
        app.operate_on("cards", &arguments).await;
    }
    stop(&app);
    let arguments = [
        "restore",
        "whole.backup",
        "--config",
        "stopped.toml",
        "--replace",
    ];
    let restored = run(&app, &arguments).await;
    let told = String::from_utf8_lossy(&restored.stdout).into_owned();
    assert!(restored.status.success(), "{restored:?}");
    for part in [
        "WARNING: cards that were suspended after the backup (20".to_owned(),
        format!("cardea cards suspend {known} --reason"),
        "the backup does not know this card".to_owned(),
    ] {
        assert!(told.contains(&part), "{part} is not in {told}");
    }
    assert!(!told.contains(&unknown), "{told}");
    // What the line says does what it says.
    let again = [
        "suspend",
        known.as_str(),
        "--reason",
        "again, after a restore",
    ];
    app.operate_on("cards", &again).await;
    let app = app.restart().await;
    let login = Request::new().begin(&app).await;
    let body = card.shown_again();
    let body = body.answer(&app, &login.challenge(&app).await);
    let refused = login.post_assertion(&app, &body).await;
    assert_eq!(problem_code(refused).await, "login.card_suspended");
}

/// Whoever has a backup, which is not encrypted, cannot try out what a short secret is.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_has_no_digest_of_a_secret() {
    let app = TestApp::start().await;
    let keys = app.folder().join("keys");
    fs::create_dir_all(&keys).unwrap();
    fs::write(keys.join("token.pin"), "4711\n").unwrap();
    let made = run(&app, &["backup", "--out", "whole.backup"]).await;
    assert!(made.status.success(), "{made:?}");
    let backup = fs::read_to_string(app.folder().join("whole.backup")).unwrap();
    let (header, _) = backup.split_once('\n').unwrap();
    let header: Value = serde_json::from_str(header).unwrap();
    let files = header["about"]["files"].as_array().unwrap();
    let mut public = 0;
    for file in files {
        let path = file["path"].as_str().unwrap();
        let digest =
            fs::read(app.folder().join(path)).map(|it| hexadecimal(&openssl::sha::sha256(&it)));
        assert!(!path.ends_with("token.pin"), "{path}");
        if file["sha256"].is_null() {
            continue;
        }
        public += 1;
        assert_eq!(file["sha256"], digest.unwrap(), "{path}");
        let key = file["key"].as_str().unwrap();
        let is_public = key == "keys.challenge_list"
            || key.ends_with("anchors")
            || key.ends_with("intermediates");
        assert!(is_public, "{key}");
    }
    assert!(public >= 2, "{files:?}");
    // As `sha256sum` says it, which takes the line to check the file.
    let words = String::from_utf8(made.stdout).unwrap();
    let line = words.lines().next().unwrap();
    assert_eq!(
        line,
        format!("{}  whole.backup", digest_of(backup.as_bytes()))
    );
}

fn digest_of(content: &[u8]) -> String {
    hexadecimal(&openssl::sha::sha256(content))
}

/// A copy that was stopped at any moment is whole or not there, and is in nobody's way.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_stopped_leaves_nothing() {
    let app = TestApp::start().await;
    let [out, partial] = ["x.backup", "x.backup.partial"].map(|name| app.folder().join(name));
    let mut stopped = 0;
    for milliseconds in [5, 10, 20, 30, 40, 60, 80, 120, 200] {
        for signal in ["-INT", "-TERM", "-KILL"] {
            let _ = fs::remove_file(&out);
            let mut backup = Command::new(env!("CARGO_BIN_EXE_cardea"));
            backup.current_dir(app.folder());
            let mut backup = backup
                .args(["backup", "--out", "x.backup"])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(milliseconds));
            let process = backup.id().to_string();
            let _ = Command::new("kill").args([signal, &process]).status();
            let ended = tokio::task::block_in_place(|| backup.wait()).unwrap();
            stopped += usize::from(!ended.success());
            assert!(!ended.success() || out.exists());
            assert!(signal == "-KILL" || !partial.exists(), "{milliseconds}");
        }
    }
    assert!(stopped > 0, "none was stopped before its end");
    // What a killed one has left is replaced.
    let _ = fs::remove_file(&out);
    fs::write(&partial, "left").unwrap();
    let made = run(&app, &["backup", "--out", "x.backup"]).await;
    assert!(made.status.success() && !partial.exists(), "{made:?}");
}

/// What is not ours stays as it is, its schema too.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_leaves_the_database_of_another_program_alone() {
    let app = TestApp::start().await;
    let made = run(&app, &["backup", "--out", "whole.backup"]).await;
    assert!(made.status.success(), "{made:?}");
    let text = fs::read_to_string(app.folder().join("cardea.toml")).unwrap();
    let line = |line: &str| match line {
        _ if line.starts_with("listen = ") => "listen = \"127.0.0.1:0\"\n".to_owned(),
        _ if line == "[keys]" => "[database]\nurl = \"sqlite://other.sqlite\"\n[keys]\n".to_owned(),
        _ => format!("{line}\n"),
    };
    let text: String = text.lines().map(line).collect();
    assert!(text.contains("other.sqlite"), "{text}");
    fs::write(app.folder().join("other.toml"), text).unwrap();
    let other = app.folder().join("other.sqlite");
    let options = SqliteConnectOptions::new().filename(&other);
    let database = SqlitePool::connect_with(options.create_if_missing(true)).await;
    let database = database.unwrap();
    let statement = "CREATE TABLE accounts (id INTEGER)";
    sqlx::query(statement).execute(&database).await.unwrap();
    database.close().await;
    let before = fs::read(&other).unwrap();
    let arguments = [
        "restore",
        "whole.backup",
        "--config",
        "other.toml",
        "--replace",
    ];
    let refused = tokio::task::block_in_place(|| cardea(&app, &arguments));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("[server.database_foreign]"), "{words}");
    assert_eq!(fs::read(&other).unwrap(), before);
    // An empty one needs no word more.
    fs::remove_file(&other).unwrap();
    let done = tokio::task::block_in_place(|| cardea(&app, &arguments[..4]));
    assert!(done.status.success(), "{done:?}");
}

/// Attack H14: a log that was put back is not taken for one that was cut off, and the other way
/// round.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_restore_is_signed_by_the_log_and_explains_what_was_seen_of_it() {
    let app = TestApp::start().await;
    log_in(&app).await;
    let kept = signed(&app).await;
    let made = run(&app, &["backup", "--out", "whole.backup"]).await;
    assert!(made.status.success(), "{made:?}");
    log_in(&app).await;
    signed(&app).await;
    let out = app.folder().join("exported");
    let out = out.to_str().unwrap();
    let seen = app.operate_on("ledger", &["export", "--out", out]).await;
    let key = kept["verifier_key"].as_str().unwrap();
    let key = VerifierKey::parse(key).unwrap();
    stop(&app);
    let arguments = [
        "restore",
        "whole.backup",
        "--config",
        "stopped.toml",
        "--replace",
        "--reason",
        "the disk is gone",
    ];
    let restored = run(&app, &arguments).await;
    let told = String::from_utf8_lossy(&restored.stdout).into_owned();
    assert!(restored.status.success(), "{restored:?}");
    assert!(told.contains("restore record: "), "{told}");
    let mut files = fs::read_dir(app.folder()).unwrap().map(|it| it.unwrap());
    let file = files.find(|it| {
        it.file_name()
            .to_string_lossy()
            .contains(".restore-record-")
    });
    let note = fs::read(file.unwrap().path()).unwrap();
    let record = RestoreRecord::verify(&Note::parse(&note).unwrap(), &key).unwrap();
    assert_eq!(record.why(), "the disk is gone");
    let (before, after) = (record.before().unwrap().size(), record.after().size());
    assert!(Some(before) >= seen["entries"].as_u64(), "{before}");
    assert!(after >= kept["signed"].as_u64().unwrap() && after < before);

    let checkpoint = format!("{out}/checkpoint");
    let with = ["verify", "--checkpoint", checkpoint.as_str()];
    let sound = app.operate_on("ledger", &with).await;
    assert_eq!(sound["explained_by"]["size_before"], json!(before));
    assert_eq!(sound["explained_by"]["size_after"], json!(after));
    // Seen later, it would be of the log that went on.
    let later = [with.as_slice(), &["--seen-at", "2999-01-01T00:00:00Z"]].concat();
    let (status, found) = app.refused_operation("ledger", &later).await;
    assert_eq!(status, Some(1), "{found}");
    assert!(found.contains("ledger.truncated"), "{found}");
    app.in_database(async |transaction| {
        let events = list_newest(transaction, 100).await.unwrap();
        let mut told = events.iter().filter(|it| it.kind == "database.restored");
        let details: Value = serde_json::from_str(&told.next().unwrap().details).unwrap();
        assert_eq!(details["log"]["size_before"], json!(before));
        assert_eq!(details["log"]["size_after"], json!(after));
        let note = String::from_utf8_lossy(&note).into_owned();
        assert_eq!(details["log"]["record"], json!(note));
    })
    .await;
    // It goes on, and what was seen is explained still.
    let app = app.restart().await;
    log_in(&app).await;
    signed(&app).await;
    app.operate_on("ledger", &with).await;
}

async fn token_keys(app: &TestApp) -> Vec<String> {
    let set: Value = app.get("/jwks").send().await.unwrap().json().await.unwrap();
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

/// Neither a token that lets a client register nor one that manages a registration comes back:
/// which of them were used up, replaced or taken back since, the backup does not know.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_registrations_end_by_a_restore_and_the_clients_stay() {
    let app = register::start().await;
    let initial = register::token(&app, &["--uses", "3"]).await;
    let registered = register::registered(&app, &initial).await;
    let manager = registered["registration_access_token"].as_str().unwrap();
    let made = run(&app, &["backup", "--out", "whole.backup"]).await;
    assert!(made.status.success(), "{made:?}");
    let app = restored(app).await;
    let again = register::register(&app, &initial, &register::metadata()).await;
    let told = header(&again, "www-authenticate");
    assert!(
        told.contains("provider.initial_access_token_revoked"),
        "{told}"
    );
    let read = register::manage(&app, &registered, (Method::GET, manager), None).await;
    let told = header(&read, "www-authenticate");
    assert!(
        told.contains("provider.registration_access_token_invalid"),
        "{told}"
    );
    let secret = registered["client_secret"].as_str().unwrap();
    let known = register::token_error(&app, &registered, secret).await;
    assert_eq!(known, "invalid_grant");
    // It begins anew with another initial access token.
    let initial = register::token(&app, &[]).await;
    let mut metadata = register::metadata();
    let taken = register::register(&app, &initial, &metadata).await;
    let code = register::refused(taken).await.2;
    assert_eq!(
        code, "provider.client_name_taken",
        "its name is still its own"
    );
    metadata["client_name"] = json!("Another portal of the same people");
    let anew = register::register(&app, &initial, &metadata).await;
    assert_eq!(anew.status(), 201);
}

/// What waits to be used when the backup is made.
struct Waiting {
    request: Request,
    code: String,
    tokens: Value,
    login: Login,
    answer: Value,
    pushed: String,
    /// The agents' connections stay open.
    _signed_in: [SignedIn; 2],
}

impl Waiting {
    async fn begin(app: &TestApp) -> Self {
        let request = Request::new();
        let first = sign_in(app, &request, &Card::pharmacist(app)).await;
        let other_request = Request::new();
        let second = sign_in(app, &other_request, &Card::pharmacist(app)).await;
        let tokens = other_request.redeem(app, &second.code).await;
        let login = Request::new().begin(app).await;
        let challenge = login.challenge(app).await;
        let pushing = app.post("/par").form(&Request::new().parameters);
        let pushing = pushing.basic_auth(CLIENT_ID, Some(CLIENT_SECRET)).send();
        let pushed: Value = pushing.await.unwrap().json().await.unwrap();
        Self {
            request,
            code: first.code.clone(),
            tokens: tokens.json().await.unwrap(),
            answer: Card::pharmacist(app).answer(app, &challenge),
            login,
            pushed: pushed["request_uri"].as_str().unwrap().to_owned(),
            _signed_in: [first, second],
        }
    }

    async fn use_up(&self, app: &TestApp) {
        assert_eq!(self.request.redeem(app, &self.code).await.status(), 200);
        assert_eq!(refresh(app, &self.tokens["refresh_token"]).await, success());
    }

    async fn check_refused(&self, app: &TestApp) {
        let spent = self.request.redeem(app, &self.code).await;
        let reused = refusal(400, "invalid_grant", "provider.code_reused");
        assert_eq!(told(spent).await, reused);
        let revoked = refusal(400, "invalid_grant", "provider.refresh_token_revoked");
        assert_eq!(refresh(app, &self.tokens["refresh_token"]).await, revoked);
        let access_token = self.tokens["access_token"].as_str().unwrap();
        let userinfo = app.get("/userinfo").bearer_auth(access_token).send();
        assert_eq!(userinfo.await.unwrap().status(), 401);
        let answered = self.login.post_assertion(app, &self.answer).await;
        assert_eq!(answered.status(), 403);
        let pushed = self.pushed.as_str();
        let query = [("client_id", CLIENT_ID), ("request_uri", pushed)];
        let opened = app.get("/authorize").query(&query).send().await.unwrap();
        let location = header(&opened, "location");
        assert!(!location.contains("/login/"), "{location}");
    }
}

/// What clients signed since the backup, and used.
struct Signed {
    assertion: String,
    without_iat: String,
    proof: String,
}

impl Signed {
    async fn used_up(app: &TestApp, service: &KeyClient) -> Self {
        let mut claims = service.claims(app);
        claims.as_object_mut().unwrap().remove("iat");
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let n = nonce(app).await;
        let signed = Self {
            assertion: service.assertion(app),
            without_iat: service.key.sign_jwt("JWT", &claims).unwrap(),
            proof: proof(app, &key, ("POST", "/token"), None, Some(&n)),
        };
        for assertion in [&signed.assertion, &signed.without_iat] {
            assert_eq!(by_assertion(app, service, assertion).await, success());
        }
        assert_eq!(by_proof(app, service, &signed.proof).await, success());
        signed
    }

    async fn check_refused(&self, app: &TestApp, service: &KeyClient) {
        let code = "provider.client_assertion_before_restore";
        let before = refusal(401, "invalid_client", code);
        for assertion in [&self.assertion, &self.without_iat] {
            assert_eq!(by_assertion(app, service, assertion).await, before);
        }
        // The clock has to pass the second of the restore.
        let restored = now();
        while now() <= restored {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let renewed = refusal(400, "use_dpop_nonce", "provider.dpop_nonce_invalid");
        assert_eq!(by_proof(app, service, &self.proof).await, renewed);
    }
}

async fn by_assertion(app: &TestApp, service: &KeyClient, assertion: &str) -> Told {
    told(service.ask_with(app, assertion).send().await.unwrap()).await
}

/// With an assertion of a client whose clock is a minute ahead: nothing else is taken so soon.
async fn by_proof(app: &TestApp, service: &KeyClient, proof: &str) -> Told {
    let mut claims = service.claims(app);
    claims["iat"] = json!(now() + 60);
    claims["exp"] = json!(now() + 120);
    let assertion = service.key.sign_jwt("JWT", &claims).unwrap();
    let asking = service.ask_with(app, &assertion).header("DPoP", proof);
    told(asking.send().await.unwrap()).await
}

/// Stops the server; its listener is still there, so that commands get another address.
pub(crate) fn stop(app: &TestApp) {
    let text = fs::read_to_string(app.folder().join("cardea.toml")).unwrap();
    let listen = |line: &str| match line.starts_with("listen = ") {
        true => "listen = \"127.0.0.1:0\"\n".to_owned(),
        false => format!("{line}\n"),
    };
    let text: String = text.lines().map(listen).collect();
    fs::write(app.folder().join("stopped.toml"), text).unwrap();
    app.stop();
}

/// Stops the server, takes its database back, and starts it again.
pub(crate) async fn restored(app: TestApp) -> TestApp {
    // Its listener is still there.
    let refused = run(&app, &["restore", "whole.backup"]).await;
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && text.contains("stop all servers"),
        "{text}"
    );
    stop(&app);

    // A file that was cut, or changed, changes nothing.
    let backup = fs::read_to_string(app.folder().join("whole.backup")).unwrap();
    let (cut, _) = backup.trim_end().rsplit_once('\n').unwrap();
    fs::write(app.folder().join("cut.backup"), format!("{cut}\n")).unwrap();
    let changed = backup.replacen("\"cardea_backup\":", "\"cardea_backup\": ", 1);
    assert_ne!(changed, backup);
    fs::write(app.folder().join("changed.backup"), changed).unwrap();
    let restore = |file: &str, more: &[&str]| {
        let arguments = ["restore", file, "--config", "stopped.toml"];
        let output = tokio::task::block_in_place(|| cardea(&app, &[&arguments, more].concat()));
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), words)
    };
    for name in ["cut.backup", "changed.backup", "cardea.toml"] {
        let (done, words) = restore(name, &["--replace"]);
        assert!(
            !done && words.contains("[storage.backup_invalid]"),
            "{words}"
        );
    }
    // The digest is the one that others compute too.
    let content = fs::read(app.folder().join("whole.backup")).unwrap();
    let digest = hexadecimal(&openssl::sha::sha256(&content));
    let other = "0".repeat(64);
    for (more, reason) in [
        (&["--sha256", "x", "--replace"][..], "64 hexadecimal digits"),
        (
            &["--sha256", &other, "--replace"],
            "[server.backup_refused]",
        ),
        (&["--sha256", &digest], "[server.confirmation_missing]"),
    ] {
        let (done, words) = restore("whole.backup", more);
        assert!(!done && words.contains(reason), "{reason}: {words}");
    }
    let (done, words) = restore("whole.backup", &["--sha256", &digest, "--replace"]);
    assert!(done, "{words}");
    app.restart().await
}
