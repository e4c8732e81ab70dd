//! The JSON frames of the presence connection.

use cardea_assertion::Notice;
use serde::{Deserialize, Serialize};

/// Longest frame, in bytes.
pub(super) const FRAME_BYTES_MAX: usize = 4096;

/// What the server says.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerFrame {
    /// Prove that you are there, over this nonce.
    Nonce {
        /// Fresh for each proof.
        nonce: String,
        /// Whether the server shows its log on this connection, to whoever asks.
        #[serde(default)]
        log: bool,
        /// Whether it shows both the newest checkpoint that witnesses have cosigned and the newest
        /// of all, to whoever asks for both.
        #[serde(default)]
        newest: bool,
        /// Whether it wants to know which witnesses are demanded.
        #[serde(default)]
        witnesses: bool,
    },
    /// A part of what it shows of its log; an empty one where there is nothing yet.
    Checkpoint {
        /// So much of it as a frame holds.
        part: String,
        /// Whether nothing follows.
        last: bool,
    },
    /// Where the session stands that this key belongs to.
    Session {
        /// Its state.
        state: SessionState,
        /// Why it ended.
        #[serde(default)]
        reason: Option<String>,
    },
    /// The person's card was used elsewhere.
    Notice(Notice),
    /// A guard wants the session's card to sign anew.
    StepUp {
        /// The challenge, compact.
        challenge: String,
    },
    /// What became of such a signature.
    StepUpAnswered {
        /// `given` or `refused`.
        outcome: String,
        /// Why it was refused.
        #[serde(default)]
        code: Option<String>,
    },
    /// A frame of a later version of the protocol.
    #[serde(other)]
    Unknown,
}

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SessionState {
    /// Waiting for the first proof.
    Pending,
    /// Under way.
    Active,
    /// Over.
    Ended,
}

/// What the agent says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum AgentFrame<'a> {
    /// A signed statement: present with the nonce, or departed.
    Presence {
        /// The compact JWS.
        statement: &'a str,
    },
    /// A part of what the card signed anew: statement and countersignature, a space between them.
    StepUp {
        /// So much of it as a frame holds.
        part: &'a str,
        /// Whether nothing follows.
        last: bool,
    },
    /// Show the log, and that it goes on from this checkpoint.
    Log {
        /// Entries of the one that is kept; 0 where none is.
        size: u64,
        /// Its root.
        root: &'a str,
        /// The newest of all that is kept. An older server knows no such member, so it is sent
        /// only where that is announced; and so is the next.
        #[serde(skip_serializing_if = "Option::is_none")]
        newest: Option<Head<'a>>,
        /// How many witnesses must have cosigned what is shown.
        #[serde(skip_serializing_if = "Option::is_none")]
        quorum: Option<u32>,
        /// The ids of the keys of which so many must have: others may be asked as well. Sent only
        /// where that is announced.
        #[serde(skip_serializing_if = "Option::is_none")]
        witnesses: Option<&'a [String]>,
    },
    /// There will be no such signature.
    StepUpDeclined {
        /// Of the challenge.
        jti: &'a str,
        /// One word.
        reason: &'static str,
    },
}

/// A checkpoint that is kept.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Head<'a> {
    /// Its entries.
    pub(super) size: u64,
    /// Its root.
    pub(super) root: &'a str,
}

#[cfg(test)]
mod tests {
    use cardea_assertion::NoticeKind;

    use super::*;

    #[test]
    fn a_nonce_says_as_much_as_its_server_shows() {
        for (members, expected) in [
            ("", (false, false, false)),
            (r#","log":true"#, (true, false, false)),
            (r#","log":true,"newest":true"#, (true, true, false)),
            (
                r#","log":true,"newest":true,"witnesses":true"#,
                (true, true, true),
            ),
        ] {
            let text = format!(r#"{{"type":"nonce","nonce":"n"{members}}}"#);
            let (log, newest, witnesses) = expected;
            let frame = ServerFrame::Nonce {
                nonce: "n".to_owned(),
                log,
                newest,
                witnesses,
            };
            assert_eq!(serde_json::from_str::<ServerFrame>(&text).unwrap(), frame);
        }
    }

    #[test]
    fn frames_are_as_agreed() {
        let cases = [
            (
                r#"{"type":"checkpoint","part":"p","last":true}"#,
                Some(ServerFrame::Checkpoint {
                    part: "p".to_owned(),
                    last: true,
                }),
            ),
            (
                r#"{"type":"session","state":"ended","reason":"card_departed"}"#,
                Some(ServerFrame::Session {
                    state: SessionState::Ended,
                    reason: Some("card_departed".to_owned()),
                }),
            ),
            (
                r#"{"type":"session","state":"active"}"#,
                Some(ServerFrame::Session {
                    state: SessionState::Active,
                    reason: None,
                }),
            ),
            (
                r#"{"type":"step_up","challenge":"c"}"#,
                Some(ServerFrame::StepUp {
                    challenge: "c".to_owned(),
                }),
            ),
            (
                r#"{"type":"step_up_answered","outcome":"given"}"#,
                Some(ServerFrame::StepUpAnswered {
                    outcome: "given".to_owned(),
                    code: None,
                }),
            ),
            (
                r#"{"type":"notice","id":"i","kind":"refused_use","at":1,"code":"login.refused"}"#,
                Some(ServerFrame::Notice(Notice {
                    id: "i".to_owned(),
                    kind: NoticeKind::RefusedUse,
                    at: 1,
                    workstation: None,
                    code: Some("login.refused".to_owned()),
                })),
            ),
            (r#"{"type":"later"}"#, Some(ServerFrame::Unknown)),
            (r#"{"type":"nonce"}"#, None),
            ("nonsense", None),
        ];
        for (text, frame) in cases {
            assert_eq!(
                serde_json::from_str::<ServerFrame>(text).ok(),
                frame,
                "{text}"
            );
        }
    }

    #[test]
    fn what_the_agent_says_is_as_agreed() {
        let statement = AgentFrame::Presence { statement: "a.b.c" };
        assert_eq!(
            serde_json::to_string(&statement).unwrap(),
            r#"{"type":"presence","statement":"a.b.c"}"#
        );
        let part = AgentFrame::StepUp {
            part: "a.b",
            last: true,
        };
        assert_eq!(
            serde_json::to_string(&part).unwrap(),
            r#"{"type":"step_up","part":"a.b","last":true}"#
        );
        let ids = ["8584107c".to_owned()];
        let log = |newest, quorum, witnesses| AgentFrame::Log {
            size: 7,
            root: "r",
            newest,
            quorum,
            witnesses,
        };
        assert_eq!(
            serde_json::to_string(&log(None, None, None)).unwrap(),
            r#"{"type":"log","size":7,"root":"r"}"#
        );
        let newest = Head { size: 9, root: "s" };
        let both = r#"{"type":"log","size":7,"root":"r","newest":{"size":9,"root":"s"},"quorum":1"#;
        for (ids, end) in [
            (None, "}"),
            (Some(&ids[..]), r#","witnesses":["8584107c"]}"#),
        ] {
            let asked = log(Some(newest), Some(1), ids);
            let asked = serde_json::to_string(&asked).unwrap();
            assert_eq!(asked, format!("{both}{end}"));
        }
        let declined = AgentFrame::StepUpDeclined {
            jti: "j",
            reason: "busy",
        };
        assert_eq!(
            serde_json::to_string(&declined).unwrap(),
            r#"{"type":"step_up_declined","jti":"j","reason":"busy"}"#
        );
    }
}
