//! A workstation that a person's card was never used at before is shown to her at her next logins,
//! on a page before she goes on to the portal, until she says that it is hers.
//!
//! Whoever signs in at a new workstation with her card and PIN could say so as well. So what is
//! said at a workstation that is new itself quiets the page there and nowhere else: those that she
//! knew before still tell her. What she says is not hers is taken out for her at once, from where
//! she is known; and nothing stands before her account page, where she looks after it all.

use cardea_jose::{constant_time_eq, sha256_base64url};
use cardea_storage::agent_instance::{
    AgentInstance, acknowledge, confirm_here, find, list_unacknowledged,
};
use cardea_storage::session::Session;
use cardea_storage::{SecretDigest, Transaction};
use time::OffsetDateTime;

use crate::authorization::complete::Answerable;
use crate::event::{Event, EventKind};
use crate::not_me::Line;
use crate::session::{EndReason, EndedInTransaction, EndedSession};
use crate::{ACCOUNT_CLIENT_ID, Error, Provider};

/// What the notice shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWorkstations {
    /// The workstations that are news, the oldest first.
    pub workstations: Vec<NewWorkstation>,
    /// The client's display name.
    pub client_name: String,
    /// Stands for all of this; the answer must bring it back.
    pub shown: String,
    /// The languages that the client asked for, space-separated.
    pub ui_locales: Option<String>,
    /// What a policy must allow as the target of the page's form, beside ourselves; see
    /// [`AuthorizationResponse::form_action`](crate::AuthorizationResponse::form_action).
    pub form_action: String,
}

/// A workstation that is news to the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWorkstation {
    /// What its agent calls itself, which proves nothing.
    pub name: Option<String>,
    /// When her card was first used there.
    pub first_seen_at: OffsetDateTime,
    /// Whether it is the one that she sits at.
    pub is_this_one: bool,
}

/// What became of workstations that are not hers.
#[derive(Debug)]
pub struct DeniedWorkstations {
    /// Her sessions that ended, for whoever tells agents and portals.
    pub ended: Vec<EndedSession>,
    /// Whether the one that she sits at was among them: this login is over then.
    pub is_over: bool,
    /// The client's display name.
    pub client_name: String,
    /// The incident that is open because of it; empty where so many wait that none was opened.
    pub incident: String,
}

impl Provider {
    /// Says what the notice shows, to the browser that began the login alone.
    ///
    /// # Errors
    /// As [`Provider::complete_authorization`].
    pub async fn describe_new_workstations(
        &self,
        request_id: &str,
        login_cookie: &str,
    ) -> Result<NewWorkstations, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let answerable = self
            .load_answerable(&mut transaction, request_id, login_cookie, now)
            .await?;
        let session = &answerable.session;
        let news = find_news(&mut transaction, session, now).await?;
        let workstations = news.iter().map(|instance| NewWorkstation {
            name: instance.name.clone(),
            first_seen_at: instance.first_seen_at,
            is_this_one: instance.instance_jkt == session.instance_jkt,
        });
        Ok(NewWorkstations {
            workstations: workstations.collect(),
            client_name: answerable.client.name.clone(),
            shown: shown(&news, login_cookie),
            form_action: super::respond::form_action(&answerable.parameters.redirect_uri),
            ui_locales: answerable.parameters.ui_locales,
        })
    }

    /// Takes her word that the workstations are hers. `shown_before` is what
    /// [`Provider::describe_new_workstations`] gave: one that came meanwhile is not among them.
    ///
    /// # Errors
    /// [`Error::NewWorkstationsMismatch`] for another answer, and those of
    /// [`Provider::complete_authorization`].
    pub async fn acknowledge_workstations(
        &self,
        request_id: &str,
        login_cookie: &str,
        shown_before: &str,
    ) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let (answerable, news) = self
            .load_shown(&mut transaction, request_id, login_cookie, shown_before)
            .await?;
        let session = &answerable.session;
        let is_known = is_known(&mut transaction, session, now).await?;
        for instance in news {
            let jkt = instance.instance_jkt;
            confirm_if_here(&mut transaction, session, &jkt, now).await?;
            if is_known {
                acknowledge(&mut transaction, &session.sub, &jkt, now).await?;
            }
            let kind = EventKind::AgentInstanceAcknowledged {
                instance_jkt: jkt,
                workstation: instance.name,
                for_good: is_known,
            };
            let event = Event::new(kind, now)
                .of_request(&answerable.request.id)
                .of_session(&session.id, &session.sub);
            self.record(&mut transaction, event).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Takes her word that the workstations are not hers: each is taken out for her, and her
    /// sessions there end. The one that she sits at is not taken out from itself, but her sessions
    /// there end as well, this login among them. An incident is open for what happened.
    ///
    /// # Errors
    /// As [`Provider::acknowledge_workstations`].
    pub async fn deny_workstations(
        &self,
        request_id: &str,
        login_cookie: &str,
        shown_before: &str,
    ) -> Result<DeniedWorkstations, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let (answerable, news) = self
            .load_shown(&mut transaction, request_id, login_cookie, shown_before)
            .await?;
        let session = &answerable.session;
        let (her, here) = (
            (session.id.as_str(), session.sub.as_str()),
            &session.instance_jkt,
        );
        let is_over = news.iter().any(|instance| instance.instance_jkt == *here);
        let mut ended = Vec::new();
        for instance in news.iter().filter(|it| it.instance_jkt != *here) {
            let jkt = &instance.instance_jkt;
            ended.extend(self.revoke_for(&mut transaction, her, jkt, now).await?);
        }
        if is_over {
            let reason = EndReason::Logout;
            let closed = self.end_own_at(&mut transaction, her.1, here, reason, now);
            ended.extend(closed.await?);
        }
        // What one page shows is one story.
        let mut incident = String::new();
        if !news.is_empty() {
            let line = Line::of_workstations(&news);
            incident = self
                .report_not_me(&mut transaction, her, &line, ended.len(), now)
                .await?;
        }
        transaction.commit().await?;
        let ended = ended.into_iter().map(EndedInTransaction::announce);
        Ok(DeniedWorkstations {
            ended: ended.collect(),
            is_over,
            client_name: answerable.client.name.clone(),
            incident,
        })
    }

    /// A login whose notice is answered, and what is news there now, which must be what was shown.
    async fn load_shown(
        &self,
        transaction: &mut Transaction,
        request_id: &str,
        login_cookie: &str,
        shown_before: &str,
    ) -> Result<(Answerable, Vec<AgentInstance>), Error> {
        let now = self.now();
        let answerable = self
            .load_answerable(transaction, request_id, login_cookie, now)
            .await?;
        let news = find_news(transaction, &answerable.session, now).await?;
        let shown = shown(&news, login_cookie);
        match constant_time_eq(shown_before.as_bytes(), shown.as_bytes()) {
            true => Ok((answerable, news)),
            false => Err(Error::NewWorkstationsMismatch),
        }
    }

    /// Refuses while the person has to be shown something before a client gets its answer: every
    /// way to a code on which she sees a page asks here. Her account page is where she takes a
    /// workstation out that is not hers, and which says of each that it is new.
    pub(super) async fn check_news_shown(
        &self,
        transaction: &mut Transaction,
        answerable: &Answerable,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        if answerable.client.client_id == ACCOUNT_CLIENT_ID {
            return Ok(());
        }
        let session = &answerable.session;
        if find_news(transaction, session, now).await?.is_empty() {
            return Ok(());
        }
        Err(Error::NewWorkstationsUnshown)
    }
}

/// What is news to the person at the workstation of this session.
async fn find_news(
    transaction: &mut Transaction,
    session: &Session,
    now: OffsetDateTime,
) -> Result<Vec<AgentInstance>, Error> {
    let unacknowledged = list_unacknowledged(transaction, &session.sub).await?;
    if unacknowledged.is_empty() {
        return Ok(unacknowledged);
    }
    let is_known = is_known(transaction, session, now).await?;
    let is_news = |instance: &AgentInstance| {
        if instance.instance_jkt != session.instance_jkt {
            return is_known;
        }
        // The login that made it new does not announce itself.
        instance.confirmed_here_at.is_none() && instance.first_seen_at < session.authenticated_at
    };
    Ok(unacknowledged.into_iter().filter(is_news).collect())
}

/// Whether the workstation of this session may speak for the person about others.
pub(super) async fn is_known(
    transaction: &mut Transaction,
    session: &Session,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let own = find(transaction, &session.sub, &session.instance_jkt).await?;
    Ok(own.is_some_and(|own| crate::instances::is_known(&own, now)))
}

async fn confirm_if_here(
    transaction: &mut Transaction,
    session: &Session,
    instance_jkt: &str,
    now: OffsetDateTime,
) -> Result<(), Error> {
    if instance_jkt == session.instance_jkt {
        confirm_here(transaction, &session.sub, instance_jkt, now).await?;
    }
    Ok(())
}

/// Stands for the instances that were shown, in this browser's login.
fn shown(news: &[AgentInstance], login_cookie: &str) -> String {
    let mut text = SecretDigest::of(login_cookie).as_str().to_owned();
    for instance in news {
        text.push('\n');
        text.push_str(&instance.instance_jkt);
    }
    sha256_base64url(text.as_bytes())
}
