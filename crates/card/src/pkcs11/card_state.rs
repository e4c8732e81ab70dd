//! What the card itself says about its PIN, beside the module.
//!
//! C_Logout ends the module's login, but a module need not tell the card: OpenSC 0.23 sends nothing
//! to a PIV card, so that the next program finds the PIN verified. Where the slot is a PC/SC reader
//! with a PIV card in it, the card is asked before the login and cleared after the logout. Other
//! cards, and readers of other kinds, are left to their module.

use crate::PinAfter;

/// The card's PIN state before our login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CardState {
    /// It is a PIV card, and no program had verified the PIN.
    NotVerified,
    /// It is a PIV card, and another program had verified the PIN.
    VerifiedByOther,
    /// It cannot be asked.
    Unknown,
}

impl CardState {
    /// Asks the card in the reader of this name.
    pub(super) fn read(reader: &str) -> Self {
        match piv::is_verified(reader) {
            Some(true) => Self::VerifiedByOther,
            Some(false) => Self::NotVerified,
            None => Self::Unknown,
        }
    }

    /// Brings the card back into this state after the module has logged out.
    pub(super) fn restore(self, reader: &str) -> PinAfter {
        match self {
            Self::VerifiedByOther => PinAfter::KeptForOther,
            Self::Unknown => PinAfter::LoggedOut,
            Self::NotVerified => match piv::is_verified(reader) {
                Some(false) => PinAfter::Cleared,
                Some(true) => piv::clear(reader),
                None => PinAfter::NotCleared,
            },
        }
    }
}

#[cfg(feature = "pcsc")]
mod piv {
    use crate::{Card, Error, PcscTransport, PinAfter, PivCard};

    fn connect(reader: &str) -> Result<PivCard<PcscTransport>, Error> {
        PcscTransport::connect(reader).map(|transport| PivCard::new(transport).on_basic_channel())
    }

    pub(super) fn is_verified(reader: &str) -> Option<bool> {
        connect(reader)
            .and_then(|mut card| card.pin_status())
            .ok()
            .map(|status| status.verified)
    }

    pub(super) fn clear(reader: &str) -> PinAfter {
        connect(reader)
            .and_then(|mut card| card.clear_basic_channel())
            .unwrap_or(PinAfter::NotCleared)
    }
}

#[cfg(not(feature = "pcsc"))]
mod piv {
    use crate::PinAfter;

    pub(super) fn is_verified(_: &str) -> Option<bool> {
        None
    }

    pub(super) fn clear(_: &str) -> PinAfter {
        PinAfter::NotCleared
    }
}
