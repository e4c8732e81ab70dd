//! The PINs that count for more than one login, each as a note about a card that stays verified.
//!
//! A note ends, and the card forgets that its PIN was verified, at the policy's limit, when the
//! screen is locked, when the policy does not apply any more, and when the agent ends. When the
//! card leaves, the note is all that is left to end.
//!
//! No card stays verified without a note: what is to be kept is fixed before the order is given to
//! the card ([`KeepOrder`]), and is noted at the order's end by the call itself, whoever still
//! waits for it. An order that ends without a note clears the card.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cardea_card::Insertion;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::boot_clock::SinceBoot;
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
    /// place of an earlier one; unless its time is over or the cards were locked meanwhile.
    fn note(self: &Arc<Self>, new: NewNote) {
        let NewNote {
            verified,
            session,
            end,
            locked_before,
            states,
        } = new;
        if SinceBoot::now() >= end {
            return;
        }
        let insertion = verified.kept_for.insertion.clone();
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
        let mut notes = self.lock();
        if LockCount(notes.locked) == locked_before {
            let insertion = &note.verified.kept_for.insertion;
            notes
                .list
                .retain(|other| other.verified.kept_for.insertion != *insertion);
            notes.list.push(note);
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

    /// Ends every note, those that are about to be made, and what these cards keep or are about to
    /// keep.
    pub(crate) async fn clear_all(&self, sessions: Vec<Arc<CardSession>>) {
        let ended = {
            let mut notes = self.lock();
            notes.locked += 1;
            std::mem::take(&mut notes.list)
        };
        let noted = ended.iter().map(|note| &note.session);
        let cleared = noted.chain(&sessions).map(|session| clear_card(session));
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

/// What one order to the card is to keep, fixed before the order is given.
pub(crate) struct KeepOrder {
    kept_pins: Arc<KeptPins>,
    insertion: Insertion,
    new: Option<NewNote>,
}

/// A note to be made.
pub(crate) struct NewNote {
    pub(crate) verified: VerifiedPin,
    pub(crate) session: Arc<CardSession>,
    /// When it ends.
    pub(crate) end: SinceBoot,
    /// Before the person was asked.
    pub(crate) locked_before: LockCount,
    pub(crate) states: watch::Receiver<ReaderState>,
}

impl KeepOrder {
    /// A PIN that is typed for this order counts for others from now on.
    pub(crate) fn with_note(kept_pins: &Arc<KeptPins>, new: NewNote) -> Self {
        Self {
            kept_pins: Arc::clone(kept_pins),
            insertion: new.verified.kept_for.insertion.clone(),
            new: Some(new),
        }
    }

    /// What was noted before goes on as it was.
    pub(crate) fn as_noted(kept_pins: &Arc<KeptPins>, insertion: &Insertion) -> Self {
        Self {
            kept_pins: Arc::clone(kept_pins),
            insertion: insertion.clone(),
            new: None,
        }
    }

    /// The order is over, and the card keeps its PIN verified. Whether it may: only with a note,
    /// and never for an order that nobody waited for any more.
    ///
    /// Whoever calls this keeps everybody else from the card until the answer is heeded.
    pub(crate) fn done(mut self, wanted: bool) -> bool {
        if !wanted {
            self.kept_pins.forget(&self.insertion);
            return false;
        }
        if let Some(new) = self.new.take() {
            self.kept_pins.note(new);
        }
        self.is_noted()
    }

    /// Whether there is a note of this card.
    pub(crate) fn is_noted(&self) -> bool {
        self.kept_pins.verified(&self.insertion).is_some()
    }

    /// The order is over, and the card keeps nothing: some cards and modules never do.
    pub(crate) fn failed(self) {
        self.kept_pins.forget(&self.insertion);
    }
}

/// Makes the card forget that its PIN was verified. A card that cannot be reached for it loses the
/// connection that kept it.
async fn clear_card(session: &CardSession) {
    match session.clear_pin().await {
        Ok(true) => tracing::info!("the card asks for its PIN again"),
        Ok(false) | Err(crate::Error::Card(cardea_card::Error::CardRemoved)) => {}
        Err(error) => {
            tracing::warn!(code = error.code(), %error, "the card's PIN state was not cleared");
        }
    }
}
