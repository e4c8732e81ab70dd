//! Card calls on a thread of their own, with a time limit.
//!
//! PC/SC has waits without any limit: another program's transaction, a card that thinks. A thread
//! that waits there cannot be interrupted, only left behind. It is replaced for the next call, its
//! late result is thrown away, and [`Abandonment`] keeps it from using a PIN late.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::{Abandonment, Card, Error};

/// Most threads left behind that still hang. More means that the reader is not coming back.
const STUCK_MAX: usize = 4;
/// Pause between two tries to open a card that another program keeps to itself.
const BUSY_PAUSE: Duration = Duration::from_millis(200);

type OpenCard = dyn Fn() -> Result<Box<dyn Card>, Error> + Send + Sync;
type Job = Box<dyn FnOnce(&mut OpenedCard) + Send>;

/// One card behind a thread.
///
/// The card is opened at the first call, and again after a time-out or after a failure that ends
/// the connection. Let it open *that* card, with [`crate::Backend::open_insertion`].
///
/// ```no_run
/// # use std::time::Duration;
/// # use cardea_card::{Abandonment, Backend, CardThread, Error, Insertion};
/// # fn example(insertion: Insertion) -> Result<(), Error> {
/// let mut thread = CardThread::new(move || Backend::Pcsc.open_insertion(&insertion));
/// let limit = Duration::from_secs(10);
/// let status = thread.call(limit, &Abandonment::default(), |card| card.pin_status())?;
/// # Ok(())
/// # }
/// ```
pub struct CardThread {
    open: Arc<OpenCard>,
    jobs: Option<mpsc::Sender<Job>>,
    stuck: Arc<AtomicUsize>,
}

impl CardThread {
    /// A thread that uses `open` to open its card. Nothing is opened yet.
    pub fn new(open: impl Fn() -> Result<Box<dyn Card>, Error> + Send + Sync + 'static) -> Self {
        Self {
            open: Arc::new(open),
            jobs: None,
            stuck: Arc::default(),
        }
    }

    /// Runs `work` on the card's thread and waits at most `limit` for it.
    ///
    /// A card that another program keeps to itself is tried again and again within the limit.
    ///
    /// Hand a clone of `abandonment` into a [`crate::SignRequest`] made by `work`, and it will not
    /// use the PIN after the limit.
    ///
    /// # Errors
    /// What `work` or the opening returned; [`Error::TimedOut`]; [`Error::Busy`] when another
    /// program kept the card to itself until the limit, or too many earlier calls still hang;
    /// [`Error::ThreadUnavailable`].
    pub fn call<R: Send + 'static>(
        &mut self,
        limit: Duration,
        abandonment: &Abandonment,
        work: impl FnOnce(&mut dyn Card) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let (answer, answers) = mpsc::sync_channel(1);
        let unwanted = abandonment.clone();
        let was_busy = Arc::new(AtomicBool::new(false));
        let busy = Arc::clone(&was_busy);
        let job: Job = Box::new(move |card| {
            let result = unwanted
                .check()
                .and_then(|()| card.with(&unwanted, &busy, work));
            // Nobody listens any more after a time-out.
            let _ = answer.send(result);
        });
        if self.jobs()?.send(job).is_err() {
            // The thread ended by a panic of an earlier job.
            self.jobs = None;
            return Err(Error::ThreadUnavailable);
        }
        match answers.recv_timeout(limit) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => {
                abandonment.abandon();
                self.leave_behind();
                if was_busy.load(Ordering::SeqCst) {
                    return Err(Error::Busy);
                }
                let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
                Err(Error::TimedOut { limit_ms })
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.jobs = None;
                Err(Error::ThreadUnavailable)
            }
        }
    }

    /// Threads left behind that still hang.
    pub fn stuck(&self) -> usize {
        self.stuck.load(Ordering::SeqCst)
    }

    /// Closes the card once the thread is idle. The next call opens it again.
    pub fn close(&mut self) {
        self.jobs = None;
    }

    fn leave_behind(&mut self) {
        let Some(jobs) = self.jobs.take() else { return };
        let stuck = Stuck::count(&self.stuck);
        // Queued behind the job that hangs, so it goes when that one is over at last, or with the
        // whole queue when the thread ends by a panic.
        let farewell: Job = Box::new(move |_| drop(stuck));
        let _ = jobs.send(farewell);
    }

    fn jobs(&mut self) -> Result<&mpsc::Sender<Job>, Error> {
        if self.stuck() >= STUCK_MAX {
            return Err(Error::Busy);
        }
        match self.jobs {
            Some(ref jobs) => Ok(jobs),
            None => {
                let jobs = start(Arc::clone(&self.open))?;
                Ok(self.jobs.insert(jobs))
            }
        }
    }
}

/// One thread left behind, counted while it hangs.
struct Stuck(Arc<AtomicUsize>);

impl Stuck {
    fn count(stuck: &Arc<AtomicUsize>) -> Self {
        stuck.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(stuck))
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The thread ends, and leaves its card, when the sender is dropped.
fn start(open: Arc<OpenCard>) -> Result<mpsc::Sender<Job>, Error> {
    let (jobs, queue) = mpsc::channel::<Job>();
    thread::Builder::new()
        .name("card".to_owned())
        .spawn(move || {
            let mut card = OpenedCard { open, card: None };
            while let Ok(job) = queue.recv() {
                job(&mut card);
            }
        })
        .map_err(|_| Error::ThreadUnavailable)?;
    Ok(jobs)
}

/// The thread's card, opened when needed.
struct OpenedCard {
    open: Arc<OpenCard>,
    card: Option<Box<dyn Card>>,
}

impl OpenedCard {
    fn with<R>(
        &mut self,
        abandonment: &Abandonment,
        was_busy: &AtomicBool,
        work: impl FnOnce(&mut dyn Card) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let card = match self.card.take() {
            Some(card) => self.card.insert(card),
            None => self
                .card
                .insert(self.open_when_free(abandonment, was_busy)?),
        };
        let result = work(card.as_mut());
        if result.as_ref().is_err_and(ends_the_connection) {
            self.card = None;
        }
        result
    }

    /// Opens the card as soon as no other program keeps it to itself; gives up when the call does.
    fn open_when_free(
        &self,
        abandonment: &Abandonment,
        was_busy: &AtomicBool,
    ) -> Result<Box<dyn Card>, Error> {
        loop {
            match (self.open)() {
                Err(Error::Busy) => was_busy.store(true, Ordering::SeqCst),
                opened => return opened,
            }
            thread::sleep(BUSY_PAUSE);
            abandonment.check()?;
        }
    }
}

fn ends_the_connection(error: &Error) -> bool {
    matches!(
        error,
        Error::CardRemoved
            | Error::CardReset
            | Error::NoCard
            | Error::NoReader
            | Error::ReaderServiceUnavailable
            | Error::ReaderFault { .. }
            | Error::ModuleFault { .. }
    )
}

#[cfg(test)]
mod tests;
