//! The conversation that ends in a card's signature, whoever asked for it.
//!
//! wait for a card → read it → ask the PIN → sign → countersign. Whoever asked and the card can go
//! away at any step, and nothing is asked or signed then.

use std::sync::Arc;

use cardea_assertion::{SigningInput, UserVerification};
use cardea_card::{Abandonment, Insertion, LastTry, Signature};
use cardea_jose::{Algorithm, SigningKey};

use crate::Error;
use crate::agent::Agent;
use crate::card_session::{CardSession, PinGiven, SignOrder};
use crate::challenge_check::AcceptedChallenge;
use crate::consent::Consent;
use crate::kept_pins::KeepOrder;
use crate::progress::{Progress, State};
use crate::prompt_text::{Subject, days_until};
use crate::reader_patience::{announced, patiently};
use crate::reader_watch::ReaderState;

mod choice_of_card;
mod on_reader;
mod verification;

pub(crate) use on_reader::Unfinished;

/// One conversation under way. Its caller holds the only place in front of the person.
pub(crate) struct Conversation<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) accepted: &'a AcceptedChallenge,
    pub(crate) progress: &'a Progress,
    /// What may still go on when this has ended.
    pub(crate) unfinished: &'a Unfinished,
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
    uv: UserVerification,
}

/// How the person is verified for one signature, and what is left of it.
struct Verification {
    pin: PinGiven,
    last_try: LastTry,
    keep: Option<KeepOrder>,
    uv: UserVerification,
}

/// The statement, and the card's signature of it.
type SignedStatement = (Statement, Signature);

impl Conversation<'_> {
    /// Goes all the way to both signatures.
    pub(crate) async fn run(&self) -> Result<Signed, Error> {
        let session = match self.accepted.wanted.insertion() {
            Some(insertion) => self.card_of(insertion)?,
            None => self.find_card().await?,
        };
        let subject = self.subject(&session).await?;
        self.progress.state(State::CardFound, None)?;
        let (statement, signature) = self.verify_and_sign(&session, &subject).await?;
        if !self.agent.cards.watch().now().holds(session.insertion()) {
            return Err(Error::CardChanged);
        }
        self.progress.check_page()?;
        let Statement {
            input,
            presence_key,
            uv,
        } = statement;
        let statement = input.into_assertion(signature.jws_bytes());
        let instance_key = &self.agent.instance_key;
        let reader = session.insertion().reader();
        let attested = (uv, reader);
        let attestation = self
            .accepted
            .wanted
            .attest(&statement, instance_key, attested)?;
        Ok(Signed {
            statement,
            attestation,
            presence_key,
            session,
        })
    }

    /// The card that is in this very insertion, and no other.
    fn card_of(&self, insertion: &Insertion) -> Result<Arc<CardSession>, Error> {
        let cards = &self.agent.cards;
        let mut sessions = cards.sessions(&cards.watch().now()).into_iter();
        let session = sessions.find(|session| session.insertion() == insertion);
        session.ok_or_else(|| cardea_card::Error::CardRemoved.into())
    }

    /// Waits for a card as long as the challenge lives; asks which, where there are several.
    async fn find_card(&self) -> Result<Arc<CardSession>, Error> {
        let mut states = self.agent.cards.watch().subscribe();
        let mut told = None;
        loop {
            let state = states.borrow_and_update().clone();
            let sessions = self.agent.cards.sessions(&state);
            match sessions.as_slice() {
                [] => {}
                [session] => return Ok(Arc::clone(session)),
                several => return self.choose(several).await,
            }
            let wanting = wanting(&state);
            if let Some(wanting) = wanting
                && told != Some(wanting)
            {
                self.progress.state(wanting, None)?;
                told = Some(wanting);
            }
            let deadline = tokio::time::Instant::from_std(self.accepted.lifetime.deadline());
            tokio::select! {
                biased;
                () = self.progress.page_gone() => return Err(Error::PageGone),
                changed = states.changed() => {
                    changed.map_err(|_| Error::Internal { reason: "nobody watches the readers" })?;
                }
                () = tokio::time::sleep_until(deadline) => {
                    return Err(match wanting {
                        Some(State::InsertCard) => cardea_card::Error::NoCard.into(),
                        Some(State::ReaderServiceDown) => {
                            cardea_card::Error::ReaderServiceUnavailable.into()
                        }
                        _ => cardea_card::Error::NoReader.into(),
                    });
                }
            }
        }
    }

    /// What a prompt about this card says. Nothing is asked about an expired card, by the time of
    /// the issuer, who would refuse it.
    async fn subject(&self, session: &CardSession) -> Result<Subject, Error> {
        let facts = patiently(self.progress, session.facts()).await?;
        let now = self.accepted.lifetime.issuer_now();
        let days = days_until(facts.certificate.not_after(), now);
        if days < 0 {
            return Err(Error::CardExpired {
                days_ago: days.saturating_neg(),
            });
        }
        let issuer_name = &self.accepted.issuer.enrolment.name;
        Ok(Subject::new(
            &self.accepted.wanted,
            issuer_name,
            &facts.certificate,
            &facts.name,
            now,
        ))
    }

    async fn sign(
        &self,
        session: &CardSession,
        verification: Verification,
    ) -> Result<SignedStatement, Error> {
        let abandonment = Abandonment::default();
        let (statement, order) = self
            .order(session, verification, abandonment.clone())
            .await?;
        let signing = announced(self.progress, session.sign(order));
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

    async fn order(
        &self,
        session: &CardSession,
        verification: Verification,
        abandonment: Abandonment,
    ) -> Result<(Statement, SignOrder), Error> {
        if self.accepted.lifetime.remaining().is_zero() {
            return Err(Error::ChallengeExpired);
        }
        // It may have been locked since the PIN was asked.
        self.agent.presence.check_screen()?;
        let Verification {
            pin,
            last_try,
            keep,
            uv,
        } = verification;
        let statement = self.statement(session, uv).await?;
        let order = SignOrder {
            pin,
            last_try,
            keep,
            message: statement.input.as_bytes().to_vec(),
            abandonment,
        };
        Ok((statement, order))
    }

    async fn statement(
        &self,
        session: &CardSession,
        uv: UserVerification,
    ) -> Result<Statement, Error> {
        let facts = session.facts().await?;
        let presence_key = SigningKey::generate(Algorithm::Es256).map_err(|_| Error::Internal {
            reason: "the presence key could not be made",
        })?;
        let AcceptedChallenge {
            wanted, lifetime, ..
        } = self.accepted;
        let instance_key = &self.agent.instance_key;
        let input = wanted.statement(facts, *lifetime, &presence_key, instance_key, uv)?;
        Ok(Statement {
            input,
            presence_key,
            uv,
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

/// What the person is to see to before a card can be read; nothing as long as nobody has looked.
fn wanting(state: &ReaderState) -> Option<State> {
    match state {
        ReaderState::Unseen => None,
        ReaderState::Unavailable(_) => Some(State::ReaderServiceDown),
        ReaderState::Readers(readers) if readers.is_empty() => Some(State::ReaderMissing),
        ReaderState::Readers(_) => Some(State::InsertCard),
    }
}
