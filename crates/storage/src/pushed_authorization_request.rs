//! Requests that clients have handed in before their browsers come (RFC 9126).

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, SecretDigest, Transaction, timestamp};

/// A pushed authorization request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedAuthorizationRequest {
    /// Random; unlike the `request_uri` it opens nothing.
    pub id: String,
    /// The `request_uri`.
    pub request_uri: SecretDigest,
    /// Whose it is.
    pub client_id: String,
    /// The parameters as JSON; the caller owns their shape.
    pub parameters: String,
    /// Whether they came in a signed request object.
    pub signed: bool,
    /// Where it came from, in a name that tells nobody's address; empty for clients that have
    /// proven themselves.
    pub source: Option<String>,
    /// When it was pushed.
    pub created_at: OffsetDateTime,
    /// Until when a browser may open it.
    pub expires_at: OffsetDateTime,
    /// How often browsers have opened it.
    pub opened: i64,
    /// When the client got its answer.
    pub spent_at: Option<OffsetDateTime>,
}

/// Stores a new request; `opened` and `spent_at` start empty.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert(
    transaction: &mut Transaction,
    request: &PushedAuthorizationRequest,
) -> Result<(), Error> {
    sql::query(
        "INSERT INTO pushed_authorization_request
             (id, request_uri_sha256, client_id, parameters, signed, created_at, expires_at,
              source)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(request.id.as_str())
    .bind(request.request_uri.as_str())
    .bind(request.client_id.as_str())
    .bind(request.parameters.as_str())
    .bind(i64::from(request.signed))
    .bind(request.created_at.unix_timestamp())
    .bind(request.expires_at.unix_timestamp())
    .bind(request.source.as_deref())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Counts an opening of a client's request and returns it; none when the client has no such
/// request. Expiry, openings and an earlier answer are the caller's to compare.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn open(
    transaction: &mut Transaction,
    request_uri: &SecretDigest,
    client_id: &str,
) -> Result<Option<PushedAuthorizationRequest>, Error> {
    let row = sql::query(
        "UPDATE pushed_authorization_request SET opened = opened + 1
         WHERE request_uri_sha256 = $1 AND client_id = $2
         RETURNING id, request_uri_sha256, client_id, parameters, signed, created_at, expires_at,
                   opened, spent_at, source",
    )
    .bind(request_uri.as_str())
    .bind(client_id)
    .fetch_optional(transaction.connection())
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let signed: i64 = row.try_get("signed")?;
    Ok(Some(PushedAuthorizationRequest {
        id: row.try_get("id")?,
        request_uri: SecretDigest::from_stored(row.try_get("request_uri_sha256")?),
        client_id: row.try_get("client_id")?,
        parameters: row.try_get("parameters")?,
        signed: signed != 0,
        source: row.try_get("source")?,
        created_at: timestamp::required(&row, "created_at")?,
        expires_at: timestamp::required(&row, "expires_at")?,
        opened: row.try_get("opened")?,
        spent_at: timestamp::optional(&row, "spent_at")?,
    }))
}

/// Marks a request as answered. False when it was answered before, or is gone: of many attempts
/// one wins.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn spend(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE pushed_authorization_request SET spent_at = $2
         WHERE id = $1 AND spent_at IS NULL",
    )
    .bind(id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// How many of a client's requests wait for a browser or an answer at `now`.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_waiting(
    transaction: &mut Transaction,
    client_id: &str,
    now: OffsetDateTime,
) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(*) AS waiting FROM pushed_authorization_request
         WHERE client_id = $1 AND expires_at > $2 AND spent_at IS NULL",
    )
    .bind(client_id)
    .bind(now.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("waiting")
}

/// Deletes the oldest waiting request of the source that has most of a client's, opened ones last,
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
        "DELETE FROM pushed_authorization_request WHERE id IN
             (SELECT id FROM pushed_authorization_request
              WHERE client_id = $1 AND expires_at > $2 AND spent_at IS NULL AND source =
                  (SELECT source FROM pushed_authorization_request
                   WHERE client_id = $1 AND expires_at > $2 AND spent_at IS NULL
                       AND source IS NOT NULL
                   GROUP BY source
                   HAVING COUNT(*) >
                       (SELECT COUNT(*) FROM pushed_authorization_request
                        WHERE client_id = $1 AND expires_at > $2 AND spent_at IS NULL
                            AND source = $3)
                   ORDER BY COUNT(*) DESC, source LIMIT 1)
              ORDER BY CASE WHEN opened = 0 THEN 0 ELSE 1 END, created_at, id LIMIT 1)",
    )
    .bind(client_id)
    .bind(now.unix_timestamp())
    .bind(source)
    .execute(transaction.connection())
    .await?;
    Ok(deleted.rows_affected() == 1)
}
