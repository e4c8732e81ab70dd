//! What a person is told between a login and the portal of uses of her card that were refused,
//! until she says that it was she, or that it was not.
//!
//! She is told where she is known, as of new workstations: whoever brought card and PIN to a
//! workstation of his own could else say there that it was she. What was refused at the very
//! workstation where she sits, a moment before she signs in there, was her own try, and is no news.
//! Nothing stands before her account page, whose log has it all.

use cardea_jose::{constant_time_eq, sha256_base64url};
use cardea_storage::agent_instance;
use cardea_storage::refused_use::{RefusedUse, list_untold, record_told};
use cardea_storage::session::Session;
use cardea_storage::{SecretDigest, Transaction};
use time::{Duration, OffsetDateTime};

use super::new_workstation::is_known;
use crate::authorization::complete::Answerable;
use crate::event::{Event, NoticeEvent};
use crate::not_me::{Line, NotMeSaid};
use crate::session::{EndedInTransaction, is_unwatched};
use crate::{ACCOUNT_CLIENT_ID, Error, Provider};

/// So long before a login its person stood there and read why she was refused.
const OWN_TRY: Duration = Duration::minutes(15);

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedUses {
    /// What was refused, the newest first.
    pub uses: Vec<RefusedUseNotice>,
    /// The display name of the client that she signs in to.
    pub client_name: String,
    /// Stands for all of this; the answer must bring it back.
    pub shown: String,
    /// The languages that the client asked for, space-separated.
    pub ui_locales: Option<String>,
    /// What a policy must allow as the target of the page's form, beside ourselves; see
    /// [`AuthorizationResponse::form_action`](crate::AuthorizationResponse::form_action).
    pub form_action: String,
}

/// What was refused on one day for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedUseNotice {
    /// What the login page said, as a code of [`PublicRefusal`](crate::PublicRefusal).
    pub code: String,
    /// The portal of the first, as long as it is registered.
    pub client_name: Option<String>,
    /// What the workstation of the first calls itself.
    pub workstation: Option<String>,
    /// Whether that is the one that she sits at.
    pub is_here: bool,
    /// Whether others were tried elsewhere.
    pub is_mixed: bool,
    /// How many there were.
    pub uses: i64,
    /// The first.
    pub first_at: OffsetDateTime,
    /// The last.
    pub last_at: OffsetDateTime,
}

/// What is news at a session, and what was the person's own try there.
struct Untold {
    news: Vec<RefusedUse>,
    own: Vec<RefusedUse>,
}

impl Provider {
    /// Says what the page shows, to the browser that began the login alone.
    ///
    /// # Errors
    /// As [`Provider::complete_authorization`].
    pub async fn describe_refused_uses(
        &self,
        request_id: &str,
        login_cookie: &str,
    ) -> Result<RefusedUses, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let answerable = self
            .load_answerable(&mut transaction, request_id, login_cookie, now)
            .await?;
        let session = &answerable.session;
        let Untold { news, .. } = find_untold(&mut transaction, session, now).await?;
        let shown = shown(&news, login_cookie);
        let described = |refused: RefusedUse| {
            let client = refused.client_id.as_deref();
            let client = client.and_then(|id| self.client_of_login(id));
            RefusedUseNotice {
                is_here: refused.instance_jkt.as_ref() == Some(&session.instance_jkt),
                client_name: client.map(|client| client.name.clone()),
                workstation: refused.instance_name,
                code: refused.code,
                is_mixed: refused.is_mixed,
                uses: refused.uses,
                first_at: refused.first_at,
                last_at: refused.last_at,
            }
        };
        Ok(RefusedUses {
            uses: news.into_iter().map(described).collect(),
            client_name: answerable.client.name.clone(),
            shown,
            form_action: super::respond::form_action(&answerable.parameters.redirect_uri),
            ui_locales: answerable.parameters.ui_locales,
        })
    }

    /// Takes her word that it was she. `shown_before` is what
    /// [`Provider::describe_refused_uses`] gave: one that came meanwhile is not among it.
    ///
    /// # Errors
    /// [`Error::RefusedUsesMismatch`] for another answer, and those of
    /// [`Provider::complete_authorization`].
    pub async fn acknowledge_refused_uses(
        &self,
        request_id: &str,
        login_cookie: &str,
        shown_before: &str,
    ) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let (answerable, news) = self
            .load_shown_uses(&mut transaction, request_id, login_cookie, shown_before)
            .await?;
        let session = &answerable.session;
        let notices = note_told(&mut transaction, &session.sub, &news, now).await?;
        let event = Event::new(NoticeEvent::RefusedUsesSeen { notices }, now)
            .of_request(&answerable.request.id)
            .of_session(&session.id, &session.sub);
        self.record(&mut transaction, event).await?;
        Ok(transaction.commit().await?)
    }

    /// Takes her word that it was not she: an incident is open, and all of her sessions but this
    /// one are over.
    ///
    /// # Errors
    /// As [`Provider::acknowledge_refused_uses`].
    pub async fn deny_refused_uses(
        &self,
        request_id: &str,
        login_cookie: &str,
        shown_before: &str,
    ) -> Result<NotMeSaid, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let (answerable, news) = self
            .load_shown_uses(&mut transaction, request_id, login_cookie, shown_before)
            .await?;
        let session = &answerable.session;
        note_told(&mut transaction, &session.sub, &news, now).await?;
        let her = (session.id.as_str(), session.sub.as_str());
        let ended = self
            .end_all_but(&mut transaction, her.1, Some(her.0), now)
            .await?;
        // What one page shows is one story.
        let line = Line::of_refused_uses(&news);
        let incident = self
            .report_not_me(&mut transaction, her, &line, ended.len(), now)
            .await?;
        transaction.commit().await?;
        let ended: Vec<_> = ended
            .into_iter()
            .map(EndedInTransaction::announce)
            .collect();
        Ok(NotMeSaid {
            incident,
            sessions_ended: ended.len(),
            ended,
            is_over: false,
            client_name: answerable.client.name.clone(),
        })
    }

    async fn load_shown_uses(
        &self,
        transaction: &mut Transaction,
        request_id: &str,
        login_cookie: &str,
        shown_before: &str,
    ) -> Result<(Answerable, Vec<RefusedUse>), Error> {
        let now = self.now();
        let answerable = self
            .load_answerable(transaction, request_id, login_cookie, now)
            .await?;
        let Untold { news, .. } = find_untold(transaction, &answerable.session, now).await?;
        let shown = shown(&news, login_cookie);
        match constant_time_eq(shown_before.as_bytes(), shown.as_bytes()) && !news.is_empty() {
            true => Ok((answerable, news)),
            false => Err(Error::RefusedUsesMismatch),
        }
    }

    /// Refuses while the person has to be told of refused uses.
    pub(super) async fn check_refused_uses_shown(
        &self,
        transaction: &mut Transaction,
        answerable: &Answerable,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        self.find_unshown(transaction, answerable, now).await?;
        Ok(())
    }

    /// The same where the login goes on from here: what was her own try is settled by it.
    pub(super) async fn pass_refused_uses(
        &self,
        transaction: &mut Transaction,
        answerable: &Answerable,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let own = self.find_unshown(transaction, answerable, now).await?;
        note_told(transaction, &answerable.session.sub, &own, now).await?;
        Ok(())
    }

    async fn find_unshown(
        &self,
        transaction: &mut Transaction,
        answerable: &Answerable,
        now: OffsetDateTime,
    ) -> Result<Vec<RefusedUse>, Error> {
        if answerable.client.client_id == ACCOUNT_CLIENT_ID {
            return Ok(Vec::new());
        }
        let Untold { news, own } = find_untold(transaction, &answerable.session, now).await?;
        match news.is_empty() {
            true => Ok(own),
            false => Err(Error::RefusedUsesUnshown),
        }
    }
}

async fn note_told(
    transaction: &mut Transaction,
    sub: &str,
    uses: &[RefusedUse],
    now: OffsetDateTime,
) -> Result<Vec<String>, Error> {
    let mut told = Vec::with_capacity(uses.len());
    for refused in uses {
        if record_told(transaction, sub, &refused.id, now).await? {
            told.push(refused.id.clone());
        }
    }
    Ok(told)
}

async fn find_untold(
    transaction: &mut Transaction,
    session: &Session,
    now: OffsetDateTime,
) -> Result<Untold, Error> {
    let untold = list_untold(transaction, &session.sub).await?;
    let (own, news): (Vec<_>, Vec<_>) = untold
        .into_iter()
        .partition(|refused| is_own_try(refused, session));
    if news.is_empty() || may_be_told(transaction, session, now).await? {
        return Ok(Untold { news, own });
    }
    Ok(Untold {
        news: Vec::new(),
        own,
    })
}

fn is_own_try(refused: &RefusedUse, session: &Session) -> bool {
    let since = session.authenticated_at - OWN_TRY;
    !refused.is_mixed
        && refused.instance_jkt.as_ref() == Some(&session.instance_jkt)
        && refused.first_at >= since
}

/// Whether whoever sits there is told, and believed. Who never uses an agent has no workstation.
async fn may_be_told(
    transaction: &mut Transaction,
    session: &Session,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    if is_known(transaction, session, now).await? {
        return Ok(true);
    }
    let one = agent_instance::list_of_person(transaction, &session.sub, 1).await?;
    Ok(is_unwatched(session) && one.is_empty())
}

/// Stands for what was shown, in this browser's login.
fn shown(news: &[RefusedUse], login_cookie: &str) -> String {
    let mut text = SecretDigest::of(login_cookie).as_str().to_owned();
    for refused in news {
        text.push('\n');
        text.push_str(&format!("{}:{}", refused.id, refused.uses));
    }
    sha256_base64url(text.as_bytes())
}
