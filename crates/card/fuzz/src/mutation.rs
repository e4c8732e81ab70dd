//! Changes to a script that leave it one: blind ones almost never keep its lengths right.

use super::random::Random;
use super::script::{Answer, parse, write};

/// What cards and their formats give a meaning to.
const WORDS: [&[u8]; 14] = [
    &[0x90, 0x00],
    &[0x61, 0x00],
    &[0x61, 0x01],
    &[0x6C, 0x08],
    &[0x63, 0xC0],
    &[0x63, 0xC1],
    &[0x63, 0xC3],
    &[0x69, 0x82],
    &[0x69, 0x83],
    &[0x6A, 0x82],
    &[0x53, 0x82, 0xFF, 0xFF],
    &[0x53, 0x80],
    &[0x70, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
    &[0x7C, 0x81, 0x48],
];
/// Most changes to one input.
const CHANGES_MAX: usize = 3;
/// Answers that a script may have: more than a login has commands.
const ANSWERS_MAX: usize = 64;

/// Changes a few things; the same seed and bytes give the same change.
pub fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut script = parse(bytes);
    script.truncate(ANSWERS_MAX);
    for _ in 0..=random.below(CHANGES_MAX) {
        let place = random.below(ANSWERS_MAX / 2);
        while script.len() <= place {
            script.push(Answer::Good);
        }
        if let Some(answer) = script.get_mut(place) {
            change(answer, random);
        }
    }
    write(&script)
}

fn change(answer: &mut Answer, random: &mut Random) {
    match answer {
        Answer::Instead(body) | Answer::Data(body) if random.below(4) != 0 => {
            let at = random.below(body.len());
            match random.below(4) {
                0 => body.truncate(at),
                1 => {
                    let word = random.one_of(&WORDS).copied().unwrap_or_default();
                    body.splice(at..at, word.iter().copied());
                }
                2 => body.insert(at, random.byte()),
                _ => {
                    let new = random.byte();
                    if let Some(byte) = body.get_mut(at) {
                        *byte = new;
                    }
                }
            }
        }
        _ => {
            let word = random.one_of(&WORDS).copied().unwrap_or_default();
            let mut body: Vec<u8> = (0..random.below(40)).map(|_| random.byte()).collect();
            *answer = match random.below(5) {
                0 => Answer::Good,
                1 => Answer::Cut(random.below(6)),
                2 => Answer::Data(body),
                3 => Answer::Instead(word.to_vec()),
                _ => {
                    body.extend(word);
                    Answer::Instead(body)
                }
            };
        }
    }
}
