//! One sign-in for a page: from an accepted challenge to an assertion by the card, or to a reason
//! why not.

use std::sync::Arc;
use std::time::Instant;

use crate::Error;
use crate::agent::Agent;
use crate::challenge_check::AcceptedChallenge;
use crate::consent;
use crate::conversation::{Conversation, Signed};
use crate::progress::{Line, Progress};
use crate::prompt_slot::PromptPlace;
use crate::rate_limit::Answer;
use crate::wanted::Wanted;

/// One sign-in under way. It holds the only place in front of the person.
pub(crate) struct SignIn {
    agent: Arc<Agent>,
    accepted: AcceptedChallenge,
    progress: Progress,
    _place: PromptPlace,
}

impl SignIn {
    /// A sign-in for a challenge that passed every check.
    pub(crate) fn new(
        agent: Arc<Agent>,
        accepted: AcceptedChallenge,
        progress: Progress,
        place: PromptPlace,
    ) -> Self {
        Self {
            agent,
            accepted,
            progress,
            _place: place,
        }
    }

    /// Runs to the end and sends the last line.
    pub(crate) async fn run(self) {
        let begun = Instant::now();
        let outcome = self.sign_in().await;
        let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.note_answer(outcome.as_ref().err());
        let blocked = matches!(outcome, Err(Error::Card(cardea_card::Error::PinBlocked)));
        let line = match outcome {
            Ok(line) => {
                tracing::info!(elapsed_ms, "signed");
                line
            }
            Err(error) => {
                tracing::info!(elapsed_ms, code = error.code(), %error, "not signed");
                Line::error(&error, self.agent.language)
            }
        };
        // A page that has gone needs no last line.
        let _ = self.progress.send(line);
        if blocked {
            // The page has its answer; the window with the advice is for the person alone.
            let Self {
                agent,
                progress,
                _place,
                ..
            } = self;
            drop(progress);
            consent::advise_about_blocked_card(&agent.prompt, agent.language).await;
        }
    }

    async fn sign_in(&self) -> Result<Line, Error> {
        let conversation = Conversation {
            agent: &self.agent,
            accepted: &self.accepted,
            progress: &self.progress,
        };
        let Signed {
            statement,
            attestation,
            presence_key,
            session,
        } = conversation.run().await?;
        // The server waits for the presence key as soon as it has the assertion.
        let _over = self.agent.presence.begin(
            Arc::clone(&self.accepted.issuer),
            presence_key,
            session.insertion().clone(),
            self.agent.cards.watch().subscribe(),
        );
        Ok(Line::Assertion {
            assertion: statement,
            attestation,
        })
    }

    fn note_answer(&self, error: Option<&Error>) {
        let answer = match error {
            None => Answer::Given,
            Some(Error::PromptCancelled | Error::LastTryDeclined) => Answer::Cancelled,
            Some(_) => return,
        };
        let Wanted::Login { origin, .. } = &self.accepted.wanted else {
            return;
        };
        self.agent
            .rate_limit
            .note_answer(origin, answer, Instant::now());
    }
}
