//! Mutations of a compact JWS inside its base64url, which byte mutations almost never leave whole.

use super::random::Random;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What JSON and JOSE give a meaning to.
const TOKENS: [&str; 26] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "true",
    "-0",
    "1e400",
    "\\u0000",
    "\\ud800",
    "\"alg\":\"none\",",
    "\"alg\":\"ES256\",",
    "\"alg\":\"BP256R1\",",
    "\"alg\":\"HS256\",",
    "\"crit\":[\"b64\"],",
    "\"b64\":false,",
    "\"jku\":\"https://x.test\",",
    "\"jwk\":{},",
    "\"typ\":\"card-assertion+jwt\",",
    "\"typ\":\"JWT\",",
    "\"x5c\":[],",
    "\"x5c\":[\"AA==\"],",
    "\"aud\":\"\",",
];
/// Most changes to one input.
const CHANGES_MAX: usize = 3;

/// Changes a few things in one part of `compact`; the same seed and bytes give the same change.
pub fn mutate(compact: &[u8], random: &mut Random) -> Vec<u8> {
    let mut parts: Vec<Vec<u8>> = compact
        .split(|byte| *byte == b'.')
        .map(<[u8]>::to_vec)
        .collect();
    let chosen = random.below(parts.len());
    if let Some(part) = parts.get_mut(chosen) {
        let decoded = URL_SAFE_NO_PAD.decode(&*part).ok();
        match decoded.filter(|_| random.below(16) != 0) {
            Some(mut bytes) => {
                (0..=random.below(CHANGES_MAX)).for_each(|_| change(&mut bytes, random));
                *part = URL_SAFE_NO_PAD.encode(&bytes).into_bytes();
            }
            None => change(part, random),
        }
    }
    parts.join(&b'.')
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    let end = at + random.below(bytes.len().saturating_sub(at).min(64));
    match random.below(7) {
        0 => drop(bytes.drain(at..end)),
        1 => {
            let copy = bytes.get(at..end).unwrap_or_default().to_vec();
            let place = random.below(bytes.len());
            bytes.splice(place..place, copy);
        }
        2 | 3 => {
            let token = random.one_of(&TOKENS).copied().unwrap_or_default();
            let place = after_mark(bytes, random);
            bytes.splice(place..place, token.bytes());
        }
        4 => bytes.insert(at, random.byte()),
        _ => {
            let new = random.byte();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = new;
            }
        }
    }
}

/// A place where a member or a value may begin.
fn after_mark(bytes: &[u8], random: &mut Random) -> usize {
    let marks: Vec<usize> = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| b"{[,:".contains(byte))
        .map(|(place, _)| place + 1)
        .collect();
    random.one_of(&marks).copied().unwrap_or_default()
}
