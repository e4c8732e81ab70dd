//! Results of pure computations that are asked for again and again, so many and no more.
//!
//! What is remembered follows from the bytes alone: the same key parses to the same key, and a
//! signature that was good stays good. Whether a token is too old, was used before or is for
//! somebody else is not remembered here, and nothing is remembered that failed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use openssl::pkey::{PKey, Public};

use crate::Algorithm;

/// SHA-256 of what was computed with.
pub(crate) type Digest = [u8; 32];

/// Keys and signatures of a busy minute: 128 bytes and 64 bytes each at most, OpenSSL's part of a
/// key aside.
const KEYS_MAX: usize = 1024;
const SIGNATURES_MAX: usize = 4096;

/// A key that is accepted, and what for.
#[derive(Clone)]
pub(crate) struct KnownKey {
    pub(crate) key: PKey<Public>,
    /// Of these there is at least one.
    pub(crate) algorithms: &'static [Algorithm],
}

static KEYS: LazyLock<Mutex<Remembered<KnownKey>>> =
    LazyLock::new(|| Mutex::new(Remembered::new(KEYS_MAX)));
static SIGNATURES: LazyLock<Mutex<Remembered<()>>> =
    LazyLock::new(|| Mutex::new(Remembered::new(SIGNATURES_MAX)));

pub(crate) fn keys() -> MutexGuard<'static, Remembered<KnownKey>> {
    // Each change is one step.
    KEYS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn signatures() -> MutexGuard<'static, Remembered<()>> {
    SIGNATURES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was computed of some bytes, by their SHA-256, so many and no more.
///
/// What was asked for lately stays; of the rest, half goes when there is no room.
#[derive(Debug)]
pub struct Remembered<T> {
    half: usize,
    recent: HashMap<Digest, T, BuildHasherDefault<OfDigest>>,
    older: HashMap<Digest, T, BuildHasherDefault<OfDigest>>,
}

impl<T: Clone> Remembered<T> {
    /// Room for so many.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        Self {
            half: entries_max / 2,
            recent: HashMap::default(),
            older: HashMap::default(),
        }
    }

    /// What was computed of these bytes.
    pub fn find(&mut self, digest: &[u8; 32]) -> Option<T> {
        if let Some(found) = self.recent.get(digest) {
            return Some(found.clone());
        }
        let found = self.older.remove(digest)?;
        self.insert(*digest, found.clone());
        Some(found)
    }

    /// Remembers what was computed of these bytes.
    pub fn insert(&mut self, digest: [u8; 32], value: T) {
        if self.recent.len() >= self.half {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(digest, value);
    }
}

/// A digest is evenly spread already, and nobody can choose one.
#[derive(Debug, Default)]
pub(crate) struct OfDigest(u64);

impl Hasher for OfDigest {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Remembered;

    #[test]
    fn no_more_is_remembered_than_there_is_room_for_and_what_is_used_stays() {
        let mut remembered = Remembered::new(8);
        let digest = |number: u8| [number; 32];
        for number in 0..100 {
            remembered.insert(digest(number), number);
            assert_eq!(remembered.find(&digest(0)), Some(0));
            assert!(remembered.recent.len() + remembered.older.len() <= 8);
        }
        assert_eq!(remembered.find(&digest(1)), None);
        assert_eq!(remembered.find(&digest(99)), Some(99));
    }
}
