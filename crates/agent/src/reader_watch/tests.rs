use std::collections::VecDeque;
use std::sync::{OnceLock, mpsc};

use cardea_card::Card;

use super::*;

/// How long a test waits for the watching thread.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one monitor's waits come to, in order; then it fails.
type Waits = &'static [Wait];

#[derive(Clone, Copy)]
enum Wait {
    /// A reader came or went.
    Changed,
    /// Nothing happened for the whole time.
    TimedOut,
    /// The wait fails after having lasted longer than the watcher leaves the service alone.
    FailsLater,
}

/// Monitors that each keep to a script; when none is left, the script is over.
struct Scripted {
    monitors: Mutex<VecDeque<Waits>>,
    /// Told what the watch had published when a monitor was asked for.
    asked: mpsc::Sender<ReaderState>,
    states: OnceLock<watch::Receiver<ReaderState>>,
}

struct Monitor {
    waits: VecDeque<Wait>,
}

impl CardAccess for Arc<Scripted> {
    fn monitor(&self) -> Result<Box<dyn ReaderMonitor>, Error> {
        let _ = self.asked.send(self.states.wait().borrow().clone());
        match self.monitors.lock().unwrap().pop_front() {
            Some(waits) => Ok(Box::new(Monitor {
                waits: waits.iter().copied().collect(),
            })),
            None => Err(Error::ReaderServiceUnavailable),
        }
    }

    fn open_insertion(&self, _insertion: &Insertion) -> Result<Box<dyn Card>, Error> {
        Err(Error::CardRemoved)
    }
}

impl ReaderMonitor for Monitor {
    fn readers(&mut self) -> Result<Vec<Reader>, Error> {
        Ok(Vec::new())
    }

    fn wait_for_change(&mut self, _limit: Option<Duration>) -> Result<WaitOutcome, Error> {
        match self.waits.pop_front() {
            Some(Wait::Changed) => Ok(WaitOutcome::Changed(Vec::new())),
            Some(Wait::TimedOut) => Ok(WaitOutcome::TimedOut),
            Some(Wait::FailsLater) => {
                std::thread::sleep(RETRY_AFTER);
                Err(Error::ReaderServiceUnavailable)
            }
            None => Err(Error::ReaderServiceUnavailable),
        }
    }

    fn cancel_handle(&self) -> CancelHandle {
        CancelHandle::new(|| {})
    }
}

/// What stood published each time a monitor was asked for: the first, one more for each of these
/// monitors, all of which fail in the end.
fn published(monitors: &[Waits]) -> Vec<&'static str> {
    let (asked, asks) = mpsc::channel();
    let scripted = Arc::new(Scripted {
        monitors: Mutex::new(monitors.iter().copied().collect()),
        asked,
        states: OnceLock::new(),
    });
    let readers = ReaderWatch::start(Arc::new(Arc::clone(&scripted))).unwrap();
    scripted.states.set(readers.subscribe()).unwrap();
    (0..=monitors.len())
        .map(|_| match asks.recv_timeout(PATIENCE).unwrap() {
            ReaderState::Unseen | ReaderState::Readers(_) => "seen",
            ReaderState::Unavailable(_) => "unavailable",
        })
        .collect()
}

#[test]
fn each_of_two_failures_far_apart_is_forgiven() {
    let cases: [&[Waits]; 3] = [
        &[&[Wait::Changed], &[Wait::TimedOut, Wait::TimedOut]],
        &[&[Wait::TimedOut], &[Wait::Changed]],
        &[&[], &[Wait::FailsLater]],
    ];
    for monitors in cases {
        assert_eq!(published(monitors), ["seen", "seen", "seen"]);
    }
}

#[test]
fn a_monitor_that_fails_right_after_another_ends_the_watch() {
    assert_eq!(published(&[&[], &[]]), ["seen", "seen", "unavailable"]);
}

fn reader(event_count: u32) -> Reader {
    Reader {
        name: "Reader A".to_owned(),
        card: CardPresence::Present {
            atr: Vec::new(),
            exclusive: false,
        },
        event_count,
    }
}

#[test]
fn a_card_found_gone_is_gone_until_its_reader_shows_another_insertion() {
    let (sender, states) = watch::channel(ReaderState::Readers(vec![reader(1)]));
    let lost = Mutex::default();
    let published = Published { sender, lost };
    let [first, second] = [1, 2].map(|count| Insertion::new("Reader A", count));
    assert!(states.borrow().holds(&first));
    published.lose(&first);
    // The service has noticed nothing, and goes on showing it.
    published.publish(ReaderState::Readers(vec![reader(1)]));
    assert!(!states.borrow().holds(&first));
    assert_eq!(states.borrow().summary(), "absent");
    published.publish(ReaderState::Readers(vec![reader(2)]));
    assert!(states.borrow().holds(&second));
    // A loss that is told late is about the insertion before.
    published.lose(&first);
    assert!(states.borrow().holds(&second));
}
