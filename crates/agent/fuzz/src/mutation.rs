//! Changes to requests and frames: pieces of the formats, taken out, doubled and put in.

use super::loopback_request::CHALLENGE;
use super::random::Random;
use super::world::ISSUER;

/// What HTTP, JSON and the frames give a meaning to.
const TOKENS: [&[u8]; 22] = [
    b"\r\n",
    b"\r\n\r\n",
    b"GET /v1/status HTTP/1.1\r\n",
    b"OPTIONS /v1/assertion HTTP/1.1\r\n",
    b"POST http://127.0.0.1:47110/v1/assertion HTTP/1.1\r\n",
    b"Host: 127.0.0.1:47110\r\n",
    b"Host: localhost:47110\r\n",
    b"Host: evil.test\r\n",
    b"Origin: null\r\n",
    b"Origin: http://evil.test\r\n",
    b"Content-Type: application/json\r\n",
    b"Content-Type: text/plain\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Upgrade: websocket\r\nConnection: upgrade\r\n",
    b"Access-Control-Request-Private-Network: true\r\n",
    b"{\"type\":\"origins\"}",
    b"{\"type\":\"assertion\",\"origin\":\"\",\"challenge\":\"\"}",
    b"{\"challenge\":",
    &[0, 0, 0, 0],
    &[2, 0, 0, 0],
    &[0, 0, 1, 0],
];
/// Most changes to one input.
const CHANGES_MAX: usize = 3;

/// Changes a few things; the same seed and bytes give the same change.
pub fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(CHANGES_MAX) {
        change(&mut bytes, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = at + random.below(bytes.len().saturating_sub(at).min(48) + 1);
    match random.below(6) {
        0 => drop(bytes.drain(at..end)),
        1 => {
            let copy = bytes.get(at..end).unwrap_or_default().to_vec();
            let place = line_start(bytes, random);
            bytes.splice(place..place, copy);
        }
        2 | 3 => {
            let token = random.one_of(&TOKENS).copied().unwrap_or_default();
            let place = line_start(bytes, random);
            bytes.splice(place..place, token.iter().copied());
        }
        4 => {
            let word = random
                .one_of(&[ISSUER, CHALLENGE])
                .copied()
                .unwrap_or_default();
            bytes.splice(at..at, word.bytes());
        }
        _ => {
            let new = random.byte();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = new;
            }
        }
    }
}

fn line_start(bytes: &[u8], random: &mut Random) -> usize {
    let starts: Vec<usize> = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(place, _)| place + 1)
        .chain([0])
        .collect();
    random.one_of(&starts).copied().unwrap_or_default()
}
