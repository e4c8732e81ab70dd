//! Before the first proof of presence: whether the issuer's log goes on from what is kept here.

use std::sync::{Arc, Weak};
use std::time::Duration;

use cardea_assertion::LOG_SHOWN_BYTES_MAX;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::connection::Lost;
use crate::Error;
use crate::agent::Agent;
use crate::consent;
use crate::display_text::for_display;
use crate::enrolled_issuers::EnrolledIssuer;
use crate::language::Language;
use crate::log_memory::{LogRefusal, Outcome, Question, Taken};

/// Once a session: a connection that is made anew for the same login shows nothing new.
#[derive(Debug, Default)]
pub(super) enum LogCheck {
    #[default]
    Unasked,
    Asked {
        /// To be answered when the log is seen.
        nonce: String,
        shown: String,
        until: Instant,
    },
    Done {
        /// Entries of the newest checkpoint that was shown.
        size: u64,
        /// Whether the log owes the login already.
        is_noted: bool,
    },
}

/// What a server's nonce says of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    Nothing,
    /// It shows one checkpoint, the newest that enough witnesses have cosigned.
    One,
    /// It shows the newest of all beside it.
    Both,
    /// The same, and it wants to know which witnesses are demanded.
    BothByName,
}

impl Announced {
    /// What the members `log`, `newest` and `witnesses` of a nonce say.
    pub(super) fn of(log: bool, newest: bool, witnesses: bool) -> Self {
        match (log, newest, witnesses) {
            (false, ..) => Self::Nothing,
            (true, false, _) => Self::One,
            (true, true, false) => Self::Both,
            (true, true, true) => Self::BothByName,
        }
    }
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Step {
    Wait,
    Ask {
        question: Question,
        announced: Announced,
    },
    Answer {
        nonce: String,
    },
    /// The same; and the log was put back, which the person is told.
    Restored {
        nonce: String,
        why: String,
    },
    /// The same; and it is not as new as it ought to be, which the person is told.
    Doubtful {
        nonce: String,
        why: LogRefusal,
    },
}

/// Why this connection, or the session, is over.
#[derive(Debug)]
pub(super) enum Stop {
    Lost(Lost),
    Refused(Error),
}

impl From<Lost> for Stop {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl LogCheck {
    /// What an older connection was asked, it answers no more.
    pub(super) fn begin_connection(&mut self) {
        if self.is_waiting() {
            *self = Self::Unasked;
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::Asked { .. })
    }

    /// When this is over that would be over then otherwise.
    pub(super) fn limit(&self, over_at: Instant) -> Instant {
        match self {
            Self::Asked { until, .. } => over_at.min(*until),
            Self::Unasked | Self::Done { .. } => over_at,
        }
    }

    /// Takes a nonce, which is answered only behind the look at the log. An issuer that shows
    /// nothing is an older one, unless it did show something before or its enrolment names a log.
    /// `limit` is how long it may take to show it.
    pub(super) async fn take_nonce(
        &mut self,
        issuer: &Arc<EnrolledIssuer>,
        (nonce, announced, limit): (String, Announced, Duration),
    ) -> Result<Step, Stop> {
        match self {
            Self::Done { .. } => Ok(Step::Answer { nonce }),
            Self::Asked { nonce: waiting, .. } => {
                *waiting = nonce;
                Ok(Step::Wait)
            }
            Self::Unasked if announced != Announced::Nothing => {
                let question = blocking(issuer, |it| it.log_memory.question()).await?;
                *self = Self::Asked {
                    nonce,
                    shown: String::new(),
                    until: Instant::now() + limit,
                };
                Ok(Step::Ask {
                    question,
                    announced,
                })
            }
            Self::Unasked => {
                let Taken { size, .. } =
                    blocking(issuer, |it| it.log_memory.take_nothing()).await?;
                *self = Self::done(size);
                Ok(Step::Answer { nonce })
            }
        }
    }

    /// Takes a part of what is shown; the last one has it judged.
    pub(super) async fn take_part(
        &mut self,
        issuer: &Arc<EnrolledIssuer>,
        part: &str,
        is_last: bool,
    ) -> Result<Step, Stop> {
        let Self::Asked { nonce, shown, .. } = self else {
            return Err(Stop::Lost(Lost::Broken));
        };
        if shown.len().saturating_add(part.len()) > LOG_SHOWN_BYTES_MAX {
            return Err(Stop::Lost(Lost::Broken));
        }
        shown.push_str(part);
        if !is_last {
            return Ok(Step::Wait);
        }
        let (nonce, shown) = (std::mem::take(nonce), std::mem::take(shown));
        let taken = blocking(issuer, move |it| match shown.is_empty() {
            true => it.log_memory.take_nothing(),
            false => it.log_memory.take(&shown),
        });
        let Taken { outcome, size } = taken.await?;
        *self = Self::done(size);
        Ok(match outcome {
            Outcome::GoesOn => Step::Answer { nonce },
            Outcome::Restored { why } => Step::Restored { nonce, why },
            Outcome::Doubtful(why) => Step::Doubtful { nonce, why },
        })
    }

    fn done(size: u64) -> Self {
        let is_noted = false;
        Self::Done { size, is_noted }
    }

    /// A login has named this session: it is an event behind what was shown before, once.
    pub(super) async fn note_sign_in(&mut self, issuer: &Arc<EnrolledIssuer>) {
        let Self::Done { size, is_noted } = self else {
            return;
        };
        if std::mem::replace(is_noted, true) {
            return;
        }
        let size = *size;
        let noted = blocking(issuer, move |it| it.log_memory.note_sign_in(size));
        if let Err(error) = noted.await {
            let code = error.code();
            tracing::warn!(code, %error, "the log is not held to this sign-in");
        }
    }

    /// The server has announced its log and shows nothing: where it did before, or the enrolment
    /// names the log, it is refused.
    pub(super) async fn unanswered(&self, issuer: &Arc<EnrolledIssuer>) -> Stop {
        match blocking(issuer, |it| it.log_memory.take_nothing()).await {
            Ok(_) => Stop::Lost(Lost::Broken),
            Err(error) => Stop::Refused(error),
        }
    }
}

/// Off the asynchronous threads: the disk may take its time.
pub(super) async fn blocking<T: Send + 'static>(
    issuer: &Arc<EnrolledIssuer>,
    work: impl FnOnce(&EnrolledIssuer) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let issuer = Arc::clone(issuer);
    let done = tokio::task::spawn_blocking(move || work(&issuer)).await;
    done.map_err(|_| Error::Internal {
        reason: "the memory of a log panicked",
    })?
}

/// Tells the person that the sign-in does not go on, and whom to call.
pub(super) fn tell_of_refusal(agent: &Weak<Agent>, issuer: &EnrolledIssuer, error: &Error) {
    let code = error.code();
    let name = &issuer.enrolment.name;
    tracing::error!(code, %error, issuer = issuer.enrolment.issuer.as_str(), "not signed in");
    let Some(agent) = agent.upgrade() else { return };
    let (name, language) = (for_display(name), agent.language);
    let advice = error.advice(language).unwrap_or_default();
    // What the error says in English is for support, and stands in the agent's log.
    let text = format!("{name}\n\n{} [{code}]\n\n{advice}", error.title(language));
    let text = language.keep_marks(&text);
    let telling = async move { consent::tell_in_turn(&agent, text).await };
    tokio::spawn(telling.in_current_span());
}

/// Tells the person that the log is not as new as it ought to be, and goes on.
pub(super) fn tell_of_doubt(agent: &Weak<Agent>, issuer: &EnrolledIssuer, why: &LogRefusal) {
    let error = Error::Log(why.clone());
    let code = error.code();
    let name = &issuer.enrolment.name;
    let url = issuer.enrolment.issuer.as_str();
    tracing::error!(code, %error, issuer = url, "signed in all the same");
    let Some(agent) = agent.upgrade() else { return };
    let (name, language) = (for_display(name), agent.language);
    let title = error.title(language);
    let advice = crate::message::doubt_advice(language);
    let text = language.keep_marks(&format!("{name}\n\n{title} [{code}]\n\n{advice}"));
    let telling = async move { consent::tell_in_turn(&agent, text).await };
    tokio::spawn(telling.in_current_span());
}

/// Tells the person that the log was put back, and what its operator says of it.
pub(super) fn tell_of_restore(agent: &Weak<Agent>, issuer: &EnrolledIssuer, why: &str) {
    let name = for_display(&issuer.enrolment.name);
    let why = for_display(why);
    tracing::warn!(
        issuer = issuer.enrolment.issuer.as_str(),
        why,
        "the log was put back, and says so"
    );
    let Some(agent) = agent.upgrade() else { return };
    let text = match agent.language {
        Language::French => format!(
            "{name}\n\nCe service a remis son journal à un état antérieur, et le déclare \
             (« {why} »). Ce qui a été fait en votre nom peu avant peut en avoir disparu. Si cela \
             vous étonne, appelez son assistance."
        ),
        Language::English => format!(
            "{name}\n\nThis service has put its log back to an earlier state, and says so \
             (“{why}”). What was done in your name shortly before may be gone from it. If that \
             surprises you, call its support."
        ),
    };
    let text = agent.language.keep_marks(&text);
    let telling = async move { consent::tell_in_turn(&agent, text).await };
    tokio::spawn(telling.in_current_span());
}
