//! What a person is told between a login and the portal of guards' stops: that a session of hers
//! was ended, or her account stopped at a service, until she says that she has seen it.
//!
//! Nothing stands before her account page, which says the same.

use cardea_jose::{constant_time_eq, sha256_base64url};
use cardea_storage::guard_notice::{UntoldNotice, list_untold};
use cardea_storage::{SecretDigest, Transaction};

use crate::authorization::complete::Answerable;
use crate::event::Event;
use crate::guard_reports::GuardStopNotice;
use crate::{ACCOUNT_CLIENT_ID, Error, Provider};

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardNews {
    /// What was stopped, the newest first.
    pub stops: Vec<GuardStopNotice>,
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

impl Provider {
    /// Says what the page shows, to the browser that began the login alone.
    ///
    /// # Errors
    /// As [`Provider::complete_authorization`].
    pub async fn describe_guard_news(
        &self,
        request_id: &str,
        login_cookie: &str,
    ) -> Result<GuardNews, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let answerable = self
            .load_answerable(&mut transaction, request_id, login_cookie, now)
            .await?;
        let news = list_untold(&mut transaction, &answerable.session.sub).await?;
        let shown = shown(&news, login_cookie);
        Ok(GuardNews {
            stops: self.describe(&mut transaction, news).await?,
            client_name: answerable.client.name.clone(),
            shown,
            form_action: super::respond::form_action(&answerable.parameters.redirect_uri),
            ui_locales: answerable.parameters.ui_locales,
        })
    }

    /// Takes her word that she has seen it. `shown_before` is what
    /// [`Provider::describe_guard_news`] gave: a stop that came meanwhile is not among it.
    ///
    /// # Errors
    /// [`Error::GuardNewsMismatch`] for another answer, and those of
    /// [`Provider::complete_authorization`].
    pub async fn acknowledge_guard_news(
        &self,
        request_id: &str,
        login_cookie: &str,
        shown_before: &str,
    ) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let answerable = self
            .load_answerable(&mut transaction, request_id, login_cookie, now)
            .await?;
        let session = &answerable.session;
        let news = list_untold(&mut transaction, &session.sub).await?;
        let shown = shown(&news, login_cookie);
        if !constant_time_eq(shown_before.as_bytes(), shown.as_bytes()) {
            return Err(Error::GuardNewsMismatch);
        }
        let about = |event: Event| {
            event
                .of_request(&answerable.request.id)
                .of_session(&session.id, &session.sub)
        };
        let ids: Vec<_> = news.into_iter().map(|it| it.notice.id).collect();
        self.note_seen(&mut transaction, &session.sub, &ids, about)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Refuses while the person has to be told of a stop.
    pub(super) async fn check_guard_news_shown(
        &self,
        transaction: &mut Transaction,
        answerable: &Answerable,
    ) -> Result<(), Error> {
        if answerable.client.client_id == ACCOUNT_CLIENT_ID {
            return Ok(());
        }
        let news = list_untold(transaction, &answerable.session.sub).await?;
        match news.is_empty() {
            true => Ok(()),
            false => Err(Error::GuardNewsUnshown),
        }
    }
}

/// Stands for what was shown, in this browser's login.
fn shown(news: &[UntoldNotice], login_cookie: &str) -> String {
    let mut text = SecretDigest::of(login_cookie).as_str().to_owned();
    for UntoldNotice { notice, .. } in news {
        text.push('\n');
        text.push_str(&notice.id);
    }
    sha256_base64url(text.as_bytes())
}
