//! The log that shows when it was changed, beside a running server and by command.

use std::collections::BTreeSet;
use std::time::Duration;

use cardea_storage::event::list_newest;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use sqlx::SqlitePool;

use crate::card::Card;
use crate::operations::Watched;
use crate::program::Program;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{Changes, TestApp};
use crate::two_nodes::on_postgres;

/// Waits until everything that happened has its place under a checkpoint.
pub(crate) async fn signed(app: &TestApp) -> Value {
    for _ in 0..600 {
        let standing = app.operate_on("ledger", &["status"]).await;
        let (size, signed) = (&standing["size"], &standing["signed"]);
        if size.as_u64() > Some(0) && size == signed && standing["waiting_since"].is_null() {
            return standing;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("events wait for ever");
}

pub(crate) async fn log_in(app: &TestApp) {
    let request = Request::new();
    let signed_in = sign_in(app, &request, &Card::pharmacist(app)).await;
    assert_eq!(request.redeem(app, &signed_in.code).await.status(), 200);
}

pub(crate) async fn tamper(app: &TestApp, statement: &str) {
    assert!(execute(app, statement).await > 0);
}

/// Says how many rows it touched.
async fn execute(app: &TestApp, statement: &str) -> u64 {
    let file = app.folder().join("cardea.sqlite");
    let pool = SqlitePool::connect(&format!("sqlite://{}", file.display())).await;
    let pool = pool.unwrap();
    let statement = AssertSqlSafe(statement.to_owned());
    let done = sqlx::query(statement).execute(&pool).await.unwrap();
    pool.close().await;
    done.rows_affected()
}

/// Attack H14: an audit record altered or removed.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_login_is_in_the_log_and_whoever_changes_it_is_found_out() {
    let app = TestApp::start().await;
    log_in(&app).await;
    let standing = signed(&app).await;
    let host = app.issuer.split_once("://").unwrap().1;
    assert_eq!(standing["origin"], format!("{host}/log"));
    let sound = app.operate_on("ledger", &["verify"]).await;
    assert_eq!(sound["size"], sound["whole"], "{sound}");
    let key = app.operate_on("ledger", &["key"]).await;
    assert_eq!(key["verifier_key"], standing["verifier_key"]);
    let key = key["verifier_key"].as_str().unwrap();
    app.operate_on("ledger", &["verify", "--key", key]).await;
    // Every kind of event of a login but its beginning has its place.
    app.in_database(async |transaction| {
        let events = list_newest(transaction, 1_000).await.unwrap();
        let kinds: BTreeSet<_> = events.iter().map(|it| it.kind.as_str()).collect();
        for kind in [
            "login.accepted",
            "code.issued",
            "tokens.issued",
            "ledger.key_made",
        ] {
            assert!(kinds.contains(kind), "{kind}");
        }
        let begun = events.iter().filter(|it| it.kind == "authorization.begun");
        let all = events.len() - begun.count();
        assert!(
            sound["size"].as_u64() >= u64::try_from(all - 1).ok(),
            "{sound}"
        );
    })
    .await;

    let out = app.folder().join("exported");
    let out = out.to_str().unwrap();
    let exported = app.operate_on("ledger", &["export", "--out", out]).await;
    let lines = std::fs::read_to_string(format!("{out}/entries.jsonl")).unwrap();
    assert_eq!(exported["entries"], json!(lines.lines().count()));
    let checkpoint = format!("{out}/checkpoint");
    let with = ["verify", "--checkpoint", checkpoint.as_str()];
    app.operate_on("ledger", &with).await;
    let again = ["export", "--out", out];
    let (status, refused) = app.refused_operation("ledger", &again).await;
    assert_eq!(status, Some(2));
    assert!(refused.contains("ledger.export_failed"), "{refused}");

    let change = "UPDATE event SET client_id = 'other' WHERE kind = 'login.accepted'";
    tamper(&app, change).await;
    let (status, found) = app.refused_operation("ledger", &["verify"]).await;
    assert_eq!(status, Some(1), "{found}");
    assert!(found.contains("ledger.entry_changed"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_erased_by_command_and_the_log_of_postgresql_verifies() {
    let (app, _) = on_postgres(Changes::default()).await;
    log_in(&app).await;
    signed(&app).await;
    let mut sub = String::new();
    app.in_database_of_its_own(async |transaction| {
        let events = list_newest(transaction, 1_000).await.unwrap();
        sub = events.iter().find_map(|it| it.sub.clone()).unwrap();
    })
    .await;
    let (status, refused) = app.refused_operation("ledger", &["erase", &sub]).await;
    assert_eq!(status, Some(2));
    assert!(refused.contains("server.confirmation_missing"), "{refused}");
    let erased = app.operate_on("ledger", &["erase", &sub, "--yes"]).await;
    let count = erased["erased"].as_u64().unwrap();
    assert!(count >= 3, "{erased}");
    signed(&app).await;
    let sound = app.operate_on("ledger", &["verify"]).await;
    assert_eq!(sound["erased"], json!(count));
    app.in_database_of_its_own(async |transaction| {
        let events = list_newest(transaction, 1_000).await.unwrap();
        let named = events
            .iter()
            .filter(|it| it.sub.as_deref() == Some(sub.as_str()) || it.details.contains(&sub));
        let waiting: Vec<_> = named.map(|it| it.kind.as_str()).collect();
        assert!(
            waiting.iter().all(|it| it.starts_with("session.")),
            "{waiting:?}"
        );
    })
    .await;
}

/// Waits until operators are warned of this.
pub(crate) async fn warned(watched: &Watched, word: &str) {
    for _ in 0..600 {
        let (_, report) = watched.ready().await;
        if report["warnings"]
            .as_array()
            .unwrap()
            .contains(&json!(word))
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody is warned of {word}");
}

/// Kills the program, and starts it over the same folder.
async fn start_again(watched: &mut Watched) {
    watched.program.kill();
    let url = watched.app.url("");
    let address = url.trim_start_matches("http://");
    watched.program = Program::start(watched.app.folder(), address).await;
}

fn has_logged(watched: &Watched, code: &str) -> bool {
    String::from_utf8_lossy(&watched.program.log()).contains(code)
}

/// Attack H14: somebody with the database is quicker than the tree. The log verifies, for nothing
/// of it was signed yet; the server that committed the events misses them.
#[tokio::test(flavor = "multi_thread")]
async fn h14_an_event_that_is_taken_out_before_it_has_its_place_is_missed_by_the_server() {
    let watched = Watched::start("", "").await;
    signed(&watched.app).await;
    let (_, before) = watched.ready().await;
    assert!(
        !before.to_string().contains("ledger_events_missed"),
        "{before}"
    );
    for trigger in [
        "CREATE TRIGGER taker AFTER INSERT ON event WHEN NEW.kind = 'code.issued'
         BEGIN DELETE FROM event WHERE id = NEW.id; END",
        "CREATE TRIGGER changer AFTER INSERT ON event WHEN NEW.kind = 'tokens.issued'
         BEGIN UPDATE event SET client_id = 'other' WHERE id = NEW.id; END",
    ] {
        execute(&watched.app, trigger).await;
    }
    log_in(&watched.app).await;
    for trigger in ["DROP TRIGGER taker", "DROP TRIGGER changer"] {
        execute(&watched.app, trigger).await;
    }
    warned(&watched, "ledger_events_missed").await;
    assert!(has_logged(&watched, "ledger.events_missed"));
    // Two looks may lie between the two events.
    let mut missed = missed_in(&watched.app).await;
    while missed.0.is_empty() || missed.1.is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        missed = missed_in(&watched.app).await;
    }
    let (gone, altered) = missed;
    signed(&watched.app).await;
    watched.app.operate_on("ledger", &["verify"]).await;
    let events = watched.app.events().await;
    assert!(!events.iter().any(|it| it.kind == "code.issued"));
    let changed = events.iter().find(|it| it.kind == "tokens.issued");
    assert_eq!(altered, [json!(changed.unwrap().id)]);
    assert_eq!(gone.len(), 1, "{gone:?}");
}

/// The events that the server missed so far: those that are gone, and those that were altered.
async fn missed_in(app: &TestApp) -> (Vec<Value>, Vec<Value>) {
    let (mut gone, mut altered) = (Vec::new(), Vec::new());
    for event in app.events().await {
        if event.kind == "ledger.events_missed" {
            let details: Value = serde_json::from_str(&event.details).unwrap();
            gone.extend(details["gone"].as_array().cloned().unwrap_or_default());
            altered.extend(details["altered"].as_array().cloned().unwrap_or_default());
        }
    }
    (gone, altered)
}

/// Attack H14: somebody with the database, and without the key, has the server sign anew.
#[tokio::test(flavor = "multi_thread")]
async fn h14_a_server_signs_no_history_but_its_own_until_an_operator_accepts_it() {
    let mut watched = Watched::start("", "").await;
    log_in(&watched.app).await;
    signed(&watched.app).await;
    for statement in [
        "DELETE FROM event WHERE kind = 'login.accepted'",
        "DELETE FROM ledger_leaf",
        "DELETE FROM ledger_checkpoint",
        "UPDATE ledger_state SET size = 0, frontier = ''",
        "UPDATE event SET ledger_index = NULL, occurred_at = 1",
    ] {
        tamper(&watched.app, statement).await;
    }
    for _ in 0..2 {
        warned(&watched, "ledger_stopped").await;
        warned(&watched, "ledger_behind").await;
        assert!(has_logged(&watched, "ledger.history_changed"));
        let standing = watched.app.operate_on("ledger", &["status"]).await;
        assert_eq!(standing["signed"], json!(0), "{standing}");
        // A start does not make it forget.
        start_again(&mut watched).await;
    }
    let (status, refused) = watched.app.refused_operation("ledger", &["accept"]).await;
    assert_eq!(status, Some(2));
    assert!(refused.contains("server.confirmation_missing"), "{refused}");
    let accepted = watched.app.operate_on("ledger", &["accept", "--yes"]).await;
    assert_eq!(accepted["size"], json!(0), "{accepted}");
    assert!(accepted["size_before"].as_u64() > Some(0), "{accepted}");
    start_again(&mut watched).await;
    signed(&watched.app).await;
    watched.app.operate_on("ledger", &["verify"]).await;
    watched
        .app
        .in_database(async |transaction| {
            let events = list_newest(transaction, 1_000).await.unwrap();
            let mut kinds = events.iter().map(|it| it.kind.as_str());
            assert!(kinds.any(|it| it == "ledger.history_accepted"));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_has_begun_gets_no_other_key_and_no_other_name() {
    let mut watched = Watched::start("", "").await;
    log_in(&watched.app).await;
    let before = signed(&watched.app).await;
    let file = watched.app.folder().join("cardea.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let other = text.replacen("[keys]", "[ledger]\norigin = \"other/log\"\n[keys]", 1);
    std::fs::write(&file, other).unwrap();
    start_again(&mut watched).await;
    warned(&watched, "ledger_stopped").await;
    assert!(has_logged(&watched, "ledger.history_changed"));
    std::fs::write(&file, text).unwrap();
    start_again(&mut watched).await;
    tamper(&watched.app, "DELETE FROM ledger_key").await;
    start_again(&mut watched).await;
    warned(&watched, "ledger_stopped").await;
    assert!(has_logged(&watched, "ledger.key_missing"));
    let (status, refused) = watched.app.refused_operation("ledger", &["key"]).await;
    assert_eq!(status, Some(2));
    assert!(refused.contains("ledger.key_missing"), "{refused}");
    let standing = watched.app.operate_on("ledger", &["status"]).await;
    assert!(standing["verifier_key"].is_null(), "{standing}");
    assert!(standing["signed"].as_u64() >= before["signed"].as_u64());
}
