//! A fresh signature that the server asks for while the session goes on.

use std::sync::{Arc, Weak};
use std::time::Instant;

use cardea_card::Insertion;
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::connection::{Connection, Lost};
use crate::agent::Agent;
use crate::enrolled_issuers::EnrolledIssuer;
use crate::step_up::{self, StepUpAnswer, StepUpRequest};

/// The last question, and what came of it. Whatever is shown for it goes when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Asked(Option<Question>);

#[derive(Debug)]
struct Question {
    challenge: String,
    coming: Option<oneshot::Receiver<Option<StepUpAnswer>>>,
    answer: Option<StepUpAnswer>,
    /// Dropped with the session: the window goes.
    _kept: oneshot::Sender<()>,
}

/// The session that is asked.
pub(super) struct AskedSession<'a> {
    pub(super) agent: &'a Weak<Agent>,
    pub(super) issuer: &'a Arc<EnrolledIssuer>,
    pub(super) presence_jkt: &'a str,
    pub(super) insertion: &'a Insertion,
}

impl Asked {
    /// Puts a question to the person. One that is being answered is not asked a second time, though
    /// a connection that was made anew brings it again; one that was answered is answered again.
    pub(super) async fn ask(
        &mut self,
        challenge: String,
        session: AskedSession<'_>,
        connection: &mut Connection,
    ) -> Result<(), Lost> {
        if let Some(question) = &self.0 {
            if question.challenge == challenge {
                return match &question.answer {
                    Some(answer) => connection.answer_step_up(answer).await,
                    None => Ok(()),
                };
            }
            if question.coming.is_some() {
                // The server has one open question a session: the other one is over.
                tracing::debug!("another question takes the place of the last");
            }
        }
        let Some(agent) = session.agent.upgrade() else {
            return Ok(());
        };
        let request = StepUpRequest {
            issuer: Arc::clone(session.issuer),
            challenge: challenge.clone(),
            arrived: Instant::now(),
            presence_jkt: session.presence_jkt.to_owned(),
            insertion: session.insertion.clone(),
        };
        let (kept, asked) = oneshot::channel();
        let (answered, coming) = oneshot::channel();
        let asking = async move {
            let answer = step_up::answer(agent, request, asked).await;
            let _ = answered.send(answer);
        };
        tokio::spawn(asking.in_current_span());
        self.0 = Some(Question {
            challenge,
            coming: Some(coming),
            answer: None,
            _kept: kept,
        });
        Ok(())
    }

    /// Resolves when there is an answer to send; it is kept for a connection that is made anew.
    pub(super) async fn answered(&mut self) -> StepUpAnswer {
        loop {
            let Some(Question {
                coming: waiting @ Some(_),
                answer,
                ..
            }) = &mut self.0
            else {
                return std::future::pending().await;
            };
            let came = match waiting {
                Some(coming) => coming.await,
                None => return std::future::pending().await,
            };
            *waiting = None;
            if let Ok(Some(given)) = came {
                *answer = Some(given.clone());
                return given;
            }
        }
    }
}
