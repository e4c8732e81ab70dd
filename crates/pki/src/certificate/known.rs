//! Certificates that were parsed lately, by their bytes: a card signs in again and again, and
//! OpenSSL looks for a decoder for each public key.
//!
//! Only what parsed is kept, and parsing depends on nothing but the bytes.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::Certificate;

/// Most certificates in each of two halves; when one is full, the older one goes.
const HALF: usize = 512;

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Known {
    recent: HashMap<[u8; 32], Certificate>,
    older: HashMap<[u8; 32], Certificate>,
}

pub(super) fn find(digest: &[u8; 32]) -> Option<Certificate> {
    // Each change is one step.
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.recent.get(digest) {
        return Some(found.clone());
    }
    let found = known.older.remove(digest)?;
    known.insert(*digest, found.clone());
    Some(found)
}

pub(super) fn remember(digest: [u8; 32], certificate: &Certificate) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.insert(digest, certificate.clone());
}

impl Known {
    fn insert(&mut self, digest: [u8; 32], certificate: Certificate) {
        if self.recent.len() >= HALF {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(digest, certificate);
    }
}
