//! Access tokens as JWT (RFC 9068), short-lived and tied to a stored grant.

use cardea_jose::Algorithm;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::session::{is_live, reached_acr};
use crate::token::TokenSubject;
use crate::{Error, Provider};
use cardea_storage::access_grant::{self, AccessGrant};
use cardea_storage::session::{self, Session};
use cardea_storage::{Transaction, client_session};

/// `typ` of an access token (RFC 9068 section 2.1).
pub(crate) const ACCESS_TOKEN_TYP: &str = "at+jwt";

/// The claims of an access token (RFC 9068 section 2.2).
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccessTokenClaims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: String,
    pub(crate) client_id: String,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    pub(crate) jti: String,
    pub(crate) scope: String,
    pub(crate) auth_time: i64,
    pub(crate) acr: String,
    pub(crate) amr: Vec<String>,
    pub(crate) sid: String,
    /// Age at the login of the evidence that the card was not revoked, in seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) revocation_age: Option<i64>,
}

/// An access token that is still good, and what stands behind it.
pub(crate) struct LiveAccessToken {
    pub(crate) claims: AccessTokenClaims,
    pub(crate) session: Session,
}

impl Provider {
    /// Signs an access token for our own userinfo endpoint. RS256, because every resource server
    /// must support it (RFC 9068 section 2.1); without such a key, the client's algorithm.
    pub(crate) fn sign_access_token(
        &self,
        subject: &TokenSubject<'_>,
        scope: &str,
        jti: &str,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        let acr = reached_acr(subject.session);
        let claims = AccessTokenClaims {
            iss: self.issuer.as_str().to_owned(),
            sub: subject.sub.to_owned(),
            aud: self.issuer.as_str().to_owned(),
            client_id: subject.client.client_id.clone(),
            exp: (now + self.lifetimes.access_token).unix_timestamp(),
            iat: now.unix_timestamp(),
            jti: jti.to_owned(),
            scope: scope.to_owned(),
            auth_time: subject.session.authenticated_at.unix_timestamp(),
            acr: acr.as_str().to_owned(),
            amr: acr.amr().iter().map(|&method| method.to_owned()).collect(),
            sid: subject.sid.to_owned(),
            revocation_age: subject.session.revocation_age,
        };
        let key = match self.keys.signing(Algorithm::Rs256) {
            Ok(key) => key,
            Err(_) => self
                .keys
                .signing(subject.client.id_token_signed_response_alg)?,
        };
        Ok(key.sign_jwt(ACCESS_TOKEN_TYP, &claims)?)
    }

    /// Checks an access token of ours: signature, type, issuer, audience, expiry, and that neither
    /// it nor its session was taken back (RFC 9068 section 4).
    pub(crate) async fn validate_access_token(
        &self,
        transaction: &mut Transaction,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<LiveAccessToken, Error> {
        let verified = self
            .verify_own_token(token, ACCESS_TOKEN_TYP)
            .map_err(|_| Error::AccessTokenInvalid)?;
        let claims: AccessTokenClaims = verified.claims().map_err(|_| Error::AccessTokenInvalid)?;
        if claims.iss != self.issuer.as_str() || claims.aud != self.issuer.as_str() {
            return Err(Error::AccessTokenInvalid);
        }
        if now.unix_timestamp() >= claims.exp {
            return Err(Error::AccessTokenExpired);
        }
        let grant = access_grant::find(transaction, &claims.jti).await?;
        let grant = grant.filter(|grant| grant.revoked_at.is_none());
        let Some(AccessGrant { sid: Some(sid), .. }) = grant else {
            return Err(Error::AccessTokenRevoked);
        };
        let own = client_session::find(transaction, &sid).await?;
        let own = own.ok_or(Error::AccessTokenRevoked)?;
        let session = session::find(transaction, &own.session_id).await?;
        let session = session.filter(|session| is_live(session, &self.lifetimes, now));
        Ok(LiveAccessToken {
            claims,
            session: session.ok_or(Error::AccessTokenRevoked)?,
        })
    }
}
