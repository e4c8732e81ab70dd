//! People sign in while what a flood left is deleted (attack H9). `FLOOD_ROWS=150000` with
//! `--nocapture` measures; docs/performance.md has what came of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::relying_party::Request;
use crate::test_app::{Changes, TestApp};

/// Logins that expired long ago, each as large as a stranger can make it, with its challenge and
/// its event.
const FLOOD: [&str; 3] = [
    "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < $1)
     INSERT INTO authorization_request
         (id, cookie_sha256, client_id, parameters, created_at, expires_at)
     SELECT hex(randomblob(32)), hex(randomblob(32)), 'portal',
            '{\"state\":\"' || hex(zeroblob(4500)) || '\"}', 1000, 1600 FROM number",
    "INSERT INTO challenge
         (jti, authorization_request_id, challenge_sha256, nonce, issued_at, expires_at)
     SELECT hex(randomblob(32)), id, hex(randomblob(32)), hex(randomblob(32)), 1000, 1120
     FROM authorization_request WHERE expires_at = 1600 AND $1 > 0",
    "INSERT INTO event (id, kind, occurred_at, authorization_request_id, client_id, details)
     SELECT hex(randomblob(32)), 'authorization.begun', 1000, id, 'portal', '{}'
     FROM authorization_request WHERE expires_at = 1600 AND $1 > 0",
];

/// How many are left, looked at all the time until none is.
async fn looks(database: &SqlitePool) -> Vec<i64> {
    let mut seen = vec![left(database).await];
    while seen.last() > Some(&0) {
        tokio::time::sleep(Duration::from_millis(2)).await;
        seen.push(left(database).await);
    }
    seen
}

async fn left(database: &SqlitePool) -> i64 {
    let left = "SELECT COUNT(*) FROM authorization_request WHERE expires_at = 1600";
    sqlx::query_scalar(left).fetch_one(database).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn h9_logins_go_on_while_a_flood_is_deleted() {
    let asked = std::env::var("FLOOD_ROWS").ok();
    let rows: i64 = asked.and_then(|rows| rows.parse().ok()).unwrap_or(8_000);
    let app = TestApp::start_with(Changes::limiting("waiting_logins_max = 1000000")).await;
    let file = app.folder().join("cardea.sqlite");
    let options = SqliteConnectOptions::new().filename(file);
    let options = options.busy_timeout(Duration::from_secs(30));
    let database = SqlitePool::connect_with(options).await.unwrap();
    // In one transaction: this server's own first sweep may still be on its way.
    let mut filling = database.begin().await.unwrap();
    for statement in FLOOD {
        let filled = sqlx::query(statement)
            .bind(rows)
            .execute(&mut *filling)
            .await;
        assert_eq!(
            i64::try_from(filled.unwrap().rows_affected()).unwrap(),
            rows
        );
    }
    filling.commit().await.unwrap();
    // A server forgets at its start, as it does every minute.
    let (_node, base) = app.serve_beside().await;
    let begun = Instant::now();
    // As many logins as one address may begin are enough for any number of rows.
    let pause = Duration::from_millis(u64::try_from(rows / 750).unwrap());
    let looking = tokio::spawn({
        let database = database.clone();
        async move { looks(&database).await }
    });
    let mut waited = Vec::new();
    let mut statuses = BTreeMap::<u16, usize>::new();
    while !looking.is_finished() || waited.is_empty() {
        tokio::time::sleep(pause).await;
        // One address begins no more in a minute.
        if waited.len() >= 590 {
            continue;
        }
        let at = Instant::now();
        let url = format!("{base}/authorize");
        let asked = app.client.get(url).query(&Request::new().parameters);
        let status = asked.send().await.unwrap().status().as_u16();
        waited.push(at.elapsed());
        *statuses.entry(status).or_default() += 1;
    }
    let seen = looking.await.unwrap();
    waited.sort();
    let median = waited.get(waited.len() / 2);
    println!(
        "{rows} rows in {:?}: {statuses:?}, median {median:?}, longest {:?}",
        begun.elapsed(),
        waited.last()
    );
    assert_eq!(statuses.keys().copied().collect::<Vec<_>>(), [303]);
    let between = seen.iter().filter(|&&left| left > 0 && left < rows);
    assert!(between.count() >= 2, "{seen:?}");
}
