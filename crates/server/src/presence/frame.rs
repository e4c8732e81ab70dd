//! What goes over a presence connection: small JSON texts.

use cardea_assertion::Notice;
use serde::{Deserialize, Serialize};

/// Longest frame, in bytes; a presence statement has some hundreds.
pub(crate) const FRAME_BYTES_MAX: usize = 4096;

/// From the server.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerFrame<'a> {
    /// Asks for a statement over this nonce.
    Nonce {
        nonce: &'a str,
        /// Whether the agent may ask for the log's checkpoint on this connection.
        log: bool,
        /// Whether it may ask for both that which witnesses have cosigned and the newest of all.
        newest: bool,
        /// Whether it may say which witnesses it demands.
        witnesses: bool,
    },
    /// A part of what the log shows: its key, a proof and its newest checkpoint; an empty one where
    /// it has none yet.
    Checkpoint { part: &'a str, last: bool },
    /// Says where the session of this connection's key stands.
    Session {
        state: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
    /// Tells the agent of another use of the person's card.
    Notice(&'a Notice),
    /// Asks the holder of the session's card for a fresh signature.
    StepUp { challenge: &'a str },
    /// Says what became of one.
    StepUpAnswered {
        outcome: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<&'a str>,
    },
}

/// From the agent.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum AgentFrame {
    /// A presence statement, compact.
    Presence { statement: String },
    /// A part of what the card signed anew: statement and countersignature, a space between them.
    StepUp { part: String, last: bool },
    /// Asks for the log's newest checkpoint, and a proof from the one on that the agent keeps;
    /// one that knows how, for the newest of all beside the one that so many have cosigned, of
    /// those whose keys have these ids.
    Log {
        size: u64,
        root: String,
        newest: Option<Head>,
        quorum: Option<u32>,
        witnesses: Option<Vec<String>>,
    },
    /// There will be no signature.
    StepUpDeclined { jti: String, reason: String },
}

/// A checkpoint that an agent keeps.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) root: String,
}

#[cfg(test)]
mod tests {
    use super::{AgentFrame, ServerFrame};

    #[test]
    fn a_question_for_the_log_has_the_agreed_shape() {
        let asked = serde_json::from_str(r#"{"type":"log","size":7,"root":"r"}"#).unwrap();
        assert!(matches!(
            asked,
            AgentFrame::Log {
                size: 7,
                newest: None,
                quorum: None,
                witnesses: None,
                ..
            }
        ));
        let both =
            r#"{"type":"log","size":7,"root":"r","newest":{"size":9,"root":"s"},"quorum":1}"#;
        assert!(matches!(
            serde_json::from_str(both).unwrap(),
            AgentFrame::Log {
                newest: Some(super::Head { size: 9, .. }),
                quorum: Some(1),
                ..
            }
        ));
        let by_name = r#"{"type":"log","size":7,"root":"r","quorum":1,"witnesses":["8584107c"]}"#;
        assert!(matches!(
            serde_json::from_str(by_name).unwrap(),
            AgentFrame::Log { witnesses: Some(named), .. } if named == ["8584107c"]
        ));
    }

    #[test]
    fn frames_have_the_agreed_shape() {
        let nonce = ServerFrame::Nonce {
            nonce: "n",
            log: true,
            newest: true,
            witnesses: true,
        };
        let nonce = serde_json::to_string(&nonce).unwrap();
        assert_eq!(
            nonce,
            r#"{"type":"nonce","nonce":"n","log":true,"newest":true,"witnesses":true}"#
        );
        let part = ServerFrame::Checkpoint {
            part: "p",
            last: true,
        };
        let part = serde_json::to_string(&part).unwrap();
        assert_eq!(part, r#"{"type":"checkpoint","part":"p","last":true}"#);
        let ended = ServerFrame::Session {
            state: "ended",
            reason: Some("departed"),
        };
        let ended = serde_json::to_string(&ended).unwrap();
        assert_eq!(
            ended,
            r#"{"type":"session","state":"ended","reason":"departed"}"#
        );
        let text = r#"{"type":"presence","statement":"a.b.c"}"#;
        let frame = serde_json::from_str(text).unwrap();
        assert!(matches!(frame, AgentFrame::Presence { statement } if statement == "a.b.c"));
        let asked = serde_json::to_string(&ServerFrame::StepUp { challenge: "c" }).unwrap();
        assert_eq!(asked, r#"{"type":"step_up","challenge":"c"}"#);
        let answered = ServerFrame::StepUpAnswered {
            outcome: "refused",
            code: Some("login.refused"),
        };
        let answered = serde_json::to_string(&answered).unwrap();
        assert_eq!(
            answered,
            r#"{"type":"step_up_answered","outcome":"refused","code":"login.refused"}"#
        );
        let text = r#"{"type":"step_up","part":"a.b","last":false}"#;
        let frame = serde_json::from_str(text).unwrap();
        assert!(matches!(frame, AgentFrame::StepUp { part, last: false } if part == "a.b"));
        let text = r#"{"type":"step_up_declined","jti":"j","reason":"busy"}"#;
        let frame = serde_json::from_str(text).unwrap();
        assert!(matches!(frame, AgentFrame::StepUpDeclined { reason, .. } if reason == "busy"));
        assert!(serde_json::from_str::<AgentFrame>(r#"{"type":"nonce","nonce":"n"}"#).is_err());
    }
}
