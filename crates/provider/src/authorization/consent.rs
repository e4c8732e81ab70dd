//! Consent: a page names the client and what will go to it, and the person answers (OIDC Core
//! section 3.1.2.4). It is asked where the client is registered for it, and where `prompt=consent`
//! says so, after the card has answered.
//!
//! An answer belongs to one request, one browser and exactly what was shown; it counts once
//! (attack E20).

mod question;

use cardea_jose::constant_time_eq;
use cardea_storage::consent::Consent;
use cardea_storage::{
    Transaction, access_grant, authorization_code, authorization_request, client_session, consent,
    refresh_token, session,
};
use time::OffsetDateTime;

use self::question::{covered, data_of, rights_of, shown};
use crate::authorization::complete::{Answerable, CompletedAuthorization};
use crate::authorization::respond::form_action;
use crate::authorization::{AuthorizationResponse, StoredParameters, spend_pushed};
use crate::device::refuse_device;
use crate::event::{Event, EventKind};
use crate::session::{EndReason, EndedInTransaction};
use crate::{Client, ConsentPolicy, EndedSession, Error, Provider};

pub use question::Datum;

/// What the consent page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentPage {
    /// The client's display name.
    pub client_name: String,
    /// What will go to it.
    pub data: Vec<Datum>,
    /// The rights at services that its tokens will carry, as their scope values say it.
    pub scope: Vec<String>,
    /// The services that it may act at in the person's name, by their addresses.
    pub resources: Vec<String>,
    /// Stands for all of this; the answer must bring it back.
    pub shown: String,
    /// The languages that the client asked for, space-separated.
    pub ui_locales: Option<String>,
    /// What a policy must allow as the target of the page's form, beside ourselves; see
    /// [`AuthorizationResponse::form_action`].
    pub form_action: String,
}

/// What the person answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentAnswer {
    /// Yes.
    Allow,
    /// No.
    Refuse,
}

/// What an answer leads to.
#[derive(Debug)]
pub enum ConsentedAuthorization {
    /// The client gets a code.
    Allowed(CompletedAuthorization),
    /// The client learns that the person refused.
    Refused {
        /// What to send the client: `error`, `state` and `iss`.
        response: AuthorizationResponse,
        /// The session that the card had opened, if no client is left in it.
        ended: Option<EndedSession>,
    },
}

impl Provider {
    /// Says what the consent page shows, to the browser that began the login alone.
    ///
    /// # Errors
    /// As [`Provider::complete_authorization`]: what is new to the person is shown to her first.
    pub async fn describe_consent(
        &self,
        request_id: &str,
        login_cookie: &str,
    ) -> Result<ConsentPage, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let answerable = self
            .load_answerable(&mut transaction, request_id, login_cookie, now)
            .await?;
        self.check_news_shown(&mut transaction, &answerable, now)
            .await?;
        self.check_card_news_shown(&mut transaction, &answerable.session)
            .await?;
        self.check_guard_news_shown(&mut transaction, &answerable)
            .await?;
        self.check_refused_uses_shown(&mut transaction, &answerable, now)
            .await?;
        let data = data_of(&answerable.client, &answerable.parameters)?;
        Ok(ConsentPage {
            client_name: answerable.client.name.clone(),
            shown: shown(&answerable, login_cookie, &data),
            data,
            scope: rights_of(&answerable.parameters)?,
            resources: answerable.parameters.resources,
            ui_locales: answerable.parameters.ui_locales,
            form_action: form_action(&answerable.parameters.redirect_uri),
        })
    }

    /// Takes the person's answer, once. `shown` is what [`Provider::describe_consent`] gave.
    ///
    /// # Errors
    /// [`Error::ConsentMismatch`] for an answer to another question, and those of
    /// [`Provider::complete_authorization`]. A no is taken whatever is still to be shown.
    pub async fn answer_consent(
        &self,
        request_id: &str,
        login_cookie: &str,
        session_cookie: Option<&str>,
        shown_before: &str,
        answer: ConsentAnswer,
    ) -> Result<ConsentedAuthorization, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let answerable = self
            .load_answerable(&mut transaction, request_id, login_cookie, now)
            .await?;
        let data = data_of(&answerable.client, &answerable.parameters)?;
        let shown_now = shown(&answerable, login_cookie, &data);
        if !constant_time_eq(shown_before.as_bytes(), shown_now.as_bytes()) {
            let error = Error::ConsentMismatch;
            self.record_unanswered(&mut transaction, &answerable, &error, now)
                .await?;
            transaction.commit().await?;
            return Err(error);
        }
        match answer {
            ConsentAnswer::Allow => {
                self.check_news_shown(&mut transaction, &answerable, now)
                    .await?;
                self.check_card_news_shown(&mut transaction, &answerable.session)
                    .await?;
                self.check_guard_news_shown(&mut transaction, &answerable)
                    .await?;
                self.pass_refused_uses(&mut transaction, &answerable, now)
                    .await?;
                self.remember(&mut transaction, &answerable, now).await?;
                let completed = self.answer(transaction, &answerable, session_cookie, now);
                Ok(ConsentedAuthorization::Allowed(completed.await?))
            }
            ConsentAnswer::Refuse => self.refuse(transaction, &answerable, now).await,
        }
    }

    /// Whether the person must be asked before a client gets its answer.
    pub(super) async fn needs_consent(
        &self,
        transaction: &mut Transaction,
        client: &Client,
        parameters: &StoredParameters,
        sub: &str,
        now: OffsetDateTime,
    ) -> Result<bool, Error> {
        if parameters.ask_consent {
            return Ok(true);
        }
        if client.consent == ConsentPolicy::Implicit {
            return Ok(false);
        }
        let covered = covered(client, parameters)?;
        let remembered = consent::find(transaction, sub, &client.client_id, &covered).await?;
        Ok(remembered.is_none_or(|consent| now >= consent.expires_at))
    }

    /// Remembers a yes for a client that asks each person once; for others there is nothing to
    /// remember.
    async fn remember(
        &self,
        transaction: &mut Transaction,
        answerable: &Answerable,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let Answerable {
            request,
            parameters,
            client,
            session,
        } = answerable;
        let remembered = client.consent == ConsentPolicy::Explicit;
        let covered = covered(client, parameters)?;
        if remembered {
            let given = Consent {
                sub: session.sub.clone(),
                client_id: client.client_id.clone(),
                covered: covered.clone(),
                given_at: now,
                expires_at: now + self.lifetimes.consent,
            };
            consent::remember(transaction, &given).await?;
        }
        let kind = EventKind::ConsentGiven {
            covered,
            remembered,
        };
        let event = Event::new(kind, now)
            .of_request(&request.id)
            .of_session(&session.id, &session.sub)
            .of_client(&client.client_id);
        self.record(transaction, event).await
    }

    /// A no takes back every yes to this client, and what it got of this person in any of her
    /// sessions. A session that serves no other client ends: the person did not want to be here.
    async fn refuse(
        &self,
        mut transaction: Transaction,
        answerable: &Answerable,
        now: OffsetDateTime,
    ) -> Result<ConsentedAuthorization, Error> {
        let Answerable {
            request,
            parameters,
            client,
            session,
        } = answerable;
        if !authorization_request::complete(&mut transaction, &request.id, now).await? {
            return Err(Error::AuthorizationRequestCompleted);
        }
        spend_pushed(&mut transaction, parameters, now).await?;
        let of_login = (request.id.as_str(), client.client_id.as_str());
        refuse_device(self, &mut transaction, parameters, of_login, now).await?;
        let (sub, client_id) = (session.sub.as_str(), client.client_id.as_str());
        consent::forget(&mut transaction, sub, client_id).await?;
        // In the order of the end of a session, so that neither locks the other out.
        let kind = EventKind::ConsentRefused {
            codes_revoked: authorization_code::revoke_of_person(&mut transaction, sub, client_id)
                .await?,
            families_revoked: refresh_token::revoke_of_person(
                &mut transaction,
                sub,
                client_id,
                now,
            )
            .await?,
            grants_revoked: access_grant::revoke_of_person(&mut transaction, sub, client_id, now)
                .await?,
        };
        let event = Event::new(kind, now)
            .of_request(&request.id)
            .of_session(&session.id, &session.sub)
            .of_client(&client.client_id);
        self.record(&mut transaction, event).await?;
        let clients = client_session::list_of_session(&mut transaction, &session.id).await?;
        let ended = if clients.is_empty() {
            self.end_in(&mut transaction, session, EndReason::Logout, now)
                .await?
        } else {
            session::record_use(&mut transaction, &session.id, now).await?;
            None
        };
        transaction.commit().await?;
        let address = parameters.return_address(self.issuer.as_str());
        Ok(ConsentedAuthorization::Refused {
            response: self.finish_response(client, address.error(&Error::ConsentRefused), now)?,
            ended: ended.map(EndedInTransaction::announce),
        })
    }
}
