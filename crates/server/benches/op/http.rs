//! As little of an HTTP/1.1 client as will do: one kept connection, no redirects, no TLS.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Failure;

pub(crate) struct Http {
    address: SocketAddr,
    stream: Option<TcpStream>,
    received: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Http {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            received: Vec::with_capacity(8192),
        }
    }

    pub(crate) async fn get(&mut self, path: &str, headers: &str) -> Result<Answer, Failure> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
            self.address
        );
        self.send(&request).await
    }

    pub(crate) async fn post(
        &mut self,
        path: &str,
        headers: &str,
        content_type: &str,
        body: &str,
    ) -> Result<Answer, Failure> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {content_type}\r\n\
             Content-Length: {}\r\n{headers}\r\n{body}",
            self.address,
            body.len()
        );
        self.send(&request).await
    }

    /// A kept connection may have been closed meanwhile: then once more on a new one.
    async fn send(&mut self, request: &str) -> Result<Answer, Failure> {
        if self.stream.is_some()
            && let Ok(answer) = self.exchange(request).await
        {
            return Ok(answer);
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        self.stream = Some(stream);
        self.exchange(request).await
    }

    async fn exchange(&mut self, request: &str) -> Result<Answer, Failure> {
        let stream = self.stream.as_mut().ok_or("no connection")?;
        stream.write_all(request.as_bytes()).await?;
        self.received.clear();
        let end = loop {
            if let Some(at) = find(&self.received, b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut self.received).await? == 0 {
                return Err("the connection was closed".into());
            }
        };
        let head = String::from_utf8(self.received.get(..end).unwrap_or_default().to_vec())?;
        let status = head.get(9..12).ok_or("no status")?.parse()?;
        let mut answer = Answer {
            status,
            head,
            body: self.received.split_off(end),
        };
        if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse()?;
            while answer.body.len() < length {
                if stream.read_buf(&mut answer.body).await? == 0 {
                    return Err("the connection was closed".into());
                }
            }
        } else if answer.header("transfer-encoding").is_some() {
            while !answer.body.ends_with(b"0\r\n\r\n") {
                if stream.read_buf(&mut answer.body).await? == 0 {
                    return Err("the connection was closed".into());
                }
            }
            answer.body = without_chunks(&answer.body)?;
        }
        Ok(answer)
    }
}

impl Answer {
    pub(crate) fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.headers(name).next()
    }

    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.head.split("\r\n").filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Result<Value, Failure> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    pub(crate) fn expect(self, status: u16) -> Result<Self, Failure> {
        if self.status == status {
            return Ok(self);
        }
        let body = String::from_utf8_lossy(&self.body);
        Err(format!("{} instead of {status}: {}{body}", self.status, self.head).into())
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn without_chunks(mut rest: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(at) = find(rest, b"\r\n") {
        let length = std::str::from_utf8(rest.get(..at).unwrap_or_default())?;
        let length = usize::from_str_radix(length, 16)?;
        let chunk = rest
            .get(at + 2..at + 2 + length)
            .ok_or("a chunk is short")?;
        body.extend_from_slice(chunk);
        rest = rest.get(at + 4 + length..).unwrap_or_default();
        if length == 0 {
            break;
        }
    }
    Ok(body)
}
