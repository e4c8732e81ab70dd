//! One connection: one request, its answers, the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_assertion::{DepartureReason, Origin};
use serde::Serialize;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::frame::{self, Frames};
use super::message::{Answer, Request};
use crate::agent::Agent;
use crate::own_status::OwnStatus;
use crate::presence::ElsewherePresence;
use crate::progress::Line;
use crate::{Error, page_request};

/// How long the request may take to come in.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
/// How long the departures of sessions that a person ends may take; they go on being told.
const DEPARTURE_LIMIT: Duration = Duration::from_secs(3);
/// How long an answer may take to be read.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Serves it to its end. Whatever the other side does wrong ends it.
pub(super) async fn serve(mut stream: UnixStream, agent: Arc<Agent>) {
    let mut frames = Frames::default();
    let request = tokio::time::timeout(REQUEST_LIMIT, frames.read(&mut stream)).await;
    let arrived = Instant::now();
    let request = match request {
        Ok(Ok(Some(text))) => Request::parse(&text),
        Ok(Err(error)) => Err(error),
        // Whoever says nothing gets no answer.
        Ok(Ok(None)) | Err(_) => return,
    };
    let outcome = match request {
        Ok(Request::Assertion { origin, challenge }) => {
            match begin(&agent, &origin, &challenge, arrived).await {
                Ok(lines) => return follow(stream, frames, lines).await,
                Err(error) => Err(error),
            }
        }
        Ok(Request::Origins {}) => Ok(origins(&agent)),
        Ok(Request::Status {}) => Ok(Answer::Status(Box::new(OwnStatus::of(&agent).await))),
        Ok(Request::ReadIssuers {}) => read_issuers(&agent),
        Ok(Request::EndSessions {}) => Ok(Answer::Ended {
            sessions: agent.end_sessions(DEPARTURE_LIMIT).await,
        }),
        Ok(Request::HoldSession { issuer, portal }) => match note(&agent, &issuer, portal) {
            Ok(elsewhere) => return hold(stream, frames, elsewhere).await,
            Err(error) => Err(error),
        },
        Ok(Request::Abort {}) => return,
        Err(error) => Err(error),
    };
    let _ = match outcome {
        Ok(answer) => send(&mut stream, &answer).await,
        Err(error) => {
            tracing::warn!(code = error.code(), "request refused: {error}");
            send(&mut stream, &Line::error(&error, agent.language)).await
        }
    };
}

async fn begin(
    agent: &Arc<Agent>,
    origin: &str,
    challenge: &str,
    arrived: Instant,
) -> Result<mpsc::Receiver<Line>, Error> {
    let origin = enrolled_origin(agent, origin)?;
    page_request::begin(Arc::clone(agent), origin, challenge, arrived).await
}

/// The one enrolled origin that equals `text` byte for byte.
fn enrolled_origin(agent: &Agent, text: &str) -> Result<Origin, Error> {
    let issuers = agent.issuers.now();
    let mut enrolled = issuers.iter().flat_map(|issuer| &issuer.enrolment.origins);
    enrolled
        .find(|origin| origin.as_str() == text)
        .cloned()
        .ok_or(Error::OriginRefused)
}

/// Takes up what `cardea-agent enrol` has changed, from the files that are checked as at the start.
fn read_issuers(agent: &Agent) -> Result<Answer, Error> {
    let issuers = agent.issuers.read_again()?;
    tracing::info!(issuers, "the enrolled issuers were read again");
    Ok(Answer::Issuers { issuers })
}

fn origins(agent: &Agent) -> Answer {
    let mut origins: Vec<_> = agent
        .issuers
        .now()
        .iter()
        .flat_map(|issuer| &issuer.enrolment.origins)
        .map(|origin| origin.as_str().to_owned())
        .collect();
    origins.sort();
    origins.dedup();
    Answer::Origins { origins }
}

/// Passes the lines of a sign-in on. When the other side closes, aborts or says anything else, the
/// lines are dropped: its page has gone, and the prompt is taken away.
async fn follow(mut stream: UnixStream, mut frames: Frames, mut lines: mpsc::Receiver<Line>) {
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) if send(&mut stream, &line).await.is_ok() => {}
                _ => return,
            },
            _ = frames.read(&mut stream) => return,
        }
    }
}

/// Takes note of a session that a program holds by itself.
fn note(agent: &Agent, issuer: &str, portal: Option<String>) -> Result<ElsewherePresence, Error> {
    let issuer = agent.find_issuer(issuer)?;
    let noted = agent.presence.note_elsewhere(&issuer, portal);
    noted.ok_or(Error::TooManyPrograms)
}

/// Keeps it as long as the program does. Only the person's own wish is passed on: the program
/// follows card and screen itself, and outlasts this agent.
async fn hold(mut stream: UnixStream, mut frames: Frames, mut elsewhere: ElsewherePresence) {
    let reason = tokio::select! {
        reason = elsewhere.departing() => reason,
        _ = frames.read(&mut stream) => return,
    };
    if reason == DepartureReason::PersonEnded
        && send(&mut stream, &Answer::EndSession {}).await.is_ok()
    {
        // It closes once its departure is told, which whoever waits for this wants to know.
        let _ = tokio::time::timeout(ANSWER_LIMIT, frames.read(&mut stream)).await;
    }
}

async fn send(stream: &mut UnixStream, answer: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_vec(answer).map_err(|_| Error::Internal {
        reason: "an answer is no JSON",
    })?;
    let written = tokio::time::timeout(ANSWER_LIMIT, frame::write(stream, &text)).await;
    written.unwrap_or(Err(Error::PageGone))
}
