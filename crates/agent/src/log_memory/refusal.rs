//! Why an issuer's log is refused, or told of as doubtful.

use std::path::PathBuf;

/// What an issuer shows of its log, and why it cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    #[error(
        "{cosigned} witnesses have cosigned the issuer's log, and {quorum} must; missing: {}{}",
        missing.join(", "),
        differs.as_ref().map(ToString::to_string).unwrap_or_default()
    )]
    NotCosigned {
        /// How many have.
        cosigned: usize,
        /// How many must.
        quorum: usize,
        /// Those that the enrolment names and that have not.
        missing: Vec<String>,
        /// Where the issuer has its log watched otherwise than the enrolment says.
        differs: Option<WatchDiffers>,
    },
    /// It does not go on from what this workstation was shown before.
    #[error("the issuer's log of {shown} entries does not go on from the {kept} that it had shown")]
    Rewritten {
        /// Entries of the checkpoint that is kept.
        kept: u64,
        /// Entries of the one that is shown.
        shown: u64,
    },
    /// Nothing came into it although somebody has signed in from here.
    #[error("the issuer's log has {size} entries still, {hours} hours after what is missing in it")]
    NotGrown {
        /// Entries of the newest checkpoint that is shown.
        size: u64,
        /// For how long more ought to be there.
        hours: u64,
    },
    /// What witnesses have cosigned is old.
    #[error("what the issuer shows of its log was last cosigned {days} days ago, by this clock")]
    CosignedLongAgo {
        /// How long ago.
        days: u64,
    },
    /// What this workstation remembers of it cannot be read: to begin anew would let a rewritten
    /// log in.
    #[error("what this workstation remembers of the issuer's log is not usable: {reason}")]
    MemoryUnusable {
        /// Where it is.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// How an issuer has its log watched, where that is not as the enrolment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchDiffers {
    /// Witnesses of the enrolment that the issuer does not ask.
    pub unasked: Vec<String>,
    /// Those that it asks by another key.
    pub other_key: Vec<String>,
    /// How many the issuer is content with, where those are fewer.
    pub quorum: Option<u32>,
}

impl std::fmt::Display for WatchDiffers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.unasked.is_empty() {
            let names = self.unasked.join(", ");
            write!(formatter, "; the issuer does not ask {names}")?;
        }
        if !self.other_key.is_empty() {
            let names = self.other_key.join(", ");
            write!(formatter, "; it knows {names} by another key")?;
        }
        if let Some(quorum) = self.quorum {
            write!(formatter, "; {quorum} are enough for it")?;
        }
        Ok(())
    }
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
            Self::NotGrown { .. } => "agent.log_not_grown",
            Self::CosignedLongAgo { .. } => "agent.log_cosigned_long_ago",
            Self::MemoryUnusable { .. } => "agent.log_memory_unusable",
        }
    }
}
