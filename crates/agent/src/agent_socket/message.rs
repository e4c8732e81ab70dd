//! What may be asked through the socket, and what is answered beside the lines of a sign-in.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::own_status::OwnStatus;

/// One request. A connection begins with one; only `abort` may follow.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// A sign-in for a page of this origin, as the browser attests it.
    Assertion {
        /// The page's origin.
        origin: String,
        /// The issuer's challenge, which the page brought.
        challenge: String,
    },
    /// The origins that this workstation is enrolled with.
    Origins {},
    /// What `cardea-agent status` shows.
    Status {},
    /// Issuers were enrolled or taken away: read them again.
    ReadIssuers {},
    /// The person ends all sessions of this agent.
    EndSessions {},
    /// A program of its own holds a session through this issuer for as long as the connection
    /// stands, and wants to hear when its person ends all sessions.
    HoldSession {
        /// The issuer's identifier.
        issuer: String,
        /// What the person signed in to, in the issuer's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        portal: Option<String>,
    },
    /// The page does not want an answer any more.
    Abort {},
}

impl Request {
    /// Reads a frame's text.
    ///
    /// # Errors
    /// [`Error::RequestInvalid`] for anything but one of these objects.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(text).map_err(|_| Error::RequestInvalid)
    }
}

/// An answer that is no line of a sign-in.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The enrolled origins.
    Origins {
        /// Each as browsers write it.
        origins: Vec<String>,
    },
    /// The issuers were read again.
    Issuers {
        /// How many there are now.
        issuers: usize,
    },
    /// All sessions have ended.
    Ended {
        /// How many there were.
        sessions: usize,
    },
    /// The person ends all sessions: what was held here is to depart.
    EndSession {},
    /// The agent's state.
    Status(Box<OwnStatus>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_requests_are_understood_and_to_the_letter() {
        let challenge = r#"{"type":"assertion","origin":"https://a.test","challenge":"c"}"#;
        let understood = [
            challenge,
            r#"{"type":"origins"}"#,
            r#"{"type":"status"}"#,
            r#"{"type":"read_issuers"}"#,
            r#"{"type":"end_sessions"}"#,
            r#"{"type":"hold_session","issuer":"https://a.test"}"#,
            r#"{"type":"hold_session","issuer":"https://a.test","portal":"Logiciel"}"#,
            r#"{"type":"abort"}"#,
        ];
        for text in understood {
            assert!(Request::parse(text.as_bytes()).is_ok(), "{text}");
        }
        let refused = [
            "",
            "[]",
            "\"origins\"",
            "{}",
            r#"{"type":"sign","hash":"00"}"#,
            r#"{"type":"origins","more":1}"#,
            r#"{"type":"read_issuers","file":"/tmp/x"}"#,
            r#"{"type":"hold_session"}"#,
            r#"{"type":"assertion","challenge":"c"}"#,
            r#"{"type":"assertion","origin":"https://a.test"}"#,
            r#"{"type":"assertion","origin":["https://a.test"],"challenge":"c"}"#,
            r#"{"type":"assertion","origin":"https://a.test","challenge":"c","pin":"1234"}"#,
            "{\"type\":\"origins\"}{}",
        ];
        for text in refused {
            let code = Request::parse(text.as_bytes()).unwrap_err().code();
            assert_eq!(code, "agent.request_invalid", "{text}");
        }
    }
}
