//! One reader with one virtual card in it, and everything that is sent to that card.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardea_agent::CardAccess;
use cardea_card::{
    ApduChannel, CancelHandle, Card, CardPresence, CardTransport, Error, Insertion, PivCard,
    Reader, ReaderMonitor, WaitOutcome,
};
use cardea_virtual_card::VirtualCard;

const READER: &str = "Reader";

/// A desk with a card in a reader that nobody pulls out.
#[derive(Clone)]
pub(crate) struct Desk {
    card: Arc<VirtualCard>,
    sent: Sent,
    stopping: Arc<(Mutex<bool>, Condvar)>,
}

/// Command blocks in the order in which the card got them.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Mutex<Vec<Vec<u8>>>>);

impl Sent {
    /// The blocks since the last call.
    pub(crate) fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    pub(crate) fn new(card: VirtualCard) -> Self {
        Self {
            card: Arc::new(card),
            sent: Sent::default(),
            stopping: Arc::default(),
        }
    }

    pub(crate) fn sent(&self) -> &Sent {
        &self.sent
    }

    fn reader() -> Reader {
        Reader {
            name: READER.to_owned(),
            card: CardPresence::Present {
                atr: Vec::new(),
                exclusive: false,
            },
            event_count: 1,
        }
    }
}

impl CardAccess for Desk {
    fn monitor(&self) -> Result<Box<dyn ReaderMonitor>, Error> {
        Ok(Box::new(Monitor {
            stopping: Arc::clone(&self.stopping),
        }))
    }

    fn open_insertion(&self, _: &Insertion) -> Result<Box<dyn Card>, Error> {
        Ok(Box::new(PivCard::new(Recorder {
            inner: self.card.connect(),
            sent: self.sent.clone(),
        })))
    }
}

/// Sees the one reader, and waits until it is told to stop.
struct Monitor {
    stopping: Arc<(Mutex<bool>, Condvar)>,
}

impl ReaderMonitor for Monitor {
    fn readers(&mut self) -> Result<Vec<Reader>, Error> {
        Ok(vec![Desk::reader()])
    }

    fn wait_for_change(&mut self, limit: Option<Duration>) -> Result<WaitOutcome, Error> {
        let (stopping, changed) = &*self.stopping;
        let limit = limit.unwrap_or(Duration::from_secs(60));
        let waiting = stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let (stopping, _) = changed
            .wait_timeout_while(waiting, limit, |stopping| !*stopping)
            .unwrap_or_else(PoisonError::into_inner);
        Ok(match *stopping {
            true => WaitOutcome::Cancelled,
            false => WaitOutcome::TimedOut,
        })
    }

    fn cancel_handle(&self) -> CancelHandle {
        let shared = Arc::clone(&self.stopping);
        CancelHandle::new(move || {
            let (stopping, changed) = &*shared;
            *stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
            changed.notify_all();
        })
    }
}

/// Writes down what goes to the card.
struct Recorder {
    inner: VirtualCard,
    sent: Sent,
}

impl CardTransport for Recorder {
    fn atr(&self) -> &[u8] {
        self.inner.atr()
    }

    fn transaction(
        &mut self,
        work: &mut dyn FnMut(&mut dyn ApduChannel) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let sent = &self.sent;
        self.inner
            .transaction(&mut |channel| work(&mut RecordingChannel { channel, sent }))
    }
}

struct RecordingChannel<'a> {
    channel: &'a mut dyn ApduChannel,
    sent: &'a Sent,
}

impl ApduChannel for RecordingChannel<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        self.sent.lock().push(command.to_vec());
        self.channel.transmit(command)
    }
}
