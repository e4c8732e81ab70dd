//! Tokens for business software that has no browser, by a card grant (design: life of a login, 9).
//!
//! ask the issuer for a challenge → check it → the conversation with the person → begin presence →
//! redeem the grant with a proof by the presence key. Programs come over the agent's socket for
//! them ([`crate::ProgramApi`]), or start `cardea-agent sign-in`, a process of its own that shares
//! reader, instance key and the place in front of the person with the agent.
//!
//! Off unless the configuration says otherwise, since any program of this user can name any client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_card::Insertion;
use cardea_jose::SigningKey;
use serde::Deserialize;
use url::Url;

use crate::agent::Agent;
use crate::challenge_check::accept_grant_challenge;
use crate::clock::ChallengeLifetime;
use crate::conversation::{Conversation, Signed, Unfinished};
use crate::display_text::for_display;
use crate::enrolled_issuers::EnrolledIssuer;
use crate::presence::OwnedPresence;
use crate::program_api::CallingProgram;
use crate::program_api::message::Answer;
use crate::progress::{Line, Progress};
use crate::{Error, consent, reader_watch};

mod allowed;
mod cancellations;
mod endpoints;
mod proof_requests;

pub use allowed::{AllowedClient, BusinessSoftware};
pub(crate) use cancellations::Cancellations;
pub use proof_requests::{PROOF_REQUEST_BYTES_MAX, ProofRequest};

use endpoints::Endpoints;
use proof_requests::Prover;

/// What the software asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    /// The issuer identifier, as it is enrolled.
    pub issuer: String,
    /// The client that the software is registered as.
    pub client_id: String,
    /// The scope, space-separated; none: all that the client is registered for.
    #[serde(default)]
    pub scope: Option<String>,
    /// The resource servers that the tokens are for (RFC 8707).
    #[serde(default)]
    pub resources: Vec<String>,
}

impl GrantRequest {
    /// The client, for a line of the log: it may be anything at all.
    pub(crate) fn client_id_for_log(&self) -> String {
        for_display(&self.client_id)
    }
}

/// Tokens, and the card that they last with. They die when this is dropped.
#[derive(Debug)]
pub struct Granted {
    /// The issuer's token response, one JSON object.
    pub response: serde_json::Value,
    /// What the person signed in to, in the issuer's words.
    pub(crate) client_name: String,
    prover: Prover,
    insertion: Insertion,
    presence: OwnedPresence,
}

impl Agent {
    /// Gets tokens for the program that started this process. `on_state` hears where the sign-in
    /// stands.
    ///
    /// # Errors
    /// [`Error::BusinessSoftwareDisabled`], [`Error::ClientNotAllowed`], [`Error::IssuerUnknown`],
    /// [`Error::IssuerUnreachable`], [`Error::IssuerAnswerInvalid`], [`Error::GrantRefused`], and
    /// those of a sign-in.
    pub async fn grant(
        self: &Arc<Self>,
        request: &GrantRequest,
        on_state: impl Fn(&'static str) + Send + 'static,
    ) -> Result<Granted, Error> {
        let (progress, mut lines) = Progress::channel();
        tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                if let Line::State { state, .. } = line {
                    on_state(state.as_str());
                }
            }
        });
        self.grant_for(request, &CallingProgram::parent(), &progress)
            .await
    }

    /// Gets tokens for a program of this user, which has gone when whoever hears of `progress` has.
    ///
    /// # Errors
    /// As [`Agent::grant`]; [`Error::PageGone`].
    pub(crate) async fn grant_for(
        self: &Arc<Self>,
        request: &GrantRequest,
        caller: &CallingProgram,
        progress: &Progress,
    ) -> Result<Granted, Error> {
        self.business_software.check(&request.client_id)?;
        let issuer = self.find_issuer(&request.issuer)?;
        let place = self.prompt_slot.take(progress).await?;
        self.cancellations.check()?;
        self.presence.check_screen()?;
        let granted = self.grant_from(issuer, request, (caller, progress)).await;
        if matches!(granted, Err(Error::Card(cardea_card::Error::PinBlocked))) {
            consent::advise_about_blocked_card(self).await;
        }
        match &granted {
            Ok(_) => self.cancellations.note(false),
            Err(Error::PromptCancelled | Error::LastTryDeclined) => self.cancellations.note(true),
            Err(_) => {}
        }
        drop(place);
        granted
    }

    async fn grant_from(
        self: &Arc<Self>,
        issuer: Arc<EnrolledIssuer>,
        request: &GrantRequest,
        (caller, progress): (&CallingProgram, &Progress),
    ) -> Result<Granted, Error> {
        let mut endpoints = Endpoints::of(&issuer);
        let arrived = Instant::now();
        let challenge = endpoints.fetch_challenge(request).await?;
        let asked = (request.client_id.as_str(), caller);
        let accepted =
            accept_grant_challenge(&challenge, asked, Arc::clone(&issuer), arrived).await?;
        let unfinished = Unfinished::default();
        let conversation = Conversation {
            agent: self,
            accepted: &accepted,
            progress,
            unfinished: &unfinished,
        };
        let signed = conversation.run().await;
        unfinished.over().await;
        let Signed {
            statement,
            attestation,
            presence_key,
            session,
        } = signed?;
        let insertion = session.insertion().clone();
        let prover = self.prover(&issuer, request, presence_key.clone(), accepted.lifetime);
        // The server waits for the presence key as soon as it has the grant.
        let begun = self.presence.begin(
            (Arc::clone(&issuer), accepted.wanted.client_name()),
            presence_key,
            insertion.clone(),
            self.cards.watch().subscribe(),
            Arc::downgrade(self),
        );
        // Whatever goes wrong from here on ends it.
        let presence = begun.owned(insertion.clone(), self.cards.watch().subscribe());
        let redeemed = endpoints
            .redeem(request, (&statement, &attestation), &prover)
            .await;
        Ok(Granted {
            response: redeemed?,
            client_name: accepted.wanted.client_name().to_owned(),
            prover,
            insertion,
            presence,
        })
    }

    pub(crate) fn find_issuer(&self, issuer: &str) -> Result<Arc<EnrolledIssuer>, Error> {
        self.issuers
            .now()
            .iter()
            .find(|enrolled| enrolled.enrolment.issuer.as_str() == issuer)
            .cloned()
            .ok_or(Error::IssuerUnknown)
    }

    fn prover(
        &self,
        issuer: &EnrolledIssuer,
        request: &GrantRequest,
        key: SigningKey,
        lifetime: ChallengeLifetime,
    ) -> Prover {
        let of_issuer = &issuer.enrolment.issuer;
        let own = [of_issuer.token_url(), of_issuer.userinfo_url()];
        // An enrolled issuer's addresses are addresses.
        let own = own.iter().filter_map(|address| Url::parse(address).ok());
        let registered = self.business_software.addresses_of(&request.client_id);
        Prover::new(key, lifetime, own.chain(registered).collect())
    }

    /// Waits until the tokens are dead: the card has left, or the server ended the session.
    pub async fn outlast(&self, granted: &mut Granted) {
        tokio::select! {
            () = reader_watch::ended(self.cards.watch().subscribe(), &granted.insertion) => {}
            () = granted.presence.over() => {}
        }
    }

    /// Why the tokens are dead, once [`Agent::outlast`] has resolved.
    pub(crate) fn why_over(&self, granted: &Granted) -> Error {
        if !self.is_there(granted) {
            return cardea_card::Error::CardRemoved.into();
        }
        let screen = self.presence.check_screen();
        screen.err().unwrap_or(Error::SessionOver)
    }

    /// A proof of possession (RFC 9449) by the key of these tokens, while their card is there.
    ///
    /// # Errors
    /// [`Error::ProofRefused`]; the card crate's `CardRemoved`.
    pub fn prove(&self, granted: &Granted, asked: &ProofRequest) -> Result<String, Error> {
        if !self.is_there(granted) {
            return Err(cardea_card::Error::CardRemoved.into());
        }
        granted.prover.prove_as_asked(asked)
    }

    /// Answers one line of the software, which asks for a proof of possession: a line too, with the
    /// proof or with the refusal.
    #[must_use]
    pub fn answer_proof_request(&self, granted: &Granted, line: &str) -> String {
        let proven = ProofRequest::parse(line).and_then(|asked| self.prove(granted, &asked));
        let answer = match proven {
            Ok(proof) => Answer::Dpop(proof),
            Err(error) => Answer::error(&error, self.language),
        };
        answer.to_line()
    }

    fn is_there(&self, granted: &Granted) -> bool {
        self.cards.watch().now().holds(&granted.insertion)
    }
}

/// How long the token endpoint may take: the evidence about the card, and the presence key.
const REDEEM_LIMIT: Duration = Duration::from_secs(60);
