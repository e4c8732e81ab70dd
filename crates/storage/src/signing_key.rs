//! Keys that sign tokens, encrypted or held by a PKCS#11 token, and the count of their changes.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyRecord {
    /// Its id, the thumbprint of its public half.
    pub kid: String,
    /// What it signs with, such as `RS256`.
    pub algorithm: String,
    /// Its place in the order of the keys of its algorithm.
    pub generation: i64,
    /// Its public half, as JSON.
    pub public_jwk: String,
    /// The encrypted private half; none where a token holds it.
    pub sealed: Option<SealedKey>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// From then on it signs.
    pub signs_from: OffsetDateTime,
    /// From then on its successor signs.
    pub signs_until: Option<OffsetDateTime>,
    /// Until then its tokens verify.
    pub verifies_until: Option<OffsetDateTime>,
}

/// An encrypted private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey {
    /// What came out of the encryption, base64url.
    pub sealed: String,
    /// Which key encrypted it.
    pub encryption_key_id: String,
}

/// The count of changes.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn revision(transaction: &mut Transaction) -> Result<i64, Error> {
    let row = sql::query("SELECT revision FROM signing_key_revision WHERE id = 1")
        .fetch_one(transaction.connection())
        .await?;
    row.try_get("revision")
}

/// Begins a change: it is counted, and any other waits until this transaction is over. To be called
/// before anything is read that the change rests on.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn begin_change(transaction: &mut Transaction) -> Result<(), Error> {
    sql::query("UPDATE signing_key_revision SET revision = revision + 1 WHERE id = 1")
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Lists every key, those of an algorithm in their order.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list(transaction: &mut Transaction) -> Result<Vec<SigningKeyRecord>, Error> {
    let rows = sql::query(
        "SELECT kid, algorithm, generation, public_jwk, sealed, encryption_key_id, created_at,
                signs_from, signs_until, verifies_until
         FROM signing_key ORDER BY algorithm, generation",
    )
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Stores a new key.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Conflict`] when it, or its place in the order, is taken.
pub async fn insert(transaction: &mut Transaction, key: &SigningKeyRecord) -> Result<(), Error> {
    sql::query(
        "INSERT INTO signing_key (kid, algorithm, generation, public_jwk, sealed,
                                  encryption_key_id, created_at, signs_from, signs_until,
                                  verifies_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(key.kid.as_str())
    .bind(key.algorithm.as_str())
    .bind(key.generation)
    .bind(key.public_jwk.as_str())
    .bind(key.sealed.as_ref().map(|it| it.sealed.as_str()))
    .bind(key.sealed.as_ref().map(|it| it.encryption_key_id.as_str()))
    .bind(key.created_at.unix_timestamp())
    .bind(key.signs_from.unix_timestamp())
    .bind(key.signs_until.map(OffsetDateTime::unix_timestamp))
    .bind(key.verifies_until.map(OffsetDateTime::unix_timestamp))
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Gives a key its times.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn set_times(
    transaction: &mut Transaction,
    kid: &str,
    signs_from: OffsetDateTime,
    signs_until: Option<OffsetDateTime>,
    verifies_until: Option<OffsetDateTime>,
) -> Result<(), Error> {
    sql::query(
        "UPDATE signing_key SET signs_from = $2, signs_until = $3, verifies_until = $4
         WHERE kid = $1",
    )
    .bind(kid)
    .bind(signs_from.unix_timestamp())
    .bind(signs_until.map(OffsetDateTime::unix_timestamp))
    .bind(verifies_until.map(OffsetDateTime::unix_timestamp))
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Puts another encryption of a key in the place of the one that it has.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn set_sealed(
    transaction: &mut Transaction,
    kid: &str,
    sealed: &SealedKey,
) -> Result<(), Error> {
    sql::query("UPDATE signing_key SET sealed = $2, encryption_key_id = $3 WHERE kid = $1")
        .bind(kid)
        .bind(sealed.sealed.as_str())
        .bind(sealed.encryption_key_id.as_str())
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Deletes a key; false when it is not there.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete(transaction: &mut Transaction, kid: &str) -> Result<bool, Error> {
    let deleted = sql::query("DELETE FROM signing_key WHERE kid = $1")
        .bind(kid)
        .execute(transaction.connection())
        .await?;
    Ok(deleted.rows_affected() == 1)
}

fn read(row: &Row) -> Result<SigningKeyRecord, Error> {
    let sealed: Option<String> = row.try_get("sealed")?;
    let encryption_key_id: Option<String> = row.try_get("encryption_key_id")?;
    let sealed = match (sealed, encryption_key_id) {
        (Some(sealed), Some(encryption_key_id)) => Some(SealedKey {
            sealed,
            encryption_key_id,
        }),
        (None, None) => None,
        _ => {
            return Err(Error::Corrupt {
                column: "signing_key.sealed".to_owned(),
            });
        }
    };
    Ok(SigningKeyRecord {
        kid: row.try_get("kid")?,
        algorithm: row.try_get("algorithm")?,
        generation: row.try_get("generation")?,
        public_jwk: row.try_get("public_jwk")?,
        sealed,
        created_at: timestamp::required(row, "created_at")?,
        signs_from: timestamp::required(row, "signs_from")?,
        signs_until: timestamp::optional(row, "signs_until")?,
        verifies_until: timestamp::optional(row, "verifies_until")?,
    })
}
