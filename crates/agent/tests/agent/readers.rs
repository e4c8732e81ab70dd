//! Readers in this process, with virtual cards to put in and pull out.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use cardea_agent::CardAccess;
use cardea_card::{
    CancelHandle, Card, CardPresence, Error, Insertion, PivCard, Reader, ReaderMonitor, WaitOutcome,
};
use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use cardea_virtual_card::{CardImage, VirtualCard};

/// A card with an invented holder.
pub(crate) fn card(profile: &CardProfile, key: KeyKind) -> VirtualCard {
    let profile = profile.clone().with_key(key);
    let issued = TestPki::shared().unwrap().issue_card(&profile).unwrap();
    VirtualCard::insert(CardImage::from_issued(&issued).unwrap()).unwrap()
}

/// A pharmacist's card with a P-256 key, which signs fast.
pub(crate) fn pharmacist() -> VirtualCard {
    card(&CardProfile::pharmacist(), KeyKind::P256)
}

/// Readers that tests plug, fill and empty; clones are the same readers.
#[derive(Clone)]
pub(crate) struct Readers(Arc<Shared>);

struct Shared {
    slots: Mutex<Slots>,
    changed: Condvar,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    cancelled: bool,
    broken: bool,
}

struct Slot {
    name: String,
    card: Option<VirtualCard>,
    event_count: u32,
}

impl Readers {
    pub(crate) fn none() -> Self {
        Self(Arc::new(Shared {
            slots: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// One reader with this card in it.
    pub(crate) fn holding(card: &VirtualCard) -> Self {
        let readers = Self::none();
        readers.insert("Reader A", card);
        readers
    }

    /// Puts a card into a reader, which is plugged in if need be.
    pub(crate) fn insert(&self, reader: &str, card: &VirtualCard) {
        self.plug(reader);
        card.reinsert();
        self.change(reader, Some(card.connect()));
    }

    /// Plugs an empty reader in.
    pub(crate) fn plug(&self, reader: &str) {
        let mut slots = self.lock();
        if !slots.slots.iter().any(|slot| slot.name == reader) {
            slots.slots.push(Slot {
                name: reader.to_owned(),
                card: None,
                event_count: 0,
            });
        }
        self.0.changed.notify_all();
    }

    /// Takes the whole reader away.
    pub(crate) fn unplug(&self, reader: &str) {
        self.lock().slots.retain(|slot| slot.name != reader);
        self.0.changed.notify_all();
    }

    /// Pulls the card out.
    pub(crate) fn pull(&self, reader: &str) {
        self.change(reader, None);
    }

    /// Pulls the card and puts it back before anyone could have looked.
    pub(crate) fn pull_and_put_back(&self, reader: &str) {
        let mut slots = self.lock();
        let slot = slots
            .slots
            .iter_mut()
            .find(|slot| slot.name == reader)
            .unwrap();
        let card = slot.card.as_ref().unwrap();
        card.reinsert();
        slot.card = Some(card.connect());
        slot.event_count += 2;
        self.0.changed.notify_all();
    }

    /// The smart-card service dies: nothing can be seen any more.
    pub(crate) fn break_service(&self) {
        self.lock().broken = true;
        self.0.changed.notify_all();
    }

    fn change(&self, reader: &str, card: Option<VirtualCard>) {
        let mut slots = self.lock();
        let slot = slots
            .slots
            .iter_mut()
            .find(|slot| slot.name == reader)
            .unwrap();
        if let Some(old) = slot.card.take() {
            old.remove();
        }
        slot.card = card;
        slot.event_count += 1;
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.slots.lock().unwrap()
    }
}

impl Slots {
    fn look(&self) -> Result<Vec<Reader>, Error> {
        if self.broken {
            return Err(Error::ReaderServiceUnavailable);
        }
        let readers = self.slots.iter().map(|slot| Reader {
            name: slot.name.clone(),
            card: match slot.card {
                Some(_) => CardPresence::Present {
                    atr: Vec::new(),
                    exclusive: false,
                },
                None => CardPresence::Absent,
            },
            event_count: slot.event_count,
        });
        Ok(readers.collect())
    }
}

impl CardAccess for Readers {
    fn monitor(&self) -> Result<Box<dyn ReaderMonitor>, Error> {
        Ok(Box::new(Monitor {
            readers: self.clone(),
            seen: Vec::new(),
        }))
    }

    fn open_insertion(&self, insertion: &Insertion) -> Result<Box<dyn Card>, Error> {
        let slots = self.lock();
        let current = slots
            .look()?
            .iter()
            .any(|reader| reader.insertion().as_ref() == Some(insertion));
        let slot = slots
            .slots
            .iter()
            .find(|slot| slot.name == insertion.reader());
        match slot.and_then(|slot| slot.card.as_ref()) {
            Some(card) if current => Ok(Box::new(PivCard::new(card.connect()))),
            _ => Err(Error::CardRemoved),
        }
    }
}

struct Monitor {
    readers: Readers,
    seen: Vec<Reader>,
}

impl ReaderMonitor for Monitor {
    fn readers(&mut self) -> Result<Vec<Reader>, Error> {
        self.seen = self.readers.lock().look()?;
        Ok(self.seen.clone())
    }

    fn wait_for_change(&mut self, limit: Option<Duration>) -> Result<WaitOutcome, Error> {
        let shared = Arc::clone(&self.readers.0);
        let seen = self.seen.clone();
        let same = |slots: &mut Slots| {
            !slots.cancelled && slots.look().is_ok_and(|readers| readers == seen)
        };
        let limit = limit.unwrap_or(Duration::from_secs(3600));
        let (slots, waited) = shared
            .changed
            .wait_timeout_while(shared.slots.lock().unwrap(), limit, same)
            .unwrap();
        if slots.cancelled {
            return Ok(WaitOutcome::Cancelled);
        }
        if waited.timed_out() {
            return Ok(WaitOutcome::TimedOut);
        }
        self.seen = slots.look()?;
        Ok(WaitOutcome::Changed(self.seen.clone()))
    }

    fn cancel_handle(&self) -> CancelHandle {
        let readers = self.readers.clone();
        CancelHandle::new(move || {
            readers.lock().cancelled = true;
            readers.0.changed.notify_all();
        })
    }
}
