//! What happens about workstations, beyond their first use.

use serde::Serialize;

use super::EventKind;
use crate::Author;

/// A workstation was trusted, taken out or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum InstanceEvent {
    /// An operator trusts a workstation, for everybody.
    Trusted {
        /// The agent instance's key thumbprint.
        instance_jkt: String,
        /// Who.
        by: Author,
        /// What the operator calls it.
        name: String,
    },
    /// An operator took a workstation out, for everybody; its sessions are over.
    RevokedByOperator {
        /// The agent instance's key thumbprint.
        instance_jkt: String,
        /// Who.
        by: Author,
        /// How many sessions ended.
        sessions_ended: u64,
    },
    /// An operator took back what was said of a workstation.
    Forgotten {
        /// The agent instance's key thumbprint.
        instance_jkt: String,
        /// Who.
        by: Author,
    },
    /// A person took a workstation out, for herself; her sessions there are over.
    RevokedByOwner {
        /// The agent instance's key thumbprint.
        instance_jkt: String,
        /// What the workstation called itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        workstation: Option<String>,
        /// How many sessions ended.
        sessions_ended: u64,
    },
    /// A person let a workstation in again that she had taken out.
    AllowedByOwner {
        /// The agent instance's key thumbprint.
        instance_jkt: String,
        /// What the workstation called itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        workstation: Option<String>,
    },
    /// A person was refused because of the workstation.
    Refused {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
        /// The agent instance's key thumbprint.
        instance_jkt: String,
        /// What the workstation called itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        workstation: Option<String>,
    },
}

impl From<InstanceEvent> for EventKind {
    fn from(event: InstanceEvent) -> Self {
        Self::Instance(event)
    }
}

impl InstanceEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Trusted { .. } => "agent_instance.trusted",
            Self::RevokedByOperator { .. } => "agent_instance.revoked_by_operator",
            Self::Forgotten { .. } => "agent_instance.forgotten",
            Self::RevokedByOwner { .. } => "agent_instance.revoked_by_owner",
            Self::AllowedByOwner { .. } => "agent_instance.allowed_by_owner",
            Self::Refused { .. } => "agent_instance.refused",
        }
    }

    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}
