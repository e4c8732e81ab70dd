//! When a PIN that was typed earlier may count for another login: the workstation's policy, and the
//! rule that every login is held to.
//!
//! The PIN itself is never kept. What lasts is the card's own verified state, which the card loses
//! when it leaves the reader, and a note of when, for whom and in which insertion this agent
//! verified it. `docs/pin-policy.md` tells operators and administrators what each policy protects
//! from.

use std::time::Duration;

use cardea_assertion::{Origin, UserVerification};
use cardea_card::Insertion;

use crate::boot_clock::SinceBoot;

/// Longest time that a typed PIN may count. The session's own absolute limit is as long.
pub const KEPT_MAX: Duration = Duration::from_secs(4 * 60 * 60);

/// The workstation's policy: `pin_policy` in agent.toml.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PinPolicy {
    /// The PIN is typed for every login.
    #[default]
    Strict,
    /// The PIN is typed once while the card stays in; further portals take one click.
    Pharmacy {
        /// How long a typed PIN counts, at most [`KEPT_MAX`].
        kept_max: Duration,
    },
}

impl PinPolicy {
    /// The word in the configuration and in the status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Pharmacy { .. } => "pharmacy",
        }
    }
}

/// What one PIN was typed for. Another card, issuer or page needs a PIN of its own (attack D14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptFor {
    pub(crate) insertion: Insertion,
    pub(crate) issuer: String,
    pub(crate) origin: Origin,
}

/// A note that this agent verified a PIN itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedPin {
    pub(crate) kept_for: KeptFor,
    pub(crate) verified_at: SinceBoot,
}

/// Everything that decides whether a login may do without a PIN.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances<'a> {
    /// The workstation's policy.
    pub(crate) policy: PinPolicy,
    /// The weakest verification that the challenge allows: the operator's part of the decision.
    pub(crate) allowed: UserVerification,
    /// Whether other users can log on to this workstation while the card is in its reader.
    pub(crate) several_users: bool,
    /// Whether the PIN would outlast a locked screen: none of its locks would be noticed.
    pub(crate) outlasts_lock: bool,
    /// The PIN that was verified last for this insertion.
    pub(crate) verified: Option<&'a VerifiedPin>,
    /// What this login is for.
    pub(crate) asked: &'a KeptFor,
    /// Now.
    pub(crate) now: SinceBoot,
}

/// Why a PIN has to be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PinNeeded {
    /// The workstation's policy is strict.
    StrictPolicy,
    /// The issuer wants the PIN for this login.
    ChallengeWantsIt,
    /// Several users can log on here: the card could sign for another than its owner.
    SeveralUsers,
    /// A lock of the screen, which ends a kept PIN, would not be noticed; or it is locked.
    ScreenUnwatched,
    /// This agent has verified no PIN.
    NotVerified,
    /// The card was out of the reader since.
    OtherInsertion,
    /// The PIN was typed for another issuer.
    OtherIssuer,
    /// The PIN was typed for another page.
    OtherOrigin,
    /// The PIN was typed too long ago.
    TooLongAgo,
}

impl Circumstances<'_> {
    /// Whether a PIN typed for this login may count for later ones, and for how long.
    pub(crate) fn may_keep(&self) -> Result<Duration, PinNeeded> {
        let PinPolicy::Pharmacy { kept_max } = self.policy else {
            return Err(PinNeeded::StrictPolicy);
        };
        if self.allowed == UserVerification::Now {
            return Err(PinNeeded::ChallengeWantsIt);
        }
        if self.several_users {
            return Err(PinNeeded::SeveralUsers);
        }
        if self.outlasts_lock {
            return Err(PinNeeded::ScreenUnwatched);
        }
        Ok(kept_max.min(KEPT_MAX))
    }

    /// Whether this login may go without a PIN, as far as the agent knows. The card has the last
    /// word: it must still say that its PIN is verified.
    pub(crate) fn may_go_without(&self) -> Result<(), PinNeeded> {
        let kept_max = self.may_keep()?;
        let Some(verified) = self.verified else {
            return Err(PinNeeded::NotVerified);
        };
        let (kept_for, asked) = (&verified.kept_for, self.asked);
        if kept_for.insertion != asked.insertion {
            return Err(PinNeeded::OtherInsertion);
        }
        if kept_for.issuer != asked.issuer {
            return Err(PinNeeded::OtherIssuer);
        }
        if kept_for.origin != asked.origin {
            return Err(PinNeeded::OtherOrigin);
        }
        if self.now.since(verified.verified_at) >= kept_max {
            return Err(PinNeeded::TooLongAgo);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
