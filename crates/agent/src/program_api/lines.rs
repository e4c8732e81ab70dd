//! One connection as lines, both ways, within bounds of bytes and time.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::message::Answer;
use crate::Error;
use crate::business_software::PROOF_REQUEST_BYTES_MAX;

/// Longest line of a program, in bytes, its end included.
const LINE_BYTES_MAX: usize = PROOF_REQUEST_BYTES_MAX;
/// How much is read at a time.
const CHUNK_BYTES: usize = 4 * 1024;
/// How long a program may take to read what it is told.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct Lines<S> {
    stream: S,
    /// What has come in and is not taken yet.
    unread: Vec<u8>,
}

/// The other end has gone, or reads nothing.
#[derive(Debug)]
pub(super) struct Gone;

impl<S: AsyncRead + AsyncWrite + Unpin> Lines<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    /// The next line without its end; nothing once the program has closed its side. May be dropped
    /// and called again without losing anything.
    ///
    /// # Errors
    /// [`Error::ProgramRequestInvalid`] for a line that is too long.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.unread.drain(..=end).collect();
                line.pop();
                return check_length(line.len()).map(|()| Some(line));
            }
            check_length(self.unread.len())?;
            if !self.read().await {
                return Ok(None);
            }
        }
    }

    /// Resolves when the program has closed its side, or has sent more than a line ahead of its
    /// turn. May be dropped as [`Lines::next`] may.
    pub(super) async fn gone(&mut self) {
        while self.unread.len() < LINE_BYTES_MAX && self.read().await {}
    }

    /// Sends an answer.
    ///
    /// # Errors
    /// [`Gone`].
    pub(super) async fn tell(&mut self, answer: &Answer) -> Result<(), Gone> {
        let mut line = answer.to_line();
        line.push('\n');
        let written = async {
            self.stream.write_all(line.as_bytes()).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(WRITE_LIMIT, written).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// Reads what has come in; false at the end.
    async fn read(&mut self) -> bool {
        let mut chunk = [0; CHUNK_BYTES];
        match self.stream.read(&mut chunk).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.unread.extend(chunk.iter().take(count));
                true
            }
        }
    }
}

fn check_length(bytes: usize) -> Result<(), Error> {
    if bytes < LINE_BYTES_MAX {
        Ok(())
    } else {
        Err(Error::ProgramRequestInvalid {
            reason: "the line is longer than 16 KiB",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_whole_however_they_are_cut_and_none_is_longer_than_the_bound() {
        let (mut program, agent) = tokio::io::duplex(1 << 20);
        let mut lines = Lines::new(agent);
        program.write_all(b"a\nbc").await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), b"a");
        tokio::select! {
            biased;
            line = lines.next() => panic!("{line:?}"),
            () = tokio::task::yield_now() => {}
        }
        program.write_all(b"d\n\n").await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), b"bcd");
        assert_eq!(lines.next().await.unwrap().unwrap(), b"");
        let longest = vec![b'x'; LINE_BYTES_MAX - 1];
        program
            .write_all(&[longest.as_slice(), b"\n"].concat())
            .await
            .unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), longest);
        program.write_all(&longest).await.unwrap();
        program.write_all(b"x\n").await.unwrap();
        let code = lines.next().await.unwrap_err().code();
        assert_eq!(code, "agent.program_request_invalid");

        // One without an end is not kept for ever either.
        let (mut program, agent) = tokio::io::duplex(1 << 20);
        program.write_all(&vec![b'x'; 1 << 19]).await.unwrap();
        let mut lines = Lines::new(agent);
        assert!(lines.next().await.is_err());
        assert!(lines.unread.len() < LINE_BYTES_MAX + CHUNK_BYTES);

        // What has no end when the program goes was not said.
        let (mut program, agent) = tokio::io::duplex(64);
        program.write_all(b"a").await.unwrap();
        drop(program);
        assert_eq!(Lines::new(agent).next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_program_that_goes_or_floods_is_noticed_while_it_waits() {
        let (mut program, agent) = tokio::io::duplex(1 << 20);
        let mut lines = Lines::new(agent);
        program.write_all(b"ahead\n").await.unwrap();
        tokio::select! {
            biased;
            () = lines.gone() => panic!("it is there"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(lines.next().await.unwrap().unwrap(), b"ahead");
        program.write_all(&vec![b'\n'; 1 << 18]).await.unwrap();
        lines.gone().await;
        let (program, agent) = tokio::io::duplex(64);
        drop(program);
        Lines::new(agent).gone().await;
    }
}
