//! What an issuer tells the person at once: her card was used at a workstation for the first time,
//! or a use of it was refused. It comes over the presence connection of a session of hers, and may
//! be the last thing that comes over it.
//!
//! A window says so in words of this program, never while somebody types a PIN: it waits for its
//! turn, and a sign-in takes the place back. Its button opens the account page of the issuer that
//! this agent is enrolled with, whatever the notice says. Nothing is decided by a notice; what is
//! not shown here, the server tells at the next login.

mod words;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cardea_assertion::{Notice, NoticeKind};
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

use crate::Error;
use crate::agent::Agent;
use crate::display_text::for_display;
use crate::enrolment::Enrolment;
use crate::pin_prompt::{Choice, Confirmation};
use crate::progress::Progress;
use crate::prompt_slot::PromptPlace;
use crate::{own_page, prompt_window, protected_program};

/// Notices that wait for their window.
const WAITING_MAX: usize = 8;
/// Notices that the status page lists.
const LISTED_MAX: usize = 16;
/// Notices that are known again: a server tells each for minutes.
const SEEN_MAX: usize = 64;
/// Windows within [`WINDOWS_OF`]; what is more is listed alone.
const WINDOWS_MAX: usize = 6;
const WINDOWS_OF: Duration = Duration::from_secs(3600);
/// How long a window stands.
const WINDOW_LIMIT: Duration = Duration::from_secs(120);
/// How long the window outlives the prompt program's own limit before it is taken away.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked whether the person can be told.
const LOOK: Duration = Duration::from_millis(500);
/// A notice that could not be shown for so long is told at the next login.
const WAITING_LIMIT: Duration = Duration::from_secs(8 * 3600);
/// Where an issuer's account page is.
const ACCOUNT_PATH: &str = "/account";

/// The notices of this agent.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<Shared>);

#[derive(Debug, Default)]
struct Shared {
    seen: VecDeque<(String, String)>,
    waiting: VecDeque<Told>,
    listed: VecDeque<Told>,
    windows: VecDeque<Instant>,
    /// Whether somebody shows those that wait.
    is_showing: bool,
}

/// A notice that this agent has taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    issuer: String,
    account: String,
    kind: NoticeKind,
    workstation: Option<String>,
    code: Option<String>,
    at: Instant,
}

/// A notice as the status page has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NoticeStatus {
    /// The issuer, as enrolment named it.
    pub(crate) issuer: String,
    /// Its account page.
    pub(crate) account: String,
    /// What happened, by the notice's own word.
    pub(crate) kind: NoticeKind,
    /// What the workstation calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) workstation: Option<String>,
    /// Of a refusal: what the login page said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// How long ago it came.
    pub(crate) seconds: u64,
}

impl Notices {
    /// Those that came since the agent began, the newest first.
    pub(crate) fn list(&self) -> Vec<NoticeStatus> {
        let shared = self.lock();
        let status = |told: &Told| NoticeStatus {
            issuer: told.issuer.clone(),
            account: told.account.clone(),
            kind: told.kind,
            workstation: told.workstation.clone(),
            code: told.code.clone(),
            seconds: told.at.elapsed().as_secs(),
        };
        shared.listed.iter().rev().map(status).collect()
    }

    /// Takes a notice up. True where whoever calls this is to show those that wait.
    fn take(&self, enrolment: &Enrolment, notice: &Notice) -> bool {
        if notice.check().is_err() || notice.kind == NoticeKind::Other {
            tracing::debug!("a notice that this version does not know");
            return false;
        }
        let id = (enrolment.issuer.as_str().to_owned(), notice.id.clone());
        let told = Told {
            issuer: for_display(&enrolment.name),
            account: format!("{}{ACCOUNT_PATH}", enrolment.issuer.origin().as_str()),
            kind: notice.kind,
            workstation: notice.workstation.as_deref().map(for_display),
            code: notice.code.as_deref().map(for_display),
            at: Instant::now(),
        };
        let mut shared = self.lock();
        if shared.seen.contains(&id) {
            return false;
        }
        push_bounded(&mut shared.seen, id, SEEN_MAX);
        push_bounded(&mut shared.listed, told.clone(), LISTED_MAX);
        tracing::info!(kind = ?notice.kind, "the issuer tells of another use of the card");
        while let Some(first) = shared.windows.front()
            && first.elapsed() >= WINDOWS_OF
        {
            shared.windows.pop_front();
        }
        if shared.windows.len() >= WINDOWS_MAX || shared.waiting.len() >= WAITING_MAX {
            return false;
        }
        shared.windows.push_back(Instant::now());
        shared.waiting.push_back(told);
        !std::mem::replace(&mut shared.is_showing, true)
    }

    /// The next one that waits; none ends the showing.
    fn next(&self) -> Option<Told> {
        let mut shared = self.lock();
        let next = shared.waiting.pop_front();
        shared.is_showing = next.is_some();
        next
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a notice up and has it shown, as soon as it is its turn.
pub(crate) fn tell(agent: &Arc<Agent>, enrolment: &Enrolment, notice: &Notice) {
    if agent.notices.take(enrolment, notice) {
        let agent = Arc::clone(agent);
        tokio::spawn(async move { show_waiting(&agent).await }.in_current_span());
    }
}

async fn show_waiting(agent: &Agent) {
    while let Some(told) = agent.notices.next() {
        show(agent, &told).await;
    }
}

/// Shows one notice until it is answered; a sign-in takes the place, and it is shown again after.
async fn show(agent: &Agent, told: &Told) {
    loop {
        let Some(place) = wait_for_place(agent, told).await else {
            return;
        };
        let question = Confirmation {
            text: agent.language.notice(told),
            go_on: agent.language.open_account(),
            give_up: agent.language.close_notice(),
            next: None,
            limit: WINDOW_LIMIT,
        };
        let prompt = Arc::clone(&agent.prompt);
        let ask = move || prompt.confirm(&question);
        let called_off = async {
            agent.prompt_slot.wanted().await;
            Error::Busy
        };
        let answered = prompt_window::show(ask, called_off, WINDOW_LIMIT + GRACE).await;
        drop(place);
        match answered {
            Ok(Choice::GoOn) => return open_account(agent, told),
            Err(Error::Busy) => tokio::time::sleep(LOOK).await,
            Ok(_) | Err(_) => return,
        }
    }
}

/// Whoever is being asked goes first; nobody is told behind a locked screen.
async fn wait_for_place(agent: &Agent, told: &Told) -> Option<PromptPlace> {
    loop {
        // Nobody follows it: a sign-in that wants the place takes it.
        let (progress, lines) = Progress::channel();
        drop(lines);
        let taken = match agent.presence.check_screen() {
            Ok(()) => agent.prompt_slot.take(&progress).await,
            Err(error) => Err(error),
        };
        match taken {
            Ok(place) => return Some(place),
            Err(Error::Busy | Error::ScreenLocked) if told.at.elapsed() < WAITING_LIMIT => {
                tokio::time::sleep(LOOK).await;
            }
            Err(_) => return None,
        }
    }
}

/// Opens the issuer's account page in the person's browser.
fn open_account(agent: &Agent, told: &Told) {
    let Ok(Some(browser)) = protected_program::find(&agent.browser) else {
        tracing::warn!("no browser opens the account page");
        return;
    };
    let url = told.account.clone();
    tokio::spawn(async move {
        let reason = own_page::open(&browser, &url).await;
        tracing::warn!(reason, "no browser opens the account page");
    });
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, count_max: usize) {
    if queue.len() >= count_max {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests;
