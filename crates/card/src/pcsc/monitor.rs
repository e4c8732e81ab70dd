//! Watching PC/SC readers: SCardGetStatusChange blocks until something changes; nothing polls.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pcsc::{Context, ReaderState, Scope, State};

use super::epoch::{Asleep, Epoch};
use super::from_pcsc;
use crate::{CancelHandle, CardPresence, Error, Reader, ReaderMonitor, WaitOutcome};

/// Longest single wait. pcsc-lite compares the number of readers with the one at the beginning of
/// the call, so a reader plugged in just before would be missed; this bounds for how long.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How often a reader may vanish between two calls before that counts as a fault.
const VANISHED_MAX: usize = 5;
/// A cancel request is lost when the wait has not begun yet, so it is repeated this often …
const CANCEL_ATTEMPTS: usize = 200;
/// … with this pause.
const CANCEL_PAUSE: Duration = Duration::from_millis(5);

/// Looks at one reader now.
pub(super) fn look_at(context: &Context, reader: &str) -> Result<Reader, Error> {
    let name = CString::new(reader).map_err(|_| Error::NoReader)?;
    let mut states = [ReaderState::new(name, State::UNAWARE)];
    context
        .get_status_change(Duration::ZERO, &mut states)
        .map_err(from_pcsc)?;
    let [state] = states;
    Ok(Seen::of(&state).reader(reader))
}

/// Insertions and removals that each reader has seen, by its name. Empty where the service cannot
/// be reached.
#[cfg(feature = "pkcs11")]
pub(crate) fn event_counts() -> BTreeMap<String, u32> {
    let readers = PcscMonitor::new().readers().unwrap_or_default();
    readers
        .into_iter()
        .map(|reader| (reader.name, reader.event_count))
        .collect()
}

/// Watches every PC/SC reader.
pub(crate) struct PcscMonitor {
    shared: Arc<Shared>,
    context: Option<Context>,
    /// When the context was made, and until when the machine had slept then.
    epoch: Epoch,
    asleep: Asleep,
    /// What each reader looked like last, by name.
    seen: BTreeMap<CString, Seen>,
}

/// What a cancel handle shares with its monitor.
#[derive(Default)]
struct Shared {
    cancelled: AtomicBool,
    waiting: AtomicBool,
    context: Mutex<Option<Context>>,
}

/// The state of one reader as the service reported it.
#[derive(Clone)]
struct Seen {
    /// State bits with the event counter in the upper half, to be handed back to the service.
    state: State,
    event_count: u32,
    atr: Vec<u8>,
}

impl Seen {
    fn of(state: &ReaderState) -> Self {
        let event_count = Epoch::now().count(state.event_count());
        let mut bits = state.event_state();
        bits.remove(State::CHANGED);
        let counter = State::from_bits_retain((state.event_count() << 16).into());
        Self {
            state: bits | counter,
            event_count,
            atr: state.atr().to_vec(),
        }
    }

    fn reader(&self, name: &str) -> Reader {
        let card = if !self.state.contains(State::PRESENT) {
            CardPresence::Absent
        } else if self.state.contains(State::MUTE) {
            CardPresence::Mute
        } else {
            let exclusive = self.state.contains(State::EXCLUSIVE);
            CardPresence::Present {
                atr: self.atr.clone(),
                exclusive,
            }
        };
        Reader {
            name: name.to_owned(),
            card,
            event_count: self.event_count,
        }
    }
}

impl PcscMonitor {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::default(),
            context: None,
            epoch: Epoch::now(),
            asleep: Asleep::now(),
            seen: BTreeMap::new(),
        }
    }

    /// The readers as the last call found them.
    #[cfg(feature = "pkcs11")]
    pub(crate) fn last_seen(&self) -> Vec<Reader> {
        self.snapshot()
    }

    fn snapshot(&self) -> Vec<Reader> {
        self.seen
            .iter()
            .map(|(name, seen)| seen.reader(&name.to_string_lossy()))
            .collect()
    }

    /// The connection to the service, made anew after a failure.
    fn context(&mut self) -> Result<Context, Error> {
        if let Some(context) = &self.context {
            return Ok(context.clone());
        }
        let context = Context::establish(Scope::User).map_err(from_pcsc)?;
        self.context = Some(context.clone());
        self.epoch = Epoch::now();
        *lock(&self.shared) = Some(context.clone());
        Ok(context)
    }

    /// After a failure the next call begins anew. A reader that vanished is no failure of the
    /// service; anything else may be its end, and then its counters prove nothing any more.
    fn forget_context(&mut self, error: &Error) {
        if self.context.is_some() && !matches!(error, Error::NoReader) {
            self.epoch.end();
        }
        self.context = None;
        *lock(&self.shared) = None;
    }

    /// Brings `seen` up to date without waiting.
    fn refresh(&mut self) -> Result<(), Error> {
        let context = self.context()?;
        for _ in 0..VANISHED_MAX {
            let names = list_readers(&context)?;
            let mut states: Vec<ReaderState> = names
                .into_iter()
                .map(|name| ReaderState::new(name, State::UNAWARE))
                .collect();
            if states.is_empty() {
                self.seen.clear();
                return Ok(());
            }
            match context.get_status_change(Duration::ZERO, &mut states) {
                Ok(()) | Err(pcsc::Error::Timeout) => {
                    self.seen = seen_in(&states);
                    return Ok(());
                }
                Err(pcsc::Error::UnknownReader) => {}
                Err(error) => return Err(from_pcsc(error)),
            }
        }
        Err(Error::NoReader)
    }

    /// Waits once. `Ok(false)` means that it was cancelled.
    fn wait_once(&mut self, limit: Duration) -> Result<bool, Error> {
        let context = self.context()?;
        let mut states = vec![ReaderState::new(pcsc::PNP_NOTIFICATION(), State::UNAWARE)];
        states.extend(
            self.seen
                .iter()
                .map(|(name, seen)| ReaderState::new(name.clone(), seen.state)),
        );
        self.shared.waiting.store(true, Ordering::SeqCst);
        let outcome = if self.shared.cancelled.load(Ordering::SeqCst) {
            Err(pcsc::Error::Cancelled)
        } else {
            context.get_status_change(limit, &mut states)
        };
        self.shared.waiting.store(false, Ordering::SeqCst);
        match outcome {
            Ok(()) | Err(pcsc::Error::Timeout | pcsc::Error::UnknownReader) => Ok(true),
            Err(pcsc::Error::Cancelled) => Ok(!self.shared.cancelled.load(Ordering::SeqCst)),
            Err(error) => Err(from_pcsc(error)),
        }
    }

    fn wait(&mut self, limit: Option<Duration>) -> Result<WaitOutcome, Error> {
        let began = Instant::now();
        let before = self.snapshot();
        loop {
            if self.shared.cancelled.load(Ordering::SeqCst) {
                return Ok(WaitOutcome::Cancelled);
            }
            if self.asleep.has_slept() {
                self.epoch.end();
                self.epoch = Epoch::now();
            }
            self.refresh()?;
            let now = self.snapshot();
            // Other programs coming and going change state bits that are nobody's business here.
            if now != before {
                return Ok(WaitOutcome::Changed(now));
            }
            let left = limit.map(|limit| limit.saturating_sub(began.elapsed()));
            if left == Some(Duration::ZERO) {
                return Ok(WaitOutcome::TimedOut);
            }
            if !self.wait_once(left.unwrap_or(WAIT_MAX).min(WAIT_MAX))? {
                return Ok(WaitOutcome::Cancelled);
            }
        }
    }
}

impl ReaderMonitor for PcscMonitor {
    fn readers(&mut self) -> Result<Vec<Reader>, Error> {
        if let Err(error) = self.refresh() {
            self.forget_context(&error);
            return Err(error);
        }
        Ok(self.snapshot())
    }

    fn wait_for_change(&mut self, limit: Option<Duration>) -> Result<WaitOutcome, Error> {
        let outcome = self.wait(limit);
        if let Err(error) = &outcome {
            self.forget_context(error);
        }
        outcome
    }

    fn cancel_handle(&self) -> CancelHandle {
        let shared = Arc::clone(&self.shared);
        CancelHandle::new(move || {
            shared.cancelled.store(true, Ordering::SeqCst);
            for _ in 0..CANCEL_ATTEMPTS {
                if !shared.waiting.load(Ordering::SeqCst) {
                    return;
                }
                if let Some(context) = lock(&shared).as_ref() {
                    // A failure means that nothing waits, or that the service is gone and the wait
                    // ends by itself.
                    let _ = context.cancel();
                }
                std::thread::sleep(CANCEL_PAUSE);
            }
        })
    }
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Option<Context>> {
    // The value is replaced whole, so a panic elsewhere cannot have left it half-written.
    shared
        .context
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

fn list_readers(context: &Context) -> Result<Vec<CString>, Error> {
    match context.list_readers_owned() {
        Ok(names) => Ok(names),
        Err(pcsc::Error::NoReadersAvailable) => Ok(Vec::new()),
        Err(error) => Err(from_pcsc(error)),
    }
}

fn seen_in(states: &[ReaderState]) -> BTreeMap<CString, Seen> {
    states
        .iter()
        .filter(|state| {
            !state
                .event_state()
                .intersects(State::UNKNOWN | State::IGNORE)
        })
        .map(|state| (CStr::to_owned(state.name()), Seen::of(state)))
        .collect()
}
