//! RP-initiated logout (OIDC RP-Initiated Logout 1.0): who may end a session, and where the
//! browser goes afterwards.

use cardea_oauth2_types::PARAMETER_BYTES_MAX;
use cardea_storage::session::{Session, SessionState};
use cardea_storage::{SecretDigest, client_session, session};
use time::OffsetDateTime;
use url::form_urlencoded::Serializer;

use crate::authorization::respond::with_query;
use crate::event::{Event, EventKind};
use crate::session::{EndReason, EndedInTransaction, EndedSession};
use crate::{Error, Provider};

/// The parameters of a logout request, undecided.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LogoutParameters {
    /// An ID token that this issuer gave the client.
    pub id_token_hint: Option<String>,
    /// The client, where the hint does not say it.
    pub client_id: Option<String>,
    /// Where the browser should go.
    pub post_logout_redirect_uri: Option<String>,
    /// Returned as it came.
    pub state: Option<String>,
    /// Preferred languages of the page.
    pub ui_locales: Option<String>,
    /// Whom the client means. Anybody can write one, so that it decides nothing.
    pub logout_hint: Option<String>,
}

impl LogoutParameters {
    /// Reads decoded name/value pairs; unknown names are ignored and empty values count as absent.
    ///
    /// # Errors
    /// [`Error::Parameters`] for a value that stands twice, is too long or has control characters.
    pub fn from_pairs<I>(pairs: I) -> Result<Self, Error>
    where
        I: IntoIterator<Item = (String, String)>,
    {
        use cardea_oauth2_types::Error as Refusal;
        let mut parsed = Self::default();
        for (count, (name, value)) in pairs.into_iter().enumerate() {
            if count >= cardea_oauth2_types::PARAMETERS_MAX {
                return Err(Refusal::TooManyParameters.into());
            }
            let (slot, name) = match name.as_str() {
                "id_token_hint" => (&mut parsed.id_token_hint, "id_token_hint"),
                "client_id" => (&mut parsed.client_id, "client_id"),
                "post_logout_redirect_uri" => (
                    &mut parsed.post_logout_redirect_uri,
                    "post_logout_redirect_uri",
                ),
                "state" => (&mut parsed.state, "state"),
                "ui_locales" => (&mut parsed.ui_locales, "ui_locales"),
                "logout_hint" => (&mut parsed.logout_hint, "logout_hint"),
                _ => continue,
            };
            if slot.is_some() {
                return Err(Refusal::ParameterRepeated { name }.into());
            }
            if value.len() > PARAMETER_BYTES_MAX {
                return Err(Refusal::ParameterTooLong { name }.into());
            }
            if value.chars().any(char::is_control) {
                return Err(Refusal::ParameterMalformed { name }.into());
            }
            *slot = Some(value).filter(|value| !value.is_empty());
        }
        Ok(parsed)
    }
}

/// Names the parameters that are present; a hint holds personal data.
impl std::fmt::Debug for LogoutParameters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LogoutParameters")
            .field("id_token_hint", &self.id_token_hint.is_some())
            .field(
                "post_logout_redirect_uri",
                &self.post_logout_redirect_uri.is_some(),
            )
            .finish_non_exhaustive()
    }
}

/// What a logout request leads to.
#[derive(Debug)]
pub enum LogoutDecision {
    /// The session is over, or was over already.
    Ended {
        /// Where to send the browser; none: show our own page.
        location: Option<String>,
        /// Whom to tell.
        ended: Option<EndedSession>,
    },
    /// Ask the person first, and send the browser nowhere else; the page posts to
    /// [`Provider::confirm_logout`].
    Confirm {
        /// The display name of the client that the request names, if it is registered.
        client_name: Option<String>,
    },
}

impl Provider {
    /// Decides a logout request. Only a hint that is provably an ID token of ours speaks for a
    /// session; without one, anybody's image tag could log people out.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn logout(
        &self,
        parameters: &LogoutParameters,
        session_cookie: Option<&str>,
    ) -> Result<LogoutDecision, Error> {
        let now = self.now();
        match self.end_hinted(parameters, session_cookie, now).await {
            Ok(Some(decision)) => Ok(decision),
            Ok(None) => Ok(self.ask(parameters, None, now)),
            Err(error) if error.is_internal() => Err(error),
            Err(error) => Ok(self.ask(parameters, Some(error.code()), now)),
        }
    }

    /// Ends this browser's session after the person said so on our own page, and with it every
    /// other session of that person: who asks for it here wants to be gone everywhere.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn confirm_logout(
        &self,
        session_cookie: Option<&str>,
    ) -> Result<Vec<EndedSession>, Error> {
        let now = self.now();
        match self.find_browser_session(session_cookie).await? {
            Some(session) => self.end_all(&session.sub, EndReason::Logout, now).await,
            None => Ok(Vec::new()),
        }
    }

    async fn end_hinted(
        &self,
        parameters: &LogoutParameters,
        session_cookie: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Option<LogoutDecision>, Error> {
        let Some(hint) = &parameters.id_token_hint else {
            return Ok(None);
        };
        let hint = self.read_id_token_hint(hint, parameters.client_id.as_deref())?;
        let location = self.check_post_logout_redirect_uri(parameters, &hint.client_id)?;
        let browser_session = self.find_browser_session(session_cookie).await?;
        let mut transaction = self.store.begin_read().await?;
        let own = client_session::find(&mut transaction, &hint.sid).await?;
        let session = match own {
            Some(own) => session::find(&mut transaction, &own.session_id).await?,
            None => None,
        };
        drop(transaction);
        // A session that the hint does not speak for is running here: the person is asked. That
        // the hinted one is forgotten by now is no reason to say that this one is over.
        if let Some(browser) = &browser_session
            && session
                .as_ref()
                .is_none_or(|hinted| hinted.id != browser.id)
        {
            return Ok(None);
        }
        let ended = match session {
            Some(session) => self.end_for_logout(&session, now).await?,
            None => None,
        };
        Ok(Some(LogoutDecision::Ended { location, ended }))
    }

    /// Exact match with a registered URI of the very client that the hint was made for.
    fn check_post_logout_redirect_uri(
        &self,
        parameters: &LogoutParameters,
        client_id: &str,
    ) -> Result<Option<String>, Error> {
        let Some(uri) = &parameters.post_logout_redirect_uri else {
            return Ok(None);
        };
        let client = self.clients.find(client_id);
        if !client.is_some_and(|client| client.post_logout_redirect_uris.contains(uri)) {
            return Err(Error::PostLogoutRedirectUriMismatch);
        }
        Ok(Some(match &parameters.state {
            Some(state) => {
                let query = Serializer::new(String::new())
                    .append_pair("state", state)
                    .finish();
                with_query(uri, &query)
            }
            None => uri.clone(),
        }))
    }

    /// Nothing is decided yet, and any page can make a browser ask: this is noted only.
    fn ask(
        &self,
        parameters: &LogoutParameters,
        code: Option<&'static str>,
        now: OffsetDateTime,
    ) -> LogoutDecision {
        let client = parameters
            .client_id
            .as_deref()
            .and_then(|id| self.clients.find(id));
        let mut event = Event::new(EventKind::LogoutUnconfirmed { code }, now);
        if let Some(client) = &client {
            event = event.of_client(&client.client_id);
        }
        self.note(&event);
        LogoutDecision::Confirm {
            client_name: client.map(|client| client.name.clone()),
        }
    }

    async fn find_browser_session(
        &self,
        session_cookie: Option<&str>,
    ) -> Result<Option<Session>, Error> {
        let Some(cookie) = session_cookie else {
            return Ok(None);
        };
        let mut transaction = self.store.begin_read().await?;
        let found = session::find_by_cookie(&mut transaction, &SecretDigest::of(cookie)).await?;
        Ok(found.filter(|session| session.state == SessionState::Active))
    }

    async fn end_for_logout(
        &self,
        session: &Session,
        now: OffsetDateTime,
    ) -> Result<Option<EndedSession>, Error> {
        let mut transaction = self.store.begin().await?;
        let ended = self
            .end_in(&mut transaction, session, EndReason::Logout, now)
            .await?;
        transaction.commit().await?;
        Ok(ended.map(EndedInTransaction::announce))
    }
}
