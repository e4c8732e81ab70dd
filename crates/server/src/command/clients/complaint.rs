//! Why a command about clients did nothing.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::Error;

/// A refusal, with the exit status that goes with it.
#[derive(Debug, thiserror::Error)]
pub(in crate::command) enum Complaint {
    /// The configuration, the database, a file or a registration cannot be used.
    #[error("{}", with_causes(.0))]
    Unusable(Error),
    /// The provider says no.
    #[error("{0}")]
    Refused(cardea_provider::Error),
    /// This program says no: the client or certificate is one of the configuration's, or it is not
    /// the certificate that is meant.
    #[error("{0}")]
    Configured(Error),
}

/// A complaint as a JSON document.
#[derive(Serialize)]
pub(super) struct Document {
    code: &'static str,
    reason: String,
}

impl Complaint {
    /// The client belongs to a file of the configuration.
    pub(super) fn configured(client_id: &str, file: Option<PathBuf>) -> Self {
        Self::Configured(Error::ClientConfigured {
            client_id: client_id.to_owned(),
            file: file.unwrap_or_default(),
        })
    }

    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Unusable(error) | Self::Configured(error) => error.code(),
            Self::Refused(error) => error.code(),
        }
    }

    pub(super) fn document(&self) -> Document {
        Document {
            code: self.code(),
            reason: self.to_string(),
        }
    }

    /// 1 where the answer is no, 2 where there is none.
    pub(super) fn exit(&self) -> u8 {
        match self {
            Self::Unusable(_) => 2,
            Self::Refused(error) if error.is_internal() || is_wrong_input(error) => 2,
            Self::Refused(_) | Self::Configured(_) => 1,
        }
    }
}

impl From<Error> for Complaint {
    fn from(error: Error) -> Self {
        Self::Unusable(error)
    }
}

impl From<cardea_provider::Error> for Complaint {
    fn from(error: cardea_provider::Error) -> Self {
        Self::Refused(error)
    }
}

/// Whether the command could not be carried out on any client, as it was given.
fn is_wrong_input(error: &cardea_provider::Error) -> bool {
    use cardea_provider::Error;
    matches!(
        error,
        Error::SecretOverlapTooLong { .. }
            | Error::ClientInvalid { .. }
            | Error::InitialAccessTokenTermsInvalid { .. }
    )
}

/// The error with what caused it, in one line.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
