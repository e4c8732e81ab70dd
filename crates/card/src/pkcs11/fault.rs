//! PKCS#11 return values as errors of this crate.

use cryptoki::error::{Error as Pkcs11Error, RvError};

use crate::Error;

pub(super) fn from_pkcs11(error: Pkcs11Error) -> Error {
    let Pkcs11Error::Pkcs11(value, _) = &error else {
        return Error::ModuleFault {
            reason: error.to_string(),
        };
    };
    match value {
        RvError::TokenNotPresent | RvError::SlotIdInvalid => Error::NoCard,
        // A session does not survive its token.
        RvError::DeviceRemoved | RvError::SessionHandleInvalid | RvError::SessionClosed => {
            Error::CardRemoved
        }
        RvError::TokenNotRecognized => Error::Unsupported {
            missing: "a known card application",
        },
        // The person pressed the reader's cancel key.
        RvError::FunctionCanceled => Error::PinEntryCancelled,
        RvError::PinLocked => Error::PinBlocked,
        RvError::PinIncorrect => Error::PinIncorrect { tries_left: None },
        // The module refused the PIN without asking the card.
        RvError::PinLenRange | RvError::PinInvalid => Error::PinMalformed,
        RvError::UserAlreadyLoggedIn | RvError::UserAnotherAlreadyLoggedIn => Error::PinNotDemanded,
        RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid => Error::KeyMissing,
        _ => Error::ModuleFault {
            reason: error.to_string(),
        },
    }
}
