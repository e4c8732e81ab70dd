//! A reader whose card breaks at one chosen command, and which notes every transaction.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use cardea_agent::CardAccess;
use cardea_card::{ApduChannel, Card, CardTransport, Error, Insertion, PivCard, ReaderMonitor};
use cardea_virtual_card::VirtualCard;

use crate::readers::Readers;

/// The only reader.
pub(crate) const READER: &str = "Reader A";

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The card leaves before it sees the command.
    RemovedBefore,
    /// The card executes the command and leaves before it answers.
    RemovedMidCommand,
    /// The card takes longer than the agent waits.
    Slow,
    /// So many bytes of the answer arrive.
    Truncated(usize),
    /// Bytes that are no answer to anything, before a good status word.
    Garbage,
    /// The card does not execute the command and answers this.
    Status(u16),
    /// From here on the card promises more and more.
    EndlessMore,
    /// 64 KiB in one answer.
    Long,
    /// Another program resets the card.
    Reset,
    /// The card is pulled and another one put in.
    Swapped,
}

/// One transaction of the agent: its commands, and how long it kept the reader.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transaction {
    pub(crate) commands: Vec<[u8; 4]>,
    pub(crate) time: Duration,
}

/// Clones are the same reader.
#[derive(Clone)]
pub(crate) struct FaultyReaders {
    pub(crate) readers: Readers,
    pub(crate) limit: Duration,
    card: Arc<VirtualCard>,
    other: Arc<VirtualCard>,
    wire: Arc<Mutex<Wire>>,
}

#[derive(Default)]
struct Wire {
    fault: Option<(usize, Fault)>,
    commands: usize,
    transactions: Vec<Transaction>,
    is_held: bool,
}

impl FaultyReaders {
    /// A reader with this card in it; `other` is put in when a fault swaps cards.
    pub(crate) fn holding(card: &VirtualCard, other: &VirtualCard) -> Self {
        Self {
            readers: Readers::holding(card),
            limit: Duration::from_secs(15),
            card: Arc::new(card.connect()),
            other: Arc::new(other.connect()),
            wire: Arc::default(),
        }
    }

    /// The card breaks at this command from now on, counted from 0.
    pub(crate) fn break_at(&self, place: usize, fault: Fault) {
        *self.wire() = Wire {
            fault: Some((place, fault)),
            ..Wire::default()
        };
    }

    /// The card is a good one from now on.
    pub(crate) fn mend(&self) {
        *self.wire() = Wire::default();
    }

    pub(crate) fn pull(&self) {
        self.readers.pull(READER);
    }

    pub(crate) fn insert(&self) {
        self.readers.insert(READER, &self.card);
    }

    /// Whether a transaction is under way.
    pub(crate) fn is_held(&self) -> bool {
        self.wire().is_held
    }

    /// Commands since the card was put in.
    pub(crate) fn commands(&self) -> usize {
        self.wire().commands
    }

    /// Transactions since the card was put in.
    pub(crate) fn transactions(&self) -> Vec<Transaction> {
        self.wire().transactions.clone()
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap()
    }

    /// The fault of the command that comes now.
    fn next_fault(&self, command: &[u8]) -> Option<Fault> {
        let mut wire = self.wire();
        let place = wire.commands;
        wire.commands += 1;
        let header = command[..4].try_into().unwrap();
        // None: a transaction that was given up for its slowness, and outlived `mend`.
        if let Some(transaction) = wire.transactions.last_mut() {
            transaction.commands.push(header);
        }
        match wire.fault {
            Some((first, Fault::EndlessMore)) if first <= place => Some(Fault::EndlessMore),
            Some((only, fault)) if only == place => Some(fault),
            _ => None,
        }
    }
}

impl CardAccess for FaultyReaders {
    fn monitor(&self) -> Result<Box<dyn ReaderMonitor>, Error> {
        self.readers.monitor()
    }

    fn open_insertion(&self, insertion: &Insertion) -> Result<Box<dyn Card>, Error> {
        // Only to find that this insertion is the present one.
        drop(self.readers.open_insertion(insertion)?);
        Ok(Box::new(PivCard::new(FaultyTransport {
            card: self.card.connect(),
            readers: self.clone(),
        })))
    }

    fn call_limit(&self) -> Duration {
        self.limit
    }
}

struct FaultyTransport {
    card: VirtualCard,
    readers: FaultyReaders,
}

impl CardTransport for FaultyTransport {
    fn atr(&self) -> &[u8] {
        self.card.atr()
    }

    fn transaction(
        &mut self,
        work: &mut dyn FnMut(&mut dyn ApduChannel) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let readers = self.readers.clone();
        let outcome = self.card.transaction(&mut |channel| {
            let began = Instant::now();
            {
                let mut wire = readers.wire();
                wire.is_held = true;
                wire.transactions.push(Transaction::default());
            }
            let outcome = work(&mut FaultyChannel {
                channel,
                readers: readers.clone(),
            });
            if let Some(transaction) = readers.wire().transactions.last_mut() {
                transaction.time = began.elapsed();
            }
            outcome
        });
        self.readers.wire().is_held = false;
        outcome
    }
}

struct FaultyChannel<'a> {
    channel: &'a mut dyn ApduChannel,
    readers: FaultyReaders,
}

impl ApduChannel for FaultyChannel<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        let Some(fault) = self.readers.next_fault(command) else {
            return self.channel.transmit(command);
        };
        match fault {
            Fault::RemovedBefore => {
                self.readers.readers.pull(READER);
                Err(Error::CardRemoved)
            }
            Fault::RemovedMidCommand => {
                self.channel.transmit(command)?;
                self.readers.readers.pull(READER);
                Ok(Vec::new())
            }
            Fault::Swapped => {
                self.readers.readers.pull(READER);
                let other = Arc::clone(&self.readers.other);
                self.readers.readers.insert(READER, &other);
                Err(Error::CardRemoved)
            }
            Fault::Slow => {
                std::thread::sleep(self.readers.limit * 2);
                self.channel.transmit(command)
            }
            Fault::Truncated(bytes) => {
                let mut answer = self.channel.transmit(command)?;
                answer.truncate(bytes);
                Ok(answer)
            }
            Fault::Garbage => {
                self.channel.transmit(command)?;
                Ok(vec![0xFF, 0xFF, 0xFF, 0x00, 0x90, 0x00])
            }
            Fault::Status(status) => Ok(status.to_be_bytes().to_vec()),
            Fault::EndlessMore => Ok([vec![7; 256], vec![0x61, 0x00]].concat()),
            Fault::Long => Ok(vec![0x90; 65_538]),
            Fault::Reset => {
                self.readers.card.power_cycle();
                Err(Error::CardReset)
            }
        }
    }
}
