//! Device authorizations (RFC 8628): asked for by a host without a browser, answered by a person at
//! her workstation, and turned into tokens once.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, SecretDigest, Transaction, timestamp};

/// A request of a device, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAuthorization {
    /// Random; no secret.
    pub id: String,
    /// SHA-256 of the device code.
    pub device_code: SecretDigest,
    /// SHA-256 of the user code, without its hyphen. Who reads the database can find the code from
    /// it, as of any value that a person can type; what stands behind it opens to a card alone.
    pub user_code: SecretDigest,
    /// The client that asked.
    pub client_id: String,
    /// Where it asked from, as people are shown it.
    pub address: String,
    /// The network that it came from, in a name that tells nobody's address; for clients that have
    /// proven themselves the one that they say, if any.
    pub source: Option<String>,
    /// The checked parameters as JSON; the caller owns their shape.
    pub parameters: String,
    /// When it was asked.
    pub created_at: OffsetDateTime,
    /// When both codes stop working.
    pub expires_at: OffsetDateTime,
    /// How long the device must wait between two requests for tokens, in seconds.
    pub interval_seconds: i64,
    /// When it asked for tokens last.
    pub polled_at: Option<OffsetDateTime>,
    /// The authorization request of the browser in which the user code was typed last.
    pub request_id: Option<String>,
    /// The authorization code that the card's answer gave.
    pub code: Option<SecretDigest>,
    /// When the person said no.
    pub refused_at: Option<OffsetDateTime>,
}

/// Stores a new request that nobody has answered.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`] for a user code that another request has.
pub async fn insert(transaction: &mut Transaction, new: &DeviceAuthorization) -> Result<(), Error> {
    sql::query(
        "INSERT INTO device_authorization
             (id, device_code_sha256, user_code_sha256, client_id, address, parameters, created_at,
              expires_at, interval_seconds, source)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(new.id.as_str())
    .bind(new.device_code.as_str())
    .bind(new.user_code.as_str())
    .bind(new.client_id.as_str())
    .bind(new.address.as_str())
    .bind(new.parameters.as_str())
    .bind(new.created_at.unix_timestamp())
    .bind(new.expires_at.unix_timestamp())
    .bind(new.interval_seconds)
    .bind(new.source.as_deref())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Counts a client's requests that have not expired, answered or not: an answer costs a stranger
/// nothing.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_open_of_client(
    transaction: &mut Transaction,
    client_id: &str,
    now: OffsetDateTime,
) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(*) AS open FROM device_authorization
         WHERE client_id = $1 AND expires_at > $2",
    )
    .bind(client_id)
    .bind(now.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("open")
}

/// Counts a client's requests that have not expired and that nobody has answered.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_unanswered_of_client(
    transaction: &mut Transaction,
    client_id: &str,
    now: OffsetDateTime,
) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(*) AS open FROM device_authorization
         WHERE client_id = $1 AND expires_at > $2 AND code_sha256 IS NULL AND refused_at IS NULL",
    )
    .bind(client_id)
    .bind(now.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("open")
}

/// Deletes a client's oldest open request whose code nobody has typed, those of `source` first.
/// False when there is none.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn forget_oldest_unclaimed(
    transaction: &mut Transaction,
    client_id: &str,
    source: Option<&str>,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let deleted = sql::query(
        "DELETE FROM device_authorization WHERE id IN
             (SELECT id FROM device_authorization
              WHERE client_id = $1 AND expires_at > $2 AND request_id IS NULL
              ORDER BY CASE WHEN source = $3 THEN 0 ELSE 1 END, created_at, id LIMIT 1)",
    )
    .bind(client_id)
    .bind(now.unix_timestamp())
    .bind(source.unwrap_or_default())
    .execute(transaction.connection())
    .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Deletes a request, whatever became of it.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn forget(transaction: &mut Transaction, id: &str) -> Result<(), Error> {
    sql::query("DELETE FROM device_authorization WHERE id = $1")
        .bind(id)
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Deletes the oldest open request of the source that has most of a client's, unclaimed ones first,
/// if that source has more than `source` itself. False when nothing made room.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn make_room(
    transaction: &mut Transaction,
    client_id: &str,
    source: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let deleted = sql::query(
        "DELETE FROM device_authorization WHERE id IN
             (SELECT id FROM device_authorization
              WHERE client_id = $1 AND expires_at > $2 AND source =
                  (SELECT source FROM device_authorization
                   WHERE client_id = $1 AND expires_at > $2 AND source IS NOT NULL
                   GROUP BY source
                   HAVING COUNT(*) >
                       (SELECT COUNT(*) FROM device_authorization
                        WHERE client_id = $1 AND expires_at > $2 AND source = $3)
                   ORDER BY COUNT(*) DESC, source LIMIT 1)
              ORDER BY CASE WHEN request_id IS NULL THEN 0 ELSE 1 END, created_at, id LIMIT 1)",
    )
    .bind(client_id)
    .bind(now.unix_timestamp())
    .bind(source)
    .execute(transaction.connection())
    .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Finds a request by its user code, whatever became of it.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_by_user_code(
    transaction: &mut Transaction,
    user_code: &SecretDigest,
) -> Result<Option<DeviceAuthorization>, Error> {
    let row = sql::query(
        "SELECT id, device_code_sha256, user_code_sha256, client_id, address, parameters,
                created_at, expires_at, interval_seconds, polled_at, request_id, code_sha256,
                refused_at, source
         FROM device_authorization WHERE user_code_sha256 = $1",
    )
    .bind(user_code.as_str())
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Finds a request by its id.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(
    transaction: &mut Transaction,
    id: &str,
) -> Result<Option<DeviceAuthorization>, Error> {
    let row = sql::query(
        "SELECT id, device_code_sha256, user_code_sha256, client_id, address, parameters,
                created_at, expires_at, interval_seconds, polled_at, request_id, code_sha256,
                refused_at, source
         FROM device_authorization WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Ties an unanswered request to the browser in which its code was typed; the last one counts.
/// False when it was answered or has expired.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn claim(
    transaction: &mut Transaction,
    id: &str,
    request_id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE device_authorization SET request_id = $2
         WHERE id = $1 AND code_sha256 IS NULL AND refused_at IS NULL AND expires_at > $3",
    )
    .bind(id)
    .bind(request_id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Answers a request with a code, for the browser that it is tied to. False when it was answered,
/// has expired, or went to another browser: of many answers one counts.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn approve(
    transaction: &mut Transaction,
    id: &str,
    request_id: &str,
    code: &SecretDigest,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE device_authorization SET code_sha256 = $3
         WHERE id = $1 AND request_id = $2 AND code_sha256 IS NULL AND refused_at IS NULL
         AND expires_at > $4",
    )
    .bind(id)
    .bind(request_id)
    .bind(code.as_str())
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Answers a request with a no, for the browser that it is tied to. False as for [`approve`].
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn refuse(
    transaction: &mut Transaction,
    id: &str,
    request_id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE device_authorization SET refused_at = $3
         WHERE id = $1 AND request_id = $2 AND code_sha256 IS NULL AND refused_at IS NULL",
    )
    .bind(id)
    .bind(request_id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Loads a request by its device code and holds it until the transaction ends: of parallel requests
/// for its tokens each sees what the one before left.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn hold(
    transaction: &mut Transaction,
    device_code: &SecretDigest,
) -> Result<Option<DeviceAuthorization>, Error> {
    // The update changes nothing; it takes the row, and sees it as the last transaction left it.
    let row = sql::query(
        "UPDATE device_authorization SET polled_at = polled_at WHERE device_code_sha256 = $1
         RETURNING id, device_code_sha256, user_code_sha256, client_id, address, parameters,
                   created_at, expires_at, interval_seconds, polled_at, request_id, code_sha256,
                   refused_at, source",
    )
    .bind(device_code.as_str())
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Notes that the device has asked for tokens, and how long it must wait from now on.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn note_poll(
    transaction: &mut Transaction,
    id: &str,
    interval_seconds: i64,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sql::query(
        "UPDATE device_authorization SET polled_at = $3, interval_seconds = $2 WHERE id = $1",
    )
    .bind(id)
    .bind(interval_seconds)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

fn read(row: &Row) -> Result<DeviceAuthorization, Error> {
    let code: Option<String> = row.try_get("code_sha256")?;
    Ok(DeviceAuthorization {
        id: row.try_get("id")?,
        device_code: SecretDigest::from_stored(row.try_get("device_code_sha256")?),
        user_code: SecretDigest::from_stored(row.try_get("user_code_sha256")?),
        client_id: row.try_get("client_id")?,
        address: row.try_get("address")?,
        source: row.try_get("source")?,
        parameters: row.try_get("parameters")?,
        created_at: timestamp::required(row, "created_at")?,
        expires_at: timestamp::required(row, "expires_at")?,
        interval_seconds: row.try_get("interval_seconds")?,
        polled_at: timestamp::optional(row, "polled_at")?,
        request_id: row.try_get("request_id")?,
        code: code.map(SecretDigest::from_stored),
        refused_at: timestamp::optional(row, "refused_at")?,
    })
}
