//! The kernel's list of Unix sockets, asked through netlink (sock_diag(7), netlink(7)).

use std::io;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

/// Longest single answer; the kernel fills no more than 32 KiB at once.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Most answers to one question: some 100 000 sockets.
const ANSWERS_MAX: usize = 1024;
/// The kernel answers at once; this only keeps a surprise from becoming a wait without end.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Ends of messages and attributes lie on multiples of this.
const ALIGNMENT: usize = 4;
const MESSAGE_HEADER_BYTES: usize = 16;
const SOCKET_HEADER_BYTES: usize = 16;
const ATTRIBUTE_HEADER_BYTES: usize = 4;

const MESSAGE_ERROR: u16 = 2;
const MESSAGE_DONE: u16 = 3;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP_REQUEST: u16 = 0x0001 | 0x0300;
const AF_UNIX: u8 = 1;
/// Only connections that stand.
const ESTABLISHED: u32 = 1 << 1;
/// `UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_UID`.
const SHOW: u32 = 0x01 | 0x04 | 0x40;
const ATTRIBUTE_NAME: u16 = 0;
const ATTRIBUTE_PEER: u16 = 2;
const ATTRIBUTE_UID: u16 = 7;

/// One end of a connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct UnixSocket {
    /// The number that tells it from every other.
    pub(super) inode: u32,
    /// The path it is bound to; empty for most.
    pub(super) name: Vec<u8>,
    /// The other end.
    pub(super) peer: Option<u32>,
    /// Its owner, where the kernel tells.
    pub(super) uid: Option<u32>,
}

/// Every connected Unix socket of this network namespace.
pub(super) fn read() -> io::Result<Vec<UnixSocket>> {
    let kernel = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    set_socket_timeout(&kernel, Timeout::Recv, Some(ANSWER_LIMIT))?;
    send(&kernel, &request(), SendFlags::empty())?;
    let mut sockets = Vec::new();
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    for _ in 0..ANSWERS_MAX {
        let (length, _) = recv(&kernel, buffer.as_mut_slice(), RecvFlags::empty())?;
        let answer = buffer.get(..length).unwrap_or_default();
        match read_answer(answer, &mut sockets) {
            Some(Answer::GoesOn) => {}
            Some(Answer::Done) => return Ok(sockets),
            None => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    Ok(sockets)
}

/// `struct nlmsghdr` and `struct unix_diag_req`.
fn request() -> Vec<u8> {
    let mut body = vec![AF_UNIX, 0, 0, 0];
    for word in [ESTABLISHED, 0, SHOW, 0, 0] {
        body.extend(word.to_ne_bytes());
    }
    let length = u32::try_from(MESSAGE_HEADER_BYTES + body.len()).unwrap_or_default();
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message.extend(DUMP_REQUEST.to_ne_bytes());
    // Sequence number and sender: one question, of a socket that the kernel knows.
    message.extend([0; 8]);
    message.extend(body);
    message
}

enum Answer {
    GoesOn,
    Done,
}

/// Takes the sockets out of one datagram; `None` when it is not what netlink(7) describes.
fn read_answer(mut answer: &[u8], sockets: &mut Vec<UnixSocket>) -> Option<Answer> {
    while answer.len() >= MESSAGE_HEADER_BYTES {
        let length = usize::try_from(word(answer, 0)?).ok()?;
        let message = answer.get(MESSAGE_HEADER_BYTES..length)?;
        match half_word(answer, 4)? {
            MESSAGE_DONE => return Some(Answer::Done),
            MESSAGE_ERROR => return None,
            SOCK_DIAG_BY_FAMILY => sockets.push(read_socket(message)?),
            _ => {}
        }
        answer = answer.get(aligned(length)..).unwrap_or_default();
    }
    Some(Answer::GoesOn)
}

/// `struct unix_diag_msg` and its attributes.
fn read_socket(message: &[u8]) -> Option<UnixSocket> {
    let mut socket = UnixSocket {
        inode: word(message, 4)?,
        ..UnixSocket::default()
    };
    let mut attributes = message.get(SOCKET_HEADER_BYTES..)?;
    while attributes.len() >= ATTRIBUTE_HEADER_BYTES {
        let length = usize::from(half_word(attributes, 0)?);
        let value = attributes.get(ATTRIBUTE_HEADER_BYTES..length)?;
        match half_word(attributes, 2)? {
            ATTRIBUTE_NAME => {
                let is_end = |byte: &u8| *byte == 0;
                socket.name = value.split(is_end).next().unwrap_or_default().to_vec();
            }
            ATTRIBUTE_PEER => socket.peer = word(value, 0),
            ATTRIBUTE_UID => socket.uid = word(value, 0),
            _ => {}
        }
        attributes = attributes.get(aligned(length)..).unwrap_or_default();
    }
    Some(socket)
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

fn half_word(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_cut_anywhere_or_out_of_its_form_is_refused_without_a_panic() {
        let mut message = vec![1, 1, 1, 0];
        message.extend(77_u32.to_ne_bytes());
        message.extend([0; 8]);
        for (kind, value) in [(ATTRIBUTE_PEER, 78_u32), (ATTRIBUTE_UID, 1000)] {
            message.extend(8_u16.to_ne_bytes());
            message.extend(kind.to_ne_bytes());
            message.extend(value.to_ne_bytes());
        }
        let mut answer = u32::try_from(MESSAGE_HEADER_BYTES + message.len())
            .unwrap()
            .to_ne_bytes()
            .to_vec();
        answer.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        answer.extend([0; 10]);
        answer.extend(message);
        let mut sockets = Vec::new();
        assert!(matches!(
            read_answer(&answer, &mut sockets),
            Some(Answer::GoesOn)
        ));
        let expected = UnixSocket {
            inode: 77,
            name: Vec::new(),
            peer: Some(78),
            uid: Some(1000),
        };
        assert_eq!(sockets, [expected]);
        for length in MESSAGE_HEADER_BYTES..answer.len() {
            let cut = answer.get(..length).unwrap();
            assert!(read_answer(cut, &mut Vec::new()).is_none(), "{length}");
        }
        // A length of zero would go round for ever.
        assert!(read_answer(&[0; 64], &mut Vec::new()).is_none());
    }
}
