//! From a grant to tokens: what is stored in the transaction that spends the grant, and what is
//! signed once it is committed, so that no signature is made under the database's write lock.

use cardea_jose::random_base64url;
use cardea_oauth2_types::{GrantType, Scope, TokenResponse, scope};
use cardea_storage::access_grant::{self, AccessGrant};
use cardea_storage::refresh_token::{self, RefreshTokenFamily};
use cardea_storage::{SecretDigest, Transaction};
use time::OffsetDateTime;

use crate::event::{Event, EventKind};
use crate::key_binding::KeyBinding;
use crate::secret::RANDOM_BYTES;
use crate::token::Login;
use crate::{Client, Error, Provider, Secret};

/// Everything that new tokens stand for.
pub(crate) struct NewGrant<'a> {
    pub(crate) client: &'a Client,
    /// Who logged in, when and how; none where a service speaks for itself.
    pub(crate) login: Option<Login<'a>>,
    /// The client's name for the person; the service's own id where nobody logged in.
    pub(crate) sub: &'a str,
    pub(crate) scope: &'a str,
    /// The resource servers that the access token is for; empty: our own userinfo endpoint.
    pub(crate) audience: &'a [String],
    /// The claims asked for by name, as JSON.
    pub(crate) claims: Option<&'a str>,
    /// The nonce of the login, for its first ID token alone (OIDC Core section 12.2).
    pub(crate) nonce: Option<&'a str>,
    /// What the tokens are bound to.
    pub(crate) key_binding: Option<&'a KeyBinding>,
    pub(crate) code: Option<&'a SecretDigest>,
    /// The grant that is turned into these tokens.
    pub(crate) grant_type: GrantType,
    pub(crate) refresh: RefreshTokens<'a>,
}

/// Whether the tokens come with a refresh token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RefreshTokens<'a> {
    /// Never.
    None,
    /// The first of a family, for a client that may refresh.
    Begin {
        /// Every resource server that was granted, as a JSON list.
        resources: &'a str,
    },
    /// The next of a family.
    Continue(&'a RefreshTokenFamily),
    /// None: that of the family stays in use.
    Keep(&'a RefreshTokenFamily),
}

/// Tokens that are on record and not signed yet.
pub(crate) struct RecordedGrant {
    pub(crate) jti: String,
    pub(crate) expires_at: OffsetDateTime,
    refresh_token: Option<Secret>,
}

impl Provider {
    /// Puts new tokens and their event on record in the caller's transaction.
    pub(crate) async fn record_grant(
        &self,
        transaction: &mut Transaction,
        new: &NewGrant<'_>,
        now: OffsetDateTime,
    ) -> Result<RecordedGrant, Error> {
        let jti = random_base64url(RANDOM_BYTES)?;
        let expires_at = self.access_token_end(new, now);
        let (family, refresh_token) = self.record_refresh_token(transaction, new, now).await?;
        let grant = AccessGrant {
            jti: jti.clone(),
            code: new.code.cloned(),
            family,
            sid: new.login.as_ref().map(|login| login.sid.to_owned()),
            client_id: new.client.client_id.clone(),
            scope: new.scope.to_owned(),
            audience: to_json(new.audience)?,
            claims: new.claims.map(str::to_owned),
            dpop_jkt: owned(new.key_binding.and_then(KeyBinding::dpop_jkt)),
            x5t_s256: owned(new.key_binding.and_then(KeyBinding::x5t_s256)),
            issued_at: now,
            expires_at,
            revoked_at: None,
        };
        access_grant::insert(transaction, &grant).await?;
        let kind = EventKind::TokensIssued {
            grant_type: new.grant_type,
            sid: grant.sid,
            jti: jti.clone(),
            scope: grant.scope,
        };
        let mut event = Event::new(kind, now).of_client(&new.client.client_id);
        if let Some(login) = &new.login {
            event = event.of_session(&login.session.id, &login.session.sub);
        }
        self.record(transaction, event).await?;
        Ok(RecordedGrant {
            jti,
            expires_at,
            refresh_token,
        })
    }

    /// Signs tokens that are on record.
    pub(crate) fn sign_tokens(
        &self,
        new: &NewGrant<'_>,
        recorded: &RecordedGrant,
        now: OffsetDateTime,
    ) -> Result<TokenResponse, Error> {
        let access_token = self.sign_access_token(new, recorded, now)?;
        let is_login = Scope::parse(new.scope)?.contains(scope::OPENID);
        let id_token = match &new.login {
            Some(login) if is_login => Some(self.sign_id_token(new, login, &access_token, now)?),
            _ => None,
        };
        let refresh_token = recorded.refresh_token.as_ref();
        Ok(TokenResponse {
            access_token,
            token_type: KeyBinding::token_type(new.key_binding),
            expires_in: (recorded.expires_at - now).whole_seconds(),
            id_token,
            refresh_token: refresh_token.map(|token| token.expose().to_owned()),
            scope: new.scope.to_owned(),
            session: self.session_of_tokens(new.login.as_ref(), refresh_token.is_some(), now),
        })
    }

    /// An access token never outlives the longest life of its session, also where a resource
    /// server looks at nothing but `exp`.
    fn access_token_end(&self, new: &NewGrant<'_>, now: OffsetDateTime) -> OffsetDateTime {
        let end = now + self.lifetimes.access_token;
        match &new.login {
            Some(login) => end.min(self.absolute_end(login.session)),
            None => end,
        }
    }

    async fn record_refresh_token(
        &self,
        transaction: &mut Transaction,
        new: &NewGrant<'_>,
        now: OffsetDateTime,
    ) -> Result<(Option<String>, Option<Secret>), Error> {
        let family_id = match (new.refresh, &new.login) {
            (RefreshTokens::Keep(family), _) => return Ok((Some(family.id.clone()), None)),
            (RefreshTokens::Continue(family), _) => family.id.clone(),
            (RefreshTokens::Begin { resources }, Some(login))
                if new.client.may_use(GrantType::RefreshToken) =>
            {
                let family = self.new_family(new, login, resources, now)?;
                refresh_token::insert_family(transaction, &family).await?;
                family.id
            }
            _ => return Ok((None, None)),
        };
        let token = Secret::random()?;
        refresh_token::insert(transaction, &token.digest(), &family_id, now).await?;
        Ok((Some(family_id), Some(token)))
    }

    fn new_family(
        &self,
        new: &NewGrant<'_>,
        login: &Login<'_>,
        resources: &str,
        now: OffsetDateTime,
    ) -> Result<RefreshTokenFamily, Error> {
        // RFC 9449 section 5, RFC 8705 section 4: a confidential client proves itself anew at every
        // refresh, a public one has nothing but this key or certificate. A card grant's tokens
        // belong to the presence key, whoever the client is.
        let is_bound = !new.client.is_confidential() || new.code.is_none();
        let key_binding = new.key_binding.filter(|_| is_bound);
        Ok(RefreshTokenFamily {
            id: random_base64url(RANDOM_BYTES)?,
            sid: login.sid.to_owned(),
            client_id: new.client.client_id.clone(),
            code: new.code.cloned(),
            scope: new.scope.to_owned(),
            resources: resources.to_owned(),
            claims: new.claims.map(str::to_owned),
            dpop_jkt: owned(key_binding.and_then(KeyBinding::dpop_jkt)),
            x5t_s256: owned(key_binding.and_then(KeyBinding::x5t_s256)),
            auth_time: login.authentication.at,
            acr: login.authentication.acr.as_str().to_owned(),
            revocation_age: login.authentication.revocation_age,
            issued_at: now,
            expires_at: self.absolute_end(login.session),
            revoked_at: None,
        })
    }
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn to_json(audience: &[String]) -> Result<String, Error> {
    serde_json::to_string(audience).map_err(Error::StoredValueUnreadable)
}
