//! Which client a DPoP key belongs to, as long as it is in use.

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, Transaction};

/// Whether a key may be used by a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOwner {
    /// It is the client's, from now on or since before.
    Client,
    /// Another client used it and it has not expired since.
    Another,
}

/// A use is noted for longer than it asks for, by this part of its time, so that those that follow
/// soon find all written and write nothing.
const LONGER: i32 = 8;

/// Notes that a client used a key, until `expires_at` at least.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_use(
    transaction: &mut Transaction,
    jkt: &str,
    client_id: &str,
    expires_at: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<KeyOwner, Error> {
    let noted = sql::query(
        "SELECT jkt FROM dpop_key WHERE jkt = $1 AND client_id = $2 AND expires_at >= $3",
    )
    .bind(jkt)
    .bind(client_id)
    .bind(expires_at.unix_timestamp())
    .fetch_optional(transaction.connection())
    .await?;
    if noted.is_some() {
        return Ok(KeyOwner::Client);
    }
    let expires_at = expires_at + (expires_at - now) / LONGER;
    let written = sql::query(
        "INSERT INTO dpop_key (jkt, client_id, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (jkt) DO UPDATE
             SET client_id = excluded.client_id, expires_at = excluded.expires_at
             WHERE dpop_key.client_id = excluded.client_id OR dpop_key.expires_at <= $4",
    )
    .bind(jkt)
    .bind(client_id)
    .bind(expires_at.unix_timestamp())
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(if written.rows_affected() == 1 {
        KeyOwner::Client
    } else {
        KeyOwner::Another
    })
}
