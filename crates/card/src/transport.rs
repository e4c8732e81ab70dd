//! One connected card as something that answers APDUs: the seam for PC/SC, the in-process virtual
//! card and fault injectors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;

/// One connected card.
///
/// Commands can be sent only inside a transaction, and a transaction cannot outlive the closure it
/// was given to: no error path and no panic can leave other programs locked out.
pub trait CardTransport: Send {
    /// The answer to reset of the card.
    fn atr(&self) -> &[u8];

    /// Runs `work` while no other program can talk to the card.
    ///
    /// Implementations end the transaction by LEAVING the card as it is (never a reset), also when
    /// `work` fails or panics. They never reconnect silently to a card that was removed.
    ///
    /// # Errors
    /// What `work` returned, else [`Error::CardRemoved`], [`Error::Busy`] or [`Error::ReaderFault`]
    /// when the transaction could not begin or end.
    fn transaction(
        &mut self,
        work: &mut dyn FnMut(&mut dyn ApduChannel) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Whether the reader has keys of its own and offers them
    /// ([`ApduChannel::verify_on_reader`]).
    fn has_pin_pad(&mut self) -> bool {
        false
    }
}

/// The way to the card while a transaction is held.
pub trait ApduChannel {
    /// Sends one command block and returns the full response, status word included.
    ///
    /// # Errors
    /// [`Error::CardRemoved`] when the card is gone; a response under two bytes means the same and
    /// may be returned as such or passed on as it is.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error>;

    /// Has the reader take the PIN on its own keys and send it to the card: the structure is
    /// PIN_VERIFY of PC/SC part 10. Returns the status word, the card's or the reader's.
    ///
    /// # Errors
    /// [`Error::PinPadMissing`] when the reader does not offer that; else as for
    /// [`ApduChannel::transmit`].
    fn verify_on_reader(&mut self, structure: &[u8]) -> Result<Vec<u8>, Error> {
        let _ = structure;
        Err(Error::PinPadMissing)
    }

    /// Whether another program may be connected to the card, and have selected something on it.
    fn has_company(&self) -> bool {
        true
    }

    /// Whether the card was reset since the transaction before this one: what it remembered is
    /// gone.
    fn was_reset(&self) -> bool {
        false
    }
}

impl<T: CardTransport + ?Sized> CardTransport for Box<T> {
    fn atr(&self) -> &[u8] {
        (**self).atr()
    }

    fn transaction(
        &mut self,
        work: &mut dyn FnMut(&mut dyn ApduChannel) -> Result<(), Error>,
    ) -> Result<(), Error> {
        (**self).transaction(work)
    }

    fn has_pin_pad(&mut self) -> bool {
        (**self).has_pin_pad()
    }
}

/// Runs `work` in a transaction and hands its result out.
pub(crate) fn in_transaction<T: CardTransport, R>(
    transport: &mut T,
    mut work: impl FnMut(&mut dyn ApduChannel) -> Result<R, Error>,
) -> Result<R, Error> {
    let mut result = None;
    transport.transaction(&mut |channel| {
        result = Some(work(channel)?);
        Ok(())
    })?;
    // A transport that reports success without having run the work has lost the card.
    result.ok_or(Error::CardRemoved)
}

/// Counts the blocks sent to a card; a clone reads the same counter.
#[derive(Debug, Clone, Default)]
pub struct ApduCounter(Arc<AtomicU64>);

impl ApduCounter {
    /// Blocks sent so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Blocks sent so far, and starts again at zero.
    pub fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// A transport that counts what goes through it, for tests and benches.
pub struct CountingTransport<T> {
    inner: T,
    counter: ApduCounter,
}

impl<T: CardTransport> CountingTransport<T> {
    /// Wraps `inner`; the counter stays readable after the transport has moved into a card.
    pub fn new(inner: T) -> (Self, ApduCounter) {
        let counter = ApduCounter::default();
        (
            Self {
                inner,
                counter: counter.clone(),
            },
            counter,
        )
    }
}

impl<T: CardTransport> CardTransport for CountingTransport<T> {
    fn atr(&self) -> &[u8] {
        self.inner.atr()
    }

    fn transaction(
        &mut self,
        work: &mut dyn FnMut(&mut dyn ApduChannel) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let counter = self.counter.clone();
        self.inner.transaction(&mut |channel| {
            work(&mut CountingChannel {
                inner: channel,
                counter: counter.clone(),
            })
        })
    }

    fn has_pin_pad(&mut self) -> bool {
        self.inner.has_pin_pad()
    }
}

struct CountingChannel<'a> {
    inner: &'a mut dyn ApduChannel,
    counter: ApduCounter,
}

impl ApduChannel for CountingChannel<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        self.counter.0.fetch_add(1, Ordering::Relaxed);
        self.inner.transmit(command)
    }

    fn verify_on_reader(&mut self, structure: &[u8]) -> Result<Vec<u8>, Error> {
        self.counter.0.fetch_add(1, Ordering::Relaxed);
        self.inner.verify_on_reader(structure)
    }

    fn has_company(&self) -> bool {
        self.inner.has_company()
    }

    fn was_reset(&self) -> bool {
        self.inner.was_reset()
    }
}
