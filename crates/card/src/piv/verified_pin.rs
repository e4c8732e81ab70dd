//! A PIN that we verified, or may have, and that must not stay verified.

use tracing::warn;

use super::exchange::{Exchange, KeptPin};
use super::{INS_SELECT, INS_VERIFY, PIN_REFERENCE};
use crate::PinAfter;
use crate::apdu::Command;

/// The card manager of GlobalPlatform cards (GlobalPlatform Card Specification 2.3 section H.1.3).
const CARD_MANAGER: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];

/// Clears the card's PIN state when it goes, on error paths and panics too.
pub(super) struct VerifiedPin<'exchange, 'channel> {
    exchange: &'exchange mut Exchange<'channel>,
    is_cleared: bool,
}

impl<'exchange, 'channel> VerifiedPin<'exchange, 'channel> {
    pub(super) fn new(exchange: &'exchange mut Exchange<'channel>) -> Self {
        Self {
            exchange,
            is_cleared: false,
        }
    }

    pub(super) fn exchange(&mut self) -> &mut Exchange<'channel> {
        self.exchange
    }

    /// Nothing is to be cleared: the PIN was refused.
    pub(super) fn was_refused(mut self) {
        self.is_cleared = true;
    }

    /// Leaves the PIN verified.
    pub(super) fn keep(mut self) -> PinAfter {
        self.is_cleared = true;
        self.exchange.keeps_pin = Some(KeptPin::Ours);
        PinAfter::Kept
    }

    /// Clears the PIN state now and tells whether the card did.
    pub(super) fn clear(mut self) -> PinAfter {
        self.is_cleared = true;
        clear(self.exchange)
    }
}

impl Drop for VerifiedPin<'_, '_> {
    fn drop(&mut self) {
        if !self.is_cleared {
            clear(self.exchange);
        }
    }
}

/// VERIFY with P1 = FF (SP 800-73-4 part 2 section 3.2.1). Cards of older editions lack it; there
/// the state ends when another application is selected (section 3.1.1).
pub(super) fn clear(exchange: &mut Exchange<'_>) -> PinAfter {
    let reset = Command::new("VERIFY", INS_VERIFY, 0xFF, PIN_REFERENCE);
    if exchange
        .send(&reset)
        .is_ok_and(|response| response.status.is_success())
    {
        return PinAfter::Cleared;
    }
    let deselect = Command::new("SELECT", INS_SELECT, 0x04, 0x00).with_data(&CARD_MANAGER);
    if exchange
        .send(&deselect.expecting_response())
        .is_ok_and(|answer| answer.status.is_success())
    {
        return PinAfter::Cleared;
    }
    warn!("the card did not clear its PIN state");
    PinAfter::NotCleared
}
