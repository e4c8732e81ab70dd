//! A program that took the agent's port before the agent did.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use cardea_jose::sha256_base64url;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What it answers with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answers {
    /// A page that only its own site may read.
    WithoutLeave,
    /// A page that everybody may read.
    AnotherPage,
    /// A refusal that is not the agent's.
    AnotherProblem,
    /// States that an agent could send.
    StatesAtOnce,
    /// An agent's first line, for another challenge.
    AnotherChallenge,
    /// What an agent of a later version could say, and why it gives up.
    LaterVersion,
    /// An agent's whole answer, for a page of another origin.
    ForeignOrigin,
}

/// The program; dropping it gives the port back.
pub(crate) struct Squatter {
    answers: Arc<Mutex<Answers>>,
    serving: JoinHandle<()>,
}

impl Squatter {
    pub(crate) async fn at(agent_url: &str, issuer: &str) -> Result<Self> {
        let address = agent_url.split_once("://").context("no address")?.1;
        let listener = TcpListener::bind(address).await?;
        let answers = Arc::new(Mutex::new(Answers::WithoutLeave));
        let (now, issuer) = (Arc::clone(&answers), issuer.to_owned());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Some(answers) = now.lock().ok().map(|now| *now) else {
                    return;
                };
                let issuer = issuer.clone();
                tokio::spawn(async move {
                    let _ = answer(stream, answers, &issuer).await;
                });
            }
        });
        Ok(Self { answers, serving })
    }

    pub(crate) fn answer(&self, with: Answers) {
        if let Ok(mut answers) = self.answers.lock() {
            *answers = with;
        }
    }
}

impl Drop for Squatter {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut stream: TcpStream, answers: Answers, issuer: &str) -> Result<()> {
    let request = read_request(&mut stream).await?;
    let leave = if matches!(answers, Answers::WithoutLeave) {
        String::new()
    } else {
        format!(
            "Access-Control-Allow-Origin: {issuer}\r\nAccess-Control-Allow-Methods: POST\r\n\
             Access-Control-Allow-Headers: content-type\r\n"
        )
    };
    let (status, body) = body(answers, issuer, &request);
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\n{leave}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

fn body(answers: Answers, issuer: &str, request: &str) -> (&'static str, String) {
    let page = || ("200 OK", "<h1>It works!</h1>".to_owned());
    if request.starts_with("OPTIONS") {
        return page();
    }
    let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let challenge = body.get("challenge").and_then(Value::as_str);
    let hash = sha256_base64url(challenge.unwrap_or_default().as_bytes());
    let accepted = |hash: &str| json!({"type": "accepted", "issuer": issuer, "challenge": hash});
    let asked = json!({"type": "state", "state": "pin_asked", "tries_left": 3});
    match answers {
        Answers::WithoutLeave | Answers::AnotherPage => page(),
        Answers::AnotherProblem => (
            "403 Forbidden",
            json!({"code": "router.admin_only"}).to_string(),
        ),
        Answers::StatesAtOnce => ("200 OK", format!("{asked}\n")),
        Answers::AnotherChallenge => ("200 OK", format!("{}\n{asked}\n", accepted("AAAA"))),
        Answers::LaterVersion => {
            let unknown = json!({"type": "state", "state": "dancing"});
            let another = json!({"type": "music", "state": "pin_asked"});
            let held = json!({"type": "error", "code": "agent.reader_held",
                "title": "t", "advice": "Fermez <b>lgpi</b>."});
            let lines = [accepted(&hash), unknown, another, held].map(|line| line.to_string());
            ("200 OK", lines.join("\n"))
        }
        Answers::ForeignOrigin => {
            // {"aud":…,"origin":"https://evil.test","challenge":…} in no signature at all.
            let claims = json!({"aud": issuer, "origin": "https://evil.test", "challenge": hash});
            let claims = cardea_jose::base64url(claims.to_string().as_bytes());
            let assertion = format!("e30.{claims}.AA");
            let signed = json!({"type": "assertion", "assertion": assertion, "attestation": "a"});
            (
                "200 OK",
                format!("{}\n{asked}\n{signed}\n", accepted(&hash)),
            )
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Result<String> {
    let mut request = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let count = stream.read(&mut bytes).await?;
        request.extend_from_slice(bytes.get(..count).unwrap_or_default());
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            anyhow::ensure!(count > 0, "the request ended early");
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        if count == 0 || body.len() >= length.unwrap_or_default() {
            return Ok(text.into_owned());
        }
    }
}
