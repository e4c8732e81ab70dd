//! A real reader service with one virtual card in its reader, and everything that is sent to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cardea_agent::CardAccess;
use cardea_card::{
    ApduChannel, Backend, Card, CardTransport, Error, Insertion, PcscTransport, PivCard,
    ReaderMonitor,
};
use cardea_virtual_card::vpcd::PluggedCard;
use cardea_virtual_card::{CardImage, VirtualCard};

use crate::Failure;
use crate::surroundings::Surroundings;

const SEEN_LIMIT: Duration = Duration::from_secs(20);

/// A desk with a card in a reader that nobody pulls out.
pub(crate) struct Desk {
    pub(crate) reader: String,
    pub(crate) card: VirtualCard,
    sent: Sent,
    _plugged: PluggedCard,
}

/// What went to the card: command blocks in order, and how long each transaction took.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    blocks: Vec<Vec<u8>>,
    longest_transaction: Duration,
}

impl Sent {
    /// The blocks since the last call.
    pub(crate) fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.lock().blocks)
    }

    /// The longest transaction since the last call.
    pub(crate) fn take_longest_transaction(&self) -> Duration {
        std::mem::take(&mut self.lock().longest_transaction)
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    /// Puts a card into the reader and waits until the service shows it.
    pub(crate) fn with_card(
        surroundings: &Surroundings,
        image: CardImage,
        delay: Duration,
    ) -> Result<Self, Failure> {
        // The card of the case before is gone once the service has noticed.
        wait_until(&surroundings.reader, false)?;
        let card = VirtualCard::insert(image)?;
        card.set_delay(delay);
        let plugged = PluggedCard::plug(&surroundings.vpcd, card.connect())?;
        wait_until(&surroundings.reader, true)?;
        Ok(Self {
            reader: surroundings.reader.clone(),
            card,
            sent: Sent::default(),
            _plugged: plugged,
        })
    }

    pub(crate) fn sent(&self) -> &Sent {
        &self.sent
    }

    /// How the agent reaches the reader: as it always does, with everything written down.
    pub(crate) fn access(&self) -> RecordedAccess {
        RecordedAccess {
            sent: self.sent.clone(),
        }
    }
}

/// Waits until the service shows a card in the reader, or none.
fn wait_until(reader: &str, has_card: bool) -> Result<(), Failure> {
    let mut monitor = Backend::Pcsc.monitor()?;
    let begun = Instant::now();
    loop {
        let readers = monitor.readers()?;
        let mut ours = readers.iter().filter(|one| one.name == reader);
        if ours.any(|one| one.has_card() == has_card) {
            return Ok(());
        }
        if begun.elapsed() > SEEN_LIMIT {
            return Err("pcscd does not notice the card".into());
        }
        monitor.wait_for_change(Some(SEEN_LIMIT))?;
    }
}

/// The readers of the PC/SC service.
pub(crate) struct RecordedAccess {
    sent: Sent,
}

impl CardAccess for RecordedAccess {
    fn monitor(&self) -> Result<Box<dyn ReaderMonitor>, Error> {
        Backend::Pcsc.monitor()
    }

    fn open_insertion(&self, insertion: &Insertion) -> Result<Box<dyn Card>, Error> {
        Ok(Box::new(PivCard::new(Recorder {
            inner: PcscTransport::connect_to_insertion(insertion)?,
            sent: self.sent.clone(),
        })))
    }
}

/// Writes down what goes to the card.
struct Recorder {
    inner: PcscTransport,
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
        self.inner.transaction(&mut |channel| {
            let begun = Instant::now();
            let outcome = work(&mut RecordingChannel { channel, sent });
            let mut seen = sent.lock();
            seen.longest_transaction = seen.longest_transaction.max(begun.elapsed());
            outcome
        })
    }

    fn has_pin_pad(&mut self) -> bool {
        self.inner.has_pin_pad()
    }
}

struct RecordingChannel<'a> {
    channel: &'a mut dyn ApduChannel,
    sent: &'a Sent,
}

impl ApduChannel for RecordingChannel<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        self.sent.lock().blocks.push(command.to_vec());
        self.channel.transmit(command)
    }

    fn has_company(&self) -> bool {
        self.channel.has_company()
    }

    fn was_reset(&self) -> bool {
        self.channel.was_reset()
    }
}
