//! The login page's call to the agent on this machine.

use reqwest::header;
use serde::Deserialize;
use serde_json::json;

use crate::error::{Error, chain};
use crate::once::browser::{Browser, Challenge, stopped};

const STEP: &str = "asking the agent to sign";
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What the card and the agent signed.
#[derive(Debug)]
pub(super) struct SignedLogin {
    pub(super) assertion: String,
    pub(super) attestation: String,
}

/// One line of the agent's answer.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    State {
        state: String,
    },
    Assertion {
        assertion: String,
        attestation: String,
    },
    Error {
        code: String,
    },
    /// What this login has no use for.
    #[serde(other)]
    Another,
}

/// Hands the challenge to the agent as the login page does, and waits for the person and the card.
pub(super) async fn sign(browser: &Browser, challenge: &Challenge) -> Result<SignedLogin, Error> {
    let address = format!("{}/v1/assertion", challenge.agent_url.trim_end_matches('/'));
    let request = browser
        .http()
        .inner()
        .post(address)
        .header(header::ORIGIN, browser.issuer_origin())
        .json(&json!({"challenge": challenge.challenge}));
    let mut answer = request
        .send()
        .await
        .map_err(|error| stopped(STEP, &chain(&error)))?;
    if !answer.status().is_success() {
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        return Err(Error::Agent {
            code: format!("{status}: {text}"),
        });
    }
    let mut unread = Vec::new();
    while let Some(part) = answer
        .chunk()
        .await
        .map_err(|error| stopped(STEP, &chain(&error)))?
    {
        unread.extend_from_slice(&part);
        while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = unread.drain(..=end).collect();
            if let Some(signed) = read_line(&line)? {
                return Ok(signed);
            }
        }
        if unread.len() > LINE_BYTES_MAX {
            return Err(stopped(STEP, "a line of the answer is too long"));
        }
    }
    read_line(&unread)?.ok_or_else(|| stopped(STEP, "the agent ended without a signature"))
}

fn read_line(line: &[u8]) -> Result<Option<SignedLogin>, Error> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    match serde_json::from_slice(line).map_err(|error| stopped(STEP, &error.to_string()))? {
        Line::State { state } => {
            tracing::info!(state, "agent");
            Ok(None)
        }
        Line::Assertion {
            assertion,
            attestation,
        } => Ok(Some(SignedLogin {
            assertion,
            attestation,
        })),
        Line::Error { code } => Err(Error::Agent { code }),
        Line::Another => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::read_line;

    #[test]
    fn a_state_is_no_answer_yet() {
        let line = br#"{"type":"state","state":"pin_asked","tries_left":3}"#;
        assert!(read_line(line).unwrap().is_none());
        assert!(read_line(b"\n").unwrap().is_none());
        let line = br#"{"type":"accepted","issuer":"https://a.test","challenge":"h"}"#;
        assert!(read_line(line).unwrap().is_none());
    }

    #[test]
    fn the_agents_refusal_keeps_its_code() {
        let line = br#"{"type":"error","code":"card.pin_blocked","title":"Carte bloquee"}"#;
        let error = read_line(line).unwrap_err();
        assert_eq!(error.code(), "portal.agent_refused");
        assert!(error.to_string().contains("card.pin_blocked"));
    }
}
