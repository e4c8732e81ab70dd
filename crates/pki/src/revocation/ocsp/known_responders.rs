//! Responders' certificates that have been validated before.

use crate::path_validation::check_validity;
use crate::{AlgorithmFloor, Certificate, Position};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::OffsetDateTime;

/// Most responders that are remembered: an authority has one or two at a time.
const KNOWN_MAX: usize = 16;

/// Remembers responders' certificates, so that the same one, which comes with every response, is
/// parsed and validated once and not at each login. Clones share what they know.
///
/// Only that its issuer made it a responder is remembered. That both are still valid, that it is
/// not revoked, and that it signed the response at hand is asked each time.
#[derive(Clone, Default)]
pub struct KnownResponders {
    known: Arc<Mutex<Vec<Known>>>,
}

struct Known {
    responder: Certificate,
    issuer: Certificate,
    floor: AlgorithmFloor,
}

impl KnownResponders {
    /// The certificate with these bytes, when `issuer` is known to have appointed it and both are
    /// valid at `at`.
    pub(super) fn find(
        &self,
        der: &[u8],
        issuer: &Certificate,
        floor: AlgorithmFloor,
        at: OffsetDateTime,
    ) -> Option<Certificate> {
        let known = self.lock();
        let found = known.iter().find(|known| {
            known.floor == floor && known.responder.der() == der && known.issuer == *issuer
        })?;
        check_validity(&found.responder, Position::EndEntity, at).ok()?;
        check_validity(&found.issuer, Position::Issuer(1), at).ok()?;
        Some(found.responder.clone())
    }

    /// Remembers a responder that has been validated; the one that is known longest makes room.
    pub(super) fn remember(
        &self,
        responder: &Certificate,
        issuer: &Certificate,
        floor: AlgorithmFloor,
    ) {
        let mut known = self.lock();
        if known.len() >= KNOWN_MAX {
            known.remove(0);
        }
        known.push(Known {
            responder: responder.clone(),
            issuer: issuer.clone(),
            floor,
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KnownResponders {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KnownResponders({})", self.lock().len())
    }
}
