//! Workstations: which agent instances sign whom in, and where.
//!
//! An instance is the key that countersigns what an agent states (docs/adr/0034). Two people have a
//! word on it: the person who uses it, for herself, and an operator, for everybody. A client says
//! what it asks for. Whoever stole a card and its PIN can speak for the workstation that he brought
//! along and for no other, so that none becomes known by the login that it is used for.

mod admit;
mod operator;
mod own;

pub use operator::{
    INSTANCE_NOTE_BYTES_MAX, INSTANCES_MAX, InstanceReport, OperatorDecision, TrustedInstances,
};
pub use own::{OWN_WORKSTATIONS_SHOWN_MAX, OwnWorkstation, WorkstationChange};

pub(crate) use admit::refused_earlier;
pub(crate) use own::speaks_for_her;

use cardea_storage::agent_instance::AgentInstance;
use cardea_storage::instance_standing::{DecidedStanding, InstanceDecision};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// From this age on a workstation counts as known, acknowledged or not: the ones from before may
/// be long gone, and somebody has to be told of the next.
const KNOWN_AFTER: Duration = Duration::days(30);

/// Which workstations a client lets people sign in from.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum InstancePolicy {
    /// Any that is not revoked.
    #[default]
    Any,
    /// Those that the person knows, and those that the operator manages.
    Known,
    /// Those that the operator manages.
    Managed,
}

/// What a workstation is to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceStanding {
    /// She has not used it, or has not said where she is known that it is hers.
    Unknown,
    /// She has used it and knows of it.
    Known,
    /// An operator trusts it, for everybody.
    Managed,
    /// An operator, or she herself, has taken it out.
    Revoked,
}

/// Who took a workstation out, or what a client asks for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceRefusal {
    /// The client asks for a workstation that the person knows.
    NotKnown,
    /// The client asks for a workstation that the operator manages.
    NotManaged,
    /// An operator revoked it.
    Revoked,
    /// Its person revoked it.
    RevokedByOwner,
}

/// The workstation of a login that was refused for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedInstance {
    pub(crate) sub: String,
    pub(crate) instance_jkt: String,
    pub(crate) name: Option<String>,
}

impl InstancePolicy {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Known => "known",
            Self::Managed => "managed",
        }
    }

    /// Whether every workstation is let in that is not revoked.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::Any
    }

    /// The policy with a stable word.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        let all = [Self::Any, Self::Known, Self::Managed];
        all.into_iter().find(|policy| policy.as_str() == word)
    }
}

impl InstanceStanding {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Known => "known",
            Self::Managed => "managed",
            Self::Revoked => "revoked",
        }
    }
}

impl std::fmt::Display for InstanceRefusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NotKnown => "the workstation is not one that the person is known to use",
            Self::NotManaged => "the workstation is not one that the operator manages",
            Self::Revoked => "the workstation was revoked by an operator",
            Self::RevokedByOwner => "the workstation was revoked by its person",
        })
    }
}

/// Whether a workstation may speak for its person about others.
pub(crate) fn is_known(own: &AgentInstance, now: OffsetDateTime) -> bool {
    own.revoked_at.is_none()
        && (own.acknowledged_at.is_some() || own.first_seen_at + KNOWN_AFTER <= now)
}

/// What a workstation is to a person, by what is on record of both; and whose revocation it is.
pub(crate) fn standing_of(
    own: Option<&AgentInstance>,
    decided: Option<&InstanceDecision>,
    now: OffsetDateTime,
) -> (InstanceStanding, Option<InstanceRefusal>) {
    let decided = decided.map(|decision| decision.standing);
    if decided == Some(DecidedStanding::Revoked) {
        return (InstanceStanding::Revoked, Some(InstanceRefusal::Revoked));
    }
    if own.is_some_and(|own| own.revoked_at.is_some()) {
        let refusal = InstanceRefusal::RevokedByOwner;
        return (InstanceStanding::Revoked, Some(refusal));
    }
    let standing = if decided == Some(DecidedStanding::Managed) {
        InstanceStanding::Managed
    } else if own.is_some_and(|own| is_known(own, now)) {
        InstanceStanding::Known
    } else {
        InstanceStanding::Unknown
    };
    (standing, None)
}

/// Why a client does not let somebody in from a workstation; none where it does.
pub(crate) fn refusal(
    policy: InstancePolicy,
    (standing, revoked): (InstanceStanding, Option<InstanceRefusal>),
) -> Option<InstanceRefusal> {
    match (policy, standing) {
        (_, InstanceStanding::Revoked) => Some(revoked.unwrap_or(InstanceRefusal::Revoked)),
        (InstancePolicy::Any, _)
        | (InstancePolicy::Known, InstanceStanding::Known | InstanceStanding::Managed)
        | (InstancePolicy::Managed, InstanceStanding::Managed) => None,
        (InstancePolicy::Known, InstanceStanding::Unknown) => Some(InstanceRefusal::NotKnown),
        (InstancePolicy::Managed, _) => Some(InstanceRefusal::NotManaged),
    }
}

#[cfg(test)]
mod tests;
