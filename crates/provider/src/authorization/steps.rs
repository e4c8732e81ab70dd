//! The authorization request, step by step. The order is part of the design: until client and
//! redirect URI are proven, nobody is sent anywhere.

use cardea_oauth2_types::AuthorizationParameters;
use time::{Duration, OffsetDateTime};

use crate::authorization::check_prompt::Interaction;
use crate::authorization::request::StoredParameters;
use crate::authorization::{
    AuthorizationError, check_acr, check_client, check_pkce, check_prompt, check_redirect_uri,
    check_request_object, check_response_type, check_scope, request, respond,
};
use crate::event::{Event, EventKind};
use crate::{Client, Error, Provider, Secret};

/// What an accepted authorization request leads to.
#[derive(Debug)]
pub enum BegunAuthorization {
    /// Show the login page: a card is needed.
    Login {
        /// Names the request in the login page's address and in the log.
        request_id: String,
        /// For this browser alone.
        login_cookie: Secret,
        /// How long page and cookie are good for.
        lifetime: Duration,
    },
    /// The client is in this browser's session already: send the browser on.
    Completed {
        /// The redirect URI with `code`, `state` and `iss`.
        location: String,
    },
}

impl Provider {
    /// Decides an authorization request. `session_cookie` is this browser's, if it has one.
    ///
    /// # Errors
    /// [`AuthorizationError`], which says whether the client may learn of the refusal.
    pub async fn begin_authorization(
        &self,
        parameters: AuthorizationParameters,
        session_cookie: Option<&str>,
    ) -> Result<BegunAuthorization, AuthorizationError> {
        let now = self.now();
        let client = match check_client::check_client(&self.clients, &parameters) {
            Ok(client) => client,
            Err(error) => return Err(self.refuse_on_page(None, error, now).await),
        };
        let redirect_uri = match check_redirect_uri::check_redirect_uri(&client, &parameters) {
            Ok(redirect_uri) => redirect_uri,
            Err(error) => return Err(self.refuse_on_page(Some(&client), error, now).await),
        };
        let state = parameters.state.clone();
        let decided = match self.decide(&client, &redirect_uri, parameters) {
            Ok((stored, interaction)) => {
                self.begin_decided(&client, stored, interaction, session_cookie, now)
                    .await
            }
            Err(error) => Err(error),
        };
        match decided {
            Ok(begun) => Ok(begun),
            Err(source) => {
                let error = source.oauth_error();
                let state = state.as_deref();
                let location = respond::error(&redirect_uri, &source, state, self.issuer.as_str());
                self.record_refusal(Some(&client), &source, now).await?;
                Err(AuthorizationError::Redirect {
                    location,
                    error,
                    source,
                })
            }
        }
    }

    /// The checks whose refusal the client learns, in order.
    fn decide(
        &self,
        client: &Client,
        redirect_uri: &str,
        parameters: AuthorizationParameters,
    ) -> Result<(StoredParameters, Interaction), Error> {
        check_request_object::check_request_object(&parameters)?;
        check_response_type::check_response_type(&parameters)?;
        let code_challenge = check_pkce::check_pkce(&parameters)?;
        let scope = check_scope::check_scope(client, &parameters)?;
        let acr = check_acr::check_acr(&parameters);
        let interaction = check_prompt::check_prompt(&parameters)?;
        let expected_sub = match &parameters.id_token_hint {
            Some(hint) => Some(self.read_id_token_hint(hint, Some(&client.client_id))?.sub),
            None => None,
        };
        let stored = StoredParameters {
            redirect_uri: redirect_uri.to_owned(),
            state: parameters.state,
            nonce: parameters.nonce,
            scope: scope.to_string(),
            code_challenge: Some(code_challenge.as_str().to_owned()),
            claims: None,
            resources: Vec::new(),
            dpop_jkt: parameters.dpop_jkt,
            acr,
            expected_sub,
            ui_locales: parameters.ui_locales,
        };
        Ok((stored, interaction))
    }

    async fn begin_decided(
        &self,
        client: &Client,
        stored: StoredParameters,
        interaction: Interaction,
        session_cookie: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<BegunAuthorization, Error> {
        let silently = match interaction {
            Interaction::Demanded => None,
            Interaction::Allowed { age_max } | Interaction::Forbidden { age_max } => {
                session_cookie.map(|cookie| (cookie, age_max))
            }
        };
        if let Some((cookie, age_max)) = silently
            && let Some(location) = self
                .authorize_silently(client, &stored, cookie, age_max, now)
                .await?
        {
            return Ok(BegunAuthorization::Completed { location });
        }
        if matches!(interaction, Interaction::Forbidden { .. }) {
            return Err(Error::LoginRequired);
        }
        let login_cookie = Secret::random()?;
        let lifetime = self.lifetimes.authorization_request;
        let record = request::new_record(client, &stored, &login_cookie, now, lifetime)?;
        let mut transaction = self.store.begin().await?;
        cardea_storage::authorization_request::insert(&mut transaction, &record).await?;
        let event = Event::new(EventKind::AuthorizationBegun {}, now)
            .of_request(&record.id)
            .of_client(&client.client_id);
        self.record(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(BegunAuthorization::Login {
            request_id: record.id,
            login_cookie,
            lifetime,
        })
    }

    async fn refuse_on_page(
        &self,
        client: Option<&Client>,
        error: Error,
        now: OffsetDateTime,
    ) -> AuthorizationError {
        match self.record_refusal(client, &error, now).await {
            Ok(()) => AuthorizationError::Page(error),
            Err(unrecorded) => unrecorded,
        }
    }

    async fn record_refusal(
        &self,
        client: Option<&Client>,
        error: &Error,
        now: OffsetDateTime,
    ) -> Result<(), AuthorizationError> {
        let mut event = Event::new(EventKind::AuthorizationRefused { code: error.code() }, now);
        if let Some(client) = client {
            event = event.of_client(&client.client_id);
        }
        self.record_alone(event)
            .await
            .map_err(AuthorizationError::Page)
    }
}
