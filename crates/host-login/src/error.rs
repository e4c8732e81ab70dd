//! Why nobody was let in.

use std::path::PathBuf;

/// Every refusal of this program; what the person hears is in `words.rs`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    #[error("{} cannot be used: {reason}", path.display())]
    FileUnusable { path: PathBuf, reason: String },
    #[error("the configuration cannot be used: {reason}")]
    ConfigInvalid { reason: String },
    #[error("no account was named")]
    AccountUnnamed,
    #[error("no person is mapped to the account")]
    AccountUnmapped,
    #[error("the issuer does not answer: {reason}")]
    IssuerUnreachable { reason: String },
    #[error("the issuer's answer is not usable: {reason}")]
    AnswerInvalid { reason: &'static str },
    #[error("the issuer refused this host: {error}")]
    HostRefused { error: String },
    #[error("the person said no")]
    PersonRefused,
    #[error("nobody answered in time")]
    TimedOut,
    #[error("whoever asked went away")]
    Abandoned,
    #[error("the ID token is not acceptable: {reason}")]
    IdTokenInvalid { reason: &'static str },
    #[error("the card signed in at a lower level than this host asks for")]
    LevelInsufficient,
    #[error("the card's holder is not mapped to the account: {person}")]
    PersonUnmapped { person: String },
    #[error("as many sign-ins as may wait for a card at once wait already")]
    TooManyAtOnce,
    #[error("the program could not start its work")]
    RuntimeFailed,
}

impl Error {
    /// The stable code, listed in `docs/errors.md`.
    #[must_use]
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::FileUnusable { .. } => "host_login.file_unusable",
            Self::ConfigInvalid { .. } => "host_login.config_invalid",
            Self::AccountUnnamed => "host_login.account_unnamed",
            Self::AccountUnmapped => "host_login.account_unmapped",
            Self::IssuerUnreachable { .. } => "host_login.issuer_unreachable",
            Self::AnswerInvalid { .. } => "host_login.answer_invalid",
            Self::HostRefused { .. } => "host_login.host_refused",
            Self::PersonRefused => "host_login.person_refused",
            Self::TimedOut => "host_login.timed_out",
            Self::Abandoned => "host_login.abandoned",
            Self::IdTokenInvalid { .. } => "host_login.id_token_invalid",
            Self::LevelInsufficient => "host_login.level_insufficient",
            Self::PersonUnmapped { .. } => "host_login.person_unmapped",
            Self::TooManyAtOnce => "host_login.too_many_at_once",
            Self::RuntimeFailed => "host_login.runtime_failed",
        }
    }

    /// What the module turns into an answer of PAM; anything but 0 lets nobody in.
    #[must_use]
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::IssuerUnreachable { .. } | Self::AnswerInvalid { .. } => 2,
            Self::FileUnusable { .. } | Self::ConfigInvalid { .. } | Self::RuntimeFailed => 3,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn every_code_has_a_row_in_the_error_list() {
        let list = include_str!("../../../docs/errors.md");
        let source = include_str!("error.rs");
        let codes = source.split('"').filter(|it| it.starts_with("host_login."));
        let codes: Vec<_> = codes.filter(|it| it.len() > "host_login.".len()).collect();
        assert_eq!(codes.len(), 15);
        for code in codes {
            assert!(list.contains(&format!("| `{code}` |")), "{code}");
        }
    }

    #[test]
    fn no_refusal_is_a_success() {
        for error in [
            Error::TimedOut,
            Error::AccountUnmapped,
            Error::RuntimeFailed,
        ] {
            assert_ne!(error.exit_code(), 0);
        }
    }
}
