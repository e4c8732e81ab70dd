//! The two commands that give a card a new PIN. Each is sent once, in one transaction, after the
//! card's own counter was looked at; afterwards the PIN state is as it was before.

use zeroize::Zeroizing;

use super::exchange::Exchange;
use super::signature::{check_verified, read_pin_status};
use super::verified_pin::VerifiedPin;
use super::{INS_VERIFY, PIN_REFERENCE, data_object, unexpected};
use crate::apdu::Command;
use crate::{CareTerms, Error, PinAfter, PinChange, PinStatus, PukStatus, StatusWord, Unblocking};

/// Key reference of the PIN unblocking key (SP 800-73-4 part 1 table 4a).
const PUK_REFERENCE: u8 = 0x81;
const INS_CHANGE_REFERENCE_DATA: u8 = 0x24;
const INS_RESET_RETRY_COUNTER: u8 = 0x2C;

/// CHANGE REFERENCE DATA (SP 800-73-4 part 2 section 3.2.2).
pub(super) fn change_pin(
    exchange: &mut Exchange<'_>,
    change: &PinChange<'_>,
) -> Result<PinAfter, Error> {
    check_serial(exchange, &change.terms)?;
    let before = pin_status_through_contacts(exchange)?;
    before.check_may_try(change.terms.last_try)?;
    let data = joined(&change.old.padded(), &change.new.padded());
    let name = "CHANGE REFERENCE DATA";
    let command =
        Command::new(name, INS_CHANGE_REFERENCE_DATA, 0x00, PIN_REFERENCE).with_data(&*data);
    change.terms.begin_sending()?;
    send_once(exchange, &command, before, |status| {
        if is_about_new_pin(status) {
            return Err(Error::NewPinRefused);
        }
        check_verified(&command, status)
    })
}

/// RESET RETRY COUNTER (section 3.2.3): the unblocking code and the new PIN in one command.
pub(super) fn unblock(
    exchange: &mut Exchange<'_>,
    unblocking: &Unblocking<'_>,
) -> Result<PinAfter, Error> {
    check_serial(exchange, &unblocking.terms)?;
    let before = pin_status_through_contacts(exchange)?;
    read_puk_status(exchange)?.check_may_try(unblocking.terms.last_try)?;
    let data = joined(&unblocking.puk.padded(), &unblocking.new.padded());
    let name = "RESET RETRY COUNTER";
    let command =
        Command::new(name, INS_RESET_RETRY_COUNTER, 0x00, PIN_REFERENCE).with_data(&*data);
    unblocking.terms.begin_sending()?;
    send_once(exchange, &command, before, |status| {
        match (status, status.tries_left()) {
            (StatusWord::SUCCESS, _) => Ok(()),
            (StatusWord::AUTHENTICATION_METHOD_BLOCKED, _) | (_, Some(0)) => Err(Error::PukBlocked),
            (_, tries_left @ Some(_)) => Err(Error::PukIncorrect { tries_left }),
            (status, None) if is_about_new_pin(status) => Err(Error::NewPinRefused),
            (status, None) => Err(unexpected(&command, status)),
        }
    })
}

/// VERIFY without data uses no try. The specification has it for the PIN alone; cards that know it
/// for the unblocking code, too, tell its counter.
pub(super) fn read_puk_status(exchange: &mut Exchange<'_>) -> Result<PukStatus, Error> {
    let command = Command::new("VERIFY", INS_VERIFY, 0x00, PUK_REFERENCE);
    let status = exchange.send(&command)?.status;
    Ok(match (status, status.tries_left()) {
        (StatusWord::AUTHENTICATION_METHOD_BLOCKED, _) | (_, Some(0)) => PukStatus {
            tries_left: Some(0),
            blocked: true,
        },
        (_, tries_left) => PukStatus {
            tries_left,
            blocked: false,
        },
    })
}

fn check_serial(exchange: &mut Exchange<'_>, terms: &CareTerms<'_>) -> Result<(), Error> {
    match terms.card_serial {
        Some(serial) => data_object::check_serial(exchange, serial),
        None => Ok(()),
    }
}

/// The PIN's state. A contactless interface gives none, and must never get a PIN.
fn pin_status_through_contacts(exchange: &mut Exchange<'_>) -> Result<PinStatus, Error> {
    match read_pin_status(exchange) {
        Err(Error::UnexpectedStatus {
            status: StatusWord::SECURITY_STATUS_NOT_SATISFIED,
            ..
        }) => Err(Error::ContactNeeded),
        other => other,
    }
}

/// Sends what changes the PIN, and leaves the PIN state as it was. Without an answer, nobody knows
/// whether the PIN was changed; the card may then count it as verified (section 3.2.2), so that the
/// state is cleared as after a success. What another program had verified stays so.
fn send_once(
    exchange: &mut Exchange<'_>,
    command: &Command,
    before: PinStatus,
    meaning: impl FnOnce(StatusWord) -> Result<(), Error>,
) -> Result<PinAfter, Error> {
    if before.verified {
        let status = send(exchange, command)?;
        return meaning(status).map(|()| PinAfter::KeptForOther);
    }
    let mut verified = VerifiedPin::new(exchange);
    let outcome = send(verified.exchange(), command).and_then(meaning);
    match outcome {
        Ok(()) => Ok(verified.clear()),
        Err(error) => {
            if is_refusal(&error) {
                verified.was_refused();
            }
            Err(error)
        }
    }
}

fn send(exchange: &mut Exchange<'_>, command: &Command) -> Result<StatusWord, Error> {
    match exchange.send(command) {
        Ok(response) => Ok(response.status),
        Err(_) => Err(Error::PinChangeUncertain),
    }
}

/// Whether the card says for certain that it verified nothing.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::PinIncorrect { .. }
            | Error::PinBlocked
            | Error::PukIncorrect { .. }
            | Error::PukBlocked
            | Error::NewPinRefused
    )
}

/// The card takes such a PIN by no means: too short for it, or against its own rules. It has not
/// compared anything then, so no try was used.
fn is_about_new_pin(status: StatusWord) -> bool {
    [
        StatusWord::INCORRECT_DATA,
        StatusWord::WRONG_LENGTH,
        StatusWord::CONDITIONS_NOT_SATISFIED,
    ]
    .contains(&status)
}

fn joined(first: &[u8; 8], second: &[u8; 8]) -> Zeroizing<[u8; 16]> {
    let mut data = Zeroizing::new([0; 16]);
    let bytes = first.iter().chain(second);
    for (place, byte) in data.iter_mut().zip(bytes) {
        *place = *byte;
    }
    data
}
