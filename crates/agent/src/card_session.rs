//! The card of one insertion: what is known about it, and the calls that use it.
//!
//! Certificates are read once an insertion (about a second on a real card) and forgotten with it.
//! Between two calls the reader is left to other programs altogether, also while a person types.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cardea_card::{
    Abandonment, Card, CardCertificate, CardThread, Insertion, LastTry, Pin, PinStatus,
    SignRequest, Signature, authentication_certificate, programs_at_reader_service,
};

use crate::Error;
use crate::card_access::CardAccess;
use crate::reader_watch::{ReaderState, ReaderWatch};

/// How long one conversation with a card may take: a slow card, and a busy reader before it.
const CALL_LIMIT: Duration = Duration::from_secs(15);

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
    thread: Arc<Mutex<CardThread>>,
    facts: tokio::sync::OnceCell<CardFacts>,
}

/// What was read from a card.
pub(crate) struct CardFacts {
    /// The card's serial number.
    pub(crate) serial: String,
    /// What to call it.
    pub(crate) name: String,
    /// The certificate that logs in.
    pub(crate) certificate: CardCertificate,
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

    /// The cards at hand; what was known about others is forgotten.
    pub(crate) fn sessions(&self, state: &ReaderState) -> Vec<Arc<CardSession>> {
        let insertions = state.insertions();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|insertion, _| insertions.contains(insertion));
        insertions
            .into_iter()
            .map(|insertion| {
                let new = || Arc::new(CardSession::new(Arc::clone(&self.access), &insertion));
                Arc::clone(sessions.entry(insertion.clone()).or_insert_with(new))
            })
            .collect()
    }
}

impl CardSession {
    fn new(access: Arc<dyn CardAccess>, insertion: &Insertion) -> Self {
        let opened = insertion.clone();
        let thread = CardThread::new(move || access.open_insertion(&opened));
        Self {
            insertion: insertion.clone(),
            thread: Arc::new(Mutex::new(thread)),
            facts: tokio::sync::OnceCell::new(),
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
                self.call(Abandonment::default(), |card| {
                    let certificates = card.certificates()?;
                    Ok(CardFacts {
                        serial: card.serial()?,
                        name: card.card_name(),
                        certificate: authentication_certificate(&certificates)?.clone(),
                    })
                })
            })
            .await
    }

    /// The state of the card's PIN, asked anew.
    ///
    /// # Errors
    /// [`Error::Card`].
    pub(crate) async fn pin_status(&self) -> Result<PinStatus, Error> {
        self.call(Abandonment::default(), |card| card.pin_status())
            .await
    }

    /// Signs with the PIN that the person has just typed. The PIN is wiped when this returns.
    ///
    /// # Errors
    /// [`Error::Card`].
    pub(crate) async fn sign(
        &self,
        pin: Pin,
        last_try: LastTry,
        message: Vec<u8>,
        abandonment: Abandonment,
    ) -> Result<Signature, Error> {
        let certificate = self.facts().await?.certificate.clone();
        self.call(abandonment.clone(), move |card| {
            let request = SignRequest::new(&certificate, &pin, &message)
                .with_last_try(last_try)
                .with_abandonment(abandonment);
            card.sign(&request)
        })
        .await
    }

    /// One call on the card's own thread. Dropped, it gives itself up: nothing that needs a PIN is
    /// done late, and no other program is waited for.
    ///
    /// # Errors
    /// [`Error::Card`]; [`Error::ReaderHeld`] when the limit went by waiting for another program.
    async fn call<R: Send + 'static>(
        &self,
        abandonment: Abandonment,
        work: impl FnOnce(&mut dyn Card) -> Result<R, cardea_card::Error> + Send + 'static,
    ) -> Result<R, Error> {
        let _given_up_with_this = GiveUpOnDrop(abandonment.clone());
        let thread = Arc::clone(&self.thread);
        let begun = Instant::now();
        let called = tokio::task::spawn_blocking(move || {
            let mut thread = thread.lock().unwrap_or_else(PoisonError::into_inner);
            // An earlier call may have held the thread until its own limit.
            let limit = CALL_LIMIT.saturating_sub(begun.elapsed());
            let result = thread.call(limit, &abandonment, work);
            // A connection that stays open would keep other programs from exclusive use.
            thread.close();
            result.map_err(held_or_failed)
        });
        called.await.map_err(|_| Error::Internal {
            reason: "a card call panicked",
        })?
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
