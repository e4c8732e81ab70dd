//! One sign-in: from an accepted challenge to an assertion by the card, or to a reason why not.
//!
//! wait for a card → read it → ask the PIN → sign → countersign → begin presence. The page and the
//! card can go away at any step, and nothing is asked or signed then.

use std::sync::Arc;
use std::time::Instant;

use cardea_assertion::{
    AssertionClaims, AttestationClaims, Confirmation, SigningInput, UserVerification,
};
use cardea_card::{Abandonment, LastTry, Pin, Signature, SignatureAlgorithm};
use cardea_jose::{Algorithm, SigningKey};
use tokio::sync::OwnedSemaphorePermit;

use crate::Error;
use crate::agent::Agent;
use crate::card_session::CardSession;
use crate::challenge_check::AcceptedChallenge;
use crate::consent::{self, Consent};
use crate::pin_prompt::Choice;
use crate::progress::{Line, Progress, State};
use crate::prompt_text::{Remark, Subject};
use crate::rate_limit::Answer;

/// Prompts of one sign-in, mistyped ones included.
const ENTRIES_MAX: usize = 8;

/// One sign-in under way. It holds the only place in front of the person.
pub(crate) struct SignIn {
    agent: Arc<Agent>,
    accepted: AcceptedChallenge,
    progress: Progress,
    _prompt_slot: OwnedSemaphorePermit,
}

/// What the card's signature covers, and the fresh key in it.
struct Statement {
    input: SigningInput,
    presence_key: SigningKey,
}

impl SignIn {
    /// A sign-in for a challenge that passed every check.
    pub(crate) fn new(
        agent: Arc<Agent>,
        accepted: AcceptedChallenge,
        progress: Progress,
        prompt_slot: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            agent,
            accepted,
            progress,
            _prompt_slot: prompt_slot,
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
                _prompt_slot,
                ..
            } = self;
            drop(progress);
            consent::advise_about_blocked_card(&agent.prompt, agent.language).await;
        }
    }

    async fn sign_in(&self) -> Result<Line, Error> {
        let session = self.find_card().await?;
        let subject = self.subject(&session).await?;
        self.progress.state(State::CardFound, None)?;
        let (statement, signature) = self.sign_with_pin(&session, &subject).await?;
        if !self.agent.cards.watch().now().holds(session.insertion()) {
            return Err(Error::CardChanged);
        }
        self.progress.check_page()?;
        let assertion = statement.input.into_assertion(signature.jws_bytes());
        let attestation = AttestationClaims::new(
            &assertion,
            self.accepted.origin.as_str(),
            UserVerification::Now,
        )
        .sign(&self.agent.instance_key)
        .map_err(|_| Error::Internal {
            reason: "the attestation could not be signed",
        })?;
        // The server waits for the presence key as soon as it has the assertion.
        self.agent.presence.begin(
            Arc::clone(&self.accepted.issuer),
            statement.presence_key,
            session.insertion().clone(),
            self.agent.cards.watch().subscribe(),
        );
        Ok(Line::Assertion {
            assertion,
            attestation,
        })
    }

    /// Waits for a card as long as the challenge lives; asks which, where there are several.
    async fn find_card(&self) -> Result<Arc<CardSession>, Error> {
        let mut states = self.agent.cards.watch().subscribe();
        let mut asked_to_insert = false;
        loop {
            let state = states.borrow_and_update().clone();
            let sessions = self.agent.cards.sessions(&state);
            match sessions.as_slice() {
                [] => {}
                [session] => return Ok(Arc::clone(session)),
                several => return self.choose(several).await,
            }
            if !asked_to_insert {
                self.progress.state(State::InsertCard, None)?;
                asked_to_insert = true;
            }
            let deadline = tokio::time::Instant::from_std(self.accepted.lifetime.deadline());
            tokio::select! {
                biased;
                () = self.progress.page_gone() => return Err(Error::PageGone),
                changed = states.changed() => {
                    changed.map_err(|_| Error::Internal { reason: "nobody watches the readers" })?;
                }
                () = tokio::time::sleep_until(deadline) => {
                    return Err(match state.summary() {
                        "no_reader" => cardea_card::Error::NoReader.into(),
                        _ => cardea_card::Error::NoCard.into(),
                    });
                }
            }
        }
    }

    /// Never picks one of several cards silently. Cards that cannot log in are left out.
    async fn choose(&self, sessions: &[Arc<CardSession>]) -> Result<Arc<CardSession>, Error> {
        let mut usable = Vec::new();
        let mut refusal = Error::Card(cardea_card::Error::NoAuthenticationCertificate);
        for session in sessions {
            match self.subject(session).await {
                Ok(subject) => usable.push((session, subject)),
                Err(error) => refusal = error,
            }
        }
        match usable.as_slice() {
            [] => return Err(refusal),
            [(session, _)] => return Ok(Arc::clone(session)),
            _ => {}
        }
        for (session, subject) in &usable {
            match self.consent(session).use_this_card(subject).await? {
                Choice::GoOn => return Ok(Arc::clone(session)),
                Choice::Next => {}
                Choice::GiveUp => return Err(Error::PromptCancelled),
            }
        }
        Err(Error::PromptCancelled)
    }

    async fn subject(&self, session: &CardSession) -> Result<Subject, Error> {
        let facts = session.facts().await?;
        let claims = self.accepted.challenge.claims();
        let issuer_name = &self.accepted.issuer.enrolment.name;
        let (client_name, client_id) = (&claims.client_name, &claims.client_id);
        Ok(Subject::new(
            client_name,
            client_id,
            issuer_name,
            &facts.certificate,
            &facts.name,
        ))
    }

    /// Asks for the PIN until the card signs. A wrong PIN is asked again with the tries left; the
    /// last try is used only after the person accepted it.
    async fn sign_with_pin(
        &self,
        session: &CardSession,
        subject: &Subject,
    ) -> Result<(Statement, Signature), Error> {
        let consent = self.consent(session);
        let status = session.pin_status().await?;
        let mut tries_left = status.tries_left;
        let (mut remark, mut last_try) = (None, LastTry::Refused);
        if status.blocked {
            return Err(cardea_card::Error::PinBlocked.into());
        }
        for _ in 0..ENTRIES_MAX {
            if tries_left == Some(1) && last_try == LastTry::Refused {
                self.progress.state(State::PinLastTry, tries_left)?;
                consent.accept_last_try(subject).await?;
                last_try = LastTry::Accepted;
            }
            self.progress.state(State::PinAsked, tries_left)?;
            let pin = match consent.ask_pin(subject, tries_left, remark).await {
                Err(Error::Card(cardea_card::Error::PinMalformed)) => {
                    remark = Some(Remark::Malformed);
                    continue;
                }
                answer => answer?,
            };
            self.progress.state(State::Signing, None)?;
            match self.sign(session, pin, last_try).await {
                Err(Error::Card(cardea_card::Error::PinIncorrect { tries_left: left }))
                    if left != Some(0) =>
                {
                    // One consent is for one try.
                    (tries_left, last_try) = (left, LastTry::Refused);
                    remark = Some(Remark::Incorrect { tries_left });
                    self.progress.state(State::PinIncorrect, tries_left)?;
                }
                // Another program used tries meanwhile; nothing was sent to the card.
                Err(Error::Card(cardea_card::Error::PinLastTry)) => tries_left = Some(1),
                Err(Error::Card(cardea_card::Error::PinIncorrect { .. })) => {
                    return Err(cardea_card::Error::PinBlocked.into());
                }
                signed => return signed,
            }
        }
        Err(Error::TooManyEntries)
    }

    async fn sign(
        &self,
        session: &CardSession,
        pin: Pin,
        last_try: LastTry,
    ) -> Result<(Statement, Signature), Error> {
        if self.accepted.lifetime.remaining().is_zero() {
            return Err(Error::ChallengeExpired);
        }
        let statement = self.statement(session).await?;
        let message = statement.input.as_bytes().to_vec();
        let abandonment = Abandonment::default();
        let signing = session.sign(pin, last_try, message, abandonment.clone());
        tokio::pin!(signing);
        tokio::select! {
            biased;
            signature = &mut signing => Ok((statement, signature?)),
            () = self.progress.page_gone() => {
                // Keeps a call that still waits for the card from using the PIN. The place in front
                // of the person stays taken until that call is over.
                abandonment.abandon();
                let _ = signing.await;
                Err(Error::PageGone)
            }
        }
    }

    async fn statement(&self, session: &CardSession) -> Result<Statement, Error> {
        const FAILED: Error = Error::Internal {
            reason: "the assertion could not be laid out",
        };
        let facts = session.facts().await?;
        let challenge = &self.accepted.challenge;
        let claims = challenge.claims();
        let presence_key = SigningKey::generate(Algorithm::Es256).map_err(|_| FAILED)?;
        let claims = AssertionClaims {
            aud: claims.iss.clone(),
            origin: self.accepted.origin.as_str().to_owned(),
            client_id: claims.client_id.clone(),
            challenge: challenge.hash().to_owned(),
            nonce: claims.nonce.clone(),
            jti: claims.jti.clone(),
            iat: self.accepted.lifetime.issuer_now(),
            card_serial: facts.serial.clone(),
            uv: UserVerification::Now,
            cnf: Confirmation {
                jkt: presence_key.kid().to_owned(),
            },
            instance_jkt: self.agent.instance_key.kid().to_owned(),
        };
        let algorithm = match facts.certificate.key_algorithm()?.signature_algorithm() {
            SignatureAlgorithm::Rs256 => Algorithm::Rs256,
            SignatureAlgorithm::Es256 => Algorithm::Es256,
        };
        let input = SigningInput::new(algorithm, &[facts.certificate.der()], &claims)
            .map_err(|_| FAILED)?;
        Ok(Statement {
            input,
            presence_key,
        })
    }

    fn consent<'a>(&'a self, session: &'a CardSession) -> Consent<'a> {
        Consent {
            prompt: &self.agent.prompt,
            language: self.agent.language,
            timeout: self.agent.prompt_timeout,
            lifetime: self.accepted.lifetime,
            progress: &self.progress,
            readers: self.agent.cards.watch(),
            insertion: session.insertion(),
        }
    }

    fn note_answer(&self, error: Option<&Error>) {
        let answer = match error {
            None => Answer::Given,
            Some(Error::PromptCancelled | Error::LastTryDeclined) => Answer::Cancelled,
            Some(_) => return,
        };
        self.agent
            .rate_limit
            .note_answer(&self.accepted.origin, answer, Instant::now());
    }
}
