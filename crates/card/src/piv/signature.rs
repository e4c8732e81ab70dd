//! One signature: PIN state, PIN, key, and the PIN state as it was.

use super::exchange::{Exchange, KeptPin};
use super::verified_pin::VerifiedPin;
use super::{INS_VERIFY, PIN_REFERENCE, data_object, unexpected};
use crate::apdu::{Command, Response};
use crate::{
    Error, KeyAlgorithm, Pin, PinAfter, PinAfterwards, PinEntry, PinStatus, PivSlot, SignRequest,
    StatusWord, pin_pad, signing,
};

const INS_GENERAL_AUTHENTICATE: u8 = 0x87;

/// Signs within one conversation; the signature is as the card gives it.
pub(super) fn sign(
    exchange: &mut Exchange<'_>,
    command: &Command,
    request: &SignRequest<'_>,
) -> Result<(Vec<u8>, PinAfter), Error> {
    match request.pin {
        // Never a VERIFY on a contactless interface, not even one that asks for the state.
        PinEntry::NotAsked => {
            let raw = authenticate(exchange, command, request)?;
            Ok((raw, PinAfter::Cleared))
        }
        PinEntry::Verified => sign_as_verified(exchange, command, request),
        PinEntry::Typed(_) | PinEntry::OnReader => sign_with_pin(exchange, command, request),
    }
}

fn sign_with_pin(
    exchange: &mut Exchange<'_>,
    command: &Command,
    request: &SignRequest<'_>,
) -> Result<(Vec<u8>, PinAfter), Error> {
    if let Some(serial) = request.card_serial {
        data_object::check_serial(exchange, serial)?;
    }
    let before = read_pin_status(exchange)?;
    before.check_may_try(request.last_try)?;
    request.abandonment.check()?;
    if before.verified {
        give_pin(exchange, request.pin)?;
        let raw = authenticate(exchange, command, request)?;
        if request.afterwards == PinAfterwards::Keep {
            exchange.keeps_pin = Some(KeptPin::AlsoOthers);
            return Ok((raw, PinAfter::Kept));
        }
        return Ok((raw, PinAfter::KeptForOther));
    }
    // Before the PIN is sent: when the answer is lost, the card may have verified it all the same.
    let mut verified = VerifiedPin::new(exchange);
    match give_pin(verified.exchange(), request.pin) {
        Ok(()) => sign_and_leave(verified, command, request),
        Err(error) => {
            if is_refusal(&error) {
                verified.was_refused();
            }
            Err(error)
        }
    }
}

/// The PIN, sent once.
fn give_pin(exchange: &mut Exchange<'_>, pin: PinEntry<'_>) -> Result<(), Error> {
    match pin {
        PinEntry::Typed(pin) => verify_pin(exchange, pin),
        PinEntry::OnReader => verify_on_reader(exchange),
        PinEntry::Verified | PinEntry::NotAsked => Err(Error::PinNotVerified),
    }
}

/// Whether the card, or the reader instead of it, says for certain that no PIN was verified.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::PinIncorrect { .. }
            | Error::PinBlocked
            | Error::PinMalformed
            | Error::PinEntryTimedOut
            | Error::PinEntryCancelled
            | Error::PinPadMissing
            | Error::PinNotVerified
    )
}

/// With a PIN that this card session kept. Whether it is verified still, the card says.
fn sign_as_verified(
    exchange: &mut Exchange<'_>,
    command: &Command,
    request: &SignRequest<'_>,
) -> Result<(Vec<u8>, PinAfter), Error> {
    let kept = exchange.keeps_pin.take();
    // Whatever the card says but "verified": a channel that is gone has no PIN state.
    let is_verified = match read_pin_status(exchange) {
        Ok(status) => status.verified,
        Err(Error::UnexpectedStatus { .. }) => false,
        Err(error) => return Err(error),
    };
    if !is_verified {
        return Err(Error::PinNotVerified);
    }
    if kept == Some(KeptPin::AlsoOthers) {
        let raw = authenticate(exchange, command, request)?;
        if request.afterwards == PinAfterwards::Keep {
            exchange.keeps_pin = kept;
            return Ok((raw, PinAfter::Kept));
        }
        return Ok((raw, PinAfter::KeptForOther));
    }
    sign_and_leave(VerifiedPin::new(exchange), command, request)
}

/// Signs while our PIN is verified, which every way out but one clears.
fn sign_and_leave(
    mut verified: VerifiedPin<'_, '_>,
    command: &Command,
    request: &SignRequest<'_>,
) -> Result<(Vec<u8>, PinAfter), Error> {
    let raw = authenticate(verified.exchange(), command, request)?;
    let pin_after = match request.afterwards {
        PinAfterwards::Clear => verified.clear(),
        PinAfterwards::Keep => verified.keep(),
    };
    Ok((raw, pin_after))
}

/// VERIFY without data asks for the PIN state and uses no try (SP 800-73-4 part 2 section 3.2.1).
pub(super) fn read_pin_status(exchange: &mut Exchange<'_>) -> Result<PinStatus, Error> {
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

fn verify_pin(exchange: &mut Exchange<'_>, pin: &Pin) -> Result<(), Error> {
    let command =
        Command::new("VERIFY", INS_VERIFY, 0x00, PIN_REFERENCE).with_data(pin.padded().as_slice());
    let Response { status, .. } = exchange.send(&command)?;
    check_verified(&command, status)
}

/// The person types on the reader's keys while the transaction is open: the entry is one command
/// to the card. The reader's own time-out bounds it.
fn verify_on_reader(exchange: &mut Exchange<'_>) -> Result<(), Error> {
    let structure = pin_pad::pin_verify(exchange.logical_channel(), PIN_REFERENCE)?;
    let Response { status, .. } = exchange.verify_on_reader(&structure)?;
    if let Some(refusal) = pin_pad::reader_refusal(status) {
        return Err(refusal);
    }
    let command = Command::new("VERIFY", INS_VERIFY, 0x00, PIN_REFERENCE);
    check_verified(&command, status)
}

pub(super) fn check_verified(command: &Command, status: StatusWord) -> Result<(), Error> {
    match (status, status.tries_left()) {
        (StatusWord::SUCCESS, _) => Ok(()),
        (StatusWord::AUTHENTICATION_METHOD_BLOCKED, _) | (_, Some(0)) => Err(Error::PinBlocked),
        (_, tries_left @ Some(_)) => Err(Error::PinIncorrect { tries_left }),
        (_, None) => Err(unexpected(command, status)),
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
    let pin_was_given = matches!(request.pin, PinEntry::Typed(_) | PinEntry::OnReader);
    match response.status {
        StatusWord::SUCCESS => data_object::signature_in(&response.data),
        StatusWord::NOT_FOUND | StatusWord::REFERENCED_DATA_NOT_FOUND => Err(Error::KeyMissing),
        StatusWord::SECURITY_STATUS_NOT_SATISFIED if !pin_was_given => Err(Error::PinNotVerified),
        status => Err(unexpected(command, status)),
    }
}

/// The command that has the slot's key sign the message.
pub(super) fn general_authenticate(
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
