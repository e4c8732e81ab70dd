//! The card as a signer: the trait that both backends implement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{
    CardCertificate, Error, LastTry, Pin, PinChange, PinStatus, PukStatus, SignatureAlgorithm,
    Unblocking,
};

/// A card that was opened.
///
/// Every method is one short conversation with the card and leaves it usable for other programs.
/// Methods block; [`crate::CardThread`] gives them a thread and a time limit.
pub trait Card: Send {
    /// What to call the card in a prompt, such as `PIV` or the token's label.
    fn card_name(&self) -> String;

    /// The serial number of the card: the CHUID's GUID, or the token's serial number.
    ///
    /// # Errors
    /// [`Error::CardRemoved`] and the other failures of talking to a card.
    fn serial(&mut self) -> Result<String, Error>;

    /// Every readable certificate. Costs many APDUs: callers keep it for one [`crate::Insertion`].
    ///
    /// # Errors
    /// [`Error::CardRemoved`] and the other failures of talking to a card;
    /// [`Error::CertificateMalformed`] or [`Error::CertificateCompressed`] when a certificate is
    /// unreadable and no authentication certificate is among the others.
    fn certificates(&mut self) -> Result<Vec<CardCertificate>, Error>;

    /// What the card says about its PIN. Uses no try.
    ///
    /// # Errors
    /// [`Error::CardRemoved`] and the other failures of talking to a card.
    fn pin_status(&mut self) -> Result<PinStatus, Error>;

    /// How this card, in this reader, gets its PIN.
    ///
    /// # Errors
    /// [`Error::CardRemoved`] and the other failures of talking to a card.
    fn pin_means(&mut self) -> Result<PinMeans, Error>;

    /// Signs one message in one transaction. A PIN that was given is always sent, once, whatever
    /// the card's PIN state was; afterwards the state is as it was before, unless the request keeps
    /// the PIN verified.
    ///
    /// # Errors
    /// [`Error::PinIncorrect`], [`Error::PinLastTry`] (nothing was sent), [`Error::PinBlocked`],
    /// [`Error::PinNotVerified`] when the request gives no PIN and the card wants one,
    /// [`Error::SignatureInvalid`] when the card is not the one of the certificate,
    /// [`Error::CardRemoved`], also when another serial number was wanted (nothing was sent), and
    /// the other failures of talking to a card.
    fn sign(&mut self, request: &SignRequest<'_>) -> Result<Signature, Error>;

    /// Ends what [`PinAfterwards::Keep`] kept: the card's PIN is not verified any more.
    ///
    /// # Errors
    /// [`Error::CardRemoved`] and the other failures of talking to a card.
    fn clear_pin(&mut self) -> Result<PinAfter, Error>;

    /// What the card says about its unblocking code. Uses no try.
    ///
    /// # Errors
    /// As for [`Card::unblock`], and the failures of talking to a card.
    fn puk_status(&mut self) -> Result<PukStatus, Error> {
        Err(Error::UnblockingNotOffered)
    }

    /// Gives the card another PIN, in one transaction. The old PIN is sent once; afterwards the
    /// PIN state is as it was before.
    ///
    /// # Errors
    /// As for [`Card::sign`] with a typed PIN; [`Error::NewPinRefused`] (no try was used);
    /// [`Error::PinChangeUncertain`] when the card left in the middle; [`Error::ContactNeeded`] and
    /// [`Error::NotOnPinPad`] where this reader is no place for it (nothing was sent).
    fn change_pin(&mut self, change: &PinChange<'_>) -> Result<PinAfter, Error> {
        let _ = change;
        Err(Error::Unsupported {
            missing: "a way to change its PIN",
        })
    }

    /// Gives the card another PIN by its unblocking code, in one transaction. The code is sent
    /// once.
    ///
    /// # Errors
    /// [`Error::PukIncorrect`], [`Error::PukLastTry`] (nothing was sent), [`Error::PukBlocked`];
    /// [`Error::UnblockingNotOffered`] through a PKCS#11 module; else as for [`Card::change_pin`].
    fn unblock(&mut self, unblocking: &Unblocking<'_>) -> Result<PinAfter, Error> {
        let _ = unblocking;
        Err(Error::UnblockingNotOffered)
    }
}

/// How the card gets the PIN for one signature.
#[derive(Debug, Clone, Copy)]
pub enum PinEntry<'a> {
    /// Typed on the keyboard.
    Typed(&'a Pin),
    /// To be typed on the reader's own keys (PC/SC part 10, FEATURE_VERIFY_PIN_DIRECT). The
    /// transaction is open meanwhile, because the entry *is* a command to the card; the reader's
    /// own time-out bounds it.
    OnReader,
    /// Verified earlier through this opened card and kept by [`PinAfterwards::Keep`].
    Verified,
    /// None, because the interface asks for none (contactless).
    NotAsked,
}

impl<'a> From<&'a Pin> for PinEntry<'a> {
    fn from(pin: &'a Pin) -> Self {
        Self::Typed(pin)
    }
}

/// Where a card's PIN is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinMeans {
    /// On the keyboard, in a prompt.
    Keyboard,
    /// On the reader's own keys: the PIN never passes through the computer.
    Reader,
    /// Nowhere: the card is on a contactless interface, where it takes no PIN.
    None,
}

/// What becomes of the verified PIN after a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PinAfterwards {
    /// The card forgets that it was verified.
    #[default]
    Clear,
    /// It stays verified until [`Card::clear_pin`], and at most as long as this [`Card`] stays
    /// open. On a card with logical channels no other program comes upon it. A wish: what came of
    /// it is in [`Signature::pin_after`], and through a PKCS#11 module nothing is ever kept.
    Keep,
}

/// What to sign, with which key, and the PIN that allows it.
#[derive(Debug, Clone)]
pub struct SignRequest<'a> {
    /// The certificate whose key signs; it also fixes the algorithm, and the signature is checked
    /// with it.
    pub certificate: &'a CardCertificate,
    /// How the card gets the PIN.
    pub pin: PinEntry<'a>,
    /// The message, before hashing.
    pub message: &'a [u8],
    /// The serial number that the card must have before it gets a PIN. A reader can miss that cards
    /// were exchanged.
    pub card_serial: Option<&'a str>,
    /// Whether the last try may be used.
    pub last_try: LastTry,
    /// Tells that nobody waits for the signature any more.
    pub abandonment: Abandonment,
    /// What becomes of the verified PIN.
    pub afterwards: PinAfterwards,
}

impl<'a> SignRequest<'a> {
    /// A request that does not use the last try and keeps no PIN.
    pub fn new(
        certificate: &'a CardCertificate,
        pin: impl Into<PinEntry<'a>>,
        message: &'a [u8],
    ) -> Self {
        let abandonment = Abandonment::default();
        Self {
            certificate,
            pin: pin.into(),
            message,
            card_serial: None,
            last_try: LastTry::Refused,
            abandonment,
            afterwards: PinAfterwards::Clear,
        }
    }

    /// Sets what becomes of the verified PIN.
    #[must_use]
    pub fn with_afterwards(mut self, afterwards: PinAfterwards) -> Self {
        self.afterwards = afterwards;
        self
    }

    /// Sets the serial number without which the card gets no PIN: it costs one command.
    #[must_use]
    pub fn with_card_serial(mut self, serial: &'a str) -> Self {
        self.card_serial = Some(serial);
        self
    }

    /// Sets whether the last try may be used.
    #[must_use]
    pub fn with_last_try(mut self, last_try: LastTry) -> Self {
        self.last_try = last_try;
        self
    }

    /// Ties the request to a call that may be given up.
    #[must_use]
    pub fn with_abandonment(mut self, abandonment: Abandonment) -> Self {
        self.abandonment = abandonment;
        self
    }
}

/// Tells a call that is still waiting for the card that nobody waits for it any more, so that it
/// does not use a PIN late. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Abandonment(Arc<AtomicBool>);

impl Abandonment {
    /// Gives the call up.
    pub fn abandon(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the call was given up.
    pub fn is_abandoned(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Backends call this before each step that uses the PIN.
    ///
    /// # Errors
    /// [`Error::Abandoned`].
    pub fn check(&self) -> Result<(), Error> {
        if self.is_abandoned() {
            Err(Error::Abandoned)
        } else {
            Ok(())
        }
    }
}

/// A signature that was checked with the certificate's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    algorithm: SignatureAlgorithm,
    jws_bytes: Vec<u8>,
    pin_after: PinAfter,
}

impl Signature {
    /// A signature in JWS form. For implementations of [`Card`].
    pub fn new(algorithm: SignatureAlgorithm, jws_bytes: Vec<u8>, pin_after: PinAfter) -> Self {
        Self {
            algorithm,
            jws_bytes,
            pin_after,
        }
    }

    /// The algorithm.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// The bytes as a JWS carries them: RSA as it is, ECDSA as r‖s of 32 bytes each
    /// (RFC 7518 section 3.4).
    pub fn jws_bytes(&self) -> &[u8] {
        &self.jws_bytes
    }

    /// How the card's PIN state was left.
    pub fn pin_after(&self) -> PinAfter {
        self.pin_after
    }
}

/// How a signature left the card's PIN state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinAfter {
    /// The PIN was not verified before and is not verified now.
    Cleared,
    /// Another program had verified the PIN before, and keeps that.
    KeptForOther,
    /// It stays verified, as the request wanted.
    Kept,
    /// A PKCS#11 module was told to log out. Whether it told the card, too, is not known.
    LoggedOut,
    /// The card refused to clear its PIN state: other programs can use its keys until the card is
    /// removed.
    NotCleared,
}
