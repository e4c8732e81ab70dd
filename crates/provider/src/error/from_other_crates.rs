//! Errors of other crates that are not all of one kind here.

use super::Error;

impl From<cardea_ledger::Error> for Error {
    fn from(error: cardea_ledger::Error) -> Self {
        match error {
            cardea_ledger::Error::Storage(source) => Self::Storage(source),
            other => Self::Ledger(other),
        }
    }
}

impl From<cardea_jose::Error> for Error {
    fn from(error: cardea_jose::Error) -> Self {
        match error {
            cardea_jose::Error::SignerUnavailable => Self::SignerUnavailable,
            other => Self::Jose(other),
        }
    }
}
