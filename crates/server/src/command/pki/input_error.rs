//! Input that cannot be judged at all, as opposed to a certificate that is not valid.
//!
//! The codes begin with `server.`, those of verdicts with `pki.`: whoever reads a batch tells the
//! two apart by that.

use std::io;
use std::path::PathBuf;

use cardea_pki::Error as PkiError;

/// Why a case could not be judged.
#[derive(Debug, thiserror::Error)]
pub(in crate::command) enum InputError {
    /// A line of a batch, or an option, is not what the contract describes.
    #[error("{reason}")]
    CaseMalformed {
        /// What is wrong, with the member or option.
        reason: String,
    },
    /// A file or folder is missing, not readable, or no regular file.
    #[error("{}: cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file, folder or line is beyond its bound.
    #[error("{}: is beyond the bound of {bound} {unit}", file.display())]
    TooLarge {
        /// The file or folder.
        file: PathBuf,
        /// The bound.
        bound: u64,
        /// What the bound counts.
        unit: &'static str,
    },
    /// A file holds nothing of the kind that is asked for.
    #[error(
        "{}: holds no {wanted} in DER or PEM, or something that only says it is one",
        file.display()
    )]
    NothingUsable {
        /// The file.
        file: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
    /// No anchor of the case can be used.
    #[error("{}: holds no usable trust anchor: {source}", file.display())]
    AnchorUnusable {
        /// The file.
        file: PathBuf,
        /// Why the anchor in it is refused.
        source: std::sync::Arc<PkiError>,
    },
    /// The profile is neither built in nor a readable TOML file; the code is the cause's own.
    #[error("{0}")]
    ProfileUnusable(Box<crate::error::Error>),
}

impl InputError {
    /// Every code of this type but those of an unusable profile.
    #[cfg(test)]
    pub(super) const ALL_CODES: &'static [&'static str] = &[
        "server.case_malformed",
        "server.input_unreadable",
        "server.input_too_large",
        "server.input_not_recognised",
        "server.trust_anchor_unusable",
    ];

    /// The stable code.
    pub(in crate::command) fn code(&self) -> &'static str {
        match self {
            Self::CaseMalformed { .. } => "server.case_malformed",
            Self::Unreadable { .. } => "server.input_unreadable",
            Self::TooLarge { .. } => "server.input_too_large",
            Self::NothingUsable { .. } => "server.input_not_recognised",
            Self::AnchorUnusable { .. } => "server.trust_anchor_unusable",
            Self::ProfileUnusable(error) => error.code(),
        }
    }

    /// A mistake in a line or an option.
    pub(in crate::command) fn case(reason: impl Into<String>) -> Self {
        Self::CaseMalformed {
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::InputError;

    #[test]
    fn every_code_is_documented() {
        let documented = include_str!("../../../../../docs/errors.md");
        for code in InputError::ALL_CODES {
            assert!(
                documented.contains(&format!("| `{code}` |")),
                "{code} is not in docs/errors.md"
            );
            assert!(code.starts_with("server."), "verdicts begin with pki.");
        }
    }
}
