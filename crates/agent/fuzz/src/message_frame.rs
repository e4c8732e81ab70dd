//! Any bytes on the agent's socket or from a browser.

use cardea_agent::agent_socket::frame::{FRAME_BYTES_MAX, Frames, encode};
use cardea_agent::hostile_input::read_socket_request;

/// Demands of these bytes what must be true of all.
pub fn check(bytes: &[u8]) {
    let whole = cut(bytes, bytes.len().max(1));
    for piece in [1, 3, 4096] {
        assert!(
            cut(bytes, piece) == whole,
            "the frames depend on how the stream is cut into {piece} bytes"
        );
    }
    let (texts, is_refused) = whole;
    let mut again = Vec::new();
    for text in &texts {
        assert!((1..=FRAME_BYTES_MAX).contains(&text.len()));
        again.extend(encode(text).expect("what was a frame is one again"));
        // Whether it is a request matters to nobody here; that it is read does.
        let _ = read_socket_request(text);
    }
    assert!(
        bytes.starts_with(&again),
        "what came out is not what went in"
    );
    let rest = bytes.get(again.len()..).unwrap_or_default();
    let length = rest
        .first_chunk::<4>()
        .map(|length| u32::from_ne_bytes(*length));
    let is_bad = length.is_some_and(|length| {
        length == 0 || usize::try_from(length).unwrap_or(usize::MAX) > FRAME_BYTES_MAX
    });
    assert_eq!(is_refused, is_bad, "a length of {length:?}");
    let _ = read_socket_request(bytes);
}

/// The frames of a stream that comes in such pieces, and whether it was refused then.
fn cut(bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, bool) {
    let (mut frames, mut texts) = (Frames::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        frames.push(piece);
        loop {
            match frames.take() {
                Ok(Some(text)) => texts.push(text),
                Ok(None) => break,
                Err(_) => return (texts, true),
            }
        }
    }
    (texts, false)
}
