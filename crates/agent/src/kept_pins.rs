//! The PINs that count for more than one login, each as a note about a card that stays verified.
//!
//! A note ends, and the card forgets that its PIN was verified, at the policy's limit, when the
//! screen is locked, when the policy does not apply any more, and when the agent ends. When the
//! card leaves, the note is all that is left to end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardea_card::Insertion;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::card_session::CardSession;
use crate::pin_policy::VerifiedPin;
use crate::reader_watch::{self, ReaderState};

/// All notes of this agent: at most one for each insertion.
#[derive(Default)]
pub(crate) struct KeptPins {
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    list: Vec<Note>,
    /// How often all cards were locked.
    locked: u64,
}

struct Note {
    verified: VerifiedPin,
    session: Arc<CardSession>,
    limit: AbortHandle,
}

impl Drop for Note {
    fn drop(&mut self) {
        self.limit.abort();
    }
}

/// Taken before a PIN is asked: tells whether all cards were locked since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockCount(u64);

impl KeptPins {
    /// How often all cards were locked so far.
    pub(crate) fn lock_count(&self) -> LockCount {
        LockCount(self.lock().locked)
    }

    /// The PIN that was verified for this insertion.
    pub(crate) fn verified(&self, insertion: &Insertion) -> Option<VerifiedPin> {
        let notes = self.lock();
        let of_insertion = |note: &&Note| note.verified.kept_for.insertion == *insertion;
        notes
            .list
            .iter()
            .find(of_insertion)
            .map(|note| note.verified.clone())
    }

    /// Notes a PIN that this agent has just verified, and that the card keeps verified, in the
    /// place of an earlier one. When the cards were locked while the person typed, it ends at once.
    pub(crate) async fn note(
        self: &Arc<Self>,
        verified: VerifiedPin,
        session: Arc<CardSession>,
        (kept_max, before): (Duration, LockCount),
        states: watch::Receiver<ReaderState>,
    ) {
        let insertion = verified.kept_for.insertion.clone();
        let end = verified.verified_at.after(kept_max);
        let kept = Arc::downgrade(self);
        let limit = tokio::spawn(async move {
            let over = tokio::select! {
                () = end.reached() => true,
                () = reader_watch::ended(states, &insertion) => false,
            };
            let Some(kept) = kept.upgrade() else { return };
            // Taken out first: a note's end ends this very task.
            if over {
                tokio::spawn(async move { kept.clear(&insertion).await });
            } else {
                kept.forget(&insertion);
            }
        });
        let note = Note {
            verified,
            session,
            limit: limit.abort_handle(),
        };
        let locked_meanwhile = {
            let mut notes = self.lock();
            let insertion = &note.verified.kept_for.insertion;
            notes
                .list
                .retain(|other| other.verified.kept_for.insertion != *insertion);
            if LockCount(notes.locked) == before {
                notes.list.push(note);
                None
            } else {
                Some(note)
            }
        };
        if let Some(note) = locked_meanwhile {
            clear_card(&note.session).await;
        }
    }

    /// Drops the note of this insertion; the card is not talked to.
    pub(crate) fn forget(&self, insertion: &Insertion) {
        drop(self.take(insertion));
    }

    /// Ends the note of this insertion, if there is one.
    pub(crate) async fn clear(&self, insertion: &Insertion) {
        if let Some(note) = self.take(insertion) {
            clear_card(&note.session).await;
        }
    }

    /// Ends every note, and those that are about to be made.
    pub(crate) async fn clear_all(&self) {
        let ended = {
            let mut notes = self.lock();
            notes.locked += 1;
            std::mem::take(&mut notes.list)
        };
        let cleared = ended.iter().map(|note| clear_card(&note.session));
        futures_util::future::join_all(cleared).await;
    }

    fn take(&self, insertion: &Insertion) -> Option<Note> {
        let mut notes = self.lock();
        let of_insertion = |note: &Note| note.verified.kept_for.insertion == *insertion;
        let index = notes.list.iter().position(of_insertion)?;
        Some(notes.list.swap_remove(index))
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the card forget that its PIN was verified. A card that cannot be reached for it loses the
/// connection that kept it.
async fn clear_card(session: &CardSession) {
    match session.clear_pin().await {
        Ok(()) => tracing::info!("the card asks for its PIN again"),
        Err(crate::Error::Card(cardea_card::Error::CardRemoved)) => {}
        Err(error) => {
            tracing::warn!(code = error.code(), %error, "the card's PIN state was not cleared");
        }
    }
}
