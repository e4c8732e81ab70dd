//! Silent re-authentication: it serves only a client that is in this browser's session already.
//! Each further portal asks for the card again, so that no portal is entered unnoticed.

use cardea_pki::ProfessionalIdentity;
use cardea_storage::session::Session;
use cardea_storage::{SecretDigest, client_session, session};
use time::{Duration, OffsetDateTime};

use crate::authentication::check_card;
use crate::authorization::{AuthorizationResponse, StoredParameters};
use crate::grant::code::{NewCode, issue_code};
use crate::session::{is_unwatched, reached_acr};
use crate::{Client, Error, Provider};

/// What a browser's session gives without the card.
pub(super) enum Silent {
    /// An answer.
    Answered(AuthorizationResponse),
    /// An answer, once the person has consented.
    Unconsented { session_id: String },
    /// Nothing: the card is needed.
    Unsuited,
}

impl Provider {
    /// Answers with a code if the session, the client and the client's wishes allow it.
    pub(super) async fn authorize_silently(
        &self,
        client: &Client,
        parameters: &StoredParameters,
        session_cookie: &str,
        age_max: Option<Duration>,
        now: OffsetDateTime,
    ) -> Result<Silent, Error> {
        let mut transaction = self.store.begin().await?;
        let cookie = SecretDigest::of(session_cookie);
        let Some(session) = session::find_by_cookie(&mut transaction, &cookie).await? else {
            return Ok(Silent::Unsuited);
        };
        let clients = client_session::list_of_session(&mut transaction, &session.id).await?;
        let Some(own) = clients.iter().find(|own| own.client_id == client.client_id) else {
            return Ok(Silent::Unsuited);
        };
        let age = now - session.authenticated_at;
        let too_old = age_max.is_some_and(|age_max| age >= age_max);
        let suits = suits_request(&session, parameters) && self.still_admits(client, &session);
        let suits = suits
            && self
                .still_admits_instance(&mut transaction, client, &session, now)
                .await?;
        if too_old || !suits || !self.has_presence_lease(&session, now) {
            return Ok(Silent::Unsuited);
        }
        if self
            .needs_consent(&mut transaction, client, parameters, &session.sub, now)
            .await?
        {
            let session_id = session.id;
            return Ok(Silent::Unconsented { session_id });
        }
        // The session may have ended meanwhile. It is taken before the code is made, as where a
        // login is completed: transactions that take the same rows in one order only wait.
        if !session::record_use(&mut transaction, &session.id, now).await? {
            return Ok(Silent::Unsuited);
        }
        let new = NewCode {
            session: &session,
            sid: &own.sid,
            client,
            parameters,
            request_id: None,
            silent: true,
        };
        let draft = issue_code(self, &mut transaction, new, now).await?;
        transaction.commit().await?;
        let response = self.finish_response(client, draft, now)?;
        Ok(Silent::Answered(response))
    }

    /// Whether a login with this card at this level would be let in today: the operator may have
    /// asked for more since the session began.
    pub(crate) fn still_admits(&self, client: &Client, session: &Session) -> bool {
        let identity: Result<ProfessionalIdentity, _> = serde_json::from_str(&session.identity);
        let level = match is_unwatched(session) {
            true => self.admits_agentless(client),
            false => reached_acr(session).satisfies(self.user_verification.weakest_acr()),
        };
        level && identity.is_ok_and(|identity| check_card(&client.cards, &identity).is_ok())
    }
}

/// Whether a session is of the level, the freshness and the person that the client asks for. Its
/// age counts from the card's signature, which proves the PIN of that moment only where it was
/// typed for it: to `max_age` a session of a kept PIN, or of none, is never young enough.
fn suits_request(session: &Session, parameters: &StoredParameters) -> bool {
    let reached = reached_acr(session);
    let level = parameters.acr.is_met_by(reached) && parameters.is_fresh_enough(reached);
    let person = parameters
        .expected_sub
        .as_ref()
        .is_none_or(|expected| *expected == session.sub);
    level && person
}
