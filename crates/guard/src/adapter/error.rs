//! Why a statement about look-ups is not taken, and what a judgement is called.

use std::path::PathBuf;

use crate::Answer;

/// What can be wrong between a portal's adapter and the guard.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// A file of keys can't be used.
    #[error("the key file {} can't be used: {reason}", file.display())]
    KeyFileUnusable {
        /// Which.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// An API's answer of which nobody said whom it names.
    #[error("nobody said whom the answer names")]
    StatementMissing,
    /// It can't be read, or says too much.
    #[error("the statement can't be read: {reason}")]
    StatementMalformed {
        /// Why.
        reason: &'static str,
    },
    /// No key has its name.
    #[error("no key has the statement's key id")]
    StatementKeyUnknown,
    /// Its authentication code does not fit.
    #[error("the statement's authentication code is wrong")]
    StatementForged,
    /// It is too old, or from the future.
    #[error("the statement is not of now")]
    StatementExpired,
    /// It came before.
    #[error("the statement was used before")]
    StatementReplayed,
    /// It is about another session than the access that it came with.
    #[error("the statement is about another session")]
    StatementSessionMismatch,
    /// The patient who is there is not the one who was looked up.
    #[error("the patient who is there is not the one whom the statement names")]
    PresenceMismatch,
    /// So many statements came lately that no other can be remembered.
    #[error("too many statements in a short time")]
    StatementsTooMany,
    /// Somebody other than a portal asked.
    #[error("the statement does not come from a configured portal")]
    PortalUnknown,
    /// The operator's socket can't be used.
    #[error("the operator's socket can't be used: {reason}")]
    AdminSocketFailed {
        /// Why.
        reason: String,
    },
    /// OpenSSL failed on its own account.
    #[error("the cryptographic library failed")]
    CryptoFailed,
}

/// What an answer is called that is no yes.
const STEP_UP: &str = "guard.step_up_required";
const SLOW: &str = "guard.slow_down";
const STOP_SESSION: &str = "guard.session_stopped";
const STOP_ACCOUNT: &str = "guard.account_stopped";

impl AdapterError {
    /// Every code that [`AdapterError::code`] and [`Answer::code`] return.
    pub const ALL_CODES: &'static [&'static str] = &[
        "guard.key_file_unusable",
        "guard.statement_missing",
        "guard.statement_malformed",
        "guard.statement_key_unknown",
        "guard.statement_forged",
        "guard.statement_expired",
        "guard.statement_replayed",
        "guard.statement_session_mismatch",
        "guard.presence_mismatch",
        "guard.statements_too_many",
        "guard.portal_unknown",
        "guard.admin_socket_failed",
        "guard.adapter_crypto_failed",
        STEP_UP,
        SLOW,
        STOP_SESSION,
        STOP_ACCOUNT,
    ];

    /// The stable machine code, listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyFileUnusable { .. } => "guard.key_file_unusable",
            Self::StatementMissing => "guard.statement_missing",
            Self::StatementMalformed { .. } => "guard.statement_malformed",
            Self::StatementKeyUnknown => "guard.statement_key_unknown",
            Self::StatementForged => "guard.statement_forged",
            Self::StatementExpired => "guard.statement_expired",
            Self::StatementReplayed => "guard.statement_replayed",
            Self::StatementSessionMismatch => "guard.statement_session_mismatch",
            Self::PresenceMismatch => "guard.presence_mismatch",
            Self::StatementsTooMany => "guard.statements_too_many",
            Self::PortalUnknown => "guard.portal_unknown",
            Self::AdminSocketFailed { .. } => "guard.admin_socket_failed",
            Self::CryptoFailed => "guard.adapter_crypto_failed",
        }
    }

    /// The status of the answer to the portal.
    #[must_use]
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::StatementMalformed { .. }
            | Self::StatementKeyUnknown
            | Self::StatementForged
            | Self::StatementExpired
            | Self::StatementReplayed
            | Self::StatementSessionMismatch
            | Self::PresenceMismatch => 400,
            Self::PortalUnknown => 403,
            Self::StatementMissing
            | Self::KeyFileUnusable { .. }
            | Self::AdminSocketFailed { .. } => 500,
            Self::StatementsTooMany | Self::CryptoFailed => 503,
        }
    }
}

impl Answer {
    /// The stable machine code of an answer that is no yes, listed in `docs/errors.md`.
    #[must_use]
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::Allow => None,
            Self::StepUp => Some(STEP_UP),
            Self::Slow { .. } => Some(SLOW),
            Self::StopSession => Some(STOP_SESSION),
            Self::StopAccount => Some(STOP_ACCOUNT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AdapterError;

    #[test]
    fn every_code_is_explained_in_both_languages() {
        for listed in [
            include_str!("../../../../docs/errors.md"),
            include_str!("../../../../docs/errors.fr.md"),
        ] {
            for code in AdapterError::ALL_CODES {
                assert!(listed.contains(&format!("| `{code}` |")), "{code}");
            }
        }
    }
}
