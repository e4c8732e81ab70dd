//! The highest version of the challenge-key list that any node has given out.

use crate::{Error, Transaction, sql};

/// Raises it to a version, unless it is higher, and says what it is then.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn raise(transaction: &mut Transaction, version: i64) -> Result<i64, Error> {
    let row = sql::query(
        "INSERT INTO challenge_list_version (id, version) VALUES (1, $1)
         ON CONFLICT (id) DO UPDATE SET version =
             CASE WHEN challenge_list_version.version < excluded.version
                  THEN excluded.version ELSE challenge_list_version.version END
         RETURNING version",
    )
    .bind(version)
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("version")
}
