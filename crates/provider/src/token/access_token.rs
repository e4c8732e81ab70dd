//! Access tokens as JWT (RFC 9068), short-lived and tied to a stored grant.

use std::sync::Arc;

use cardea_pki::profile::{Profession, ProfessionalIdentity};
use cardea_storage::Transaction;
use cardea_storage::access_grant::{self, AccessGrant};
use cardea_storage::session::Session;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::session_of_client;
use crate::grant::{NewGrant, RecordedGrant};
use crate::key_binding::{Confirmation, KeyBinding};
use crate::session::is_live;
use crate::{Client, Demand, Error, Provider};

/// `typ` of an access token (RFC 9068 section 2.1).
pub(crate) const ACCESS_TOKEN_TYP: &str = "at+jwt";

/// The claims of an access token (RFC 9068 section 2.2). Nothing in it says who the person is:
/// resource servers pass it on and log it (attack G15). What she is by profession stands there for
/// those alone whose operator chose so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessTokenClaims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: Audience,
    pub(crate) client_id: String,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    pub(crate) jti: String,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub(crate) scope: String,
    // None of the following where a service speaks for itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) acr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) amr: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) sid: Option<String>,
    /// Age at the login of the evidence that the card was not revoked, in seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) revocation_age: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) profession: Option<Profession>,
    /// What the token is bound to (RFC 9449 section 6.1, RFC 8705 section 3.1).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) cnf: Option<Confirmation>,
    /// Stands in every token of a sandbox, and in no other.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) test: Option<bool>,
}

/// One resource server as text, several as a list (RFC 7519 section 4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Several(Vec<String>),
}

/// An access token that is still good, and what stands behind it.
pub(crate) struct LiveAccessToken {
    pub(crate) claims: AccessTokenClaims,
    pub(crate) grant: AccessGrant,
    pub(crate) client: Arc<Client>,
    /// None for a service's own token.
    pub(crate) session: Option<Session>,
}

impl Audience {
    fn of(resources: &[String], issuer: &str) -> Self {
        match resources {
            [] => Self::One(issuer.to_owned()),
            [one] => Self::One(one.clone()),
            several => Self::Several(several.to_vec()),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let values = match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several.as_slice(),
        };
        values.iter().map(String::as_str)
    }

    pub(crate) fn contains(&self, resource: &str) -> bool {
        self.iter().any(|value| value == resource)
    }
}

impl Provider {
    /// Signs an access token as its client is registered, or by the profile's default: RS256,
    /// because every resource server must support it (RFC 9068 section 2.1), but for FAPI 2.0,
    /// which forbids it. Without such a key, the client's algorithm.
    pub(crate) fn sign_access_token(
        &self,
        new: &NewGrant<'_>,
        recorded: &RecordedGrant,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        let login = new.login.as_ref();
        let authentication = login.map(|login| login.authentication);
        let amr = authentication.map(|it| it.acr.amr().iter().map(|&method| method.to_owned()));
        let claims = AccessTokenClaims {
            iss: self.issuer.as_str().to_owned(),
            sub: new.sub.to_owned(),
            aud: Audience::of(new.audience, self.issuer.as_str()),
            client_id: new.client.client_id.clone(),
            exp: recorded.expires_at.unix_timestamp(),
            iat: now.unix_timestamp(),
            jti: recorded.jti.clone(),
            scope: new.scope.to_owned(),
            auth_time: authentication.map(|it| it.at.unix_timestamp()),
            acr: authentication.map(|it| self.acr_word(it.acr).to_owned()),
            amr: amr.map(Iterator::collect),
            sid: login.map(|login| login.sid.to_owned()),
            revocation_age: authentication.and_then(|it| it.revocation_age),
            profession: self.profession_for(new)?,
            cnf: new.key_binding.map(KeyBinding::confirmation),
            test: self.test_claim(),
        };
        let keys = self.keys();
        let registered = new.client.access_token_signed_response_alg;
        let algorithm = registered.unwrap_or(self.rules.default_algorithm);
        let key = match keys.signing(algorithm, now) {
            Ok(key) => key,
            Err(_) => keys.signing(new.client.id_token_signed_response_alg, now)?,
        };
        Ok(key.sign_jwt(ACCESS_TOKEN_TYP, &claims)?)
    }

    /// The person's profession, where every resource server of the token is one that is told.
    fn profession_for(&self, new: &NewGrant<'_>) -> Result<Option<Profession>, Error> {
        let Some(login) = &new.login else {
            return Ok(None);
        };
        if !self.clients.are_told_professions(new.audience) {
            return Ok(None);
        }
        let identity: ProfessionalIdentity =
            serde_json::from_str(&login.session.identity).map_err(Error::StoredValueUnreadable)?;
        Ok(identity.profession)
    }

    /// Whether we signed an access token, whatever became of it; the database is not asked.
    #[must_use]
    pub fn signed_access_token(&self, token: &str) -> bool {
        self.read_access_token(token).is_ok()
    }

    /// Reads an access token of ours, whatever its age: signature, type and issuer.
    pub(crate) fn read_access_token(&self, token: &str) -> Result<AccessTokenClaims, Error> {
        let verified = self
            .verify_own_token(token, ACCESS_TOKEN_TYP)
            .map_err(|_| Error::AccessTokenInvalid)?;
        let claims: AccessTokenClaims = verified.claims().map_err(|_| Error::AccessTokenInvalid)?;
        if claims.iss == self.issuer.as_str() {
            Ok(claims)
        } else {
            Err(Error::AccessTokenInvalid)
        }
    }

    /// Checks an access token of ours: that it has not expired, and that neither it nor its client,
    /// its session or the card's presence is gone (RFC 9068 section 4). For whom it was made is the
    /// caller's to compare.
    pub(crate) async fn validate_access_token(
        &self,
        transaction: &mut Transaction,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<LiveAccessToken, Error> {
        let claims = self.read_access_token(token)?;
        if now.unix_timestamp() >= claims.exp {
            return Err(Error::AccessTokenExpired);
        }
        let grant = access_grant::find(transaction, &claims.jti).await?;
        let grant = grant.filter(|grant| grant.revoked_at.is_none());
        let grant = grant.ok_or(Error::AccessTokenRevoked)?;
        // One that was given out before the operator chose a profile that knows no such token.
        let is_bound = grant.dpop_jkt.is_some() || grant.x5t_s256.is_some();
        if self.rules.sender_constrained_tokens == Demand::Required && !is_bound {
            return Err(Error::AccessTokenSchemeMismatch);
        }
        let client = self.clients.find(&grant.client_id);
        let client = client.ok_or(Error::AccessTokenRevoked)?;
        let session = match &grant.sid {
            None => None,
            Some(sid) => Some(self.live_session(transaction, sid, now).await?),
        };
        Ok(LiveAccessToken {
            claims,
            grant,
            client,
            session,
        })
    }

    async fn live_session(
        &self,
        transaction: &mut Transaction,
        sid: &str,
        now: OffsetDateTime,
    ) -> Result<Session, Error> {
        let session = session_of_client(transaction, sid).await?;
        let session = session.ok_or(Error::AccessTokenRevoked)?;
        if !is_live(&session, &self.lifetimes, now) {
            return Err(Error::AccessTokenRevoked);
        }
        if !self.has_presence_lease(&session, now) {
            return Err(Error::AccessTokenPresenceLost);
        }
        Ok(session)
    }
}
