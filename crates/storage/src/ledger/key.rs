//! Keys that sign checkpoints.

use time::OffsetDateTime;

use crate::signing_key::SealedKey;
use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerKeyRecord {
    /// Its id, the thumbprint of its public half.
    pub kid: String,
    /// Its public half, as JSON.
    pub public_jwk: String,
    /// The encrypted private half; none where a token holds it.
    pub sealed: Option<SealedKey>,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// Lists every key, the newest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_keys(transaction: &mut Transaction) -> Result<Vec<LedgerKeyRecord>, Error> {
    let rows = sql::query(
        "SELECT kid, public_jwk, sealed, encryption_key_id, created_at
         FROM ledger_key ORDER BY created_at DESC, kid",
    )
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Stores a key.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert_key(transaction: &mut Transaction, key: &LedgerKeyRecord) -> Result<(), Error> {
    sql::query(
        "INSERT INTO ledger_key (kid, public_jwk, sealed, encryption_key_id, created_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(key.kid.as_str())
    .bind(key.public_jwk.as_str())
    .bind(key.sealed.as_ref().map(|it| it.sealed.as_str()))
    .bind(key.sealed.as_ref().map(|it| it.encryption_key_id.as_str()))
    .bind(key.created_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Puts another encryption of a key in the place of the one that it has.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn set_key_sealed(
    transaction: &mut Transaction,
    kid: &str,
    sealed: &SealedKey,
) -> Result<(), Error> {
    sql::query("UPDATE ledger_key SET sealed = $2, encryption_key_id = $3 WHERE kid = $1")
        .bind(kid)
        .bind(sealed.sealed.as_str())
        .bind(sealed.encryption_key_id.as_str())
        .execute(transaction.connection())
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<LedgerKeyRecord, Error> {
    let sealed: Option<String> = row.try_get("sealed")?;
    let encryption_key_id: Option<String> = row.try_get("encryption_key_id")?;
    Ok(LedgerKeyRecord {
        kid: row.try_get("kid")?,
        public_jwk: row.try_get("public_jwk")?,
        sealed: sealed.zip(encryption_key_id).map(|(sealed, id)| SealedKey {
            sealed,
            encryption_key_id: id,
        }),
        created_at: timestamp::required(row, "created_at")?,
    })
}
