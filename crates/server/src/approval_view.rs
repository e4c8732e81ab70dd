//! Proposals of changes that take two operators, as operators read them: the same for the admin API
//! and for commands.

use cardea_provider::{AnchorRole, Author, Proposal, ProposedChange};
use serde::Serialize;
use time::OffsetDateTime;

use crate::stop_view::StopView;

/// Proposals.
#[derive(Debug, Serialize)]
pub(crate) struct ProposalList {
    /// What waits first, the oldest first; then what was decided, the newest first.
    pub(crate) proposals: Vec<ProposalView>,
}

/// One proposal.
#[derive(Debug, Serialize)]
pub(crate) struct ProposalView {
    /// Its name.
    pub(crate) proposal: String,
    /// `open`, `confirmed`, `cancelled` or `expired`.
    pub(crate) state: &'static str,
    /// What is to be done.
    #[serde(flatten)]
    pub(crate) change: ChangeView,
    /// In the list, where it lifts a stop and waits: the stop, and the account's others that go
    /// with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stops: Vec<StopView>,
    /// Who proposed it.
    pub(crate) proposed_by: Author,
    /// The pseudonym of the operator who stands for it; none of a command's that nobody has taken
    /// over yet: it takes two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proposer: Option<String>,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) proposed_at: OffsetDateTime,
    /// Until when it can be confirmed.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) expires_at: OffsetDateTime,
    /// When it was decided.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) decided_at: Option<OffsetDateTime>,
}

/// A change, without the certificate itself.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub(crate) enum ChangeView {
    /// Lifts the stop of an account.
    LiftStop {
        /// The stop.
        stop: String,
        /// The service.
        service: String,
        /// The operator's words.
        reason: String,
    },
    /// Adds a certificate to a trust anchor.
    AddAnchor {
        /// The name of its `[[trust_anchor]]`.
        trust_anchor: String,
        /// What it is to be there.
        role: AnchorRole,
        /// Its SHA-256, in hexadecimal.
        sha256: String,
        /// Whose key it certifies.
        subject: String,
    },
    /// Takes an added certificate away.
    RemoveAnchor {
        /// The name of its `[[trust_anchor]]`.
        trust_anchor: String,
        /// Its SHA-256, in hexadecimal.
        sha256: String,
    },
    /// A change of a later program.
    Other {},
}

impl From<&Proposal> for ProposalView {
    fn from(proposal: &Proposal) -> Self {
        Self {
            proposal: proposal.id.clone(),
            state: proposal.state.as_str(),
            change: ChangeView::from(&proposal.change),
            stops: proposal.stops.iter().cloned().map(StopView::from).collect(),
            proposed_by: proposal.proposed_by.clone(),
            proposer: proposal.proposer.as_ref().map(|person| person.sub.clone()),
            proposed_at: proposal.proposed_at,
            expires_at: proposal.expires_at,
            decided_at: proposal.decided_at,
        }
    }
}

impl From<&ProposedChange> for ChangeView {
    fn from(change: &ProposedChange) -> Self {
        match change.clone() {
            ProposedChange::LiftStop {
                stop,
                service,
                reason,
                ..
            } => Self::LiftStop {
                stop,
                service,
                reason,
            },
            ProposedChange::AddAnchor {
                rules: trust_anchor,
                role,
                sha256,
                subject,
                ..
            } => Self::AddAnchor {
                trust_anchor,
                role,
                sha256,
                subject,
            },
            ProposedChange::RemoveAnchor {
                rules: trust_anchor,
                sha256,
            } => Self::RemoveAnchor {
                trust_anchor,
                sha256,
            },
            _ => Self::Other {},
        }
    }
}
