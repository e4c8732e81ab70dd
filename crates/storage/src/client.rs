//! Clients that an operator registered by command, and the count of their changes.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{
    Error, SecretDigest, Transaction, access_grant, client_session, refresh_token, timestamp,
};

/// A registration as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRecord {
    /// Its identifier.
    pub client_id: String,
    /// Everything that was registered, as JSON; the caller owns its shape. No secret stands in it.
    pub registration: String,
    /// SHA-256 of its secret; none for a client without one.
    pub secret: Option<SecretDigest>,
    /// The secret before the last rotation, where it is still accepted for a while.
    pub previous_secret: Option<PreviousSecret>,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    pub changed_at: OffsetDateTime,
    /// How it registered itself; none where an operator registered it.
    pub self_registration: Option<SelfRegistration>,
}

/// What belongs to a client that registered itself (RFC 7591, RFC 7592).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfRegistration {
    /// The initial access token that let it.
    pub initial_access_token_id: String,
    /// What that token allowed; the caller owns the form.
    pub limits: String,
    /// SHA-256 of the token that manages the registration.
    pub token: SecretDigest,
    /// What its name looks like, for others to be compared with.
    pub name_key: String,
}

/// A secret that a rotation replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// Its SHA-256.
    pub digest: SecretDigest,
    /// When it stops being accepted.
    pub until: OffsetDateTime,
}

/// What a client held when it was taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndedHoldings {
    /// Codes that were not redeemed yet.
    pub codes: u64,
    /// Access tokens.
    pub access_grants: u64,
    /// Refresh tokens, each family counted once.
    pub refresh_tokens: u64,
    /// Sessions that it was in.
    pub client_sessions: u64,
}

/// Stores a new client; false when its id is taken.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn insert(transaction: &mut Transaction, client: &ClientRecord) -> Result<bool, Error> {
    let previous = client.previous_secret.as_ref();
    let own = client.self_registration.as_ref();
    let inserted = sql::query(
        "INSERT INTO client (client_id, registration, secret_sha256, previous_secret_sha256,
                             previous_secret_until, created_at, changed_at,
                             initial_access_token_id, registration_limits,
                             registration_token_sha256, name_key)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (client_id) DO NOTHING",
    )
    .bind(client.client_id.as_str())
    .bind(client.registration.as_str())
    .bind(client.secret.as_ref().map(SecretDigest::as_str))
    .bind(previous.map(|previous| previous.digest.as_str()))
    .bind(previous.map(|previous| previous.until.unix_timestamp()))
    .bind(client.created_at.unix_timestamp())
    .bind(client.changed_at.unix_timestamp())
    .bind(own.map(|own| own.initial_access_token_id.as_str()))
    .bind(own.map(|own| own.limits.as_str()))
    .bind(own.map(|own| own.token.as_str()))
    .bind(own.map(|own| own.name_key.as_str()))
    .execute(transaction.connection())
    .await?;
    count_change(transaction, inserted.rows_affected() == 1).await
}

/// Puts a registration in place of the one that a client has; when it was made, and by whom, stays.
/// False when the client is unknown.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn update(transaction: &mut Transaction, client: &ClientRecord) -> Result<bool, Error> {
    let previous = client.previous_secret.as_ref();
    let own = client.self_registration.as_ref();
    let updated = sql::query(
        "UPDATE client
         SET registration = $2, secret_sha256 = $3, previous_secret_sha256 = $4,
             previous_secret_until = $5, changed_at = $6, registration_token_sha256 = $7,
             name_key = $8
         WHERE client_id = $1",
    )
    .bind(client.client_id.as_str())
    .bind(client.registration.as_str())
    .bind(client.secret.as_ref().map(SecretDigest::as_str))
    .bind(previous.map(|previous| previous.digest.as_str()))
    .bind(previous.map(|previous| previous.until.unix_timestamp()))
    .bind(client.changed_at.unix_timestamp())
    .bind(own.map(|own| own.token.as_str()))
    .bind(own.map(|own| own.name_key.as_str()))
    .execute(transaction.connection())
    .await?;
    count_change(transaction, updated.rows_affected() == 1).await
}

/// Every client's id.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn ids(transaction: &mut Transaction) -> Result<Vec<String>, Error> {
    let rows = sql::query("SELECT client_id FROM client ORDER BY client_id")
        .fetch_all(transaction.connection())
        .await?;
    rows.iter().map(|row| row.try_get("client_id")).collect()
}

/// Counts the clients that registered themselves.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_self_registered(transaction: &mut Transaction) -> Result<i64, Error> {
    let row = sql::query("SELECT COUNT(*) AS clients FROM client WHERE name_key IS NOT NULL")
        .fetch_one(transaction.connection())
        .await?;
    row.try_get("clients")
}

/// The ids of the clients that registered themselves, each with what its name looks like.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn name_keys(transaction: &mut Transaction) -> Result<Vec<(String, String)>, Error> {
    let rows = sql::query("SELECT client_id, name_key FROM client WHERE name_key IS NOT NULL")
        .fetch_all(transaction.connection())
        .await?;
    let of_row = |row: &Row| Ok((row.try_get("client_id")?, row.try_get("name_key")?));
    rows.iter().map(of_row).collect()
}

/// Waits until nobody else changes clients that registered themselves, and keeps everybody else
/// waiting to the end of the transaction: what is counted and compared in between is so when it
/// commits.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn change_alone(transaction: &mut Transaction) -> Result<(), Error> {
    sql::query("UPDATE client_revision SET revision = revision WHERE id = 1")
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Counts a change of a client by itself; false when there were `changes_max` after `since`. No
/// server has anything to read anew for it.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn take_change(
    transaction: &mut Transaction,
    client_id: &str,
    since: OffsetDateTime,
    now: OffsetDateTime,
    changes_max: u32,
) -> Result<bool, Error> {
    // On the right of an assignment a column has its old value.
    let taken = sql::query(
        "UPDATE client
         SET own_changes = CASE WHEN own_changes_since > $2 THEN own_changes + 1 ELSE 1 END,
             own_changes_since = CASE WHEN own_changes_since > $2 THEN own_changes_since
                                      ELSE $3 END
         WHERE client_id = $1 AND (own_changes_since <= $2 OR own_changes < $4)",
    )
    .bind(client_id)
    .bind(since.unix_timestamp())
    .bind(now.unix_timestamp())
    .bind(i64::from(changes_max))
    .execute(transaction.connection())
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Replaces the token that manages a registration, and nothing else: no server has anything to
/// read anew.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn replace_registration_token(
    transaction: &mut Transaction,
    client_id: &str,
    token: &SecretDigest,
) -> Result<(), Error> {
    sql::query("UPDATE client SET registration_token_sha256 = $2 WHERE client_id = $1")
        .bind(client_id)
        .bind(token.as_str())
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Finds a client.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(
    transaction: &mut Transaction,
    client_id: &str,
) -> Result<Option<ClientRecord>, Error> {
    let row = sql::query(
        "SELECT client_id, registration, secret_sha256, previous_secret_sha256,
                previous_secret_until, created_at, changed_at, initial_access_token_id,
                registration_limits, registration_token_sha256, name_key
         FROM client WHERE client_id = $1",
    )
    .bind(client_id)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Lists every client by its id.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list(transaction: &mut Transaction) -> Result<Vec<ClientRecord>, Error> {
    let rows = sql::query(
        "SELECT client_id, registration, secret_sha256, previous_secret_sha256,
                previous_secret_until, created_at, changed_at, initial_access_token_id,
                registration_limits, registration_token_sha256, name_key
         FROM client ORDER BY client_id",
    )
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Gives a client another secret; the one that it has stays valid until `previous_until`, and one
/// that was replaced before is gone. False when the client is unknown or has no secret.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn replace_secret(
    transaction: &mut Transaction,
    client_id: &str,
    secret: &SecretDigest,
    previous_until: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    // On the right of an assignment a column has its old value.
    let replaced = sql::query(
        "UPDATE client
         SET previous_secret_sha256 = CASE WHEN CAST($3 AS BIGINT) IS NULL THEN NULL
                                           ELSE secret_sha256 END,
             previous_secret_until = $3, secret_sha256 = $2, changed_at = $4
         WHERE client_id = $1 AND secret_sha256 IS NOT NULL",
    )
    .bind(client_id)
    .bind(secret.as_str())
    .bind(previous_until.map(OffsetDateTime::unix_timestamp))
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    count_change(transaction, replaced.rows_affected() == 1).await
}

/// Forgets the replaced secrets that are accepted no more, and says how many there were.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn forget_replaced_secrets(
    transaction: &mut Transaction,
    now: OffsetDateTime,
) -> Result<u64, Error> {
    let forgotten = sql::query(
        "UPDATE client SET previous_secret_sha256 = NULL, previous_secret_until = NULL
         WHERE previous_secret_until <= $1",
    )
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(forgotten.rows_affected())
}

/// Deletes a client; false when it is unknown.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn remove(transaction: &mut Transaction, client_id: &str) -> Result<bool, Error> {
    let removed = sql::query("DELETE FROM client WHERE client_id = $1")
        .bind(client_id)
        .execute(transaction.connection())
        .await?;
    count_change(transaction, removed.rows_affected() == 1).await
}

/// Ends what a client holds: its codes and its tokens, its part in sessions, the requests that it
/// pushed, and what people agreed to. None of it is for another client that may have its id one
/// day.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn end_holdings(
    transaction: &mut Transaction,
    client_id: &str,
    now: OffsetDateTime,
) -> Result<EndedHoldings, Error> {
    let codes =
        sql::query("DELETE FROM authorization_code WHERE client_id = $1 AND redeemed_at IS NULL")
            .bind(client_id)
            .execute(transaction.connection())
            .await?;
    let refresh_tokens = refresh_token::revoke_of_client(transaction, client_id, now).await?;
    let access_grants = access_grant::revoke_of_client(transaction, client_id, now).await?;
    // In the order in which a login takes them: whoever takes the same rows in one order waits.
    delete_of_client(
        transaction,
        "DELETE FROM consent WHERE client_id = $1",
        client_id,
    )
    .await?;
    let client_sessions = client_session::end_of_client(transaction, client_id, now).await?;
    delete_of_client(
        transaction,
        "DELETE FROM pushed_authorization_request WHERE client_id = $1",
        client_id,
    )
    .await?;
    Ok(EndedHoldings {
        codes: codes.rows_affected(),
        access_grants,
        refresh_tokens,
        client_sessions,
    })
}

async fn delete_of_client(
    transaction: &mut Transaction,
    statement: &'static str,
    client_id: &str,
) -> Result<(), Error> {
    sql::query(statement)
        .bind(client_id)
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Lists the ids of clients that are in a session or have somebody's consent, whether they are
/// registered or not. It takes one step in an index for each, however many sessions there are.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list_holders(transaction: &mut Transaction) -> Result<BTreeSet<String>, Error> {
    let mut holders = BTreeSet::new();
    for statement in [
        "SELECT client_id FROM client_session WHERE ended_at IS NULL AND client_id > $1
         ORDER BY client_id LIMIT 1",
        "SELECT client_id FROM consent WHERE client_id > $1 ORDER BY client_id LIMIT 1",
    ] {
        let mut last = String::new();
        while let Some(row) = sql::query(statement)
            .bind(last.as_str())
            .fetch_optional(transaction.connection())
            .await?
        {
            last = row.try_get("client_id")?;
            holders.insert(last.clone());
        }
    }
    Ok(holders)
}

/// How many changes there have been: another number means that the clients are to be read anew.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revision(transaction: &mut Transaction) -> Result<i64, Error> {
    let row = sql::query("SELECT revision FROM client_revision WHERE id = 1")
        .fetch_one(transaction.connection())
        .await?;
    row.try_get("revision")
}

async fn count_change(transaction: &mut Transaction, changed: bool) -> Result<bool, Error> {
    if changed {
        sql::query("UPDATE client_revision SET revision = revision + 1 WHERE id = 1")
            .execute(transaction.connection())
            .await?;
    }
    Ok(changed)
}

fn read(row: &Row) -> Result<ClientRecord, Error> {
    let secret: Option<String> = row.try_get("secret_sha256")?;
    let previous: Option<String> = row.try_get("previous_secret_sha256")?;
    let until = timestamp::optional(row, "previous_secret_until")?;
    Ok(ClientRecord {
        client_id: row.try_get("client_id")?,
        registration: row.try_get("registration")?,
        secret: secret.map(SecretDigest::from_stored),
        previous_secret: previous.zip(until).map(|(digest, until)| PreviousSecret {
            digest: SecretDigest::from_stored(digest),
            until,
        }),
        created_at: timestamp::required(row, "created_at")?,
        changed_at: timestamp::required(row, "changed_at")?,
        self_registration: read_self_registration(row)?,
    })
}

fn read_self_registration(row: &Row) -> Result<Option<SelfRegistration>, Error> {
    let initial_access_token_id: Option<String> = row.try_get("initial_access_token_id")?;
    let limits: Option<String> = row.try_get("registration_limits")?;
    let token: Option<String> = row.try_get("registration_token_sha256")?;
    let name_key: Option<String> = row.try_get("name_key")?;
    let whole = initial_access_token_id.zip(limits).zip(token.zip(name_key));
    Ok(whole.map(
        |((initial_access_token_id, limits), (token, name_key))| SelfRegistration {
            initial_access_token_id,
            limits,
            token: SecretDigest::from_stored(token),
            name_key,
        },
    ))
}
