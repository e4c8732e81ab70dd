//! The wire between the reader and the card: every command in the order in which the card got it.
//!
//! The card plugs itself into the tap, and the tap into vpcd's reader. Commands are kept without
//! their data, so that no PIN is.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::linux::net::TcpStreamExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

const GET_ATR: [u8; 1] = [4];

/// What passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// When it reached the card, from the beginning of the tap.
    pub at: Duration,
    /// When the card had answered.
    pub answered_at: Duration,
    /// What it was.
    pub what: Frame,
}

/// One frame to the card. The question for the answer to reset, with which pcscd looks whether the
/// card is still there, is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Power off, power on or a reset: whatever the card had in mind is gone.
    Power(u8),
    /// A command.
    Command {
        /// CLA INS P1 P2.
        header: [u8; 4],
        /// Bytes after the header.
        body_bytes: usize,
        /// SW1 SW2, zero for a cut answer.
        status: u16,
    },
}

/// A tap on the wire, until it is dropped or the card leaves.
pub struct WireTap {
    address: String,
    passed: Arc<Mutex<Vec<Passed>>>,
    worker: Option<JoinHandle<()>>,
}

impl WireTap {
    /// Opens the tap before the reader at `vpcd` (`HOST:PORT`).
    ///
    /// # Errors
    /// When no port is free.
    pub fn open(vpcd: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port for the tap")?;
        let address = listener.local_addr()?.to_string();
        let passed = Arc::default();
        let (seen, vpcd) = (Arc::clone(&passed), vpcd.to_owned());
        let worker = std::thread::spawn(move || {
            // However it ends, both sides are closed, which is how a card leaves a reader.
            if let Ok((card, _)) = listener.accept()
                && let Ok(reader) = TcpStream::connect(&vpcd)
            {
                let _ = relay(&reader, &card, &seen);
                let _ = reader.shutdown(Shutdown::Both);
                let _ = card.shutdown(Shutdown::Both);
            }
        });
        Ok(Self {
            address,
            passed,
            worker: Some(worker),
        })
    }

    /// Where the card plugs itself in.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What has passed since the last look.
    pub fn take(&self) -> Vec<Passed> {
        std::mem::take(&mut *lock(&self.passed))
    }
}

impl Drop for WireTap {
    fn drop(&mut self) {
        // The card or the reader has gone by now in every test; a card that has not come is the
        // only one to wait for, and a connection of our own makes the wait end.
        let _ = TcpStream::connect(&self.address);
        drop(self.worker.take());
    }
}

fn relay(mut reader: &TcpStream, mut card: &TcpStream, seen: &Mutex<Vec<Passed>>) -> Result<()> {
    reader.set_nodelay(true)?;
    card.set_nodelay(true)?;
    let began = Instant::now();
    loop {
        let frame = read_frame(&mut reader)?;
        let at = began.elapsed();
        write_frame(&mut card, &frame)?;
        let is_power = frame.len() == 1 && frame != GET_ATR;
        let mut status = 0;
        if !is_power {
            let answer = read_frame(&mut card)?;
            write_frame(&mut reader, &answer)?;
            if let Some((_, [high, low])) = answer.split_last_chunk::<2>() {
                status = u16::from_be_bytes([*high, *low]);
            }
        }
        let what = match (frame.as_slice(), frame.split_first_chunk::<4>()) {
            ([control], _) if is_power => Frame::Power(*control),
            (_, Some((header, body))) => Frame::Command {
                header: *header,
                body_bytes: body.len(),
                status,
            },
            _ => continue,
        };
        lock(seen).push(Passed {
            at,
            answered_at: began.elapsed(),
            what,
        });
    }
}

fn lock(passed: &Mutex<Vec<Passed>>) -> MutexGuard<'_, Vec<Passed>> {
    passed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads one frame. TCP_QUICKACK before every read, because vpcd writes length and body apart and
/// waits for the acknowledgement in between.
fn read_frame(stream: &mut &TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 2];
    read_exactly(stream, &mut length)?;
    let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
    read_exactly(stream, &mut body)?;
    Ok(body)
}

fn read_exactly(stream: &mut &TcpStream, mut into: &mut [u8]) -> std::io::Result<()> {
    while !into.is_empty() {
        stream.set_quickack(true)?;
        match stream.read(into)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => into = into.split_at_mut(count).1,
        }
    }
    Ok(())
}

fn write_frame(stream: &mut &TcpStream, body: &[u8]) -> std::io::Result<()> {
    let length = u16::try_from(body.len()).map_err(|_| Error::from(ErrorKind::InvalidData))?;
    stream.write_all(&[length.to_be_bytes().as_slice(), body].concat())
}
