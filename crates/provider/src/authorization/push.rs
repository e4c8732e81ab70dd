//! Pushed authorization requests (RFC 9126): the client hands its request in over its own
//! connection, authenticated, and the browser carries only a reference to it.

use cardea_jose::random_base64url;
use cardea_oauth2_types::{AuthorizationParameters, ErrorCode};
use cardea_storage::pushed_authorization_request::PushedAuthorizationRequest;
use cardea_storage::{SecretDigest, pushed_authorization_request};
use time::{Duration, OffsetDateTime};

use crate::authorization::asked::Asked;
use crate::authorization::languages;
use crate::event::{Event, EventKind};
use crate::secret::RANDOM_BYTES;
use crate::{Client, ClientCredentials, DpopRequest, Error, Provider, TokenError};

const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// How often a browser may open one pushed request: a person reloads a page, a robot tries.
const OPENED_MAX: i64 = 10;

/// A request that was accepted for a browser to fetch.
#[derive(Debug)]
pub struct PushedAuthorization {
    /// Names it; whoever knows it may open it, with the client's id.
    pub request_uri: String,
    /// How long it waits.
    pub lifetime: Duration,
    /// Whether its client has proven who it is: anybody can speak for a public one.
    pub from_confidential_client: bool,
}

/// Whether a `request_uri` is the name of a pushed request.
pub(super) fn is_ours(request_uri: &str) -> bool {
    request_uri.starts_with(PREFIX)
}

impl Provider {
    /// Takes a pushed authorization request: the client proves itself as at the token endpoint,
    /// and the request passes the steps of the authorization endpoint.
    ///
    /// # Errors
    /// [`TokenError`], in the form of the token endpoint (RFC 9126 section 2.3).
    pub async fn push_authorization_request(
        &self,
        credentials: &ClientCredentials,
        parameters: AuthorizationParameters,
        dpop: DpopRequest<'_>,
    ) -> Result<PushedAuthorization, TokenError> {
        let now = self.now();
        let client = match self.authenticate_client(credentials, now).await {
            Ok(client) => client,
            Err(error) => return Err(self.refuse_before_login(None, error, now).await),
        };
        let source = credentials.source();
        let pushing = async {
            let asked = self.check_push(&client, parameters, dpop, now).await?;
            self.store_pushed(&client, &asked, source, now).await
        };
        match pushing.await {
            Ok(pushed) => Ok(pushed),
            Err(error) => Err(self.refuse_before_login(Some(&client), error, now).await),
        }
    }

    async fn check_push(
        &self,
        client: &Client,
        parameters: AuthorizationParameters,
        dpop: DpopRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<Asked, Error> {
        if parameters.request_uri.is_some() {
            return Err(Error::RequestUriPushed);
        }
        if parameters
            .client_id
            .as_ref()
            .is_some_and(|named| *named != client.client_id)
        {
            return Err(Error::ClientUnknown);
        }
        let mut asked = self
            .open_asked(client, parameters, now)
            .map_err(|(error, _)| error)?;
        asked.check_signed(self, client)?;
        // A key that the client shows here is the one that the code will be bound to, as if it
        // had been named (RFC 9449 section 10.1). It need not show one yet.
        if dpop.proof.is_some()
            && let Some(key) = self.check_dpop(client, &dpop, None, now).await?
        {
            let named = asked.parameters.dpop_jkt.get_or_insert(key.jkt.clone());
            if *named != key.jkt {
                return Err(Error::DpopJktMismatch);
            }
        }
        self.decide(client, &asked).await?;
        // It may be somebody's address, and nothing here depends on it.
        asked.parameters.login_hint = None;
        asked.parameters.ui_locales = languages::asked_languages(&asked.parameters);
        Ok(asked)
    }

    async fn store_pushed(
        &self,
        client: &Client,
        asked: &Asked,
        source: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<PushedAuthorization, Error> {
        // Who speaks for a public client may be a stranger; a proven one has its places to itself.
        let source = source.filter(|_| !client.is_confidential());
        let secret = random_base64url(RANDOM_BYTES)?;
        let request_uri = format!("{PREFIX}{secret}");
        let lifetime = self.lifetimes.pushed_authorization_request;
        let record = PushedAuthorizationRequest {
            id: random_base64url(RANDOM_BYTES)?,
            request_uri: SecretDigest::of(&request_uri),
            client_id: client.client_id.clone(),
            parameters: serde_json::to_string(&asked.parameters.to_pairs())
                .map_err(Error::StoredValueUnreadable)?,
            signed: asked.signed,
            source: source.map(str::to_owned),
            created_at: now,
            expires_at: now + lifetime,
            opened: 0,
            spent_at: None,
        };
        let mut transaction = self.store.begin().await?;
        let waiting =
            pushed_authorization_request::count_waiting(&mut transaction, &client.client_id, now)
                .await?;
        if waiting >= i64::from(self.authorization_rules.pushed_requests_of_client_max) {
            // A few networks that fill all places give way to those that have fewer.
            let (client_id, from) = (&client.client_id, source.unwrap_or_default());
            let made_room = source.is_some()
                && pushed_authorization_request::make_room(&mut transaction, client_id, from, now)
                    .await?;
            if !made_room {
                return Err(Error::PushedRequestLimitReached);
            }
        }
        pushed_authorization_request::insert(&mut transaction, &record).await?;
        let kind = EventKind::AuthorizationPushed {
            signed: asked.signed,
        };
        let event = Event::new(kind, now).of_client(&client.client_id);
        // Anybody can speak for a public client, and events outlive the request.
        if client.is_confidential() || self.may_record(&event) {
            self.record(&mut transaction, event).await?;
        }
        transaction.commit().await?;
        Ok(PushedAuthorization {
            request_uri,
            lifetime,
            from_confidential_client: client.is_confidential(),
        })
    }

    /// Opens a pushed request for a browser. It stays until an answer goes to the client, so that
    /// a page can be reloaded before (RFC 9126 section 4), but not often.
    pub(super) async fn load_pushed(
        &self,
        client: &Client,
        request_uri: &str,
        now: OffsetDateTime,
    ) -> Result<Asked, Error> {
        let digest = SecretDigest::of(request_uri);
        let mut transaction = self.store.begin().await?;
        let found =
            pushed_authorization_request::open(&mut transaction, &digest, &client.client_id)
                .await?
                .ok_or(Error::RequestUriUnknown)?;
        if found.spent_at.is_some() || found.opened > OPENED_MAX {
            return Err(Error::RequestUriReused);
        }
        if now >= found.expires_at {
            return Err(Error::RequestUriExpired);
        }
        transaction.commit().await?;
        let pairs: Vec<(String, String)> =
            serde_json::from_str(&found.parameters).map_err(Error::StoredValueUnreadable)?;
        Ok(Asked {
            parameters: AuthorizationParameters::from_pairs(pairs)?,
            signed: found.signed,
            pushed_id: Some(found.id),
        })
    }

    /// Puts a pushed request on record that was refused before its client could be named, such as
    /// one whose credentials cannot be read.
    pub async fn refuse_pushed_request(&self, error: Error) -> TokenError {
        self.refuse_before_login(None, error, self.now()).await
    }

    /// Refuses what a client asks for on its own connection, before a person comes by: a pushed
    /// request, or one of a device.
    pub(crate) async fn refuse_before_login(
        &self,
        client: Option<&Client>,
        error: Error,
        now: OffsetDateTime,
    ) -> TokenError {
        let mut event = Event::new(EventKind::AuthorizationRefused { code: error.code() }, now);
        if let Some(client) = client {
            event = event.of_client(&client.client_id);
        }
        // A client that is known has proven itself, unless anybody can speak for it; then, and
        // when the bound is reached, a row for each refusal would be the flood itself.
        let provable = client.is_none_or(Client::is_confidential)
            && !matches!(
                error,
                Error::PushedRequestLimitReached | Error::DeviceAuthorizationLimitReached
            );
        let recorded = if provable {
            self.record_alone(event).await
        } else {
            self.note(&event);
            Ok(())
        };
        let error = recorded.err().unwrap_or(error);
        TokenError {
            error: match error.oauth_error() {
                // RFC 9126 section 2.3 knows the errors of both endpoints, and this is neither's.
                ErrorCode::LoginRequired => ErrorCode::InvalidRequest,
                name => name,
            },
            source: error,
        }
    }
}
