//! What those who answer and the one who delivers share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::{Error, Spool, SpooledRecord};

/// Reports that may overtake others. Beyond it they come in their turn: a robot must not fill the
/// memory.
pub(super) const URGENT_MAX: usize = 128;
/// How long what can wait is gathered before a batch goes.
const GATHERED: Duration = Duration::from_millis(500);
/// How often it is said again that nothing can be delivered.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// The spool, what is urgent in it, and how the delivery goes.
pub(super) struct Standing {
    pub(super) spool: Spool,
    clock: Arc<dyn Clock>,
    urgent: Mutex<VecDeque<SpooledRecord>>,
    hurried: Notify,
    is_ending: AtomicBool,
    course: Mutex<Course>,
}

#[derive(Default)]
struct Course {
    set_aside: u64,
    trouble: Option<Trouble>,
}

struct Trouble {
    said: String,
    code: &'static str,
    told_at: Instant,
}

/// How it is with the reports, for `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ReportsHealth {
    /// How many the issuer has not.
    pub(crate) waiting: u64,
    /// How long the oldest of them waits.
    pub(crate) oldest_seconds: i64,
    /// How many the issuer has refused, and were put aside.
    pub(crate) refused: u64,
    /// The code of what keeps them from being delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<&'static str>,
    /// Whether more can be written down: where not, nobody is answered.
    #[serde(skip)]
    pub(crate) takes: bool,
}

impl Standing {
    pub(super) fn new(spool: Spool, set_aside: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            spool,
            clock,
            urgent: Mutex::default(),
            hurried: Notify::new(),
            is_ending: AtomicBool::new(false),
            course: Mutex::new(Course {
                set_aside,
                trouble: None,
            }),
        }
    }

    pub(super) fn health(&self) -> ReportsHealth {
        let spool = self.spool.status(self.clock.unix_seconds());
        let course = self.course();
        ReportsHealth {
            waiting: spool.waiting,
            oldest_seconds: spool.oldest_seconds,
            refused: course.set_aside,
            code: course.trouble.as_ref().map(|it| it.code),
            takes: spool.takes,
        }
    }

    /// A durable record that is to be delivered at once.
    pub(super) fn hurry(&self, sequence: u64, record: Vec<u8>) {
        let mut urgent = self.urgent();
        if urgent.len() < URGENT_MAX {
            urgent.push_back(SpooledRecord {
                sequence,
                event_id: self.spool.event_id(sequence),
                record,
            });
        }
        drop(urgent);
        self.hurried.notify_one();
    }

    /// Urgent records behind the last one of a batch, as many as go at once.
    pub(super) fn urgent_beyond(&self, last: u64, bytes_max: usize) -> Vec<SpooledRecord> {
        let mut urgent = self.urgent();
        urgent.retain(|it| it.sequence > last);
        let mut bytes = 0_usize;
        let has_room = |it: &&SpooledRecord| {
            bytes = bytes.saturating_add(it.record.len());
            bytes <= bytes_max
        };
        urgent.iter().take_while(has_room).cloned().collect()
    }

    /// These need no hurry any more: they come again in their turn.
    pub(super) fn forget_urgent(&self, sent: &[SpooledRecord]) {
        let is_sent = |it: &SpooledRecord| sent.iter().any(|sent| sent.sequence == it.sequence);
        self.urgent().retain(|it| !is_sent(it));
    }

    /// Waits until more has come together, unless something is urgent.
    pub(super) async fn gather(&self) {
        if !self.is_ending.load(Ordering::Relaxed) {
            let _ = timeout(GATHERED, self.hurried.notified()).await;
        }
    }

    /// From now on nothing is waited for.
    pub(super) fn end_gathering(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
        self.hurried.notify_one();
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.spool.status(self.clock.unix_seconds()).waiting > 0
    }

    /// Says what keeps reports from being delivered; not each time.
    pub(super) fn note_trouble(&self, error: &Error) {
        let (said, code) = (error.to_string(), error.code());
        let waiting = self.spool.status(self.clock.unix_seconds()).waiting;
        let mut course = self.course();
        let is_told = course
            .trouble
            .as_ref()
            .is_some_and(|known| known.said == said && known.told_at.elapsed() < TOLD_EVERY);
        if !is_told {
            warn!(code, waiting, "reports wait for the issuer: {said}");
            course.trouble = Some(Trouble {
                said,
                code,
                told_at: Instant::now(),
            });
        }
    }

    pub(super) fn note_delivery(&self) {
        if self.course().trouble.take().is_some() {
            info!("reports reach the issuer again");
        }
    }

    /// Says that the issuer does not take a report, and never will.
    pub(super) fn note_refused(&self, error: &Error) {
        error!(code = error.code(), "{error}");
        let mut course = self.course();
        course.set_aside = course.set_aside.saturating_add(1);
    }

    fn urgent(&self) -> MutexGuard<'_, VecDeque<SpooledRecord>> {
        self.urgent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
