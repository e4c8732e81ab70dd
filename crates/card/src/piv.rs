//! A PIV card (NIST SP 800-73-4) over any transport.
//!
//! The commands of one login, in one transaction: SELECT, serial number, PIN state, VERIFY, GENERAL
//! AUTHENTICATE, clear the PIN state. That is six blocks for P-256 and for RSA with extended
//! length; a card that takes only short commands needs two blocks and a GET RESPONSE for RSA, eight
//! in all. When another program is at the card, two more open and close a logical channel of our
//! own, where the card has them, so that nothing of the other's is touched (docs/adr/0018).

use crate::transport::in_transaction;
use crate::{
    Card, CardCertificate, CardTransport, Error, KeyAlgorithm, KeyReference, PinAfter,
    PinAfterwards, PinChange, PinEntry, PinMeans, PinStatus, PivSlot, PukStatus, SignRequest,
    Signature, StatusWord, Unblocking, atr, signing,
};

mod care;
mod data_object;
mod exchange;
mod logical_channel;
mod session;
mod signature;
mod verified_pin;

use crate::apdu::Command;
use exchange::{CommandLength, Exchange};
use session::{Channels, Place, Session};

/// Key reference of the PIV card application PIN (SP 800-73-4 part 1 table 4a).
const PIN_REFERENCE: u8 = 0x80;
const INS_VERIFY: u8 = 0x20;
const INS_SELECT: u8 = 0xA4;

/// A card with the PIV application.
pub struct PivCard<T: CardTransport> {
    transport: T,
    session: Session,
    place: Place,
    serial: Option<String>,
    is_contactless: Option<bool>,
}

impl<T: CardTransport> PivCard<T> {
    /// Takes a connected card. Nothing is sent yet.
    pub fn new(transport: T) -> Self {
        let length = if atr::announces_extended_length(transport.atr()) {
            CommandLength::Extended
        } else {
            CommandLength::Short
        };
        let channels = if atr::rules_out_logical_channels(transport.atr()) {
            Channels::None
        } else {
            Channels::Possible
        };
        Self {
            transport,
            session: Session::new(length, channels),
            place: Place::Anywhere,
            serial: None,
            is_contactless: None,
        }
    }

    /// Stays on the basic channel, where a PKCS#11 module leaves its PIN state behind.
    #[cfg(all(feature = "pcsc", feature = "pkcs11"))]
    pub(crate) fn on_basic_channel(mut self) -> Self {
        self.place = Place::Basic;
        self
    }

    /// Clears the PIN state of the basic channel, whoever left it.
    #[cfg(all(feature = "pcsc", feature = "pkcs11"))]
    pub(crate) fn clear_basic_channel(&mut self) -> Result<PinAfter, Error> {
        self.in_application(Place::Basic, |exchange| Ok(verified_pin::clear(exchange)))
    }

    /// Runs `work` in one transaction with the PIV application selected: another program may have
    /// selected its own since.
    fn in_application<R>(
        &mut self,
        place: Place,
        mut work: impl FnMut(&mut Exchange<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let session = &mut self.session;
        in_transaction(&mut self.transport, |channel| {
            session.converse(channel, place, &mut work)
        })
    }

    /// One change of the PIN: what a signature kept ends first, and a reader that cannot be the
    /// place for it is told before anything is sent.
    fn care(
        &mut self,
        mut work: impl FnMut(&mut Exchange<'_>) -> Result<PinAfter, Error>,
    ) -> Result<PinAfter, Error> {
        if self.is_contactless == Some(true) {
            return Err(Error::ContactNeeded);
        }
        if self.transport.has_pin_pad() {
            return Err(Error::NotOnPinPad);
        }
        self.clear_pin()?;
        let mut done = None;
        let outcome = self.in_application(self.place, |exchange| {
            let pin_after = work(exchange)?;
            done = Some(pin_after);
            Ok(pin_after)
        });
        // What fails after the card's yes, such as the transaction's end, takes nothing back.
        outcome.or_else(|error| done.ok_or(error))
    }

    /// The certificate of one slot, in a transaction of its own: all of them together would keep
    /// other programs waiting for a second.
    fn certificate(&mut self, slot: PivSlot) -> Result<Option<CardCertificate>, Error> {
        self.in_application(self.place, |exchange| {
            data_object::read_certificate(exchange, slot)
        })
    }

    /// Whether the card is reached without contact: the certificate of slot 9A is readable through
    /// contacts only, that of 9E always (SP 800-73-4 part 1 table 2).
    fn note_interface(&mut self, authentication: &Read, certificates: &[CardCertificate]) {
        let contactless = KeyReference::Piv(PivSlot::CardAuthentication);
        let is_contactless = match authentication {
            Err(Error::UnexpectedStatus { status, .. }) => {
                *status == StatusWord::SECURITY_STATUS_NOT_SATISFIED
            }
            // Cards of older editions say "not found" there, as one whose slot is empty does.
            Ok(None) => {
                let has_key = |certificate: &CardCertificate| *certificate.key() == contactless;
                atr::may_be_contactless(self.transport.atr()) && certificates.iter().all(has_key)
            }
            Ok(Some(_)) | Err(_) => false,
        };
        self.is_contactless = Some(is_contactless && !certificates.is_empty());
    }
}

/// What came of reading one certificate.
type Read = Result<Option<CardCertificate>, Error>;

impl<T: CardTransport> Card for PivCard<T> {
    fn card_name(&self) -> String {
        "PIV".to_owned()
    }

    fn serial(&mut self) -> Result<String, Error> {
        // One connection is one insertion of one card, so the serial number cannot change under it.
        if let Some(serial) = &self.serial {
            return Ok(serial.clone());
        }
        let serial = self.in_application(self.place, data_object::read_serial)?;
        self.serial = Some(serial.clone());
        Ok(serial)
    }

    fn certificates(&mut self) -> Result<Vec<CardCertificate>, Error> {
        let mut certificates = Vec::new();
        let mut authentication: Read = Ok(None);
        let mut unreadable = None;
        for slot in PivSlot::ALL {
            let read = self.certificate(slot);
            let error = match read {
                Ok(certificate) => {
                    if slot == PivSlot::Authentication {
                        authentication = Ok(certificate.clone());
                    }
                    certificates.extend(certificate);
                    continue;
                }
                Err(error) => error,
            };
            if !data_object::is_about_this_object(&error) {
                return Err(error);
            }
            data_object::note_unreadable(slot, &error);
            if slot == PivSlot::Authentication {
                authentication = Err(error);
            } else {
                unreadable.get_or_insert(error);
            }
        }
        self.note_interface(&authentication, &certificates);
        // An unreadable certificate only matters when it may be the one that is needed, and the
        // contactless one never stands in for it.
        let contactless = KeyReference::Piv(PivSlot::CardAuthentication);
        let is_contactless = self.is_contactless == Some(true);
        let usable = certificates.iter().any(|certificate| {
            certificate.is_for_authentication()
                && (is_contactless || *certificate.key() != contactless)
        });
        match authentication.err().or(unreadable) {
            Some(error) if !usable => Err(error),
            _ => Ok(certificates),
        }
    }

    fn pin_status(&mut self) -> Result<PinStatus, Error> {
        self.in_application(self.place, signature::read_pin_status)
    }

    fn pin_means(&mut self) -> Result<PinMeans, Error> {
        if self.is_contactless.is_none() {
            self.certificates()?;
        }
        if self.is_contactless == Some(true) {
            return Ok(PinMeans::None);
        }
        Ok(if self.transport.has_pin_pad() {
            PinMeans::Reader
        } else {
            PinMeans::Keyboard
        })
    }

    fn sign(&mut self, request: &SignRequest<'_>) -> Result<Signature, Error> {
        let KeyReference::Piv(slot) = *request.certificate.key() else {
            return Err(Error::KeyMissing);
        };
        let takes_pin = !matches!(request.pin, PinEntry::NotAsked);
        if slot == PivSlot::CardAuthentication && takes_pin {
            // That key signs without a PIN: whoever says that one was given says too much.
            return Err(Error::Unsupported {
                missing: "a PIN for its contactless key",
            });
        }
        let place = match request.pin {
            PinEntry::Verified if !self.session.keeps_pin() => return Err(Error::PinNotVerified),
            PinEntry::Verified | PinEntry::NotAsked => Place::Anywhere,
            PinEntry::Typed(_) | PinEntry::OnReader => {
                if self.session.keeps_pin() {
                    self.clear_pin()?;
                }
                match request.afterwards {
                    PinAfterwards::Keep => Place::OwnChannel,
                    PinAfterwards::Clear => Place::Anywhere,
                }
            }
        };
        let algorithm = request.certificate.key_algorithm()?;
        let command = signature::general_authenticate(algorithm, slot, request.message)?;
        let (raw, pin_after) = self.in_application(place, |exchange| {
            signature::sign(exchange, &command, request)
        })?;
        // The card is free again: the rest is arithmetic.
        let checked = checked_signature(request, algorithm, raw);
        if checked.is_err() && self.session.keeps_pin() {
            // Who gets no signature does not know either that a PIN is kept.
            let _ = self.clear_pin();
        }
        Ok(Signature::new(
            algorithm.signature_algorithm(),
            checked?,
            pin_after,
        ))
    }

    fn clear_pin(&mut self) -> Result<PinAfter, Error> {
        if !self.session.keeps_pin() {
            return Ok(PinAfter::Cleared);
        }
        let session = &mut self.session;
        in_transaction(&mut self.transport, |channel| session.clear_kept(channel))
    }

    fn puk_status(&mut self) -> Result<PukStatus, Error> {
        self.in_application(self.place, care::read_puk_status)
    }

    fn change_pin(&mut self, change: &PinChange<'_>) -> Result<PinAfter, Error> {
        self.care(|exchange| care::change_pin(exchange, change))
    }

    fn unblock(&mut self, unblocking: &Unblocking<'_>) -> Result<PinAfter, Error> {
        self.care(|exchange| care::unblock(exchange, unblocking))
    }
}

impl<T: CardTransport> Drop for PivCard<T> {
    /// What was kept ends with the connection.
    fn drop(&mut self) {
        // A card that is gone has forgotten it by itself.
        let _ = self.clear_pin();
    }
}

/// The signature in the form of JWS, if it is one of this certificate's key.
fn checked_signature(
    request: &SignRequest<'_>,
    algorithm: KeyAlgorithm,
    raw: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    let jws_bytes = match algorithm {
        KeyAlgorithm::Rsa2048 => raw,
        KeyAlgorithm::P256 => signing::ecdsa_der_to_jws(&raw)?,
    };
    signing::check_signature(request.certificate, request.message, &jws_bytes)?;
    Ok(jws_bytes)
}

fn unexpected(command: &Command, status: StatusWord) -> Error {
    Error::UnexpectedStatus {
        command: command.name(),
        status,
    }
}

#[cfg(test)]
mod tests;
