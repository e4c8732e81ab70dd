//! Mutations of texts in lines and of bytes; the same seed and bytes give the same change.

use super::random::Random;

/// What the formats give a meaning to.
const TOKENS: [&str; 16] = [
    "\n",
    "\n\n",
    "\u{2014} ",
    " ",
    "+",
    "=",
    "/",
    "A",
    "0",
    "old ",
    "18446744073709551615\n",
    "9223372036854775808\n",
    "\"flags\":1,",
    "null",
    "\r",
    "\u{a0}",
];
/// Most changes to one input.
const CHANGES_MAX: usize = 3;

/// Changes a few things.
pub fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(CHANGES_MAX) {
        change(&mut bytes, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    let end = at + random.below(bytes.len().saturating_sub(at).min(128));
    match random.below(7) {
        0 => drop(bytes.drain(at..end)),
        1 => {
            let copy = bytes.get(at..end).unwrap_or_default().to_vec();
            let place = random.below(bytes.len());
            bytes.splice(place..place, copy);
        }
        2 | 3 => {
            let token = random.one_of(&TOKENS).copied().unwrap_or_default();
            bytes.splice(at..at, token.bytes());
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
