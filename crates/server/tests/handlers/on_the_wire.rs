//! Bounds of the running program on connections and heads, before any handler (attacks H9, H10).

mod tls_wait;

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::program::Program;
use crate::test_app::{Changes, TestApp};

/// Longer than any bound of the program on what was begun.
const PATIENCE: Duration = Duration::from_secs(40);

struct Wire {
    address: String,
    _program: Program,
    _app: TestApp,
}

async fn wire(limits: &str) -> Wire {
    let app = TestApp::start_with(Changes::limiting(limits)).await;
    let address = Program::unused_address().await;
    let program = Program::start(app.folder(), &address).await;
    Wire {
        address,
        _program: program,
        _app: app,
    }
}

/// The first line of what comes back; nothing when the connection is closed without an answer.
async fn answer_to(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset behind an answer takes nothing of it away.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the server leaves the connection standing");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.lines().next().unwrap_or_default().to_owned()
}

async fn send(address: &str, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(head.as_bytes()).await;
    answer_to(&mut stream).await
}

#[tokio::test]
async fn h10_heads_that_two_readers_could_read_differently_and_long_ones_are_refused() {
    let wire = wire("per_address_and_minute = 600").await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n";
    let long = "x".repeat(1024 * 1024);
    let middling = "x".repeat(25 * 1024);
    let many: String = (0..100).map(|number| format!("A{number}: b\r\n")).collect();
    let get = "GET /jwks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let post = "POST /token HTTP/1.1\r\nHost: x\r\n";
    let cases: [(&str, String, &[&str]); 11] = [
        ("a good head", format!("{get}\r\n"), &["200"]),
        (
            "two lengths",
            format!("{post}{form}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde"),
            &["400"],
        ),
        (
            // RFC 9112 section 6.1: the chunks count, and the connection closes behind the answer.
            "length and chunks",
            format!(
                "{post}{form}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
                 0\r\n\r\nGET /jwks HTTP/1.1\r\nHost: x\r\n\r\n"
            ),
            &["400", "401"],
        ),
        (
            "chunks that are not last",
            format!("{post}{form}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
            &["400"],
        ),
        (
            "a folded line",
            format!("{get}A: b\r\n c\r\n\r\n"),
            &["400"],
        ),
        ("a NUL", format!("{get}A: b\u{0}c\r\n\r\n"), &["400"]),
        (
            "a space before the colon",
            format!("{get}A : b\r\n\r\n"),
            &["400"],
        ),
        (
            "a megabyte of head",
            format!("{get}A: {long}\r\n\r\n"),
            &["431", ""],
        ),
        ("a hundred lines", format!("{get}{many}\r\n"), &["431"]),
        (
            "a long address",
            format!("GET /authorize?{middling} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            &["414"],
        ),
        (
            "a body beyond the bound",
            format!(
                "{post}{form}Content-Length: 65536\r\n\r\n{}",
                &long[..65536]
            ),
            &["413", ""],
        ),
    ];
    for (name, head, allowed) in cases {
        let answer = send(&wire.address, &head).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(allowed.contains(&status), "{name}: `{answer}`");
    }
}

/// All at once, so that the test takes as long as the longest.
#[tokio::test]
async fn h10_whoever_sends_too_slowly_is_sent_away() {
    let wire = wire("per_address_and_minute = 600").await;
    let address = wire.address.as_str();
    let silent = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        answer_to(&mut stream).await
    };
    let slow_head = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let begun = Instant::now();
        stream.write_all(b"GET /jwks HTTP/1.1\r\n").await.unwrap();
        while begun.elapsed() < PATIENCE {
            sleep(Duration::from_millis(500)).await;
            if stream.write_all(b"A: b\r\n").await.is_err() {
                return;
            }
        }
        panic!("a head may take for ever");
    };
    let slow_body = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = "POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut from, mut to) = stream.split();
        let drip = async {
            while to.write_all(b"a").await.is_ok() {
                sleep(Duration::from_millis(500)).await;
            }
        };
        let mut answer = [0; 12];
        let read = timeout(PATIENCE, from.read_exact(&mut answer));
        tokio::select! {
            read = read => {
                read.expect("a body may take for ever").unwrap();
                String::from_utf8_lossy(&answer).into_owned()
            }
            () = drip => String::new(),
        }
    };
    let reads_nothing = async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
        let asks = "GET /static/cardea.css HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
        let all = async { while stream.write_all(asks.as_bytes()).await.is_ok() {} };
        let ended = timeout(PATIENCE, all).await;
        ended.expect("whoever reads nothing may stay for ever");
    };
    let (silent, (), slow_body, ()) = tokio::join!(silent, slow_head, slow_body, reads_nothing);
    assert_eq!(silent, "", "nothing was asked");
    assert_eq!(slow_body, "HTTP/1.1 408");
}

#[tokio::test]
async fn h9_connections_of_an_address_are_bounded_and_free_their_places() {
    let wire = wire("connections_per_address = 4").await;
    let asks = "GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n";
    let get = "GET /jwks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut held = Vec::new();
    // The look whether the program listens was a connection too, and may still stand.
    for _ in 0..100 {
        // An answer shows that it has its place, and does not only wait for one.
        let mut stream = TcpStream::connect(&wire.address).await.unwrap();
        let asked = stream.write_all(asks.as_bytes()).await;
        if asked.is_ok() && stream.read_exact(&mut [0; 12]).await.is_ok() {
            held.push(stream);
        }
        if held.len() == 4 {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(send(&wire.address, get).await, "");
    // Whoever hangs up gives the place back at once.
    held.pop();
    let mut answer = String::new();
    for _ in 0..100 {
        answer = send(&wire.address, get).await;
        if !answer.is_empty() {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    assert!(answer.contains("200"), "{answer}");
}
