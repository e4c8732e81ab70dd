//! Sessions of other people, so many that the database is no longer small.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::Failure;

/// Stores `count` sessions that are over, each with a client's part and an event.
pub(crate) async fn fill(file: &Path, count: u64) -> Result<(), Failure> {
    let options = SqliteConnectOptions::new().filename(file);
    let mut database = SqliteConnection::connect_with(&options).await?;
    let now = crate::client::now();
    let numbers = format!(
        "WITH RECURSIVE number(n) AS
         (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})"
    );
    for statement in [
        format!(
            "{numbers} INSERT INTO subject
                 (sub, person_scheme, person_value, created_at, last_seen_at)
             SELECT 'sub-' || n, 'rpps', 'other-' || n, {now}, {now} FROM number"
        ),
        format!(
            "{numbers} INSERT INTO session
                 (id, sub, identity, card_sha256, instance_jkt, presence_jkt, acr, state,
                  authenticated_at, present_at, used_at)
             SELECT lower(hex(randomblob(16))), 'sub-' || n, '{{}}', lower(hex(randomblob(20))),
                    lower(hex(randomblob(20))), lower(hex(randomblob(20))), 'x', 'active',
                    {now}, {now} + 7200, {now} + 7200 FROM number"
        ),
        format!(
            "INSERT INTO client_session (sid, session_id, client_id, created_at)
             SELECT 'sid-' || id, id, 'portal', {now} FROM session"
        ),
        format!(
            "INSERT INTO event (id, kind, occurred_at, session_id, sub, client_id, details)
             SELECT id, 'session.activated', {now}, id, sub, 'portal', '{{}}' FROM session"
        ),
    ] {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut database)
            .await?;
    }
    Ok(database.close().await?)
}
