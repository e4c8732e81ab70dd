//! How the person is verified: by a PIN on the keyboard or on the reader, by one that was typed
//! before, or, on a contactless reader, not at all. The policy decides, never hope.

use std::sync::Arc;

use cardea_assertion::UserVerification;
use cardea_card::{LastTry, PinMeans};

use super::{Conversation, SignedStatement, Verification};
use crate::Error;
use crate::boot_clock::SinceBoot;
use crate::card_session::{CardSession, PinGiven};
use crate::kept_pins::{KeepOrder, LockCount, NewNote};
use crate::pin_policy::{Circumstances, KeptFor, PinNeeded, PinPolicy, VerifiedPin};
use crate::progress::State;
use crate::prompt_text::{Remark, Subject};
use crate::reader_patience::patiently;

/// Prompts of one conversation, mistyped ones included.
const ENTRIES_MAX: usize = 8;

/// One question for the PIN.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) tries_left: Option<u8>,
    pub(super) remark: Option<Remark>,
    pub(super) last_try: LastTry,
    /// Taken before the person was asked: a lock of the screen since then undoes a kept PIN.
    pub(super) locked_before: LockCount,
}

impl Conversation<'_> {
    /// Verifies the person in the way that card, policy and challenge allow, and has the card sign.
    pub(super) async fn verify_and_sign(
        &self,
        session: &Arc<CardSession>,
        subject: &Subject,
    ) -> Result<SignedStatement, Error> {
        let means = patiently(self.progress, session.pin_means()).await?;
        if means == PinMeans::None {
            return self.sign_contactless(session, subject).await;
        }
        if self.may_go_without_pin(session).await
            && let Some(signed) = self.sign_with_kept_pin(session, subject).await?
        {
            return Ok(signed);
        }
        self.sign_with_pin(session, subject, means).await
    }

    /// The circumstances of this login as the policy sees them, handed to `look`.
    fn circumstances<R>(
        &self,
        session: &CardSession,
        look: impl FnOnce(&Circumstances<'_>) -> R,
    ) -> Option<R> {
        let agent = self.agent;
        let asked = KeptFor {
            insertion: session.insertion().clone(),
            issuer: self.accepted.wanted.issuer().to_owned(),
            // A program has no page, and always needs the PIN.
            origin: self.accepted.wanted.origin()?.clone(),
        };
        let verified = agent.kept_pins.verified(&asked.insertion);
        Some(look(&Circumstances {
            policy: agent.pin_policy,
            allowed: self.accepted.wanted.allowed(),
            // Who can log on may have changed since the agent began.
            several_users: agent.pin_policy != PinPolicy::Strict && (agent.several_users)(),
            outlasts_lock: !agent.screen.lets_pins_be_kept(),
            verified: verified.as_ref(),
            asked: &asked,
            now: SinceBoot::now(),
        }))
    }

    /// Whether a click will do. A kept PIN that can serve nobody any more ends here.
    async fn may_go_without_pin(&self, session: &CardSession) -> bool {
        match self.circumstances(session, |now| now.may_go_without()) {
            Some(Ok(())) => {}
            // This login alone wants the PIN; the one before still counts for others.
            None | Some(Err(PinNeeded::ChallengeWantsIt | PinNeeded::NotVerified)) => return false,
            Some(Err(reason)) => {
                tracing::debug!(?reason, "the PIN is asked");
                self.agent.kept_pins.clear(session.insertion()).await;
                return false;
            }
        }
        // Another program may have reset the card, or cleared its PIN state.
        let status = patiently(self.progress, session.pin_status()).await;
        let verified = status.is_ok_and(|status| status.verified);
        if !verified {
            tracing::info!("the card's PIN is not verified any more");
            self.agent.kept_pins.clear(session.insertion()).await;
        }
        verified
    }

    /// One click; nothing when the card wants its PIN after all.
    async fn sign_with_kept_pin(
        &self,
        session: &CardSession,
        subject: &Subject,
    ) -> Result<Option<SignedStatement>, Error> {
        self.progress.state(State::ConfirmAsked, None)?;
        self.consent(session).use_kept_pin(subject).await?;
        // The limit, or a lock of the screen, may have come while the question stood there.
        if !self.may_go_without_pin(session).await {
            return Ok(None);
        }
        self.progress.state(State::Signing, None)?;
        let verification = Verification {
            pin: PinGiven::Verified,
            last_try: LastTry::Refused,
            keep: Some(KeepOrder::as_noted(
                &self.agent.kept_pins,
                session.insertion(),
            )),
            uv: UserVerification::Cached,
        };
        match self.sign(session, verification).await {
            Err(Error::Card(cardea_card::Error::PinNotVerified)) => {
                self.agent.kept_pins.clear(session.insertion()).await;
                Ok(None)
            }
            signed => signed.map(Some),
        }
    }

    /// Possession alone, where the interface takes no PIN: only if the challenge says that it does.
    async fn sign_contactless(
        &self,
        session: &CardSession,
        subject: &Subject,
    ) -> Result<SignedStatement, Error> {
        if self.accepted.wanted.allowed() != UserVerification::None {
            return Err(Error::PinWantedContactless);
        }
        self.progress.state(State::ConfirmAsked, None)?;
        self.consent(session).use_contactless(subject).await?;
        self.progress.state(State::Signing, None)?;
        let verification = Verification {
            pin: PinGiven::NotAsked,
            last_try: LastTry::Refused,
            keep: None,
            uv: UserVerification::None,
        };
        self.sign(session, verification).await
    }

    /// Asks for the PIN until the card signs. A wrong PIN is asked again with the tries left; the
    /// last try is used only after the person accepted it (attack D9).
    async fn sign_with_pin(
        &self,
        session: &Arc<CardSession>,
        subject: &Subject,
        means: PinMeans,
    ) -> Result<SignedStatement, Error> {
        let status = patiently(self.progress, session.known_pin_status()).await?;
        if status.blocked {
            return Err(cardea_card::Error::PinBlocked.into());
        }
        let mut asked = Asked {
            tries_left: status.tries_left,
            remark: None,
            last_try: LastTry::Refused,
            locked_before: self.agent.kept_pins.lock_count(),
        };
        for _ in 0..ENTRIES_MAX {
            if asked.tries_left == Some(1) && asked.last_try == LastTry::Refused {
                self.progress.state(State::PinLastTry, asked.tries_left)?;
                self.consent(session).accept_last_try(subject).await?;
                asked.last_try = LastTry::Accepted;
            }
            let asking = match means {
                PinMeans::Reader => State::PinOnReader,
                _ => State::PinAsked,
            };
            self.progress.state(asking, asked.tries_left)?;
            match self.ask_and_sign(session, subject, means, asked).await {
                Err(Error::Card(cardea_card::Error::PinMalformed)) => {
                    asked.remark = Some(Remark::Malformed);
                }
                Err(Error::Card(cardea_card::Error::PinIncorrect { tries_left }))
                    if tries_left != Some(0) =>
                {
                    // One consent is for one try.
                    (asked.tries_left, asked.last_try) = (tries_left, LastTry::Refused);
                    asked.remark = Some(Remark::Incorrect { tries_left });
                    self.progress.state(State::PinIncorrect, tries_left)?;
                }
                // Another program used tries meanwhile; nothing was sent to the card.
                Err(Error::Card(cardea_card::Error::PinLastTry)) => asked.tries_left = Some(1),
                Err(Error::Card(cardea_card::Error::PinIncorrect { .. })) => {
                    return Err(cardea_card::Error::PinBlocked.into());
                }
                signed => return signed,
            }
        }
        Err(Error::TooManyEntries)
    }

    async fn ask_and_sign(
        &self,
        session: &Arc<CardSession>,
        subject: &Subject,
        means: PinMeans,
        asked: Asked,
    ) -> Result<SignedStatement, Error> {
        if means == PinMeans::Reader {
            return self.sign_on_reader(session, subject, asked).await;
        }
        let consent = self.consent(session);
        let pin = consent
            .ask_pin(subject, asked.tries_left, asked.remark)
            .await?;
        self.progress.state(State::Signing, None)?;
        let verification = self.with_pin(session, PinGiven::Typed(pin), asked).await;
        self.sign(session, verification).await
    }

    /// The verification by a PIN that the person types now, with what becomes of that PIN.
    pub(super) async fn with_pin(
        &self,
        session: &Arc<CardSession>,
        pin: PinGiven,
        asked: Asked,
    ) -> Verification {
        Verification {
            pin,
            last_try: asked.last_try,
            keep: self.keeping(session, asked.locked_before).await,
            uv: UserVerification::Now,
        }
    }

    /// Decides what becomes of a PIN that is typed now. A note that this login does not fit into
    /// ends.
    async fn keeping(
        &self,
        session: &Arc<CardSession>,
        locked_before: LockCount,
    ) -> Option<KeepOrder> {
        let kept_pins = &self.agent.kept_pins;
        let decided = self.circumstances(session, |now| {
            let for_others = Circumstances {
                allowed: UserVerification::Cached,
                ..now.clone()
            };
            (
                now.may_keep(),
                for_others.may_go_without(),
                now.asked.clone(),
            )
        });
        match decided {
            Some((Ok(kept_max), _, kept_for)) => {
                // From before the order: a reader with keys may wait for a minute.
                let verified_at = SinceBoot::now();
                let new = NewNote {
                    verified: VerifiedPin {
                        kept_for,
                        verified_at,
                    },
                    session: Arc::clone(session),
                    end: verified_at.after(kept_max),
                    locked_before,
                    states: self.agent.cards.watch().subscribe(),
                };
                Some(KeepOrder::with_note(kept_pins, new))
            }
            // This login wants the PIN; what was noted before goes on for others as it was.
            Some((Err(PinNeeded::ChallengeWantsIt), Ok(()), _)) => {
                // Our own verified state, taken for another program's, would never be cleared.
                if let Err(error) = session.clear_pin().await {
                    tracing::warn!(code = error.code(), %error, "the PIN state was not cleared");
                }
                Some(KeepOrder::as_noted(kept_pins, session.insertion()))
            }
            _ => {
                kept_pins.clear(session.insertion()).await;
                None
            }
        }
    }
}
