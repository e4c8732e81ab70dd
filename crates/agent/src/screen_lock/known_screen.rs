//! What is known of the screen, for whoever wants a PIN to count until it is locked.

use tokio::sync::watch;

/// The screen as far as a kept PIN is concerned.
#[derive(Debug)]
pub(crate) struct KnownScreen {
    state: watch::Sender<State>,
    /// The administrator has PINs kept where nobody tells of a lock.
    unwatched_will_do: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    is_followed: bool,
    is_left: bool,
}

impl KnownScreen {
    /// Nothing is followed yet.
    pub(crate) fn new(unwatched_will_do: bool) -> Self {
        Self {
            state: watch::Sender::default(),
            unwatched_will_do,
        }
    }

    /// Whether a PIN that is kept now ends when the screen is locked, or need not.
    pub(crate) fn ends_kept_pins(&self) -> bool {
        self.unwatched_will_do || self.state().is_followed
    }

    /// Whether a PIN may be kept now: behind a locked screen there is nobody to type one.
    pub(crate) fn lets_pins_be_kept(&self) -> bool {
        self.ends_kept_pins() && !self.state().is_left
    }

    /// Whether nobody is in front of the screen, as far as is known.
    pub(crate) fn is_left(&self) -> bool {
        self.state().is_left
    }

    /// Tells of each change.
    pub(crate) fn changes(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Takes news in; tells whether PINs that are kept must end because of them: their end at the
    /// lock is certain no more.
    pub(super) fn is_now(&self, is_followed: bool, is_left: bool) -> bool {
        let before = self.ends_kept_pins();
        let now = State {
            is_followed,
            is_left,
        };
        self.state
            .send_if_modified(|state| std::mem::replace(state, now) != now);
        before && !self.ends_kept_pins()
    }

    fn state(&self) -> State {
        *self.state.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_kept_where_its_end_at_the_lock_is_certain() {
        let screen = KnownScreen::new(false);
        assert!(!screen.lets_pins_be_kept(), "nothing is known");
        assert!(!screen.is_now(true, false));
        assert!(screen.lets_pins_be_kept());
        assert!(!screen.is_now(true, true));
        assert!(!screen.lets_pins_be_kept(), "locked");
        assert!(screen.ends_kept_pins());
        assert!(!screen.is_now(true, false));
        assert!(screen.is_now(false, false), "what is kept ends");
        assert!(!screen.lets_pins_be_kept());
    }

    #[test]
    fn an_administrator_may_do_without() {
        let screen = KnownScreen::new(true);
        assert!(screen.lets_pins_be_kept());
        assert!(!screen.is_now(true, false) && !screen.is_now(false, false));
        assert!(screen.lets_pins_be_kept());
        screen.is_now(true, true);
        assert!(!screen.lets_pins_be_kept(), "a lock that is heard counts");
    }
}
