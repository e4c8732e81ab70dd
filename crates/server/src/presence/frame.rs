//! What goes over a presence connection: small JSON texts.

use serde::{Deserialize, Serialize};

/// Longest frame, in bytes; a presence statement has some hundreds.
pub(crate) const FRAME_BYTES_MAX: usize = 4096;

/// From the server.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerFrame<'a> {
    /// Asks for a statement over this nonce.
    Nonce { nonce: &'a str },
    /// Says where the session of this connection's key stands.
    Session {
        state: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
}

/// From the agent.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum AgentFrame {
    /// A presence statement, compact.
    Presence { statement: String },
}

#[cfg(test)]
mod tests {
    use super::{AgentFrame, ServerFrame};

    #[test]
    fn frames_have_the_agreed_shape() {
        let nonce = serde_json::to_string(&ServerFrame::Nonce { nonce: "n" }).unwrap();
        assert_eq!(nonce, r#"{"type":"nonce","nonce":"n"}"#);
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
        let AgentFrame::Presence { statement } = serde_json::from_str(text).unwrap();
        assert_eq!(statement, "a.b.c");
        assert!(serde_json::from_str::<AgentFrame>(r#"{"type":"nonce","nonce":"n"}"#).is_err());
    }
}
