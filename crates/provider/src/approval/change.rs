//! What is proposed, with all that it takes to do it.

use cardea_jose::parse_base64url;
use cardea_pki::Certificate;
use cardea_storage::Transaction;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Approvals;
use crate::anchors::{add_in, remove_in};
use crate::guard_reports::lift_in;
use crate::{AnchorRole, Author, Error};

/// A change that may take two operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProposedChange {
    /// Lifts the stop of an account.
    LiftStop {
        /// The stop.
        stop: String,
        /// The service, in the guard's words.
        service: String,
        /// How it was made sure who asks, in the operator's words.
        reason: String,
        /// The account's other stops that went with it when it was proposed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        with: Vec<String>,
    },
    /// Adds a certificate to a trust anchor.
    AddAnchor {
        /// The name of the trust anchor.
        rules: String,
        /// What the certificate is to be there.
        role: AnchorRole,
        /// Its SHA-256, in hexadecimal.
        sha256: String,
        /// Its subject: an authority's name.
        subject: String,
        /// The certificate, base64url.
        certificate: String,
    },
    /// Takes an added certificate away.
    RemoveAnchor {
        /// The name of the trust anchor.
        rules: String,
        /// Its SHA-256, in hexadecimal.
        sha256: String,
    },
}

impl ProposedChange {
    /// What it changes: of one thing there is one proposal at a time.
    pub(super) fn target(&self) -> String {
        match self {
            Self::LiftStop { stop, .. } => format!("stop {stop}"),
            Self::AddAnchor { rules, sha256, .. } | Self::RemoveAnchor { rules, sha256 } => {
                format!("anchor {sha256} {rules}")
            }
        }
    }

    /// Whether it is about whose cards are believed.
    #[must_use]
    pub fn is_of_anchors(&self) -> bool {
        matches!(self, Self::AddAnchor { .. } | Self::RemoveAnchor { .. })
    }
}

impl Approvals {
    /// Does it, in the name of whoever proposed it.
    pub(super) async fn carry_out(
        &self,
        transaction: &mut Transaction,
        change: &ProposedChange,
        proposed_by: &Author,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let records = self.records.named(proposed_by);
        match change {
            ProposedChange::LiftStop { stop, reason, .. } => {
                lift_in(transaction, &records, stop, reason, now).await?;
            }
            ProposedChange::AddAnchor {
                rules,
                role,
                certificate,
                ..
            } => {
                let certificate = Certificate::parse(&parse_base64url(certificate)?)?;
                add_in(transaction, &records, (rules, *role, &certificate), now).await?;
            }
            ProposedChange::RemoveAnchor { rules, sha256 } => {
                remove_in(transaction, &records, (rules, sha256), now).await?;
            }
        }
        Ok(())
    }
}
