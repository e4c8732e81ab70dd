//! Access to smart cards: which certificates a card carries, the state of its PIN, and signatures.
//!
//! One trait, [`Card`], with two backends: [`PivCard`] speaks APDUs (NIST SP 800-73-4) through any
//! [`CardTransport`] (PC/SC, or a card in the same process), and `Pkcs11Card` goes through a
//! vendor's PKCS#11 2.40 module. A [`Backend`] lists readers, watches them and opens cards.
//!
//! The reader is shared with other programs all day long, so every conversation is one short
//! transaction that ends by leaving the card as it was found, on a logical channel of its own
//! beside another program (docs/adr/0018). A transaction is never held while a person types, but on
//! a reader with keys of its own, where typing is a command to the card. The PIN is demanded for
//! every signature unless the caller had it kept ([`PinAfterwards::Keep`]) or the card lies on a
//! contactless reader; it is never tried twice, and is never sent on the last try unless the caller
//! says that the person accepted it.
//!
//! What this crate does not do: it does not decide whether a certificate is trusted (names read
//! from it are for a prompt only), it does not change PINs or write to cards, and it neither asks
//! nor stores a PIN.
//!
//! ```no_run
//! use cardea_card::{Backend, Pin, SignRequest, authentication_certificate};
//!
//! # fn main() -> Result<(), cardea_card::Error> {
//! let backend = Backend::Pcsc;
//! let reader = backend.monitor()?.readers()?.into_iter().find(|reader| reader.has_card());
//! let reader = reader.ok_or(cardea_card::Error::NoCard)?;
//! let mut card = backend.open(&reader.name)?;
//! let certificates = card.certificates()?;
//! let certificate = authentication_certificate(&certificates)?;
//! let pin = Pin::parse("1234")?;
//! let signature = card.sign(&SignRequest::new(certificate, &pin, b"message"))?;
//! println!("{} bytes", signature.jws_bytes().len());
//! # Ok(())
//! # }
//! ```

pub mod apdu;
mod atr;
#[cfg(any(feature = "pcsc", feature = "pkcs11"))]
mod backend;
mod card_care;
mod card_thread;
mod certificate;
mod error;
mod key_reference;
#[cfg(feature = "pcsc")]
mod pcsc;
mod pin;
mod pin_pad;
mod piv;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod reader;
mod signer;
mod signing;
mod status_word;
#[cfg(test)]
mod test_card;
mod tlv;
mod transport;

#[cfg(any(feature = "pcsc", feature = "pkcs11"))]
pub use backend::Backend;
#[cfg(all(feature = "pcsc", feature = "pkcs11"))]
pub use backend::known_modules;
pub use card_care::{CareTerms, CommandSent, PinChange, PinWeakness, Puk, PukStatus, Unblocking};
pub use card_thread::CardThread;

pub use certificate::{CardCertificate, CardFamily, CardHolder, authentication_certificate};
pub use error::Error;
pub use key_reference::{KeyAlgorithm, KeyReference, PivSlot, SignatureAlgorithm};
#[cfg(feature = "pcsc")]
pub use pcsc::{PcscTransport, ProgramAtReader, programs_at_reader_service};
pub use pin::{LastTry, Pin, PinStatus};
pub use pin_pad::PIN_PAD_TIME_LIMIT;
pub use piv::PivCard;
#[cfg(feature = "pkcs11")]
pub use pkcs11::{Pkcs11Card, Pkcs11Module};
pub use reader::{CancelHandle, CardPresence, Insertion, Reader, ReaderMonitor, WaitOutcome};
pub use signer::{
    Abandonment, Card, PinAfter, PinAfterwards, PinEntry, PinMeans, SignRequest, Signature,
};
pub use status_word::StatusWord;
pub use transport::{ApduChannel, ApduCounter, CardTransport, CountingTransport};
