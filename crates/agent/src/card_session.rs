//! The card of one insertion: what is known about it, and the calls that use it.
//!
//! Certificates are read once an insertion (about a second on a real card) and forgotten with it.
//! Between two calls the reader is left to other programs altogether, also while a person types.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cardea_card::{
    Abandonment, Card, CardCertificate, CardThread, Insertion, LastTry, PIN_PAD_TIME_LIMIT, Pin,
    PinAfter, PinAfterwards, PinEntry, PinMeans, PinStatus, SignRequest, Signature,
    authentication_certificate, programs_at_reader_service,
};

use crate::Error;
use crate::card_access::CardAccess;
use crate::kept_pins::KeepOrder;
use crate::reader_watch::{Published, ReaderState, ReaderWatch};

mod care;
mod connection;
mod known_pin;

use connection::Connection;
use known_pin::KnownPin;

/// All cards in all readers.
pub(crate) struct CardDesk {
    access: Arc<dyn CardAccess>,
    watch: ReaderWatch,
    /// One entry for each insertion at hand.
    sessions: Mutex<HashMap<Insertion, Arc<CardSession>>>,
}

/// One insertion of one card.
pub(crate) struct CardSession {
    insertion: Insertion,
    connection: Arc<Mutex<Connection>>,
    call_limit: Duration,
    facts: tokio::sync::OnceCell<CardFacts>,
    readers: Arc<Published>,
    /// Whether the card keeps a verified PIN, or has an order under way that may end so.
    may_keep_pin: Arc<AtomicBool>,
    /// What is known of its PIN without asking.
    known_pin: Arc<KnownPin>,
}

/// How the card gets its PIN for one signature.
pub(crate) enum PinGiven {
    /// Typed on the keyboard.
    Typed(Pin),
    /// To be typed on the reader's own keys.
    OnReader,
    /// Verified earlier on this insertion, and kept.
    Verified,
    /// None: the interface asks for none.
    NotAsked,
}

impl PinGiven {
    fn entry(&self) -> PinEntry<'_> {
        match self {
            Self::Typed(pin) => PinEntry::Typed(pin),
            Self::OnReader => PinEntry::OnReader,
            Self::Verified => PinEntry::Verified,
            Self::NotAsked => PinEntry::NotAsked,
        }
    }
}

/// One signature that the card is to make.
pub(crate) struct SignOrder {
    pub(crate) pin: PinGiven,
    /// Whether the person accepted to use the last try.
    pub(crate) last_try: LastTry,
    /// What the card is to keep; without it, the card forgets that its PIN was verified.
    pub(crate) keep: Option<KeepOrder>,
    /// What is signed.
    pub(crate) message: Vec<u8>,
    /// Given up, the order uses no PIN any more.
    pub(crate) abandonment: Abandonment,
}

/// What was read from a card.
pub(crate) struct CardFacts {
    /// The card's serial number.
    pub(crate) serial: String,
    /// What to call it.
    pub(crate) name: String,
    /// The certificate that logs in.
    pub(crate) certificate: CardCertificate,
    /// How the card gets its PIN.
    pin_means: PinMeans,
}

impl CardDesk {
    /// Starts watching the readers.
    ///
    /// # Errors
    /// [`Error::Card`] when no thread can be started.
    pub(crate) fn open(access: Arc<dyn CardAccess>) -> Result<Self, Error> {
        let watch = ReaderWatch::start(Arc::clone(&access))?;
        Ok(Self {
            access,
            watch,
            sessions: Mutex::default(),
        })
    }

    /// The watch over the readers.
    pub(crate) fn watch(&self) -> &ReaderWatch {
        &self.watch
    }

    /// Every card that was in use and was not seen to leave.
    pub(crate) fn at_hand(&self) -> Vec<Arc<CardSession>> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.values().cloned().collect()
    }

    /// The cards at hand; what was known about others is forgotten.
    pub(crate) fn sessions(&self, state: &ReaderState) -> Vec<Arc<CardSession>> {
        let insertions = state.insertions();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|insertion, _| insertions.contains(insertion));
        insertions
            .into_iter()
            .map(|insertion| {
                let new = || Arc::new(CardSession::new(self, &insertion));
                Arc::clone(sessions.entry(insertion.clone()).or_insert_with(new))
            })
            .collect()
    }
}

impl CardSession {
    fn new(desk: &CardDesk, insertion: &Insertion) -> Self {
        let access = Arc::clone(&desk.access);
        let (opened, call_limit) = (insertion.clone(), access.call_limit());
        let thread = CardThread::new(move || access.open_insertion(&opened));
        Self {
            insertion: insertion.clone(),
            connection: Arc::new(Mutex::new(Connection::new(thread))),
            call_limit,
            facts: tokio::sync::OnceCell::new(),
            readers: desk.watch.published(),
            may_keep_pin: Arc::default(),
            known_pin: Arc::default(),
        }
    }

    /// Which insertion this is.
    pub(crate) fn insertion(&self) -> &Insertion {
        &self.insertion
    }

    /// What is on the card; read at the first call only.
    ///
    /// # Errors
    /// [`Error::Card`].
    pub(crate) async fn facts(&self) -> Result<&CardFacts, Error> {
        self.facts
            .get_or_try_init(|| {
                let known_pin = Arc::clone(&self.known_pin);
                self.call(Abandonment::default(), move |card| {
                    let certificates = card.certificates()?;
                    let certificate = authentication_certificate(&certificates)?.clone();
                    let pin_means = card.pin_means()?;
                    if pin_means != PinMeans::None {
                        known_pin.saw(card.pin_status()?);
                    }
                    Ok(CardFacts {
                        serial: card.serial()?,
                        name: card.card_name(),
                        certificate,
                        pin_means,
                    })
                })
            })
            .await
    }

    /// The state of the card's PIN as far as it is known; only what is not known is asked.
    ///
    /// # Errors
    /// [`Error::Card`], [`Error::ReaderHeld`].
    pub(crate) async fn known_pin_status(&self) -> Result<PinStatus, Error> {
        self.facts().await?;
        match self.known_pin.status() {
            Some(status) if !status.blocked => Ok(status),
            // It may have been unblocked.
            _ => self.pin_status().await,
        }
    }

    /// The state of the card's PIN, asked anew.
    ///
    /// # Errors
    /// [`Error::Card`].
    pub(crate) async fn pin_status(&self) -> Result<PinStatus, Error> {
        let known_pin = Arc::clone(&self.known_pin);
        self.call(Abandonment::default(), move |card| {
            let status = card.pin_status()?;
            known_pin.saw(status);
            Ok(status)
        })
        .await
    }

    /// How the card gets its PIN: on the keyboard, on the reader's own keys, or not at all.
    ///
    /// # Errors
    /// [`Error::Card`], [`Error::ReaderHeld`].
    pub(crate) async fn pin_means(&self) -> Result<PinMeans, Error> {
        Ok(self.facts().await?.pin_means)
    }

    /// Has the card sign. A PIN that was typed is wiped when this returns. What becomes of the PIN
    /// state is done by the call itself, also when nobody waits for it any more.
    ///
    /// # Errors
    /// [`Error::Card`], [`Error::ReaderHeld`].
    pub(crate) async fn sign(&self, order: SignOrder) -> Result<Signature, Error> {
        let facts = self.facts().await?;
        let (certificate, serial) = (facts.certificate.clone(), facts.serial.clone());
        let known_pin = Arc::clone(&self.known_pin);
        let SignOrder {
            pin,
            last_try,
            keep,
            message,
            abandonment,
        } = order;
        let afterwards = match keep {
            Some(_) => PinAfterwards::Keep,
            None => PinAfterwards::Clear,
        };
        let clear_limit = self.call_limit;
        let limit = match pin {
            PinGiven::OnReader => clear_limit + PIN_PAD_TIME_LIMIT,
            PinGiven::Typed(_) | PinGiven::Verified | PinGiven::NotAsked => clear_limit,
        };
        let without_pin = matches!(pin, PinGiven::Verified);
        let given_up = abandonment.clone();
        let work = move |card: &mut dyn Card| {
            let request = SignRequest::new(&certificate, pin.entry(), &message)
                .with_card_serial(&serial)
                .with_last_try(last_try)
                .with_afterwards(afterwards)
                .with_abandonment(given_up);
            let signature = card.sign(&request);
            if matches!(pin, PinGiven::Typed(_) | PinGiven::OnReader) {
                known_pin.tried(&signature);
            }
            signature
        };
        if keep.is_some() {
            self.may_keep_pin.store(true, Ordering::SeqCst);
        }
        let may_keep_pin = Arc::clone(&self.may_keep_pin);
        let unwanted = abandonment.clone();
        self.on_connection(abandonment, move |connection, begun| {
            let limit = limit.saturating_sub(begun.elapsed());
            let signature = connection.call(limit, &unwanted, work);
            let is_wanted = unwanted.check().is_ok();
            let stays = match (&signature, keep) {
                (Ok(signature), Some(keep)) if signature.pin_after() == PinAfter::Kept => {
                    connection.keeps_pin = true;
                    keep.done(is_wanted)
                }
                // The PIN of before was asked for, and is where it was unless the card says no.
                (Err(_), Some(keep)) if without_pin => connection.keeps_pin && keep.is_noted(),
                (_, keep) => {
                    keep.into_iter().for_each(KeepOrder::failed);
                    false
                }
            };
            if !stays && let Err(error) = connection.clear_pin(clear_limit) {
                tracing::warn!(code = error.code(), %error, "the PIN state was not cleared");
            }
            may_keep_pin.store(stays, Ordering::SeqCst);
            signature
        })
        .await
    }

    /// Has the card forget a PIN that an earlier signature kept, or that one under way is going to
    /// keep: that one is waited for. Tells whether there was any; without one nothing is done. It
    /// is done also when nobody waits for it any more.
    ///
    /// # Errors
    /// [`Error::Card`], [`Error::ReaderHeld`].
    pub(crate) async fn clear_pin(&self) -> Result<bool, Error> {
        if !self.may_keep_pin.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let (limit, may_keep_pin) = (self.call_limit, Arc::clone(&self.may_keep_pin));
        self.on_connection(Abandonment::default(), move |connection, _| {
            let cleared = connection.clear_pin(limit);
            may_keep_pin.store(false, Ordering::SeqCst);
            cleared
        })
        .await
    }

    async fn call<R: Send + 'static>(
        &self,
        abandonment: Abandonment,
        work: impl FnOnce(&mut dyn Card) -> Result<R, cardea_card::Error> + Send + 'static,
    ) -> Result<R, Error> {
        self.call_within(self.call_limit, abandonment, work).await
    }

    /// One call on the card's own thread. Dropped, it gives itself up: nothing that needs a PIN is
    /// done late, and no other program is waited for.
    ///
    /// # Errors
    /// [`Error::Card`]; [`Error::ReaderHeld`] when the limit went by waiting for another program.
    async fn call_within<R: Send + 'static>(
        &self,
        limit: Duration,
        abandonment: Abandonment,
        work: impl FnOnce(&mut dyn Card) -> Result<R, cardea_card::Error> + Send + 'static,
    ) -> Result<R, Error> {
        let given_up = abandonment.clone();
        self.on_connection(abandonment, move |connection, begun| {
            // An earlier call may have held the thread until its own limit.
            let limit = limit.saturating_sub(begun.elapsed());
            connection.call(limit, &given_up, work)
        })
        .await
    }

    /// Runs `work` while nobody else has the connection; it is told since when it was waited for.
    async fn on_connection<R, W>(&self, abandonment: Abandonment, work: W) -> Result<R, Error>
    where
        R: Send + 'static,
        W: FnOnce(&mut Connection, Instant) -> Result<R, cardea_card::Error> + Send + 'static,
    {
        let _given_up_with_this = GiveUpOnDrop(abandonment);
        let connection = Arc::clone(&self.connection);
        let begun = Instant::now();
        let called = tokio::task::spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let result = work(&mut connection, begun);
            connection.close_if_unused();
            result.map_err(held_or_failed)
        });
        let result = called.await.map_err(|_| Error::Internal {
            reason: "a card call panicked",
        })?;
        if let Err(Error::Card(cardea_card::Error::CardRemoved)) = result {
            self.readers.lose(&self.insertion);
        }
        result
    }
}

/// A wait that went by because of another program names that program. Where nobody else uses the
/// readers, it is the card that did not answer.
fn held_or_failed(error: cardea_card::Error) -> Error {
    let programs = match error {
        cardea_card::Error::Busy => programs_at_reader_service(),
        cardea_card::Error::TimedOut { .. } => match programs_at_reader_service() {
            nobody if nobody.is_empty() => return error.into(),
            programs => programs,
        },
        error => return error.into(),
    };
    Error::ReaderHeld { programs }
}

struct GiveUpOnDrop(Abandonment);

impl Drop for GiveUpOnDrop {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
