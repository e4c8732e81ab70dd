//! The connection to one card, and whether a PIN stays verified on it.

use std::time::Duration;

use cardea_card::{Abandonment, Card, CardThread, Error};

/// Held by one call at a time.
pub(super) struct Connection {
    thread: CardThread,
    /// The card keeps a verified PIN: the connection outlasts the call.
    pub(super) keeps_pin: bool,
}

impl Connection {
    pub(super) fn new(thread: CardThread) -> Self {
        Self {
            thread,
            keeps_pin: false,
        }
    }

    /// One call on the card's own thread.
    pub(super) fn call<R: Send + 'static>(
        &mut self,
        limit: Duration,
        abandonment: &Abandonment,
        work: impl FnOnce(&mut dyn Card) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        self.thread.call(limit, abandonment, work)
    }

    /// Has the card forget the PIN that it keeps, if it keeps one; tells whether it did. Nothing
    /// gives this up.
    pub(super) fn clear_pin(&mut self, limit: Duration) -> Result<bool, Error> {
        if !std::mem::take(&mut self.keeps_pin) {
            return Ok(false);
        }
        self.thread
            .call(limit, &Abandonment::default(), |card| card.clear_pin())?;
        Ok(true)
    }

    /// A connection that stays open keeps other programs from exclusive use, so only a PIN that the
    /// operator wants kept is worth one.
    pub(super) fn close_if_unused(&mut self) {
        if !self.keeps_pin {
            self.thread.close();
        }
    }
}
