//! The operators' console: one of the pages of this server's own ([`crate::OwnPage`]). Whoever
//! opens it is judged as at the admin API, at every request anew (attack H14).
//!
//! Whatever an operator looks at of a person's is an event of that person's, which she finds in her
//! own history: it goes on record before anything is shown.

mod look;
mod named;
mod numbers;
mod search;
mod timeline;

pub use look::SAME_LOOK;
pub(crate) use look::{look, record_looks};
pub use named::{NamedPerson, NamedSession};
pub(crate) use numbers::budget_of_day;
pub use numbers::{CHART_DAYS, LookUpsAgainstBudget, OperatorNumbers};
pub use search::Found;
pub use timeline::{TIMELINE_PAGE_MAX, TimelineOf, TimelinePage};

use cardea_storage::account_stop::{self, AccountStop};

use crate::event::{ConsoleEvent, Event};
use crate::{AdminRules, Error, OperatorProven, OwnPage, Provider, Secret};

/// The client's identifier, which no other client can have.
pub const CONSOLE_CLIENT_ID: &str = "cardea-console";
/// Where the console is, at the issuer's origin.
pub const CONSOLE_PATH: &str = "/console";
/// What the PIN prompt calls it, in both languages at once; pages have a name for it in each.
pub const CONSOLE_NAME: &str = "Cardea – console d’exploitation / operators’ console";
/// The page.
pub const CONSOLE: OwnPage = OwnPage {
    client_id: CONSOLE_CLIENT_ID,
    name: CONSOLE_NAME,
    path: CONSOLE_PATH,
    callback_path: "/console/callback",
};

/// An operator at the console, proven by her cookie for one request.
#[derive(Clone, Debug)]
pub struct ConsoleSession {
    /// Who she is.
    pub operator: OperatorProven,
    /// The session that she is in.
    pub session_id: String,
    /// What her forms must bring back, so that no other page can send them.
    pub form_token: String,
}

impl Provider {
    /// Redeems the code of a login to the console; see `open_own_page`. It opens for an
    /// operator alone.
    ///
    /// # Errors
    /// As there; [`Error::AdminAuthenticationInsufficient`], [`Error::AdminNotOperator`],
    /// [`Error::AdminAnchorAdded`].
    pub async fn open_console(
        &self,
        rules: &AdminRules,
        code: &str,
        state: &str,
        code_verifier: &str,
    ) -> Result<Secret, Error> {
        self.open_for(CONSOLE, Some(rules), code, state, code_verifier)
            .await
    }

    /// Closes the console of a browser. Its session goes on for the portals in it.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn close_console(&self, cookie: &str) -> Result<(), Error> {
        self.close_own_page(CONSOLE, cookie).await
    }

    /// Which operator is at the console with this cookie; none when nobody is any more.
    ///
    /// # Errors
    /// [`Error::AdminAuthenticationInsufficient`] when she has to sign in again;
    /// [`Error::AdminNotOperator`], [`Error::AdminAnchorAdded`] when she is no operator any more;
    /// [`Error::Storage`].
    pub async fn find_console(
        &self,
        rules: &AdminRules,
        cookie: &str,
    ) -> Result<Option<ConsoleSession>, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let session = self.find_own_page(&mut transaction, CONSOLE, cookie, now);
        let Some(session) = session.await? else {
            return Ok(None);
        };
        let card = self.find_operator_card(&mut transaction, &session).await?;
        drop(transaction);
        let judged = self.judge_operator_session(rules, &session, &card, CONSOLE_CLIENT_ID, now);
        match judged {
            Ok(operator) => Ok(Some(ConsoleSession {
                operator,
                form_token: CONSOLE.form_token(cookie),
                session_id: session.id,
            })),
            Err(error) => {
                let code = error.code();
                if !error.is_internal() && !matches!(error, Error::AdminAuthenticationInsufficient)
                {
                    let event = Event::new(ConsoleEvent::Refused { code }, now)
                        .of_session(&session.id, &session.sub)
                        .of_client(CONSOLE_CLIENT_ID);
                    self.record_alone(event).await?;
                }
                Err(error)
            }
        }
    }

    /// The open stops of a person, for an operator whose look at her is on record.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list_stops_of(
        &self,
        _operator: &OperatorProven,
        sub: &str,
    ) -> Result<Vec<AccountStop>, Error> {
        let mut reading = self.store.begin_read().await?;
        Ok(account_stop::list_open_of_person(&mut reading, sub).await?)
    }
}
