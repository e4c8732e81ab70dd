//! A PIV card (NIST SP 800-73-4) over any transport.
//!
//! The commands of one login, in one transaction: SELECT, PIN state, VERIFY, GENERAL AUTHENTICATE,
//! clear the PIN state. That is five blocks for P-256 and for RSA with extended length; a card
//! that takes only short commands needs two blocks and a GET RESPONSE for RSA, seven in all.

use tracing::warn;

use crate::apdu::{Command, Response};
use crate::transport::in_transaction;
use crate::{
    ApduChannel, Card, CardCertificate, CardTransport, Error, KeyAlgorithm, KeyReference, Pin,
    PinAfter, PinAfterwards, PinEntry, PinMeans, PinStatus, PivSlot, SignRequest, Signature,
    StatusWord, atr, signing,
};

mod data_object;
mod exchange;
mod verified_pin;

use exchange::{CommandLength, Exchange};
use verified_pin::VerifiedPin;

/// The PIV card application without its version (SP 800-73-4 part 1 section 2.2).
const PIV_APPLICATION: [u8; 9] = [0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00];
/// Key reference of the PIV card application PIN (SP 800-73-4 part 1 table 4a).
const PIN_REFERENCE: u8 = 0x80;
const INS_VERIFY: u8 = 0x20;
const INS_SELECT: u8 = 0xA4;
const INS_GENERAL_AUTHENTICATE: u8 = 0x87;

/// A card with the PIV application.
pub struct PivCard<T> {
    transport: T,
    length: CommandLength,
    serial: Option<String>,
}

impl<T: CardTransport> PivCard<T> {
    /// Takes a connected card. Nothing is sent yet.
    pub fn new(transport: T) -> Self {
        let length = if atr::announces_extended_length(transport.atr()) {
            CommandLength::Extended
        } else {
            CommandLength::Short
        };
        Self {
            transport,
            length,
            serial: None,
        }
    }

    /// Runs `work` in one transaction with the PIV application selected: another program may have
    /// selected its own since.
    fn in_application<R>(
        &mut self,
        mut work: impl FnMut(&mut Exchange<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let length = &mut self.length;
        in_transaction(&mut self.transport, |channel: &mut dyn ApduChannel| {
            let mut exchange = Exchange::new(channel, length);
            select(&mut exchange)?;
            work(&mut exchange)
        })
    }
}

impl<T: CardTransport> Card for PivCard<T> {
    fn card_name(&self) -> String {
        "PIV".to_owned()
    }

    fn serial(&mut self) -> Result<String, Error> {
        // One connection is one insertion of one card, so the serial number cannot change under it.
        if let Some(serial) = &self.serial {
            return Ok(serial.clone());
        }
        let serial = self.in_application(data_object::read_serial)?;
        self.serial = Some(serial.clone());
        Ok(serial)
    }

    fn certificates(&mut self) -> Result<Vec<CardCertificate>, Error> {
        self.in_application(|exchange| {
            let mut certificates = Vec::new();
            let mut unreadable = None;
            for slot in PivSlot::ALL {
                match data_object::read_certificate(exchange, slot) {
                    Ok(Some(certificate)) => certificates.push(certificate),
                    Ok(None) => {}
                    Err(error) if is_about_this_object(&error) => {
                        let code = error.code();
                        warn!(slot = ?slot, code, "a certificate on the card is unreadable");
                        unreadable.get_or_insert(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            // An unreadable certificate only matters when it may be the one that is needed.
            let usable = certificates
                .iter()
                .any(CardCertificate::is_for_authentication);
            match unreadable {
                Some(error) if !usable => Err(error),
                _ => Ok(certificates),
            }
        })
    }

    fn pin_status(&mut self) -> Result<PinStatus, Error> {
        self.in_application(read_pin_status)
    }

    fn pin_means(&mut self) -> Result<PinMeans, Error> {
        Ok(PinMeans::Keyboard)
    }

    fn clear_pin(&mut self) -> Result<PinAfter, Error> {
        self.in_application(|exchange| Ok(verified_pin::clear(exchange)))
    }

    fn sign(&mut self, request: &SignRequest<'_>) -> Result<Signature, Error> {
        let KeyReference::Piv(slot) = *request.certificate.key() else {
            return Err(Error::KeyMissing);
        };
        let algorithm = request.certificate.key_algorithm()?;
        let command = general_authenticate(algorithm, slot, request.message)?;
        let (raw, pin_after) =
            self.in_application(|exchange| sign_in_transaction(exchange, &command, request))?;
        // The card is free again: the rest is arithmetic.
        let jws_bytes = match algorithm {
            KeyAlgorithm::Rsa2048 => raw,
            KeyAlgorithm::P256 => signing::ecdsa_der_to_jws(&raw)?,
        };
        signing::check_signature(request.certificate, request.message, &jws_bytes)?;
        Ok(Signature::new(
            algorithm.signature_algorithm(),
            jws_bytes,
            pin_after,
        ))
    }
}

/// SELECT (SP 800-73-4 part 2 section 3.1.1). Selecting an application that is selected already
/// keeps its PIN state, so another program's verified PIN survives.
fn select(exchange: &mut Exchange<'_>) -> Result<(), Error> {
    let command = Command::new("SELECT", INS_SELECT, 0x04, 0x00)
        .with_data(&PIV_APPLICATION)
        .expecting_response();
    let response = exchange.send(&command)?;
    match response.status {
        StatusWord::SUCCESS => Ok(()),
        StatusWord::NOT_FOUND | StatusWord::FUNCTION_NOT_SUPPORTED => Err(Error::Unsupported {
            missing: "the PIV application",
        }),
        status => Err(unexpected(&command, status)),
    }
}

/// VERIFY without data asks for the PIN state and uses no try (SP 800-73-4 part 2 section 3.2.1).
fn read_pin_status(exchange: &mut Exchange<'_>) -> Result<PinStatus, Error> {
    let command = Command::new("VERIFY", INS_VERIFY, 0x00, PIN_REFERENCE);
    let Response { status, .. } = exchange.send(&command)?;
    match (status, status.tries_left()) {
        (StatusWord::SUCCESS, _) => Ok(PinStatus {
            tries_left: None,
            verified: true,
            blocked: false,
        }),
        (StatusWord::AUTHENTICATION_METHOD_BLOCKED, _) | (_, Some(0)) => Ok(PinStatus {
            tries_left: Some(0),
            verified: false,
            blocked: true,
        }),
        (_, Some(tries)) => Ok(PinStatus {
            tries_left: Some(tries),
            verified: false,
            blocked: false,
        }),
        // A card whose retry counter cannot be read never gets a PIN.
        (_, None) => Err(unexpected(&command, status)),
    }
}

fn sign_in_transaction(
    exchange: &mut Exchange<'_>,
    command: &Command,
    request: &SignRequest<'_>,
) -> Result<(Vec<u8>, PinAfter), Error> {
    let before = read_pin_status(exchange)?;
    let pin = match request.pin {
        PinEntry::Typed(pin) => pin,
        PinEntry::OnReader => return Err(Error::PinPadMissing),
        PinEntry::Verified | PinEntry::NotAsked => {
            if !before.verified {
                return Err(Error::PinNotVerified);
            }
            let raw = authenticate(exchange, command, request)?;
            return Ok((raw, PinAfter::Kept));
        }
    };
    before.check_may_try(request.last_try)?;
    request.abandonment.check()?;
    verify_pin(exchange, pin)?;
    if request.afterwards == PinAfterwards::Keep {
        let raw = authenticate(exchange, command, request)?;
        return Ok((raw, PinAfter::Kept));
    }
    if before.verified {
        let raw = authenticate(exchange, command, request)?;
        return Ok((raw, PinAfter::KeptForOther));
    }
    // From here on every way out clears the PIN state.
    let mut verified = VerifiedPin::new(exchange);
    let raw = authenticate(verified.exchange(), command, request)?;
    Ok((raw, verified.clear()))
}

fn verify_pin(exchange: &mut Exchange<'_>, pin: &Pin) -> Result<(), Error> {
    let command = Command::new("VERIFY", INS_VERIFY, 0x00, PIN_REFERENCE)
        .with_data(pin.padded().as_slice());
    let Response { status, .. } = exchange.send(&command)?;
    match (status, status.tries_left()) {
        (StatusWord::SUCCESS, _) => Ok(()),
        (StatusWord::AUTHENTICATION_METHOD_BLOCKED, _) | (_, Some(0)) => Err(Error::PinBlocked),
        (_, tries_left @ Some(_)) => Err(Error::PinIncorrect { tries_left }),
        (_, None) => Err(unexpected(&command, status)),
    }
}

/// GENERAL AUTHENTICATE as a signature (SP 800-73-4 part 2 section 3.2.4 and appendix A).
fn authenticate(
    exchange: &mut Exchange<'_>,
    command: &Command,
    request: &SignRequest<'_>,
) -> Result<Vec<u8>, Error> {
    request.abandonment.check()?;
    let response = exchange.send(command)?;
    match response.status {
        StatusWord::SUCCESS => data_object::signature_in(&response.data),
        StatusWord::NOT_FOUND | StatusWord::REFERENCED_DATA_NOT_FOUND => Err(Error::KeyMissing),
        status => Err(unexpected(command, status)),
    }
}

fn general_authenticate(
    algorithm: KeyAlgorithm,
    slot: PivSlot,
    message: &[u8],
) -> Result<Command, Error> {
    // Algorithm identifiers of SP 800-78-4 table 6-2. The card signs a raw block: the host pads.
    let (identifier, block) = match algorithm {
        KeyAlgorithm::Rsa2048 => (0x07, signing::rsa_2048_block(message).to_vec()),
        KeyAlgorithm::P256 => (0x11, signing::sha256(message).to_vec()),
    };
    let template = data_object::signature_template(&block)?;
    let name = "GENERAL AUTHENTICATE";
    Ok(Command::new(
        name,
        INS_GENERAL_AUTHENTICATE,
        identifier,
        slot.key_reference(),
    )
    .with_data(&template)
    .expecting_response())
}

fn unexpected(command: &Command, status: StatusWord) -> Error {
    Error::UnexpectedStatus {
        command: command.name(),
        status,
    }
}

/// Whether an error says something about one data object only, and the next may well be fine.
fn is_about_this_object(error: &Error) -> bool {
    matches!(
        error,
        Error::CertificateMalformed { .. }
            | Error::CertificateCompressed
            | Error::ResponseMalformed { .. }
            | Error::UnexpectedStatus { .. }
    )
}

#[cfg(test)]
mod tests;
