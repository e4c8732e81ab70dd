//! Access tokens that were given out, so that they can be taken back before they expire.

use time::OffsetDateTime;

use crate::security_event::{Cause, take_back};
use crate::sql::{self, Row};
use crate::{Error, SecretDigest, Transaction, timestamp};

/// One access token, by its `jti`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessGrant {
    /// The token's `jti` (RFC 9068 section 2.2).
    pub jti: String,
    /// The code that it came from: a second use of that code takes the token back.
    pub code: Option<SecretDigest>,
    /// The family of refresh tokens that it belongs to; none where its client may not refresh.
    pub family: Option<String>,
    /// The client session it belongs to; none for a service's own token.
    pub sid: Option<String>,
    /// The client that holds it.
    pub client_id: String,
    /// What it allows, space-separated.
    pub scope: String,
    /// The resource servers it is for, as a JSON list.
    pub audience: String,
    /// The claims asked for by name, as JSON; the caller owns its shape.
    pub claims: Option<String>,
    /// Thumbprint of the DPoP key that it is bound to (RFC 9449 section 6).
    pub dpop_jkt: Option<String>,
    /// SHA-256 of the certificate that it is bound to (RFC 8705 section 3), base64url.
    pub x5t_s256: Option<String>,
    /// When it was made.
    pub issued_at: OffsetDateTime,
    /// When it ends by itself.
    pub expires_at: OffsetDateTime,
    /// When it was taken back.
    pub revoked_at: Option<OffsetDateTime>,
}

/// Stores a new grant.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert(transaction: &mut Transaction, grant: &AccessGrant) -> Result<(), Error> {
    sql::query(
        "INSERT INTO access_grant
             (jti, code_sha256, sid, client_id, scope, issued_at, expires_at, audience, claims,
              dpop_jkt, x5t_s256, family_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(grant.jti.as_str())
    .bind(grant.code.as_ref().map(SecretDigest::as_str))
    .bind(grant.sid.as_deref())
    .bind(grant.client_id.as_str())
    .bind(grant.scope.as_str())
    .bind(grant.issued_at.unix_timestamp())
    .bind(grant.expires_at.unix_timestamp())
    .bind(grant.audience.as_str())
    .bind(grant.claims.as_deref())
    .bind(grant.dpop_jkt.as_deref())
    .bind(grant.x5t_s256.as_deref())
    .bind(grant.family.as_deref())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Finds the grant of a token; revocation and expiry are the caller's to compare.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(transaction: &mut Transaction, jti: &str) -> Result<Option<AccessGrant>, Error> {
    let row = sql::query(
        "SELECT jti, code_sha256, family_id, sid, client_id, scope, audience, claims, dpop_jkt,
                x5t_s256, issued_at, expires_at, revoked_at
         FROM access_grant WHERE jti = $1",
    )
    .bind(jti)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Takes back what a code gave (RFC 6749 section 4.1.2: code used twice), and says how many.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke_of_code(
    transaction: &mut Transaction,
    code: &SecretDigest,
    now: OffsetDateTime,
) -> Result<u64, Error> {
    let statement = sql::query(
        "UPDATE access_grant SET revoked_at = $2 WHERE code_sha256 = $1 AND revoked_at IS NULL
         RETURNING jti, sid, client_id, audience, expires_at",
    )
    .bind(code.as_str())
    .bind(now.unix_timestamp());
    take_back(transaction, statement, Cause::Alone("code_reused"), now).await
}

/// Takes back every token that one family of refresh tokens led to, and says how many.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke_of_family(
    transaction: &mut Transaction,
    family_id: &str,
    now: OffsetDateTime,
) -> Result<u64, Error> {
    let statement = sql::query(
        "UPDATE access_grant SET revoked_at = $2 WHERE family_id = $1 AND revoked_at IS NULL
         RETURNING jti, sid, client_id, audience, expires_at",
    )
    .bind(family_id)
    .bind(now.unix_timestamp());
    take_back(transaction, statement, Cause::Alone("family_revoked"), now).await
}

/// Takes back one token. False when it was before, or never was.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke(
    transaction: &mut Transaction,
    jti: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let statement = sql::query(
        "UPDATE access_grant SET revoked_at = $2 WHERE jti = $1 AND revoked_at IS NULL
         RETURNING jti, sid, client_id, audience, expires_at",
    )
    .bind(jti)
    .bind(now.unix_timestamp());
    let revoked = take_back(transaction, statement, Cause::Alone("token_revoked"), now).await?;
    Ok(revoked == 1)
}

/// Takes back every token of a session that ends for `reason`, and says how many.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke_of_session(
    transaction: &mut Transaction,
    session_id: &str,
    reason: &str,
    now: OffsetDateTime,
) -> Result<u64, Error> {
    let statement = sql::query(
        "UPDATE access_grant SET revoked_at = $2 WHERE revoked_at IS NULL
         AND sid IN (SELECT sid FROM client_session WHERE session_id = $1)
         RETURNING jti, sid, client_id, audience, expires_at",
    )
    .bind(session_id)
    .bind(now.unix_timestamp());
    take_back(transaction, statement, Cause::SessionOver(reason), now).await
}

/// Takes back every token that a client has of a person, in any session, and says how many.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke_of_person(
    transaction: &mut Transaction,
    sub: &str,
    client_id: &str,
    now: OffsetDateTime,
) -> Result<u64, Error> {
    let statement = sql::query(
        "UPDATE access_grant SET revoked_at = $3 WHERE client_id = $2 AND revoked_at IS NULL
         AND sid IN (SELECT own.sid FROM client_session AS own
                     JOIN session ON session.id = own.session_id WHERE session.sub = $1)
         RETURNING jti, sid, client_id, audience, expires_at",
    )
    .bind(sub)
    .bind(client_id)
    .bind(now.unix_timestamp());
    take_back(transaction, statement, Cause::Alone("consent_refused"), now).await
}

/// Takes back every token that a client has, and says how many.
///
/// # Errors
/// [`Error::Unavailable`].
pub(crate) async fn revoke_of_client(
    transaction: &mut Transaction,
    client_id: &str,
    now: OffsetDateTime,
) -> Result<u64, Error> {
    let statement = sql::query(
        "UPDATE access_grant SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL
         RETURNING jti, sid, client_id, audience, expires_at",
    )
    .bind(client_id)
    .bind(now.unix_timestamp());
    take_back(transaction, statement, Cause::Alone("client_removed"), now).await
}

fn read(row: &Row) -> Result<AccessGrant, Error> {
    let code: Option<String> = row.try_get("code_sha256")?;
    Ok(AccessGrant {
        jti: row.try_get("jti")?,
        code: code.map(SecretDigest::from_stored),
        family: row.try_get("family_id")?,
        sid: row.try_get("sid")?,
        client_id: row.try_get("client_id")?,
        scope: row.try_get("scope")?,
        audience: row.try_get("audience")?,
        claims: row.try_get("claims")?,
        dpop_jkt: row.try_get("dpop_jkt")?,
        x5t_s256: row.try_get("x5t_s256")?,
        issued_at: timestamp::required(row, "issued_at")?,
        expires_at: timestamp::required(row, "expires_at")?,
        revoked_at: timestamp::optional(row, "revoked_at")?,
    })
}
