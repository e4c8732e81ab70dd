//! Frames as native messaging has them: the length of a JSON text in four bytes of this machine's
//! order, then the text.
//!
//! A browser allows itself a megabyte; nothing that Cardea says is longer than 64 KiB.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::Error;

/// Longest text of a frame, in bytes: a statement of 24 KiB with its attestation, and room.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
const LENGTH_BYTES: usize = 4;

/// Cuts a stream of bytes into frames.
#[derive(Debug, Default)]
pub struct Frames {
    waiting: Vec<u8>,
}

impl Frames {
    /// Takes more of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The text of the next frame, if all of it has come.
    ///
    /// # Errors
    /// [`Error::FrameInvalid`] for an empty frame or one that is too long, as soon as its length is
    /// known. Nothing after it can be read.
    pub fn take(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let Some((length, rest)) = self.waiting.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_ne_bytes(*length)).unwrap_or(usize::MAX);
        check_length(length)?;
        let Some(text) = rest.get(..length) else {
            return Ok(None);
        };
        let text = text.to_vec();
        self.waiting.drain(..LENGTH_BYTES + length);
        Ok(Some(text))
    }

    /// Reads until a frame is whole; `None` at the end of the stream. What was read stays here when
    /// the future is dropped.
    pub(crate) async fn read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Result<Option<Vec<u8>>, Error> {
        let mut bytes = [0; 4096];
        loop {
            if let Some(text) = self.take()? {
                return Ok(Some(text));
            }
            match stream.read(&mut bytes).await {
                // A reset connection has ended like a closed one.
                Ok(0) | Err(_) => return Ok(None),
                Ok(count) => self.push(bytes.get(..count).unwrap_or_default()),
            }
        }
    }
}

/// A text as a frame.
///
/// # Errors
/// [`Error::FrameInvalid`] when it is empty or too long.
pub fn encode(text: &[u8]) -> Result<Vec<u8>, Error> {
    check_length(text.len())?;
    let length = u32::try_from(text.len()).map_err(|_| TOO_LONG)?;
    let mut frame = Vec::with_capacity(LENGTH_BYTES + text.len());
    frame.extend_from_slice(&length.to_ne_bytes());
    frame.extend_from_slice(text);
    Ok(frame)
}

/// Writes a text as a frame, at once.
pub(crate) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    text: &[u8],
) -> Result<(), Error> {
    let frame = encode(text)?;
    let written = async {
        stream.write_all(&frame).await?;
        stream.flush().await
    };
    written.await.map_err(|_| Error::PageGone)
}

const TOO_LONG: Error = Error::FrameInvalid {
    reason: "it is longer than 64 KiB",
};

fn check_length(length: usize) -> Result<(), Error> {
    match length {
        0 => Err(Error::FrameInvalid {
            reason: "it is empty",
        }),
        1..=FRAME_BYTES_MAX => Ok(()),
        _ => Err(TOO_LONG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_however_the_stream_is_cut() {
        let texts: [&[u8]; 3] = [b"{}", br#"{"type":"origins"}"#, &[b'x'; FRAME_BYTES_MAX]];
        let stream: Vec<u8> = texts
            .iter()
            .flat_map(|text| encode(text).unwrap())
            .collect();
        for size in [1, 3, 4, 5, 4096, stream.len()] {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for bytes in stream.chunks(size) {
                frames.push(bytes);
                while let Some(text) = frames.take().unwrap() {
                    found.push(text);
                }
            }
            assert_eq!(found, texts, "pieces of {size}");
        }
    }

    #[test]
    fn an_empty_or_overlong_frame_is_refused_by_its_length_alone() {
        let too_long = u32::try_from(FRAME_BYTES_MAX + 1).unwrap();
        for length in [0, too_long, u32::MAX] {
            let mut frames = Frames::default();
            frames.push(&length.to_ne_bytes());
            let code = frames.take().unwrap_err().code();
            assert_eq!(code, "agent.frame_invalid", "{length}");
        }
        for text in [Vec::new(), vec![b'x'; FRAME_BYTES_MAX + 1]] {
            assert_eq!(encode(&text).unwrap_err().code(), "agent.frame_invalid");
        }
    }

    #[test]
    fn a_cut_frame_is_waited_for() {
        let mut frames = Frames::default();
        assert!(frames.take().unwrap().is_none());
        frames.push(&encode(b"{}").unwrap()[..5]);
        assert!(frames.take().unwrap().is_none());
        frames.push(b"}");
        assert_eq!(frames.take().unwrap().unwrap(), b"{}");
    }
}
