//! The issuer's login page, as the agent sees it.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Failure;

/// Asks for an assertion as the issuer's login page does, and reads until it is there.
pub(crate) async fn sign_in(
    agent: SocketAddr,
    origin: &str,
    challenge: &str,
) -> Result<(), Failure> {
    let body = json!({ "challenge": challenge }).to_string();
    let request = format!(
        "POST /v1/assertion HTTP/1.1\r\nHost: {agent}\r\nOrigin: {origin}\r\n\
         Connection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(agent).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8(answer)?;
    let last = answer.lines().rfind(|line| line.starts_with('{'));
    let last: Value = serde_json::from_str(last.ok_or("the agent answered nothing")?)?;
    match last.get("type").and_then(Value::as_str) {
        Some("assertion") => Ok(()),
        _ => Err(format!("the agent did not sign: {last}").into()),
    }
}
