//! Refresh tokens: each used once, and all that one code led to in one family (RFC 9700 section
//! 4.14.2).

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Redemption, SecretDigest, Transaction, timestamp};

/// What every refresh token of a family stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshTokenFamily {
    /// Random; never leaves the server.
    pub id: String,
    /// The client session it belongs to: the family dies with it.
    pub sid: String,
    /// The client that holds it.
    pub client_id: String,
    /// The code that it came from: a second use of that code takes the family back.
    pub code: Option<SecretDigest>,
    /// The scope that was granted, space-separated; an access token may have less.
    pub scope: String,
    /// The resource servers that were granted, as a JSON list; an access token may have less.
    pub resources: String,
    /// The claims asked for by name, as JSON; the caller owns its shape.
    pub claims: Option<String>,
    /// Thumbprint of the DPoP key that alone may refresh (RFC 9449 section 5).
    pub dpop_jkt: Option<String>,
    /// SHA-256 of the certificate that alone may refresh (RFC 8705 section 4), base64url.
    pub x5t_s256: Option<String>,
    /// When the person had logged in.
    pub auth_time: OffsetDateTime,
    /// The level that this login had reached.
    pub acr: String,
    /// Age at this login of the evidence that the card was not revoked, in seconds.
    pub revocation_age: Option<i64>,
    /// When the first token was made.
    pub issued_at: OffsetDateTime,
    /// When the family ends by itself, however often it is refreshed.
    pub expires_at: OffsetDateTime,
    /// When it was taken back.
    pub revoked_at: Option<OffsetDateTime>,
}

/// A refresh token as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its family.
    pub family: RefreshTokenFamily,
    /// When this very token was made.
    pub issued_at: OffsetDateTime,
    /// When it was used.
    pub redeemed_at: Option<OffsetDateTime>,
}

/// Stores a new family, which has no token yet.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert_family(
    transaction: &mut Transaction,
    family: &RefreshTokenFamily,
) -> Result<(), Error> {
    sql::query(
        "INSERT INTO refresh_token_family
             (id, sid, client_id, code_sha256, scope, resources, claims, dpop_jkt, auth_time, acr,
              revocation_age, issued_at, expires_at, used_at, x5t_s256)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $12, $14)",
    )
    .bind(family.id.as_str())
    .bind(family.sid.as_str())
    .bind(family.client_id.as_str())
    .bind(family.code.as_ref().map(SecretDigest::as_str))
    .bind(family.scope.as_str())
    .bind(family.resources.as_str())
    .bind(family.claims.as_deref())
    .bind(family.dpop_jkt.as_deref())
    .bind(family.auth_time.unix_timestamp())
    .bind(family.acr.as_str())
    .bind(family.revocation_age)
    .bind(family.issued_at.unix_timestamp())
    .bind(family.expires_at.unix_timestamp())
    .bind(family.x5t_s256.as_deref())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Stores a new token of a family.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert(
    transaction: &mut Transaction,
    token: &SecretDigest,
    family_id: &str,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sql::query(
        "INSERT INTO refresh_token (token_sha256, family_id, issued_at) VALUES ($1, $2, $3)",
    )
    .bind(token.as_str())
    .bind(family_id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Takes a token. One statement decides, so of parallel attempts exactly one redeems it; the others
/// wait for its transaction and then see [`Redemption::AlreadyRedeemed`].
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn redeem(
    transaction: &mut Transaction,
    token: &SecretDigest,
    now: OffsetDateTime,
) -> Result<Redemption<RefreshTokenFamily>, Error> {
    let taken = sql::query(
        "UPDATE refresh_token SET redeemed_at = $2
         WHERE token_sha256 = $1 AND redeemed_at IS NULL",
    )
    .bind(token.as_str())
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    let found = find(transaction, token).await?;
    Ok(match found {
        Some(token) if taken.rows_affected() == 1 => Redemption::Redeemed(token.family),
        Some(token) => Redemption::AlreadyRedeemed(token.family),
        None => Redemption::Unknown,
    })
}

/// Finds a token with its family; whether both still serve is the caller's to compare.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(
    transaction: &mut Transaction,
    token: &SecretDigest,
) -> Result<Option<RefreshToken>, Error> {
    let row = sql::query(
        "SELECT family.id, family.sid, family.client_id, family.code_sha256, family.scope,
                family.resources, family.claims, family.dpop_jkt, family.x5t_s256, family.auth_time,
                family.acr, family.revocation_age, family.issued_at, family.expires_at,
                family.revoked_at, token.issued_at AS token_issued_at, token.redeemed_at
         FROM refresh_token AS token
         JOIN refresh_token_family AS family ON family.id = token.family_id
         WHERE token.token_sha256 = $1",
    )
    .bind(token.as_str())
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Notes a use, and keeps the family from being taken back until this transaction ends. False when
/// it was taken back already.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_use(
    transaction: &mut Transaction,
    family_id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE refresh_token_family SET used_at = $2 WHERE id = $1 AND revoked_at IS NULL",
    )
    .bind(family_id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Takes a family back. False when it was before.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke_family(
    transaction: &mut Transaction,
    family_id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let revoked = sql::query(
        "UPDATE refresh_token_family SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
    )
    .bind(family_id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// Takes back the family that a code began (RFC 6749 section 4.1.2: code used twice), and says how
/// many there were.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke_of_code(
    transaction: &mut Transaction,
    code: &SecretDigest,
    now: OffsetDateTime,
) -> Result<u64, Error> {
    let revoked = sql::query(
        "UPDATE refresh_token_family SET revoked_at = $2
         WHERE code_sha256 = $1 AND revoked_at IS NULL",
    )
    .bind(code.as_str())
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(revoked.rows_affected())
}

/// Takes back every family of a session, and says how many.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke_of_session(
    transaction: &mut Transaction,
    session_id: &str,
    now: OffsetDateTime,
) -> Result<u64, Error> {
    let revoked = sql::query(
        "UPDATE refresh_token_family SET revoked_at = $2 WHERE revoked_at IS NULL
         AND sid IN (SELECT sid FROM client_session WHERE session_id = $1)",
    )
    .bind(session_id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(revoked.rows_affected())
}

/// Takes back every family that a client has of a person, in any session, and says how many.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke_of_person(
    transaction: &mut Transaction,
    sub: &str,
    client_id: &str,
    now: OffsetDateTime,
) -> Result<u64, Error> {
    let revoked = sql::query(
        "UPDATE refresh_token_family SET revoked_at = $3
         WHERE client_id = $2 AND revoked_at IS NULL
         AND sid IN (SELECT own.sid FROM client_session AS own
                     JOIN session ON session.id = own.session_id WHERE session.sub = $1)",
    )
    .bind(sub)
    .bind(client_id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(revoked.rows_affected())
}

/// Takes back every family of a client that is registered no more, and says how many.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke_of_client(
    transaction: &mut Transaction,
    client_id: &str,
    now: OffsetDateTime,
) -> Result<u64, Error> {
    let revoked = sql::query(
        "UPDATE refresh_token_family SET revoked_at = $2
         WHERE client_id = $1 AND revoked_at IS NULL",
    )
    .bind(client_id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(revoked.rows_affected())
}

fn read(row: &Row) -> Result<RefreshToken, Error> {
    let code: Option<String> = row.try_get("code_sha256")?;
    let family = RefreshTokenFamily {
        id: row.try_get("id")?,
        sid: row.try_get("sid")?,
        client_id: row.try_get("client_id")?,
        code: code.map(SecretDigest::from_stored),
        scope: row.try_get("scope")?,
        resources: row.try_get("resources")?,
        claims: row.try_get("claims")?,
        dpop_jkt: row.try_get("dpop_jkt")?,
        x5t_s256: row.try_get("x5t_s256")?,
        auth_time: timestamp::required(row, "auth_time")?,
        acr: row.try_get("acr")?,
        revocation_age: row.try_get("revocation_age")?,
        issued_at: timestamp::required(row, "issued_at")?,
        expires_at: timestamp::required(row, "expires_at")?,
        revoked_at: timestamp::optional(row, "revoked_at")?,
    };
    Ok(RefreshToken {
        family,
        issued_at: timestamp::required(row, "token_issued_at")?,
        redeemed_at: timestamp::optional(row, "redeemed_at")?,
    })
}
