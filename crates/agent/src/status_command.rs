//! `cardea-agent status`: asks the running agent through its socket.

use serde::Serialize;

use crate::Error;
use crate::agent_socket::{ask_status, ask_to_end_sessions};
use crate::blocked_sites::{BlockedSites, Rest, Resting};
use crate::boot_clock::SinceBoot;
use crate::config::{Config, Loopback};
use crate::language::Language;
use crate::own_status::OwnStatus;
use crate::unblock_command;

pub(crate) mod words;

/// What the command prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusReport {
    /// Whether an agent of this user answers.
    pub running: bool,
    /// Where login pages find it without an extension.
    pub address: String,
    /// Whether login pages may come by that address, and why.
    pub loopback: Loopback,
    /// The socket where it was looked for.
    pub socket: String,
    /// The issuers of the configuration.
    pub issuers: Vec<String>,
    /// Sites that may not ask now, since the person cancelled their prompts or blocked them.
    pub resting: Vec<RestingSite>,
    /// Its version, state and card.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<OwnStatus>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}

/// A site that may not ask for the card now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestingSite {
    /// The portal's name.
    pub name: String,
    /// Its identifier at the issuer.
    pub client_id: String,
    /// The login page's origin.
    pub origin: String,
    /// Whether the person blocked it; else it is paused.
    pub blocked: bool,
    /// For how long still.
    pub seconds_left: u64,
    /// As a line of text.
    #[serde(skip)]
    line: String,
}

impl RestingSite {
    fn of(resting: Resting, now: SinceBoot, language: Language) -> Self {
        Self {
            line: unblock_command::described(&resting, now, language),
            seconds_left: resting.seconds_left(now),
            blocked: resting.rest == Rest::Blocked,
            name: resting.name,
            client_id: resting.site.client_id,
            origin: resting.site.origin,
        }
    }
}

/// Asks the agent of this user through its socket.
///
/// # Errors
/// None so far: an agent that does not answer is a report.
pub async fn ask(config: &Config) -> Result<StatusReport, Error> {
    let mut status = ask_status(&config.socket).await;
    let noted = status
        .as_mut()
        .ok()
        .and_then(|status| status.loopback.take());
    let issuers = config
        .enrolments
        .iter()
        .map(|enrolment| enrolment.issuer.as_str().to_owned())
        .collect();
    let now = SinceBoot::now();
    Ok(StatusReport {
        running: status.is_ok(),
        address: format!("127.0.0.1:{}", config.port),
        loopback: noted.unwrap_or_else(|| config.loopback.decide(config.several_users)),
        socket: config.socket.display().to_string(),
        issuers,
        resting: BlockedSites::new(&config.state_dir)
            .list(now)
            .into_iter()
            .map(|site| RestingSite::of(site, now, config.language))
            .collect(),
        code: status.as_ref().err().map(Error::code),
        status: status.ok(),
    })
}

/// Has the agent of this user end all its sessions; what to say of it.
///
/// # Errors
/// [`Error::NotRunning`], and those of its socket.
pub async fn end_sessions(config: &Config) -> Result<String, Error> {
    let count = ask_to_end_sessions(&config.socket).await?;
    Ok(match config.language {
        Language::French => format!("sessions terminées\u{a0}: {count}\n"),
        Language::English => format!("sessions ended: {count}\n"),
    })
}
