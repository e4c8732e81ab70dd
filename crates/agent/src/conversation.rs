//! The conversation that ends in a card's signature, whoever asked for it.
//!
//! wait for a card → read it → ask the PIN → sign → countersign. Whoever asked and the card can go
//! away at any step, and nothing is asked or signed then.

use std::sync::Arc;

use cardea_assertion::{SigningInput, UserVerification};
use cardea_card::{Abandonment, LastTry, Pin, Signature};
use cardea_jose::{Algorithm, SigningKey};

use crate::Error;
use crate::agent::Agent;
use crate::card_session::CardSession;
use crate::challenge_check::AcceptedChallenge;
use crate::consent::Consent;
use crate::pin_prompt::Choice;
use crate::progress::{Progress, State};
use crate::prompt_text::{Remark, Subject};
use crate::reader_patience::{announced, patiently};

/// Prompts of one conversation, mistyped ones included.
const ENTRIES_MAX: usize = 8;

/// One conversation under way. Its caller holds the only place in front of the person.
pub(crate) struct Conversation<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) accepted: &'a AcceptedChallenge,
    pub(crate) progress: &'a Progress,
}

/// What the card signed, and the key that tells of its presence from now on.
pub(crate) struct Signed {
    pub(crate) statement: String,
    pub(crate) attestation: String,
    pub(crate) presence_key: SigningKey,
    pub(crate) session: Arc<CardSession>,
}

/// What the card's signature covers, and the fresh key in it.
struct Statement {
    input: SigningInput,
    presence_key: SigningKey,
}

impl Conversation<'_> {
    /// Goes all the way to both signatures.
    pub(crate) async fn run(&self) -> Result<Signed, Error> {
        let session = self.find_card().await?;
        let subject = self.subject(&session).await?;
        self.progress.state(State::CardFound, None)?;
        let (statement, signature) = self.sign_with_pin(&session, &subject).await?;
        if !self.agent.cards.watch().now().holds(session.insertion()) {
            return Err(Error::CardChanged);
        }
        self.progress.check_page()?;
        let Statement {
            input,
            presence_key,
        } = statement;
        let statement = input.into_assertion(signature.jws_bytes());
        let instance_key = &self.agent.instance_key;
        let attestation =
            self.accepted
                .wanted
                .attest(&statement, instance_key, UserVerification::Now)?;
        Ok(Signed {
            statement,
            attestation,
            presence_key,
            session,
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
        let facts = patiently(self.progress, session.facts()).await?;
        let issuer_name = &self.accepted.issuer.enrolment.name;
        Ok(Subject::new(
            &self.accepted.wanted,
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
        let status = patiently(self.progress, session.pin_status()).await?;
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
        let signing = announced(self.progress, signing);
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
        let facts = session.facts().await?;
        let presence_key = SigningKey::generate(Algorithm::Es256).map_err(|_| Error::Internal {
            reason: "the presence key could not be made",
        })?;
        let AcceptedChallenge {
            wanted, lifetime, ..
        } = self.accepted;
        let instance_key = &self.agent.instance_key;
        let input = wanted.statement(
            facts,
            *lifetime,
            &presence_key,
            instance_key,
            UserVerification::Now,
        )?;
        Ok(Statement {
            input,
            presence_key,
        })
    }

    fn consent<'b>(&'b self, session: &'b CardSession) -> Consent<'b> {
        Consent {
            prompt: &self.agent.prompt,
            language: self.agent.language,
            timeout: self.agent.prompt_timeout,
            lifetime: self.accepted.lifetime,
            progress: self.progress,
            readers: self.agent.cards.watch(),
            insertion: session.insertion(),
        }
    }
}
