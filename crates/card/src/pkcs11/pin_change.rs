//! C_SetPIN: the user's own change of the PIN (PKCS #11 2.40 section 5.5).

use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::types::AuthPin;

use super::Pkcs11Card;
use super::card_state::CardState;
use super::fault::from_pkcs11;
use crate::{Card as _, Error, Pin, PinAfter, PinChange, PinMeans};

impl Pkcs11Card {
    /// The old PIN goes to the module once, whatever it answers.
    pub(super) fn set_pin(&mut self, change: &PinChange<'_>) -> Result<PinAfter, Error> {
        let before = self.pin_status()?;
        if before.verified {
            // C_SetPIN would change the PIN of whoever is logged in, perhaps the officer's.
            return Err(Error::PinNotDemanded);
        }
        if self.pin_means()? == PinMeans::Reader {
            return Err(Error::NotOnPinPad);
        }
        let terms = &change.terms;
        if terms
            .card_serial
            .is_some_and(|serial| serial != self.serial)
        {
            return Err(Error::CardRemoved);
        }
        before.check_may_try(terms.last_try)?;
        // Only a session that may write changes a PIN.
        let session = self.context.open_rw_session(self.slot);
        let session = session.map_err(from_pkcs11)?;
        let card_state = CardState::read(&self.slot_description);
        let (old, new) = (auth_pin(change.old)?, auth_pin(change.new)?);
        terms.begin_sending()?;
        let outcome = session.set_pin(&old, &new);
        drop(session);
        let pin_after = card_state.restore(&self.slot_description);
        match outcome.map_err(from_set_pin) {
            Ok(()) => Ok(pin_after),
            // The counter is worth less than the news that the PIN was wrong.
            Err(Error::PinIncorrect { tries_left }) => Err(self
                .incorrect_pin()
                .unwrap_or(Error::PinIncorrect { tries_left })),
            // Of the two the old one was a PIN once.
            Err(Error::PinMalformed) => Err(Error::NewPinRefused),
            Err(Error::CardRemoved | Error::NoCard) => Err(Error::PinChangeUncertain),
            Err(error) => Err(error),
        }
    }
}

/// Modules say one of these three when the card's answer did not reach them.
fn from_set_pin(error: Pkcs11Error) -> Error {
    match error {
        Pkcs11Error::Pkcs11(
            RvError::DeviceError | RvError::GeneralError | RvError::FunctionFailed,
            _,
        ) => Error::PinChangeUncertain,
        error => from_pkcs11(error),
    }
}

/// The digits as cryptoki takes them; it wipes them.
fn auth_pin(pin: &Pin) -> Result<AuthPin, Error> {
    let digits = std::str::from_utf8(pin.digits()).map_err(|_| Error::PinMalformed)?;
    Ok(AuthPin::from(digits))
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    #[test]
    fn a_module_that_lost_the_answer_leaves_a_doubt() {
        let code = |value| from_set_pin(Pkcs11Error::Pkcs11(value, Function::SetPIN)).code();
        for lost in [
            RvError::DeviceError,
            RvError::GeneralError,
            RvError::FunctionFailed,
        ] {
            assert_eq!(code(lost), "card.pin_change_uncertain");
        }
        assert_eq!(code(RvError::PinIncorrect), "card.pin_incorrect");
        assert_eq!(code(RvError::PinLocked), "card.pin_blocked");
    }
}
