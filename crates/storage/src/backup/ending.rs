//! What a restore ends: whatever was waiting to be used at the backup may have been used since.

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, Transaction, security_event};

/// Statements that spend what was waiting; `$1` is the moment of the restore.
const ENDINGS: [(&str, Kind); 11] = [
    (
        "UPDATE authorization_code SET redeemed_at = $1 WHERE redeemed_at IS NULL",
        Kind::Waiting,
    ),
    (
        "UPDATE challenge SET redeemed_at = $1 WHERE redeemed_at IS NULL",
        Kind::Waiting,
    ),
    (
        "UPDATE grant_challenge SET redeemed_at = $1 WHERE redeemed_at IS NULL",
        Kind::Waiting,
    ),
    (
        "UPDATE agentless_code SET redeemed_at = $1 WHERE redeemed_at IS NULL",
        Kind::Waiting,
    ),
    (
        "UPDATE device_authorization SET refused_at = $1
         WHERE refused_at IS NULL AND code_sha256 IS NULL",
        Kind::Waiting,
    ),
    (
        "UPDATE pushed_authorization_request SET spent_at = $1 WHERE spent_at IS NULL",
        Kind::Waiting,
    ),
    (
        "UPDATE authorization_request SET completed_at = $1 WHERE completed_at IS NULL",
        Kind::Waiting,
    ),
    (
        "UPDATE initial_access_token SET revoked_at = $1 WHERE revoked_at IS NULL",
        Kind::Token,
    ),
    // Which of them was replaced since, nobody knows. No secret has this digest; the registration
    // and its limits stay.
    (
        "UPDATE client SET registration_token_sha256 = 'ended by a restore', changed_at = $1
         WHERE registration_token_sha256 IS NOT NULL",
        Kind::Token,
    ),
    (
        "UPDATE refresh_token_family SET revoked_at = $1 WHERE revoked_at IS NULL",
        Kind::Token,
    ),
    (
        "UPDATE access_grant SET revoked_at = $1 WHERE revoked_at IS NULL",
        Kind::Token,
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Waiting,
    Token,
}

/// How much a restore ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Sessions, whose clients are to be told.
    pub sessions: u64,
    /// Codes, challenges, and requests that waited.
    pub waiting: u64,
    /// Refresh tokens, access tokens, and tokens for registrations: initial ones, and those that
    /// manage one.
    pub tokens: u64,
}

/// Ends everything that could be used, and notes the moment: signed values from before it are
/// refused from now on. Clients with a session are to be told until `told_until`.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn end_everything(
    transaction: &mut Transaction,
    reason: &str,
    now: OffsetDateTime,
    told_until: OffsetDateTime,
) -> Result<Ended, Error> {
    let mut ended = Ended::default();
    for (statement, kind) in ENDINGS {
        let done = sql::query(statement)
            .bind(now.unix_timestamp())
            .execute(transaction.connection())
            .await?;
        match kind {
            Kind::Waiting => ended.waiting += done.rows_affected(),
            Kind::Token => ended.tokens += done.rows_affected(),
        }
    }
    ended.sessions = end_sessions(transaction, reason, now, told_until).await?;
    security_event::forget_all(transaction).await?;
    // Whoever held the log's tree is gone.
    sql::query("UPDATE ledger_state SET holder = NULL, held_until = 0")
        .execute(transaction.connection())
        .await?;
    sql::query("UPDATE siem_output SET holder = NULL, held_until = 0")
        .execute(transaction.connection())
        .await?;
    sql::query("DELETE FROM mass_loss")
        .execute(transaction.connection())
        .await?;
    sql::query(
        "INSERT INTO restore_epoch (id, restored_at) VALUES (1, $1)
         ON CONFLICT (id) DO UPDATE SET restored_at = excluded.restored_at",
    )
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(ended)
}

async fn end_sessions(
    transaction: &mut Transaction,
    reason: &str,
    now: OffsetDateTime,
    told_until: OffsetDateTime,
) -> Result<u64, Error> {
    // The empty name of the person: whoever takes the delivery finds what the client calls her.
    sql::query(
        "INSERT INTO logout_delivery (id, client_id, session_id, sub, sid, client_sub, attempts,
                                      created_at, due_at, expires_at)
         SELECT 'restored-' || own.sid, own.client_id, own.session_id, session.sub, own.sid, '', 0,
                CAST($1 AS BIGINT), CAST($1 AS BIGINT), CAST($2 AS BIGINT)
         FROM client_session AS own JOIN session ON session.id = own.session_id
         WHERE session.state <> 'ended'
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(now.unix_timestamp())
    .bind(told_until.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    sql::query("UPDATE client_session SET ended_at = $1 WHERE ended_at IS NULL")
        .bind(now.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    sql::query("DELETE FROM session_card")
        .execute(transaction.connection())
        .await?;
    let ended = sql::query(
        "UPDATE session SET state = 'ended', end_reason = $2, ended_at = $1, cookie_sha256 = NULL,
                            identity = '{}'
         WHERE state <> 'ended'",
    )
    .bind(now.unix_timestamp())
    .bind(reason)
    .execute(transaction.connection())
    .await?;
    Ok(ended.rows_affected())
}

/// When the database was restored last; none if it never was.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn restored_at(transaction: &mut Transaction) -> Result<Option<OffsetDateTime>, Error> {
    let row = sql::query("SELECT restored_at FROM restore_epoch WHERE id = 1")
        .fetch_optional(transaction.connection())
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let corrupt = |_| Error::Corrupt {
        column: "restore_epoch.restored_at".to_owned(),
    };
    let at: i64 = row.try_get("restored_at")?;
    OffsetDateTime::from_unix_timestamp(at)
        .map(Some)
        .map_err(corrupt)
}
