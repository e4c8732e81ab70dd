//! The card's side of the vpcd protocol: a TCP client that behaves as a card in a reader.
//!
//! Frames are a length of two bytes, big endian, and a body. A body of one byte is control; longer
//! ones are APDUs. Connected means inserted, closed means removed.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::linux::net::TcpStreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use cardea_card::{CardTransport, StatusWord};

use crate::error::Error;
use crate::in_process::VirtualCard;

const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const GET_ATR: u8 = 4;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(5);

/// A card that sits in a reader of vpcd until it is removed or pcscd ends.
#[derive(Debug)]
pub struct PluggedCard {
    stream: TcpStream,
    seen: Arc<AtomicBool>,
    worker: Option<JoinHandle<Result<(), Error>>>,
}

impl PluggedCard {
    /// Connects `card` to vpcd at `address` (`HOST:PORT`) and answers from a thread.
    ///
    /// Faults injected through another connection of the same card show up in the reader; a
    /// removal there pulls the card here.
    ///
    /// # Errors
    /// [`Error::VpcdUnreachable`] when nobody listens there.
    pub fn plug(address: &str, card: VirtualCard) -> Result<Self, Error> {
        let stream = connect(address)?;
        let seen = Arc::new(AtomicBool::new(false));
        let (card_side, seen_side) = (stream.try_clone(), Arc::clone(&seen));
        let card_side = card_side.map_err(Error::VpcdBroken)?;
        let worker = thread::Builder::new()
            .name("card".to_owned())
            .spawn(move || answer_until_closed(card_side, card, &seen_side))
            .map_err(Error::VpcdBroken)?;
        Ok(Self {
            stream,
            seen,
            worker: Some(worker),
        })
    }

    /// Waits until pcscd has asked for the answer to reset; false when it did not in `limit`.
    #[must_use]
    pub fn wait_until_seen(&self, limit: Duration) -> bool {
        let polls = limit.as_millis() / POLL.as_millis();
        for _ in 0..polls {
            if self.seen.load(Ordering::Acquire) {
                return true;
            }
            if self.is_gone() {
                return false;
            }
            thread::sleep(POLL);
        }
        self.seen.load(Ordering::Acquire)
    }

    /// Whether the connection has ended, because pcscd did or the card was pulled.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.worker.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Pulls the card.
    ///
    /// # Errors
    /// [`Error::VpcdBroken`] when the connection had failed before.
    pub fn remove(mut self) -> Result<(), Error> {
        self.unplug()
    }

    fn unplug(&mut self) -> Result<(), Error> {
        // Shutting down first wakes the thread that reads; a bare close may go unnoticed.
        let _already_closed = self.stream.shutdown(Shutdown::Both);
        match self.worker.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            // A panicked worker has closed the connection, which is a removal.
            Some(Err(_)) | None => Ok(()),
        }
    }
}

impl Drop for PluggedCard {
    fn drop(&mut self) {
        // The caller did not ask how it ended.
        let _ = self.unplug();
    }
}

fn connect(address: &str) -> Result<TcpStream, Error> {
    let unreachable = |source| Error::VpcdUnreachable {
        address: address.to_owned(),
        source,
    };
    let mut last = std::io::Error::new(ErrorKind::NotFound, "the name has no address");
    for candidate in address.to_socket_addrs().map_err(unreachable)? {
        match TcpStream::connect_timeout(&candidate, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(unreachable)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(unreachable(last))
}

fn answer_until_closed(
    mut stream: TcpStream,
    mut card: VirtualCard,
    seen: &AtomicBool,
) -> Result<(), Error> {
    let result = answer_frames(&mut stream, &mut card, seen);
    // Whatever ended it, the reader must see the card leave.
    let _already_closed = stream.shutdown(Shutdown::Both);
    match result {
        Err(error) if is_closed(&error) => Ok(()),
        other => other.map_err(Error::VpcdBroken),
    }
}

fn is_closed(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

fn answer_frames(
    stream: &mut TcpStream,
    card: &mut VirtualCard,
    seen: &AtomicBool,
) -> std::io::Result<()> {
    loop {
        let body = read_frame(stream)?;
        match *body {
            [POWER_OFF | POWER_ON | RESET] => card.power_cycle(),
            [GET_ATR] => {
                write_frame(stream, card.atr())?;
                seen.store(true, Ordering::Release);
            }
            [] | [_] => {}
            _ => match card.transmit(&body) {
                Ok(answer) if !answer.is_empty() => write_frame(stream, &answer)?,
                // Removed: close without an answer.
                Ok(_) | Err(cardea_card::Error::CardRemoved) => return Ok(()),
                // What only PC/SC can say (busy, reset) has no frame of its own.
                Err(_) => write_frame(stream, &StatusWord(0x6f00).to_bytes())?,
            },
        }
    }
}

/// Reads one frame. Debian's driver writes length and body apart with Nagle's algorithm on, so
/// without TCP_QUICKACK before every read (it does not stick) each frame waits 40 ms for a delayed
/// acknowledgement.
fn read_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 2];
    read_exactly(stream, &mut length)?;
    let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
    read_exactly(stream, &mut body)?;
    Ok(body)
}

fn read_exactly(stream: &mut TcpStream, mut into: &mut [u8]) -> std::io::Result<()> {
    while !into.is_empty() {
        stream.set_quickack(true)?;
        match stream.read(into) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => into = into.split_at_mut(count).1,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn write_frame(stream: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    let length = u16::try_from(body.len()).map_err(|_| ErrorKind::InvalidData)?;
    let mut frame = Vec::with_capacity(body.len() + 2);
    frame.extend(length.to_be_bytes());
    frame.extend_from_slice(body);
    stream.write_all(&frame)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::PluggedCard;
    use crate::card_image::{ATR_PIV, CardImage};
    use crate::fault::{Fault, Trigger};
    use crate::in_process::VirtualCard;

    /// A reader that speaks vpcd's side.
    struct Reader(TcpStream);

    impl Reader {
        fn send(&mut self, body: &[u8]) {
            let length = u16::try_from(body.len()).unwrap();
            // Two writes, as Debian's driver does it.
            self.0.write_all(&length.to_be_bytes()).unwrap();
            self.0.write_all(body).unwrap();
        }

        fn receive(&mut self) -> Option<Vec<u8>> {
            let mut length = [0; 2];
            self.0.read_exact(&mut length).ok()?;
            let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
            self.0.read_exact(&mut body).ok()?;
            Some(body)
        }
    }

    fn plugged() -> (Reader, PluggedCard, VirtualCard) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let card = VirtualCard::insert(CardImage::empty("1").unwrap()).unwrap();
        let plugged = PluggedCard::plug(&address, card.connect()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        (Reader(stream), plugged, card)
    }

    #[test]
    fn control_frames_and_commands_are_answered() {
        let (mut reader, plugged, _card) = plugged();
        reader.send(&[1]);
        reader.send(&[4]);
        assert_eq!(reader.receive().unwrap(), ATR_PIV);
        assert!(plugged.wait_until_seen(Duration::from_secs(5)));
        reader.send(&[0, 0xa4, 4, 0, 5, 0xa0, 0, 0, 3, 8, 0]);
        assert!(reader.receive().unwrap().ends_with(&[0x90, 0]));
        reader.send(&[2]);
        reader.send(&[0, 0x20, 0, 0x80]);
        assert_eq!(
            reader.receive().unwrap(),
            [0x69, 0x85],
            "the reset has deselected PIV"
        );
    }

    #[test]
    fn removal_closes_the_connection() {
        let (mut reader, plugged, _card) = plugged();
        plugged.remove().unwrap();
        assert_eq!(reader.receive(), None);
    }

    #[test]
    fn card_that_dies_mid_command_closes_without_an_answer() {
        let (mut reader, plugged, card) = plugged();
        card.inject(Trigger::Select, Fault::RemovedMidCommand);
        reader.send(&[0, 0xa4, 4, 0, 5, 0xa0, 0, 0, 3, 8, 0]);
        assert_eq!(reader.receive(), None);
        drop(reader);
        while !plugged.is_gone() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn nobody_listening_is_told_with_the_packages_to_install() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let card = VirtualCard::insert(CardImage::empty("1").unwrap()).unwrap();
        let error = PluggedCard::plug(&format!("127.0.0.1:{port}"), card).unwrap_err();
        assert_eq!(error.code(), "virtual_card.vpcd_unreachable");
        assert!(
            error
                .to_string()
                .contains("apt install pcscd vsmartcard-vpcd")
        );
    }
}
