//! The messages: a JSON object a line, with one member that says what it is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::business_software::{GrantRequest, ProofRequest};
use crate::language::Language;
use crate::problem::Problem;
use crate::progress::State;

/// What a program may ask.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Tokens by the card's signature: opens the connection's session.
    SignIn(GrantRequest),
    /// A proof of possession by the key of this connection's tokens.
    Proof(ProofRequest),
    /// To be told when a card is there, or is there no longer. Nobody is asked for anything.
    WaitForCard(WantedCard),
}

/// What a program waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WantedCard {
    /// A card in a reader.
    Present,
    /// None.
    Absent,
}

/// What a program is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// Where the sign-in stands.
    State(State),
    /// The issuer's token response, whole.
    Tokens(Value),
    /// A proof of possession.
    Dpop(String),
    /// `present`, `absent` or `no_reader`.
    Card(&'static str),
    /// Why what was asked is not done.
    Error(Problem),
    /// Why the session is over; nothing comes after it.
    Ended(Problem),
}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    /// [`Error::ProgramRequestInvalid`].
    pub(super) fn parse(line: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(line).map_err(|_| Error::ProgramRequestInvalid {
            reason: "it is no JSON object with sign_in, proof or wait_for_card, as documented",
        })
    }
}

impl Answer {
    /// A refusal.
    pub(crate) fn error(error: &Error, language: Language) -> Self {
        Self::Error(Problem::in_line(error, language))
    }

    /// The end of a session.
    pub(super) fn ended(error: &Error, language: Language) -> Self {
        Self::Ended(Problem::in_line(error, language))
    }

    /// The line, without its end.
    pub(crate) fn to_line(&self) -> String {
        // Strings, numbers, and what was read as JSON: it can always be written as JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documented_messages_are_understood() {
        let understood = [
            r#"{"sign_in":{"issuer":"https://id.example","client_id":"a"}}"#,
            r#"{"sign_in":{"issuer":"https://id.example","client_id":"a","scope":"openid",
                "resources":["https://api.example"]}}"#,
            r#"{"proof":{"htm":"GET","htu":"https://api.example/"}}"#,
            r#"{"proof":{"htm":"GET","htu":"https://api.example/","nonce":"n","access_token":"t"}}"#,
            r#"{"wait_for_card":"present"}"#,
            r#" {"wait_for_card":"absent"} "#,
        ];
        for text in understood {
            assert!(Request::parse(text.as_bytes()).is_ok(), "{text}");
        }
        let refused = [
            "",
            "GET / HTTP/1.1",
            "[]",
            "{}",
            r#""wait_for_card""#,
            r#"{"wait_for_card":"soon"}"#,
            r#"{"wait_for_card":"present","proof":{"htm":"GET","htu":"https://api.example/"}}"#,
            r#"{"proof":{"htm":"GET"}}"#,
            r#"{"proof":{"htm":"GET","htu":"https://a.example/","typ":"card-presence+jwt"}}"#,
            r#"{"sign_in":{"issuer":"https://id.example"}}"#,
            r#"{"sign_in":{"issuer":"https://id.example","client_id":"a","pin":"1234"}}"#,
            r#"{"sign":{"hash":"00"}}"#,
            "{\"wait_for_card\":\"present\"}{}",
        ];
        for text in refused {
            let code = Request::parse(text.as_bytes()).unwrap_err().code();
            assert_eq!(code, "agent.program_request_invalid", "{text}");
        }
    }

    #[test]
    fn answers_have_one_member() {
        let json = |answer: &Answer| -> Value { serde_json::from_str(&answer.to_line()).unwrap() };
        assert_eq!(json(&Answer::Card("absent"))["card"], "absent");
        assert_eq!(json(&Answer::State(State::PinAsked))["state"], "pin_asked");
        let error = json(&Answer::error(&Error::Busy, Language::English));
        assert_eq!(error["error"]["code"], "agent.busy");
        assert_eq!(error["error"]["type"], "urn:cardea:error:agent.busy");
        assert!(error["error"]["title"].is_string() && error["error"]["detail"].is_string());
        let ended = json(&Answer::ended(&Error::SessionOver, Language::French));
        assert_eq!(ended["ended"]["code"], "agent.session_over");
    }
}
