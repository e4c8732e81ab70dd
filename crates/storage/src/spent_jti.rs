//! Signed values that may be used once: DPoP proofs and client assertions, by their `jti`.

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, Transaction};

/// Whether a signed value was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spending {
    /// Used now, for the first time on any node.
    First,
    /// Used before.
    Repeated,
}

/// Notes that a value was used. One statement decides, so of parallel attempts exactly one is the
/// first.
///
/// `jti_sha256` names the value's maker too: makers do not know each other's values. `expires_at`
/// is the moment from which the value would be refused for its age.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn spend(
    transaction: &mut Transaction,
    jti_sha256: &str,
    expires_at: OffsetDateTime,
) -> Result<Spending, Error> {
    let inserted = sql::query(
        "INSERT INTO spent_jti (jti_sha256, expires_at) VALUES ($1, $2)
         ON CONFLICT (jti_sha256) DO NOTHING",
    )
    .bind(jti_sha256)
    .bind(expires_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(if inserted.rows_affected() == 1 {
        Spending::First
    } else {
        Spending::Repeated
    })
}

/// Undoes what the same transaction has noted.
pub(crate) async fn give_back(
    transaction: &mut Transaction,
    jti_sha256: &str,
) -> Result<(), Error> {
    sql::query("DELETE FROM spent_jti WHERE jti_sha256 = $1")
        .bind(jti_sha256)
        .execute(transaction.connection())
        .await?;
    Ok(())
}
