//! Introspection (RFC 7662): what a token is worth at this moment, told to those it concerns.
//!
//! A resource server that reads the token alone learns of a pulled card when the token expires; one
//! that asks here learns it at once. `acr` and `auth_time` are told too, so that it can ask for a
//! stronger or fresher login (RFC 9470).
//!
//! Who has to show later what was answered asks for it signed (RFC 9701).

use std::fmt;
use std::sync::Arc;

use cardea_storage::access_grant::AccessGrant;
use cardea_storage::refresh_token::{self, RefreshToken};
use cardea_storage::{SecretDigest, Transaction};
use serde::Serialize;
use time::OffsetDateTime;

use crate::client_authentication::ClientCredentials;
use crate::event::{Event, EventKind};
use crate::psc::{IntrospectedPerson, IntrospectedToken, TokenKind};
use crate::token::{AccessTokenClaims, LiveAccessToken, session_of_client};
use crate::{Client, Error, Provider, TokenError};

/// A question about a token, or the wish to give it back. Its `Debug` hides the token.
pub struct TokenLookup<'a> {
    /// Who asks.
    pub credentials: &'a ClientCredentials,
    /// The token.
    pub token: Option<&'a str>,
}

impl fmt::Debug for TokenLookup<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenLookup")
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

/// `typ` of a signed answer (RFC 9701 section 5): no such answer passes for a token.
const SIGNED_ANSWER_TYP: &str = "token-introspection+jwt";

/// In which form a caller asks for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntrospectionForm {
    /// As it registered: JSON, unless it chose an algorithm.
    AsRegistered,
    /// A signed JWT, by `Accept: application/token-introspection+jwt` (RFC 9701 section 4).
    Jwt,
}

/// What goes to the caller.
#[derive(Debug)]
pub enum IntrospectionAnswer {
    /// RFC 7662 section 2.2, ready to be written as JSON.
    Json(Introspection),
    /// The same inside a JWT (RFC 9701 section 5).
    Jwt(String),
}

/// The claims of RFC 9701 section 5. There is no `sub` and no `exp` beside them, so that the whole
/// never passes for an access token.
#[derive(Serialize)]
struct SignedAnswer<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    token_introspection: &'a Introspection,
}

/// The answer of RFC 7662 section 2.2, ready to be written as JSON.
#[derive(Debug, Serialize)]
pub struct Introspection {
    active: bool,
    #[serde(flatten)]
    token: Option<Told>,
    #[serde(skip)]
    names_our_token: bool,
    /// Whom it is told to.
    #[serde(skip)]
    caller: Arc<Client>,
}

/// What is told about an active token.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Told {
    AccessToken {
        token_type: &'static str,
        #[serde(flatten)]
        claims: Box<AccessTokenClaims>,
        #[serde(flatten)]
        person: Option<Box<IntrospectedPerson>>,
    },
    RefreshToken {
        token_type: &'static str,
        iss: String,
        sub: String,
        client_id: String,
        scope: String,
        iat: i64,
        exp: i64,
        auth_time: i64,
        acr: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        test: Option<bool>,
        #[serde(flatten)]
        person: Option<Box<IntrospectedPerson>>,
    },
}

impl Introspection {
    /// Whether the token is good, and the caller one whom it concerns.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Whether the token was made here, whatever became of it; the caller is not told. A caller
    /// whose tokens never were is guessing.
    #[must_use]
    pub fn names_our_token(&self) -> bool {
        self.names_our_token
    }

    /// Nothing is told of a token that is not active, not even why (section 2.2).
    fn inactive(caller: &Arc<Client>, names_our_token: bool) -> Self {
        Self {
            active: false,
            token: None,
            names_our_token,
            caller: Arc::clone(caller),
        }
    }

    fn active(caller: &Arc<Client>, token: Told) -> Self {
        Self {
            active: true,
            token: Some(token),
            names_our_token: true,
            caller: Arc::clone(caller),
        }
    }
}

impl Provider {
    /// Says what a token is worth: an access token to the client that holds it and to the resource
    /// servers that it was made for, a refresh token to its client alone. To anybody else, and of
    /// anything else, it says `active: false`.
    ///
    /// # Errors
    /// [`TokenError`] when the caller does not prove itself, or names no token.
    pub async fn introspect(&self, lookup: TokenLookup<'_>) -> Result<Introspection, TokenError> {
        let now = self.now();
        let client = self.authenticate_caller(lookup.credentials, now).await?;
        // Section 2.1: a caller without a secret or a key could be anybody.
        if !client.is_confidential() {
            let error = Error::ClientAuthenticationMissing;
            return Err(self.refuse_lookup(Some(&client), error, now).await);
        }
        let token = lookup.token.ok_or(Error::TokenMissing)?;
        let mut transaction = self.store.begin_brief_read().await.map_err(Error::from)?;
        let found = match self
            .validate_access_token(&mut transaction, token, now)
            .await
        {
            Ok(live) if concerns(&client, &live.claims) => {
                let person = self.person_of_access_token(&mut transaction, &live).await?;
                Introspection::active(&client, tell(live.claims, &live.grant, person))
            }
            Ok(_) => Introspection::inactive(&client, true),
            Err(Error::AccessTokenInvalid) => {
                self.introspect_refresh_token(transaction, &client, token, now)
                    .await?
            }
            Err(error) if error.is_internal() => return Err(error.into()),
            Err(_) => Introspection::inactive(&client, true),
        };
        Ok(found)
    }

    /// Puts an answer into the form that its caller asks for; one that registered an algorithm
    /// always gets a signed answer.
    ///
    /// # Errors
    /// [`Error::KeyMissing`], [`Error::Jose`].
    pub fn finish_introspection(
        &self,
        told: Introspection,
        form: IntrospectionForm,
    ) -> Result<IntrospectionAnswer, Error> {
        let registered = told.caller.introspection_signed_response_alg;
        if registered.is_none() && form == IntrospectionForm::AsRegistered {
            return Ok(IntrospectionAnswer::Json(told));
        }
        let now = self.now();
        let keys = self.keys();
        let key = keys.signing(registered.unwrap_or(self.rules.default_algorithm), now)?;
        let answer = SignedAnswer {
            iss: self.issuer.as_str(),
            aud: &told.caller.client_id,
            iat: now.unix_timestamp(),
            token_introspection: &told,
        };
        Ok(IntrospectionAnswer::Jwt(
            key.sign_jwt(SIGNED_ANSWER_TYP, &answer)?,
        ))
    }

    async fn introspect_refresh_token(
        &self,
        mut transaction: Transaction,
        client: &Arc<Client>,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<Introspection, Error> {
        let found = refresh_token::find(&mut transaction, &SecretDigest::of(token)).await?;
        let Some(RefreshToken {
            family,
            issued_at,
            redeemed_at,
        }) = found
        else {
            return Ok(Introspection::inactive(client, false));
        };
        let spent = redeemed_at.is_some() || family.revoked_at.is_some();
        let expires_at = self.refresh_token_end(issued_at, family.expires_at);
        if family.client_id != client.client_id || spent || now >= expires_at {
            return Ok(Introspection::inactive(client, true));
        }
        let session = session_of_client(&mut transaction, &family.sid).await?;
        let session = session.filter(|session| self.has_presence_lease(session, now));
        let Some(session) = session else {
            return Ok(Introspection::inactive(client, true));
        };
        drop(transaction);
        let mut transaction = self.store.begin().await?;
        let sub = self
            .subject_for(&mut transaction, client, &session.sub, now)
            .await?;
        let token = IntrospectedToken {
            kind: TokenKind::Refresh,
            client_id: &family.client_id,
            sid: &family.sid,
            code: family.code.as_ref(),
        };
        let person = self.introspected_person(&mut transaction, &session, token);
        let person = person.await?.map(Box::new);
        transaction.commit().await?;
        Ok(Introspection::active(
            client,
            Told::RefreshToken {
                token_type: "refresh_token",
                iss: self.issuer.as_str().to_owned(),
                sub,
                client_id: family.client_id,
                scope: family.scope,
                iat: issued_at.unix_timestamp(),
                exp: expires_at.unix_timestamp(),
                auth_time: family.auth_time.unix_timestamp(),
                acr: self.acr_word_of(&family.acr),
                test: self.test_claim(),
                person,
            },
        ))
    }

    async fn person_of_access_token(
        &self,
        transaction: &mut Transaction,
        live: &LiveAccessToken,
    ) -> Result<Option<Box<IntrospectedPerson>>, Error> {
        let (Some(session), Some(sid)) = (&live.session, &live.grant.sid) else {
            return Ok(None);
        };
        let token = IntrospectedToken {
            kind: TokenKind::Access,
            client_id: &live.grant.client_id,
            sid,
            code: live.grant.code.as_ref(),
        };
        let person = self.introspected_person(transaction, session, token);
        Ok(person.await?.map(Box::new))
    }

    /// Authenticates a caller of introspection or revocation; a refusal is put on record.
    pub(crate) async fn authenticate_caller(
        &self,
        credentials: &ClientCredentials,
        now: OffsetDateTime,
    ) -> Result<Arc<Client>, TokenError> {
        match self.authenticate_client(credentials, now).await {
            // The assertion that it spent must stay spent, whatever is told of the token.
            Ok(client) => match self.settle().await {
                Ok(()) => Ok(client),
                Err(error) => Err(self.refuse_lookup(Some(&client), error, now).await),
            },
            Err(error) => Err(self.refuse_lookup(None, error, now).await),
        }
    }

    /// Puts a question about a token on record that was refused before its caller could be named.
    pub async fn refuse_token_lookup(&self, error: Error) -> TokenError {
        self.refuse_lookup(None, error, self.now()).await
    }

    pub(crate) async fn refuse_lookup(
        &self,
        client: Option<&Client>,
        error: Error,
        now: OffsetDateTime,
    ) -> TokenError {
        let mut event = Event::new(EventKind::TokenLookupRefused { code: error.code() }, now);
        if let Some(client) = client {
            event = event.of_client(&client.client_id);
        }
        match self.record_alone(event).await {
            Ok(()) => error.into(),
            Err(unrecorded) => unrecorded.into(),
        }
    }
}

/// Whether a token is this caller's own, or made for a resource server that the caller is.
fn concerns(caller: &Client, claims: &AccessTokenClaims) -> bool {
    let is_of_audience = || {
        let mut own = caller.resource_server_of.iter();
        own.any(|resource| claims.aud.contains(resource))
    };
    caller.client_id == claims.client_id || is_of_audience()
}

fn tell(
    claims: AccessTokenClaims,
    grant: &AccessGrant,
    person: Option<Box<IntrospectedPerson>>,
) -> Told {
    Told::AccessToken {
        token_type: if grant.dpop_jkt.is_some() {
            "DPoP"
        } else {
            "Bearer"
        },
        claims: Box::new(claims),
        person,
    }
}
