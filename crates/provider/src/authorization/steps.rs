//! The authorization request, step by step. The order is part of the design: until client and
//! redirect URI are proven, nobody is sent anywhere.

use cardea_oauth2_types::AuthorizationParameters;
use cardea_storage::authorization_request;
use time::{Duration, OffsetDateTime};

use crate::authorization::asked::{Asked, Unasked};
use crate::authorization::check_prompt::{Interaction, Prompt};
use crate::authorization::request::StoredParameters;
use crate::authorization::silent::Silent;
use crate::authorization::{
    AuthorizationError, AuthorizationResponse, check_acr, check_client, check_pkce, check_prompt,
    check_redirect_uri, check_resource, check_response_mode, check_response_type, check_scope,
    languages, request,
};
use crate::claims::RequestedClaims;
use crate::event::{Event, EventKind};
use crate::{Client, Demand, Error, ProfileRules, Provider, Secret};

/// Longest `nonce`, in bytes: it comes back inside the ID token, which must stay a short one.
const NONCE_BYTES_MAX: usize = 1024;

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
        /// The languages that the client asked for, space-separated.
        ui_locales: Option<String>,
    },
    /// Show the consent page: no card is needed, the person's answer is.
    Consent {
        /// Names the request in the page's address and in the log.
        request_id: String,
        /// For this browser alone.
        login_cookie: Secret,
        /// How long page and cookie are good for.
        lifetime: Duration,
    },
    /// The client is in this browser's session already: send the browser on.
    Completed {
        /// What to send the client: `code`, `state` and `iss`.
        response: AuthorizationResponse,
    },
}

/// A request that passed every step.
pub(super) struct Decided {
    pub(super) stored: StoredParameters,
    interaction: Interaction,
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
        let asked = match self.find_asked(&client, parameters, now).await {
            Ok(asked) => asked,
            Err(Unasked {
                error,
                outside: None,
            }) => return Err(self.refuse_on_page(Some(&client), error, now).await),
            Err(Unasked {
                error,
                outside: Some(outside),
            }) => return Err(self.refuse_to(&client, &outside, None, error, now).await),
        };
        if let Err(error) = check_redirect_uri::check_redirect_uri(&client, &asked.parameters) {
            return Err(self.refuse_on_page(Some(&client), error, now).await);
        }
        let decided = match asked.check_way(self, &client) {
            Ok(()) => self.decide(&client, &asked).await,
            Err(error) => Err(error),
        };
        let begun = match decided {
            Ok(decided) => {
                self.begin_decided(&client, decided, session_cookie, now)
                    .await
            }
            Err(error) => Err(error),
        };
        match begun {
            Ok(begun) => Ok(begun),
            // A page and no redirect, for a portal that is told would send the browser here again
            // at once; and no row, for that would be the flood itself.
            Err(error @ Error::WaitingLoginsLimitReached) => {
                let kind = EventKind::AuthorizationRefused { code: error.code() };
                self.note(&Event::new(kind, now).of_client(&client.client_id));
                Err(AuthorizationError::Page(error))
            }
            Err(error) => {
                let pushed_id = asked.pushed_id.as_deref();
                Err(self
                    .refuse_to(&client, &asked.parameters, pushed_id, error, now)
                    .await)
            }
        }
    }

    /// The checks whose refusal the client learns, in order; at the PAR endpoint the same.
    pub(super) async fn decide(&self, client: &Client, asked: &Asked) -> Result<Decided, Error> {
        let parameters = &asked.parameters;
        let redirect_uri = check_redirect_uri::check_redirect_uri(client, parameters)?;
        let response_mode = check_response_mode::check_response_mode(client, parameters)?;
        check_response_type::check_response_type(parameters)?;
        let code_challenge = check_pkce::check_pkce(client, parameters, &self.rules)?;
        let scope = check_scope::check_scope(client, parameters)?;
        let resources = check_resource::check_resource(client, parameters)?;
        let claims = match &parameters.claims {
            Some(text) => RequestedClaims::parse(text)?.allowed_to(client),
            None => RequestedClaims::default(),
        };
        let acr = check_acr::check_acr(parameters, &claims, self.rules.acr_words)?;
        let Prompt {
            interaction,
            consent: ask_consent,
            pin: ask_pin,
        } = check_prompt::check_prompt(parameters)?;
        check_state_and_nonce(parameters, &self.rules)?;
        check_sizes(parameters)?;
        let expected_sub = self.find_expected(client, parameters, &claims).await?;
        let stored = StoredParameters {
            redirect_uri,
            response_mode,
            state: parameters.state.clone(),
            nonce: parameters.nonce.clone(),
            scope: scope.to_string(),
            code_challenge: code_challenge.map(|challenge| challenge.as_str().to_owned()),
            claims: claims.to_stored()?,
            resources,
            dpop_jkt: parameters.dpop_jkt.clone(),
            acr,
            expected_sub,
            ui_locales: languages::asked_languages(parameters),
            ask_consent,
            ask_pin,
            silent: false,
            pushed_id: asked.pushed_id.clone(),
            device_id: None,
            host_account: None,
            refusal: None,
        };
        Ok(Decided {
            stored,
            interaction,
        })
    }

    async fn begin_decided(
        &self,
        client: &Client,
        decided: Decided,
        session_cookie: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<BegunAuthorization, Error> {
        let Decided {
            mut stored,
            interaction,
        } = decided;
        let silently = match interaction {
            Interaction::Demanded => None,
            Interaction::Allowed { age_max } | Interaction::Forbidden { age_max } => {
                session_cookie.map(|cookie| (cookie, age_max))
            }
        };
        let silent = match silently {
            Some((cookie, age_max)) => {
                self.authorize_silently(client, &stored, cookie, age_max, now)
                    .await?
            }
            None => Silent::Unsuited,
        };
        match (silent, interaction) {
            (Silent::Answered(response), _) => Ok(BegunAuthorization::Completed { response }),
            (Silent::Unsuited, Interaction::Forbidden { .. }) => Err(Error::LoginRequired),
            (Silent::Unconsented { .. }, Interaction::Forbidden { .. }) => {
                Err(Error::ConsentRequired)
            }
            (Silent::Unsuited, _) => {
                let (request_id, login_cookie) =
                    self.store_request(client, &stored, None, now).await?;
                Ok(BegunAuthorization::Login {
                    request_id,
                    login_cookie,
                    lifetime: self.lifetimes.authorization_request,
                    ui_locales: stored.ui_locales,
                })
            }
            (Silent::Unconsented { session_id }, _) => {
                stored.silent = true;
                let session_id = Some(session_id.as_str());
                let (request_id, login_cookie) =
                    self.store_request(client, &stored, session_id, now).await?;
                Ok(BegunAuthorization::Consent {
                    request_id,
                    login_cookie,
                    lifetime: self.lifetimes.authorization_request,
                })
            }
        }
    }

    /// Stores the request for one browser; with a session where it only waits for consent.
    pub(crate) async fn store_request(
        &self,
        client: &Client,
        stored: &StoredParameters,
        session_id: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(String, Secret), Error> {
        let login_cookie = Secret::random()?;
        let lifetime = self.lifetimes.authorization_request;
        let record = request::new_record(client, stored, &login_cookie, now, lifetime)?;
        self.waiting_logins.check(now)?;
        let mut transaction = self.store.begin().await?;
        self.find_place(&mut transaction, now).await?;
        authorization_request::insert(&mut transaction, &record).await?;
        if let Some(session_id) = session_id {
            authorization_request::attach_session(&mut transaction, &record.id, session_id).await?;
        }
        let event = Event::new(EventKind::AuthorizationBegun {}, now)
            .of_request(&record.id)
            .of_client(&client.client_id);
        self.record(&mut transaction, event).await?;
        // Nothing is decided yet: a power cut that takes this takes the login that began with it,
        // and whoever began it begins again.
        transaction.commit_with_the_next().await?;
        self.waiting_logins.add();
        Ok((record.id, login_cookie))
    }
}

/// Both tie an answer to the browser that asked (RFC 6749 section 10.12, OIDC Core section
/// 15.5.2).
fn check_state_and_nonce(
    parameters: &AuthorizationParameters,
    rules: &ProfileRules,
) -> Result<(), Error> {
    if rules.state_and_nonce == Demand::Optional {
        return Ok(());
    }
    if parameters.state.is_none() {
        return Err(Error::StateMissing);
    }
    if parameters.nonce.is_none() {
        return Err(Error::NonceMissing);
    }
    Ok(())
}

pub(crate) fn check_sizes(parameters: &AuthorizationParameters) -> Result<(), Error> {
    if parameters
        .nonce
        .as_ref()
        .is_some_and(|nonce| nonce.len() > NONCE_BYTES_MAX)
    {
        let too_long = cardea_oauth2_types::Error::ParameterTooLong { name: "nonce" };
        return Err(too_long.into());
    }
    // RFC 9449 section 10: a SHA-256 thumbprint in base64url.
    let is_thumbprint = |jkt: &String| {
        jkt.len() == 43 && cardea_jose::parse_base64url(jkt).is_ok_and(|bytes| bytes.len() == 32)
    };
    if !parameters.dpop_jkt.as_ref().is_none_or(is_thumbprint) {
        return Err(Error::DpopJktMalformed);
    }
    Ok(())
}
