//! Any bytes of a connection to the loopback port.

use super::challenge::signed;
use super::world::{ISSUER, PORT, WORLD};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Stands for a good challenge in inputs.
pub const CHALLENGE: &str = "GOOD-CHALLENGE";
/// An answer that takes longer is a hang.
const PATIENCE: Duration = Duration::from_secs(10);

/// Demands of these bytes what must be true of all.
pub fn check(bytes: &[u8]) {
    let request = filled_in(bytes);
    let answer = WORLD.runtime.block_on(ask(&request));
    let Some(head) = answer
        .split("\r\n\r\n")
        .next()
        .filter(|head| !head.is_empty())
    else {
        return;
    };
    let lower = head.to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap_or_default();
    let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let names_origin = text.contains(&format!("origin:{}", WORLD.url))
        || text.contains(&format!("origin: {}", WORLD.url))
        || text.contains("origin:");
    let names_origin = names_origin && text.contains(&WORLD.url);
    assert!(
        !lower.contains("access-control-allow-origin: *"),
        "every page may read the answer"
    );
    assert!(
        names_origin || !lower.contains("access-control-"),
        "a page that is not enrolled may read the answer: {head}"
    );
    let names_host = text.contains(&format!("127.0.0.1:{PORT}"));
    assert!(
        (names_origin && names_host) || !status.starts_with('2'),
        "{head} without the agent's address and an enrolled origin"
    );
}

/// The bytes with this run's issuer and a good challenge where they name them.
fn filled_in(bytes: &[u8]) -> Vec<u8> {
    let good = good_challenge();
    let replaced = replace(bytes, CHALLENGE.as_bytes(), good.as_bytes());
    replace(&replaced, ISSUER.as_bytes(), WORLD.url.as_bytes())
}

fn good_challenge() -> String {
    let (_, challenge) = super::seed::challenges().swap_remove(0);
    let challenge = String::from_utf8(challenge).expect("a JWS");
    let (_, _, signed) = signed(&challenge).expect("a JWS");
    signed
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        match rest.strip_prefix(from) {
            Some(behind) => {
                out.extend_from_slice(to);
                rest = behind;
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

/// The first answer's head, as far as it came.
async fn ask(request: &[u8]) -> String {
    let mut connection = WORLD.connect();
    let exchange = async {
        // The agent may have closed before all is written.
        let _ = connection.write_all(request).await;
        let _ = connection.shutdown().await;
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
            match connection.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(count) => answer.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    };
    let answer = tokio::time::timeout(PATIENCE, exchange).await;
    answer.expect("an answer or the end of the connection in time")
}
