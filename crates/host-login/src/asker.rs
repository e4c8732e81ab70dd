//! Whoever asked: she presses Enter, or goes away.

use std::io::Read as _;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::Error;

/// What is known of whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waits,
    PressedEnter,
    Gone,
}

/// The other end of standard input, and what ends this program before its time.
pub(crate) struct Asker {
    state: watch::Receiver<State>,
    signals: [Signal; 3],
}

impl Asker {
    /// Listens from now on until the program ends.
    pub(crate) fn listen() -> Result<Self, Error> {
        // The module's process may be killed while a copy of its socket stays open elsewhere.
        let signalled = rustix::process::Signal::TERM;
        rustix::process::set_parent_process_death_signal(Some(signalled))
            .map_err(|_| Error::RuntimeFailed)?;
        // A terminal's Ctrl-C and its end reach this program too: it takes its request back first.
        let listen = |kind| signal(kind).map_err(|_| Error::RuntimeFailed);
        let signals = [
            listen(SignalKind::terminate())?,
            listen(SignalKind::interrupt())?,
            listen(SignalKind::hangup())?,
        ];
        let (sender, state) = watch::channel(State::Waits);
        // A thread of its own: reading cannot be taken back, and the program may end meanwhile.
        std::thread::spawn(move || {
            let mut input = std::io::stdin().lock();
            let mut byte = [0];
            while input.read(&mut byte).is_ok_and(|bytes| bytes > 0) {
                if byte == *b"\n" {
                    sender.send_replace(State::PressedEnter);
                }
            }
            sender.send_replace(State::Gone);
        });
        Ok(Self { state, signals })
    }

    /// Waits until nobody is there any more.
    pub(crate) async fn gone(&mut self) {
        let [terminated, interrupted, hung_up] = &mut self.signals;
        tokio::select! {
            // A closed channel says the same.
            _ = self.state.wait_for(|it| *it == State::Gone) => {}
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
            _ = hung_up.recv() => {}
        }
    }

    /// Waits for Enter.
    pub(crate) async fn pressed_enter(&mut self) -> Result<(), Error> {
        let mut state = self.state.clone();
        let pressed = state.wait_for(|it| *it != State::Waits);
        let is_there = tokio::select! {
            state = pressed => state.is_ok_and(|it| *it == State::PressedEnter),
            () = self.gone() => false,
        };
        is_there.then_some(()).ok_or(Error::Abandoned)
    }
}
