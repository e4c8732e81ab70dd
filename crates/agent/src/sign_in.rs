//! One sign-in for a page: from an accepted challenge to an assertion by the card, or to a reason
//! why not.

use std::sync::Arc;
use std::time::Instant;

use crate::Error;
use crate::agent::Agent;
use crate::blocked_sites::{Rest, Site};
use crate::boot_clock::SinceBoot;
use crate::challenge_check::AcceptedChallenge;
use crate::consent;
use crate::conversation::{Conversation, Signed, Unfinished};
use crate::progress::{Line, Progress};
use crate::prompt_slot::PromptPlace;
use crate::rate_limit::Answer;

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
        let unfinished = Unfinished::default();
        let outcome = self.sign_in(&unfinished).await;
        let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let paused = self.note_answer(outcome.as_ref().err());
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
        // The page has its answer; what comes now is for the person alone, and nobody else is asked
        // meanwhile.
        let Self {
            agent,
            accepted,
            progress,
            _place,
        } = self;
        drop(progress);
        unfinished.over().await;
        if blocked {
            consent::advise_about_blocked_card(&agent).await;
        }
        if let Some(site) = paused {
            offer_to_block(&agent, site, accepted.wanted.client_name()).await;
        }
    }

    async fn sign_in(&self, unfinished: &Unfinished) -> Result<Line, Error> {
        let conversation = Conversation {
            agent: &self.agent,
            accepted: &self.accepted,
            progress: &self.progress,
            unfinished,
        };
        let Signed {
            statement,
            attestation,
            presence_key,
            session,
        } = conversation.run().await?;
        // The server waits for the presence key as soon as it has the assertion.
        let _over = self.agent.presence.begin(
            (
                Arc::clone(&self.accepted.issuer),
                self.accepted.wanted.client_name(),
            ),
            presence_key,
            session.insertion().clone(),
            self.agent.cards.watch().subscribe(),
            Arc::downgrade(&self.agent),
        );
        Ok(Line::Assertion {
            assertion: statement,
            attestation,
        })
    }

    /// Notes how the person answered; the site, if that begins a pause for it.
    fn note_answer(&self, error: Option<&Error>) -> Option<Site> {
        let answer = match error {
            None => Answer::Given,
            Some(Error::PromptCancelled | Error::LastTryDeclined) => Answer::Cancelled,
            Some(_) => return None,
        };
        let wanted = &self.accepted.wanted;
        let site = Site::of(wanted)?;
        if !self.agent.rate_limit.note_answer(&site, answer) {
            return None;
        }
        put_to_rest(
            &self.agent,
            site.clone(),
            wanted.client_name(),
            Rest::Paused,
        );
        Some(site)
    }
}

/// A person who keeps cancelling may have peace from this site for longer than the pause.
async fn offer_to_block(agent: &Agent, site: Site, name: &str) {
    if consent::offer_to_block(agent, name, &site.origin).await {
        put_to_rest(agent, site, name, Rest::Blocked);
    }
}

pub(crate) fn put_to_rest(agent: &Agent, site: Site, name: &str, rest: Rest) {
    match agent
        .blocked_sites
        .put_to_rest(site, name, rest, SinceBoot::now())
    {
        Ok(()) => tracing::info!(?rest, "the site may not ask for a while"),
        Err(error) => {
            tracing::warn!(code = error.code(), %error, "the site's rest ends with this process");
        }
    }
}
