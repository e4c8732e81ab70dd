//! Why an issuer's log is refused.

/// What an issuer shows of its log, and why it cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogRefusal {
    /// It shows nothing, and did before, or the enrolment names its log.
    #[error("the issuer shows nothing of its log, and did before, or its enrolment names one")]
    NotShown,
    /// What it shows is not in its form, or not signed.
    #[error("what the issuer shows of its log is not valid: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is signed by another key than the enrolment names, or than was seen before.
    #[error("the issuer's log has another key than this workstation knows")]
    KeyChanged,
    /// Fewer witnesses than the enrolment wants have cosigned it.
    #[error("{cosigned} witnesses have cosigned the issuer's log, and {quorum} must")]
    NotCosigned {
        /// How many have.
        cosigned: usize,
        /// How many must.
        quorum: usize,
    },
    /// It does not go on from what this workstation was shown before.
    #[error("the issuer's log of {shown} entries does not go on from the {kept} that it had shown")]
    Rewritten {
        /// Entries of the checkpoint that is kept.
        kept: u64,
        /// Entries of the one that is shown.
        shown: u64,
    },
}

impl LogRefusal {
    /// The stable machine code, listed in docs/errors.md.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotShown => "agent.log_not_shown",
            Self::Invalid { .. } => "agent.log_invalid",
            Self::KeyChanged => "agent.log_key_changed",
            Self::NotCosigned { .. } => "agent.log_not_cosigned",
            Self::Rewritten { .. } => "agent.log_rewritten",
        }
    }
}
