//! Whether other programs are connected to a card.

use std::ffi::CStr;
use std::time::{Duration, Instant};

use pcsc::{Context, ReaderState, State};

/// How long "nobody else" is believed: long enough to connect and to begin a transaction, too short
/// for another program to connect, select something and give the reader up again meanwhile.
const BELIEVED: Duration = Duration::from_millis(50);

/// What the service said just before we connected; afterwards our own connection counts, too.
pub(super) struct Company {
    was_alone: bool,
    looked: Instant,
}

impl Company {
    pub(super) fn look(context: &Context, reader: &CStr) -> Self {
        let looked = Instant::now();
        let mut states = [ReaderState::new(reader, State::UNAWARE)];
        let was_alone = context
            .get_status_change(Duration::ZERO, &mut states)
            .is_ok_and(|()| {
                let [state] = &states;
                !state
                    .event_state()
                    .intersects(State::INUSE | State::EXCLUSIVE)
            });
        Self { was_alone, looked }
    }

    /// Whether another program may be at the card now. Anything unclear counts as "yes".
    pub(super) fn may_be_there(&self) -> bool {
        !self.was_alone || self.looked.elapsed() > BELIEVED
    }
}
