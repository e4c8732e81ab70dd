//! The cookie of a page of this server's own, such as a person's account, in its part of a session.

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, SecretDigest, Transaction, timestamp};

/// An opened account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAccount {
    /// The session that it is open in.
    pub session_id: String,
    /// Since when.
    pub opened_at: OffsetDateTime,
}

/// Gives a client's part in a session the cookie of its browser, in the place of an earlier one.
/// False when the part is over.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn open(
    transaction: &mut Transaction,
    sid: &str,
    cookie: &SecretDigest,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE client_session SET account_cookie_sha256 = $2, account_opened_at = $3
         WHERE sid = $1 AND ended_at IS NULL",
    )
    .bind(sid)
    .bind(cookie.as_str())
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Takes the cookie of a client's page away.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn close(
    transaction: &mut Transaction,
    client_id: &str,
    cookie: &SecretDigest,
) -> Result<(), Error> {
    sql::query(
        "UPDATE client_session SET account_cookie_sha256 = NULL, account_opened_at = NULL
         WHERE account_cookie_sha256 = $1 AND client_id = $2",
    )
    .bind(cookie.as_str())
    .bind(client_id)
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Takes the cookie of a client's part in a session away.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn close_of(transaction: &mut Transaction, sid: &str) -> Result<(), Error> {
    sql::query(
        "UPDATE client_session SET account_cookie_sha256 = NULL, account_opened_at = NULL
         WHERE sid = $1",
    )
    .bind(sid)
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Finds what a cookie opens of a client's; the session may be over.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(
    transaction: &mut Transaction,
    client_id: &str,
    cookie: &SecretDigest,
) -> Result<Option<OpenAccount>, Error> {
    let row = sql::query(
        "SELECT session_id, account_opened_at FROM client_session
         WHERE account_cookie_sha256 = $1 AND client_id = $2 AND ended_at IS NULL",
    )
    .bind(cookie.as_str())
    .bind(client_id)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref()
        .map(|row| {
            Ok(OpenAccount {
                session_id: row.try_get("session_id")?,
                opened_at: timestamp::required(row, "account_opened_at")?,
            })
        })
        .transpose()
}
