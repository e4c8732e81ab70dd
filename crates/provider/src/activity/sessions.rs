//! A person's open sessions, and their ends at her word.

use std::collections::HashMap;

use cardea_jose::{constant_time_eq, sha256_base64url};
use cardea_storage::event::history::list_of_sessions;
use cardea_storage::session::{self, Session, SessionState};
use cardea_storage::{Transaction, agent_instance, client_session};
use time::{Duration, OffsetDateTime};

use super::{ActivityKind, Means, Place};
use crate::session::{EndReason, EndedInTransaction, EndedSession, reached_acr};
use crate::{AccountSession, Error, Provider};

/// Sessions that her page shows at most: a card is in one reader at a time, and nobody has so many
/// cards.
const SHOWN_MAX: usize = 50;

/// An open session of the person who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSession {
    /// What her form calls it: a name for this page alone, from which nobody finds the session.
    pub handle: String,
    /// Where it was opened, and by which means.
    pub place: Place,
    /// The portals in it, by their names.
    pub portals: Vec<String>,
    /// Since when.
    pub since: OffsetDateTime,
    /// When something was last done in it.
    pub used_at: OffsetDateTime,
    /// Whether it is the one that this page is open in.
    pub is_this_one: bool,
    /// The event of the login that opened it, of which she may say that it was not she.
    pub login: Option<String>,
}

/// What the forms of one page call a session.
fn handle_of(account: &AccountSession, session: &Session) -> String {
    let (token, id) = (&account.form_token, &session.id);
    sha256_base64url(format!("cardea own session\n{token}\n{id}").as_bytes())
}

impl Provider {
    /// A person's open sessions: the one that she asks from first, then the newest.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list_own_sessions(
        &self,
        account: &AccountSession,
    ) -> Result<Vec<OwnSession>, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let mut open = session::list_of_person(&mut transaction, &account.sub).await?;
        open.retain(|it| it.state == SessionState::Active && self.has_presence_lease(it, now));
        open.sort_by_key(|it| {
            let is_other = it.id != account.session_id;
            (is_other, std::cmp::Reverse(it.authenticated_at))
        });
        open.truncate(SHOWN_MAX);
        let places = places_of(&mut transaction, account, &open).await?;
        let mut shown = Vec::new();
        for session in &open {
            let own = client_session::list_of_session(&mut transaction, &session.id).await?;
            let login = places.get(&session.id);
            let mut place = login.map(|(place, _)| place.clone()).unwrap_or_default();
            if place.means.is_none() {
                place.means = Means::of(reached_acr(session));
            }
            if place.workstation.is_none() {
                let (sub, jkt) = (&session.sub, &session.instance_jkt);
                let instance = agent_instance::find(&mut transaction, sub, jkt).await?;
                place.workstation = instance.and_then(|it| it.name);
            }
            shown.push(OwnSession {
                handle: handle_of(account, session),
                place,
                portals: own.iter().map(|it| self.portal_of(&it.client_id)).collect(),
                since: session.authenticated_at,
                used_at: session.used_at,
                is_this_one: session.id == account.session_id,
                login: login.map(|(_, event)| event.clone()),
            });
        }
        Ok(shown)
    }

    /// Ends one session of the person who asks. Nothing happens where the handle names none of
    /// hers that is open: it may have ended meanwhile, and whoever guesses learns nothing.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] where her own is over, [`Error::Storage`].
    pub async fn end_own_session(
        &self,
        account: &AccountSession,
        handle: &str,
    ) -> Result<Vec<EndedSession>, Error> {
        let is_named = |session: &Session| {
            let own = handle_of(account, session);
            constant_time_eq(own.as_bytes(), handle.as_bytes())
        };
        self.end_own_where(account, is_named).await
    }

    /// Ends every session of the person who asks, the one that she asks from as well: as where she
    /// logs out everywhere.
    ///
    /// # Errors
    /// As [`Provider::end_own_session`].
    pub async fn end_all_own_sessions(
        &self,
        account: &AccountSession,
    ) -> Result<Vec<EndedSession>, Error> {
        self.end_own_where(account, |_| true).await
    }

    async fn end_own_where(
        &self,
        account: &AccountSession,
        is_meant: impl Fn(&Session) -> bool,
    ) -> Result<Vec<EndedSession>, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        // She did something: the session counts as used, or is over by now.
        if !session::record_use(&mut transaction, &account.session_id, now).await? {
            return Err(Error::SessionEnded);
        }
        let mut ended = Vec::new();
        for session in &session::list_of_person(&mut transaction, &account.sub).await? {
            if is_meant(session) {
                let reason = EndReason::Logout;
                ended.extend(self.end_in(&mut transaction, session, reason, now).await?);
            }
        }
        transaction.commit().await?;
        let ended = ended.into_iter();
        Ok(ended.map(EndedInTransaction::announce).collect())
    }
}

/// Where sessions were opened, and the events that say so: their logins on record.
async fn places_of(
    transaction: &mut Transaction,
    account: &AccountSession,
    sessions: &[Session],
) -> Result<HashMap<String, (Place, String)>, Error> {
    let Some(oldest) = sessions.iter().map(|it| it.authenticated_at).min() else {
        return Ok(HashMap::new());
    };
    let from = super::history::id_at(oldest - Duration::seconds(1));
    let span = (from.as_str(), super::history::ID_END);
    let ids: Vec<_> = sessions.iter().map(|it| it.id.as_str()).collect();
    let kinds = super::history::LOGINS.map(ActivityKind::name);
    let logins = list_of_sessions(transaction, &account.sub, span, &ids, &kinds).await?;
    let placed = logins.into_iter().filter_map(|login| {
        let place = Place::of(&login);
        Some((login.session_id?, (place, login.id)))
    });
    Ok(placed.collect())
}
