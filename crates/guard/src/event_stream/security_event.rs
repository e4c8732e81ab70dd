//! One Security Event Token (RFC 8417), read.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::AccessError;
use crate::revoked_sessions::Ended;

/// `typ` of a SET (RFC 8417 section 2.3).
pub(super) const TYP: &str = "secevent+jwt";
/// CAEP 1.0 section 3.1.
const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
/// The OAuth event types of SSF.
const TOKEN_REVOKED: &str = "https://schemas.openid.net/secevent/oauth/event-type/token-revoked";
/// SSF 1.0 section 8.1.4.
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";
/// Longest `sid` or `jti` that is remembered.
const NAME_BYTES_MAX: usize = 512;

/// The claims of a SET whose signature was verified.
#[derive(Debug, Deserialize)]
pub(super) struct SecurityEvent {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) iat: i64,
    pub(super) sequence: u64,
    since: Option<i64>,
    sub_id: Option<SubjectIdentifier>,
    events: Map<String, Value>,
}

/// RFC 9493, as far as it matters here.
#[derive(Debug, Deserialize)]
struct SubjectIdentifier {
    format: String,
    session: Option<Box<SubjectIdentifier>>,
    id: Option<String>,
    jti: Option<String>,
}

/// What a SET says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Ended(Ended),
    /// The stream lives, and is whole since then.
    Heartbeat {
        since: i64,
    },
    /// An event of a kind that says nothing here.
    Other,
}

impl SecurityEvent {
    /// What it says; exactly one event stands in each.
    pub(super) fn said(&self) -> Result<Said, AccessError> {
        let invalid = |reason| AccessError::SecurityEventInvalid { reason };
        let mut kinds = self.events.keys();
        let (Some(kind), None) = (kinds.next(), kinds.next()) else {
            return Err(invalid("it has not exactly one event"));
        };
        match kind.as_str() {
            VERIFICATION => {
                let since = self.since.ok_or(invalid("a heartbeat without since"))?;
                Ok(Said::Heartbeat { since })
            }
            SESSION_REVOKED => {
                let session = self.subject("complex")?.session.as_deref();
                let session = session.filter(|session| session.format == "opaque");
                let id = session.and_then(|session| session.id.clone());
                Ok(Said::Ended(Ended::Session(named(id)?)))
            }
            TOKEN_REVOKED => {
                let jti = self.subject("jwt_id")?.jti.clone();
                Ok(Said::Ended(Ended::Token(named(jti)?)))
            }
            _ => Ok(Said::Other),
        }
    }

    fn subject(&self, format: &str) -> Result<&SubjectIdentifier, AccessError> {
        let subject = self.sub_id.as_ref();
        let subject = subject.filter(|subject| subject.format == format);
        subject.ok_or(AccessError::SecurityEventInvalid {
            reason: "its subject is of another form",
        })
    }
}

fn named(name: Option<String>) -> Result<String, AccessError> {
    let name = name.filter(|name| !name.is_empty() && name.len() <= NAME_BYTES_MAX);
    name.ok_or(AccessError::SecurityEventInvalid {
        reason: "its subject is not named",
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Said, SecurityEvent};
    use crate::revoked_sessions::Ended;

    fn said(sub_id: &Value, events: &Value) -> Result<Said, &'static str> {
        let claims = json!({
            "iss": "https://id.example.fr", "aud": "api", "iat": 1, "sequence": 2, "since": 3,
            "sub_id": sub_id, "events": events,
        });
        let event: SecurityEvent = serde_json::from_value(claims).unwrap();
        event.said().map_err(|error| error.code())
    }

    #[test]
    fn ends_and_heartbeats_are_read_and_others_stepped_over() {
        let event =
            |kind: &str| json!({ format!("https://schemas.openid.net/secevent/{kind}"): {} });
        let (ended, revoked) = (
            event("caep/event-type/session-revoked"),
            event("oauth/event-type/token-revoked"),
        );
        let session = json!({"format": "complex", "session": {"format": "opaque", "id": "s"}});
        let token = json!({"format": "jwt_id", "iss": "i", "jti": "j"});
        let stream = json!({"format": "opaque", "id": "x"});
        let is_session = Said::Ended(Ended::Session("s".to_owned()));
        assert_eq!(said(&session, &ended), Ok(is_session));
        assert_eq!(
            said(&token, &revoked),
            Ok(Said::Ended(Ended::Token("j".to_owned())))
        );
        let heartbeat = event("ssf/event-type/verification");
        assert_eq!(said(&stream, &heartbeat), Ok(Said::Heartbeat { since: 3 }));
        let other = event("caep/event-type/assurance-level-change");
        assert_eq!(said(&session, &other), Ok(Said::Other));
        let two = json!({"a": {}, "b": {}});
        let empty = json!({"format": "complex", "session": {"format": "opaque", "id": ""}});
        for (sub_id, events) in [
            (&token, &ended),
            (&session, &revoked),
            (&stream, &ended),
            (&empty, &ended),
            (&session, &two),
            (&session, &json!({})),
        ] {
            let refused = said(sub_id, events);
            assert_eq!(
                refused,
                Err("guard.security_event_invalid"),
                "{sub_id} {events}"
            );
        }
    }
}
