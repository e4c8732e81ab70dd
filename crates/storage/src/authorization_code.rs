//! Authorization codes: given out once, redeemed once (RFC 6749 section 4.1.2).

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Redemption, SecretDigest, Transaction, redemption, timestamp};

/// A code and everything that its redemption is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// SHA-256 of the code.
    pub code: SecretDigest,
    /// The client session it belongs to.
    pub sid: String,
    /// The client it was given to.
    pub client_id: String,
    /// The redirect URI it was sent to.
    pub redirect_uri: String,
    /// The PKCE challenge, S256 (RFC 7636 section 4.2); none where the client need not send one.
    pub code_challenge: Option<String>,
    /// The scope that was granted, space-separated.
    pub scope: String,
    /// The claims asked for by name, as JSON; the caller owns its shape.
    pub claims: Option<String>,
    /// The resource servers asked for, as a JSON list.
    pub resources: String,
    /// Thumbprint of the DPoP key that alone may redeem the code.
    pub dpop_jkt: Option<String>,
    /// The client's nonce, for the ID token.
    pub nonce: Option<String>,
    /// When it was made.
    pub issued_at: OffsetDateTime,
    /// When it stops being accepted.
    pub expires_at: OffsetDateTime,
}

/// Stores a new code.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert(transaction: &mut Transaction, code: &AuthorizationCode) -> Result<(), Error> {
    sql::query(
        "INSERT INTO authorization_code
             (code_sha256, sid, client_id, redirect_uri, code_challenge, scope, nonce, issued_at,
              expires_at, claims, resources, dpop_jkt)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(code.code.as_str())
    .bind(code.sid.as_str())
    .bind(code.client_id.as_str())
    .bind(code.redirect_uri.as_str())
    .bind(code.code_challenge.as_deref().unwrap_or_default())
    .bind(code.scope.as_str())
    .bind(code.nonce.as_deref())
    .bind(code.issued_at.unix_timestamp())
    .bind(code.expires_at.unix_timestamp())
    .bind(code.claims.as_deref())
    .bind(code.resources.as_str())
    .bind(code.dpop_jkt.as_deref())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Takes a code. One statement decides, so of parallel attempts exactly one redeems it; the others
/// wait for its transaction and then see [`Redemption::AlreadyRedeemed`] with its grants in place.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn redeem(
    transaction: &mut Transaction,
    code: &SecretDigest,
    now: OffsetDateTime,
) -> Result<Redemption<AuthorizationCode>, Error> {
    let taking = sql::query(
        "UPDATE authorization_code SET redeemed_at = $2
         WHERE code_sha256 = $1 AND redeemed_at IS NULL
         RETURNING code_sha256, sid, client_id, redirect_uri, code_challenge, scope, nonce,
                   issued_at, expires_at, claims, resources, dpop_jkt",
    )
    .bind(code.as_str())
    .bind(now.unix_timestamp());
    let finding = sql::query(
        "SELECT code_sha256, sid, client_id, redirect_uri, code_challenge, scope, nonce, issued_at,
                expires_at, claims, resources, dpop_jkt
         FROM authorization_code WHERE code_sha256 = $1",
    )
    .bind(code.as_str());
    redemption::redeem(transaction, taking, finding, read).await
}

/// The nonce of the login that a code was made for, as long as the code is remembered.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_nonce(
    transaction: &mut Transaction,
    code: &SecretDigest,
) -> Result<Option<String>, Error> {
    let row = sql::query("SELECT nonce FROM authorization_code WHERE code_sha256 = $1")
        .bind(code.as_str())
        .fetch_optional(transaction.connection())
        .await?;
    match row {
        Some(row) => row.try_get("nonce"),
        None => Ok(None),
    }
}

/// Deletes the codes of a session that were not redeemed yet, and says how many there were.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke_of_session(
    transaction: &mut Transaction,
    session_id: &str,
) -> Result<u64, Error> {
    let deleted = sql::query(
        "DELETE FROM authorization_code WHERE redeemed_at IS NULL
         AND sid IN (SELECT sid FROM client_session WHERE session_id = $1)",
    )
    .bind(session_id)
    .execute(transaction.connection())
    .await?;
    Ok(deleted.rows_affected())
}

/// Deletes the codes that a client has of a person, in any session, and has not redeemed; says how
/// many there were.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke_of_person(
    transaction: &mut Transaction,
    sub: &str,
    client_id: &str,
) -> Result<u64, Error> {
    let deleted = sql::query(
        "DELETE FROM authorization_code WHERE client_id = $2 AND redeemed_at IS NULL
         AND sid IN (SELECT own.sid FROM client_session AS own
                     JOIN session ON session.id = own.session_id WHERE session.sub = $1)",
    )
    .bind(sub)
    .bind(client_id)
    .execute(transaction.connection())
    .await?;
    Ok(deleted.rows_affected())
}

fn read(row: &Row) -> Result<AuthorizationCode, Error> {
    let challenge: String = row.try_get("code_challenge")?;
    Ok(AuthorizationCode {
        code: SecretDigest::from_stored(row.try_get("code_sha256")?),
        sid: row.try_get("sid")?,
        client_id: row.try_get("client_id")?,
        redirect_uri: row.try_get("redirect_uri")?,
        code_challenge: Some(challenge).filter(|challenge| !challenge.is_empty()),
        scope: row.try_get("scope")?,
        claims: row.try_get("claims")?,
        resources: row.try_get("resources")?,
        dpop_jkt: row.try_get("dpop_jkt")?,
        nonce: row.try_get("nonce")?,
        issued_at: timestamp::required(row, "issued_at")?,
        expires_at: timestamp::required(row, "expires_at")?,
    })
}
