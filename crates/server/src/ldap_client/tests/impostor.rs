//! A server that accepts connections and answers with whatever bytes the test gives it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use url::Url;

pub(super) struct Impostor {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Impostor {
    /// Reads the request, and never answers.
    pub(super) fn silent() -> Self {
        Self::held_open(Vec::new())
    }

    /// Sends the answer and keeps the connection.
    pub(super) fn held_open(answer: Vec<u8>) -> Self {
        Self::start(move |mut stream| {
            let _ = stream.write_all(&answer);
            // Until the other side has had enough.
            let _ = stream.read_to_end(&mut Vec::new());
        })
    }

    /// Sends the answer and ends the connection.
    pub(super) fn closing(answer: Vec<u8>) -> Self {
        Self::start(move |mut stream| {
            let _ = stream.write_all(&answer);
        })
    }

    /// Sends the answer one byte at a time, slower than anybody waits for.
    pub(super) fn trickling(answer: Vec<u8>) -> Self {
        Self::start(move |mut stream| {
            for byte in &answer {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(50));
            }
        })
    }

    pub(super) fn port_without_listener() -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        url(listener.local_addr().unwrap())
    }

    fn start(behaviour: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                if stream.read(&mut [0; 1024]).is_ok() {
                    behaviour(stream);
                }
            }
        });
        Self {
            address,
            connections,
        }
    }

    pub(super) fn url(&self) -> Url {
        url(self.address)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn url(address: SocketAddr) -> Url {
    Url::parse(&format!("ldap://{address}/cn=A?deltaRevocationList;binary")).unwrap()
}

/// A value with the identifier octet `identifier` around `members`.
pub(super) fn sequence(identifier: u8, members: &[&[u8]]) -> Vec<u8> {
    let content = members.concat();
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[identifier, 0x84], length.as_slice(), &content].concat()
}

pub(super) fn primitive(tag: u8, content: &[u8]) -> Vec<u8> {
    sequence(tag, &[content])
}

/// The first request of a connection has the id 1, and so has its answer.
pub(super) fn message(identifier: u8, content: &[u8]) -> Vec<u8> {
    sequence(
        0x30,
        &[&primitive(2, &[1]), &sequence(identifier, &[content])],
    )
}

/// A search result entry with one attribute.
pub(super) fn entry(attribute: &[u8], values: &[&[u8]]) -> Vec<u8> {
    let values: Vec<_> = values.iter().map(|value| primitive(4, value)).collect();
    entry_of(&[(attribute, &values.concat())])
}

/// A search result entry; of each attribute the content of its set of values.
pub(super) fn entry_of(attributes: &[(&[u8], &[u8])]) -> Vec<u8> {
    let pair = |(name, values): &(&[u8], &[u8])| {
        sequence(0x30, &[&primitive(4, name), &sequence(0x31, &[values])])
    };
    let pairs: Vec<_> = attributes.iter().map(pair).collect();
    let members = [primitive(4, b"cn=A"), sequence(0x30, &[&pairs.concat()])];
    message(0x64, &members.concat())
}

/// The end of a search, with a result code and what follows the texts.
pub(super) fn result(code: u8, rest: &[u8]) -> Vec<u8> {
    let members = [
        primitive(10, &[code]),
        primitive(4, b""),
        primitive(4, b""),
        rest.to_vec(),
    ];
    message(0x65, &members.concat())
}
