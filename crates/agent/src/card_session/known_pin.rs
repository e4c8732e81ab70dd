//! What is known of a card's PIN without asking the card again.
//!
//! Asking costs two to four commands, which every login would pay before its prompt. What is known
//! may be out of date when another program used tries meanwhile; the card is asked again within the
//! signing transaction, before any PIN is sent, and says so then.

use std::sync::{Mutex, PoisonError};

use cardea_card::{Error, PinStatus};

/// The PIN state as it was last seen.
#[derive(Debug, Default)]
pub(super) struct KnownPin(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    status: Option<PinStatus>,
    /// The most tries that the card ever left. After a right PIN it leaves that many again.
    tries_max: Option<u8>,
}

impl KnownPin {
    /// The state, if it tells the tries that are left.
    pub(super) fn status(&self) -> Option<PinStatus> {
        self.lock().status
    }

    /// The card was asked.
    pub(super) fn saw(&self, status: PinStatus) {
        let mut seen = self.lock();
        seen.tries_max = seen.tries_max.max(status.tries_left);
        // A card does not tell its counter while a PIN is verified; but a right PIN gave all back.
        seen.status = match (status.verified, seen.tries_max) {
            (false, _) => Some(status),
            (true, None | Some(0 | 1)) => None,
            (true, tries_left) => Some(PinStatus {
                tries_left,
                ..status
            }),
        };
    }

    /// A signature was tried with a PIN.
    pub(super) fn tried<T>(&self, outcome: &Result<T, Error>) {
        let mut seen = self.lock();
        let left = |tries_left| PinStatus {
            tries_left,
            verified: false,
            blocked: tries_left == Some(0),
        };
        seen.status = match outcome {
            // Never "one left" by guess: that asks the person a question of its own.
            Ok(_) => match seen.tries_max {
                Some(0 | 1) => None,
                tries_max => seen.status.map(|_| left(tries_max)),
            },
            Err(Error::PinIncorrect { tries_left }) => Some(left(*tries_left)),
            Err(Error::PinBlocked) => Some(left(Some(0))),
            Err(Error::PinLastTry) => Some(left(Some(1))),
            Err(_) => None,
        };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(tries_left: Option<u8>, verified: bool) -> PinStatus {
        PinStatus {
            tries_left,
            verified,
            blocked: tries_left == Some(0),
        }
    }

    fn tries(known: &KnownPin) -> Option<Option<u8>> {
        known.status().map(|status| status.tries_left)
    }

    #[test]
    fn tries_are_counted_along() {
        let known = KnownPin::default();
        assert_eq!(tries(&known), None);
        known.saw(status(Some(3), false));
        known.tried::<()>(&Err(Error::PinIncorrect {
            tries_left: Some(2),
        }));
        assert_eq!(tries(&known), Some(Some(2)));
        known.tried(&Ok(()));
        assert_eq!(tries(&known), Some(Some(3)), "a right PIN gives all back");
        known.saw(status(None, true));
        assert_eq!(tries(&known), Some(Some(3)), "and so it is while verified");
        known.tried::<()>(&Err(Error::PinLastTry));
        assert_eq!(tries(&known), Some(Some(1)), "another program used some");
        known.tried::<()>(&Err(Error::PinBlocked));
        assert!(known.status().unwrap().blocked);
    }

    #[test]
    fn what_cannot_be_known_is_asked_again() {
        let known = KnownPin::default();
        known.saw(status(None, true));
        assert_eq!(tries(&known), None, "verified by somebody");
        known.saw(status(Some(1), false));
        known.tried(&Ok(()));
        assert_eq!(tries(&known), None, "more than one, but how many?");
        known.saw(status(Some(3), false));
        known.tried::<()>(&Err(Error::CardRemoved));
        assert_eq!(tries(&known), None);
    }
}
