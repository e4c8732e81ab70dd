//! C_SetPIN: the user's own change of the PIN (PKCS #11 2.40 section 5.5).

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
        terms.abandonment.check()?;
        let outcome = session.set_pin(&auth_pin(change.old)?, &auth_pin(change.new)?);
        drop(session);
        let pin_after = card_state.restore(&self.slot_description);
        match outcome.map_err(from_pkcs11) {
            Ok(()) => Ok(pin_after),
            Err(Error::PinIncorrect { .. }) => Err(self.incorrect_pin()?),
            // Of the two the old one was a PIN once.
            Err(Error::PinMalformed) => Err(Error::NewPinRefused),
            Err(Error::CardRemoved | Error::NoCard) => Err(Error::PinChangeUncertain),
            Err(error) => Err(error),
        }
    }
}

/// The digits as cryptoki takes them; it wipes them.
fn auth_pin(pin: &Pin) -> Result<AuthPin, Error> {
    let digits = std::str::from_utf8(pin.digits()).map_err(|_| Error::PinMalformed)?;
    Ok(AuthPin::from(digits))
}
