//! A PIN that is typed on the reader's own keys: it never passes through this computer.
//!
//! The window with the portal's name stands while the reader waits for the PIN, and goes by itself.
//! No program can make a reader stop waiting: who cancels in the window is done at once, while the
//! call goes on until the reader is, and whatever it brings is thrown away unsigned, and leaves no
//! PIN verified.

use std::sync::{Arc, Mutex, PoisonError};

use cardea_card::Abandonment;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::verification::Asked;
use super::{Conversation, SignedStatement};
use crate::Error;
use crate::card_session::{CardSession, PinGiven};
use crate::progress::State;
use crate::prompt_text::Subject;

/// A call that a cancelled conversation left to the reader. Whoever holds the place in front of the
/// person keeps it until that is over.
#[derive(Debug, Default)]
pub(crate) struct Unfinished(Mutex<Option<JoinHandle<()>>>);

impl Unfinished {
    /// Resolves when nothing goes on any more.
    pub(crate) async fn over(&self) {
        let call = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(call) = call {
            let _ = call.await;
        }
    }
}

impl Conversation<'_> {
    /// Shows what the PIN is for while the reader asks for it.
    pub(super) async fn sign_on_reader(
        &self,
        session: &Arc<CardSession>,
        subject: &Subject,
        asked: Asked,
    ) -> Result<SignedStatement, Error> {
        let verification = self.with_pin(session, PinGiven::OnReader, asked).await;
        let abandonment = Abandonment::default();
        let (statement, order) = self
            .order(session, verification, abandonment.clone())
            .await?;
        let (reader_is_done, done) = oneshot::channel();
        let (signature, mut signed) = oneshot::channel();
        let signing_session = Arc::clone(session);
        let signing = tokio::spawn(async move {
            let _ = signature.send(signing_session.sign(order).await);
            drop(reader_is_done);
        });
        let shown = self
            .consent(session)
            .while_on_reader(subject, asked.tries_left, asked.remark, done)
            .await;
        if let Err(called_off) = shown {
            abandonment.abandon();
            *self
                .unfinished
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(signing);
            return Err(called_off);
        }
        self.progress.state(State::Signing, None)?;
        let signature = match signed.try_recv() {
            Ok(Err(Error::Card(cardea_card::Error::PinEntryCancelled))) => {
                return Err(Error::PromptCancelled);
            }
            Ok(Err(Error::Card(cardea_card::Error::PinEntryTimedOut))) => {
                return Err(Error::PromptTimedOut);
            }
            Ok(signature) => signature?,
            Err(_) => {
                return Err(Error::Internal {
                    reason: "a card call panicked",
                });
            }
        };
        Ok((statement, signature))
    }
}
