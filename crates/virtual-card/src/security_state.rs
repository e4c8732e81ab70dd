//! What the card remembers while it has power: who has shown the PIN.

/// The PIN state of the PIV application.
///
/// A VERIFY with the right PIN sets both flags. Any use of a private key takes the fresh one away,
/// so that slot 9C, whose PIN policy is "always", wants a new VERIFY for each signature
/// (SP 800-73-4 part 1 table 4b and section 3.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SecurityState {
    verified: bool,
    fresh: bool,
}

impl SecurityState {
    pub(crate) fn set_verified(&mut self) {
        *self = Self {
            verified: true,
            fresh: true,
        };
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_verified(self) -> bool {
        self.verified
    }

    /// Whether the PIN came since the last use of a private key; asking uses the answer up.
    pub(crate) fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.fresh)
    }
}
