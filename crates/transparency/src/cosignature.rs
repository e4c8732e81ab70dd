//! What a witness signs: that it saw this tree grow without a break, and when (C2SP
//! tlog-cosignature, `cosignature/v1`).

use crate::key::SIGNATURE_BYTES;

const TIMESTAMP_BYTES: usize = 8;
/// The specification's highest time.
const TIMESTAMP_MAX: u64 = u64::MAX >> 1;

/// The bytes under a cosignature; `text` is the whole text of the note.
pub(crate) fn message(unix_seconds: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {unix_seconds}\n{text}")
}

/// The time and the Ed25519 signature of a `timestamped_signature`.
pub(crate) fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (timestamp, signature) = bytes.split_first_chunk::<TIMESTAMP_BYTES>()?;
    let timestamp = u64::from_be_bytes(*timestamp);
    (timestamp <= TIMESTAMP_MAX && signature.len() == SIGNATURE_BYTES)
        .then_some((timestamp, signature))
}

pub(crate) fn join(unix_seconds: u64, signature: &[u8]) -> Vec<u8> {
    [unix_seconds.to_be_bytes().as_slice(), signature].concat()
}
