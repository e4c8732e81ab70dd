//! What a page does: HTTP as a browser, or an attacker, would send it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(60);

/// A page of one origin.
pub(crate) struct Page {
    pub(crate) agent: SocketAddr,
    pub(crate) origin: String,
}

/// A response that came in whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// In how many seconds the page may ask again.
    pub(crate) fn retry_after(&self) -> u64 {
        self.header("retry-after").unwrap().parse().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

/// Sends a request as it is written and reads until the agent closes.
pub(crate) async fn raw(agent: SocketAddr, request: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(agent).await.unwrap();
    // The agent may have closed already.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("an answer in time").unwrap_or_default();
    if answer.is_empty() {
        None
    } else {
        Some(parse(&String::from_utf8(answer).unwrap()))
    }
}

fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let answer = Answer {
        status,
        headers,
        body: body.to_owned(),
    };
    if answer.header("transfer-encoding") == Some("chunked") {
        Answer {
            body: dechunk(body),
            ..answer
        }
    } else {
        answer
    }
}

fn dechunk(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        text.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    text
}

impl Page {
    /// A request with the page's origin and this agent's address in `Host`.
    pub(crate) fn request(&self, line: &str, headers: &str, body: &str) -> String {
        format!(
            "{line} HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\nConnection: close\r\n{headers}\
             Content-Length: {}\r\n\r\n{body}",
            self.agent,
            self.origin,
            body.len()
        )
    }

    pub(crate) async fn send(&self, line: &str, headers: &str, body: &str) -> Answer {
        raw(self.agent, &self.request(line, headers, body))
            .await
            .expect("an answer")
    }

    pub(crate) async fn status(&self) -> Value {
        self.send("GET /v1/status", "", "").await.json()
    }

    /// Asks for an assertion and reads the whole stream, or the refusal.
    pub(crate) async fn ask(&self, challenge: &str) -> Answer {
        let body = json!({ "challenge": challenge }).to_string();
        self.send(
            "POST /v1/assertion",
            "Content-Type: application/json\r\n",
            &body,
        )
        .await
    }

    /// Asks for an assertion and returns the stream's lines.
    pub(crate) async fn sign_in(&self, challenge: &str) -> Vec<Value> {
        let answer = self.ask(challenge).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        answer
            .body
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Asks for an assertion and keeps the response open.
    pub(crate) async fn begin(&self, challenge: &str) -> Stream {
        self.open(&self.assertion_request(challenge)).await
    }

    /// As [`Page::begin`], on a connection that stays open after the response, as a browser's does.
    pub(crate) async fn begin_on_lasting_connection(&self, challenge: &str) -> Stream {
        let request = self.assertion_request(challenge);
        self.open(&request.replace("Connection: close\r\n", ""))
            .await
    }

    fn assertion_request(&self, challenge: &str) -> String {
        let body = json!({ "challenge": challenge }).to_string();
        self.request(
            "POST /v1/assertion",
            "Content-Type: application/json\r\n",
            &body,
        )
    }

    async fn open(&self, request: &str) -> Stream {
        let mut stream = TcpStream::connect(self.agent).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        Stream {
            stream,
            seen: String::new(),
        }
    }
}

/// A response under way.
pub(crate) struct Stream {
    stream: TcpStream,
    seen: String,
}

impl Stream {
    /// Reads until the text came in, and forgets everything up to it.
    pub(crate) async fn wait_for(&mut self, text: &str) {
        let mut buffer = [0; 4096];
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await;
            let bytes = read
                .unwrap_or_else(|_| panic!("{text} in time; got {}", self.seen))
                .unwrap();
            assert_ne!(bytes, 0, "the stream ended before {text}: {}", self.seen);
            self.seen
                .push_str(std::str::from_utf8(&buffer[..bytes]).unwrap());
        }
    }

    /// Reads to the end; the last line.
    pub(crate) async fn last_line(mut self) -> Value {
        let mut rest = Vec::new();
        let reading = self.stream.read_to_end(&mut rest);
        tokio::time::timeout(PATIENCE, reading)
            .await
            .expect("an end in time")
            .unwrap();
        self.seen.push_str(std::str::from_utf8(&rest).unwrap());
        let line = self
            .seen
            .lines()
            .rfind(|line| line.starts_with('{'))
            .unwrap();
        serde_json::from_str(line).unwrap()
    }
}

/// The states of a stream, and how it ended; the line before them is the same in each.
pub(crate) fn course(lines: &[Value]) -> Vec<String> {
    lines
        .iter()
        .filter(|line| line["type"] != "accepted")
        .map(|line| {
            let name = ["state", "code"]
                .iter()
                .find_map(|member| line[*member].as_str());
            let name = name.unwrap_or_else(|| line["type"].as_str().unwrap());
            match line["tries_left"].as_u64() {
                Some(tries) => format!("{name} {tries}"),
                None => name.to_owned(),
            }
        })
        .collect()
}
