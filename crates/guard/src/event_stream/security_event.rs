//! One Security Event Token (RFC 8417), read.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{StopChange, StopNews};
use crate::act::number_of;
use crate::revoked_sessions::Ended;
use crate::{AccessError, FreshSignature, ReasonCode, ToldStop};

/// `typ` of a SET (RFC 8417 section 2.3).
pub(super) const TYP: &str = "secevent+jwt";
/// CAEP 1.0 section 3.1.
const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
/// CAEP 1.0 section 3.3, and the level that a fresh signature of the card with its PIN reaches.
const ASSURANCE_LEVEL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change";
const SIGNED: &str = "urn:cardea:acr:card-pin";
/// The OAuth event types of SSF.
const TOKEN_REVOKED: &str = "https://schemas.openid.net/secevent/oauth/event-type/token-revoked";
/// The issuer's own: an account is stopped at a service, and no longer.
const ACCOUNT_STOPPED: &str = "urn:cardea:event:account-stopped";
const ACCOUNT_STOP_LIFTED: &str = "urn:cardea:event:account-stop-lifted";
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
    pub(super) jti: String,
    pub(super) sequence: u64,
    since: Option<i64>,
    /// Stands for what happened, in whichever stream it is told (RFC 8417 section 2.2).
    txn: Option<String>,
    sub_id: Option<SubjectIdentifier>,
    events: Map<String, Value>,
}

/// RFC 9493, as far as it matters here.
#[derive(Debug, Deserialize)]
struct SubjectIdentifier {
    format: String,
    user: Option<Box<SubjectIdentifier>>,
    session: Option<Box<SubjectIdentifier>>,
    application: Option<Box<SubjectIdentifier>>,
    iss: Option<String>,
    sub: Option<String>,
    id: Option<String>,
    jti: Option<String>,
}

/// What a SET says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Ended(Ended),
    /// The card of a session's person has signed anew.
    FreshSignature {
        subject: String,
        session: String,
        signature: FreshSignature,
    },
    /// An account is stopped at a service, or no longer.
    Stop(StopNews),
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
            ASSURANCE_LEVEL_CHANGE => self.signature(),
            ACCOUNT_STOPPED => self.stop(true),
            ACCOUNT_STOP_LIFTED => self.stop(false),
            _ => Ok(Said::Other),
        }
    }

    /// Another level than the one that a signature reaches restores nothing, and neither does a
    /// person whom no token names any more.
    fn signature(&self) -> Result<Said, AccessError> {
        let payload = self.events.values().next();
        let level = payload.and_then(|it| it.get("current_level")?.as_str());
        let asked_at = payload.and_then(|it| it.get("asked_at_ms")?.as_i64());
        let subject = self.subject("complex")?;
        let user = subject.user.as_ref();
        let user = user.filter(|user| user.format == "iss_sub");
        let session = subject.session.as_ref();
        let session = session.filter(|session| session.format == "opaque");
        match (level, user, session) {
            (Some(SIGNED), Some(user), Some(session)) => Ok(Said::FreshSignature {
                subject: named(user.sub.clone())?,
                session: named(session.id.clone())?,
                signature: FreshSignature {
                    number: self.txn.as_ref().map_or(0, |it| number_of(it.as_bytes())),
                    asked_at: asked_at.unwrap_or(0),
                },
            }),
            _ => Ok(Said::Other),
        }
    }

    /// A stop or a lift has to name all of account, service and number: whoever left one out would
    /// stop, or free, something else.
    fn stop(&self, is_stopped: bool) -> Result<Said, AccessError> {
        let invalid = |reason| AccessError::SecurityEventInvalid { reason };
        let subject = self.subject("complex")?;
        let user = subject.user.as_ref();
        let user = user.filter(|it| it.format == "iss_sub" && it.iss.as_ref() == Some(&self.iss));
        let user = user.ok_or(invalid("a stop without its account"))?;
        let service = subject.application.as_ref();
        let service = service.filter(|it| it.format == "opaque");
        let service = service.ok_or(invalid("a stop without its service"))?;
        let payload = self.events.values().next();
        let sequence = payload.and_then(|it| it.get("stop_sequence")?.as_i64());
        let sequence = sequence.filter(|it| *it > 0);
        let sequence = sequence.ok_or(invalid("a stop without its number"))?;
        let (refused, sessions) = payload.map_or((0, 0), counted);
        let acted_at = payload.and_then(|it| it.get("acted_at_ms")?.as_i64());
        Ok(Said::Stop(StopNews {
            subject: named(user.sub.clone())?,
            service: named(service.id.clone())?,
            change: match is_stopped {
                true => StopChange::Stopped(ToldStop {
                    sequence,
                    acted_at: acted_at.unwrap_or(0),
                    refused,
                    sessions,
                }),
                false => StopChange::Lifted(sequence),
            },
        }))
    }

    fn subject(&self, format: &str) -> Result<&SubjectIdentifier, AccessError> {
        let subject = self.sub_id.as_ref();
        let subject = subject.filter(|subject| subject.format == format);
        subject.ok_or(AccessError::SecurityEventInvalid {
            reason: "its subject is of another form",
        })
    }
}

/// What the guard that stopped the account had counted: refused patients, and stopped sessions.
fn counted(payload: &Value) -> (u32, u32) {
    let reasons = payload.get("reasons").and_then(Value::as_array);
    let mut reasons = reasons.into_iter().flatten();
    let code = Some(ReasonCode::AccountStopped.word());
    let own = reasons.find(|it| it.get("code").and_then(Value::as_str) == code);
    let number = |name: &str| {
        let number = own.and_then(|it| it.get(name)?.as_u64());
        number.and_then(|it| u32::try_from(it).ok()).unwrap_or(0)
    };
    (number("count"), number("limit"))
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

    use super::{
        ACCOUNT_STOP_LIFTED, ACCOUNT_STOPPED, Said, SecurityEvent, StopChange, StopNews, ToldStop,
    };
    use crate::revoked_sessions::Ended;

    fn said(sub_id: &Value, events: &Value) -> Result<Said, &'static str> {
        let claims = json!({
            "iss": "https://id.example.fr", "aud": "api", "iat": 1, "jti": "j", "sequence": 2,
            "since": 3, "sub_id": sub_id, "events": events,
        });
        let event: SecurityEvent = serde_json::from_value(claims).unwrap();
        event.said().map_err(|error| error.code())
    }

    /// A stop, as the issuer tells it, with one member of it changed.
    fn stop(change: impl Fn(&mut Value, &mut Value)) -> (Value, Value) {
        let mut subject = json!({
            "format": "complex",
            "user": {"format": "iss_sub", "iss": "https://id.example.fr", "sub": "p"},
            "application": {"format": "opaque", "id": "records"},
        });
        let mut payload = json!({
            "event_timestamp": 1, "initiating_entity": "policy", "stop": "s", "stop_sequence": 7,
            "acted_at_ms": 900,
            "reasons": [{"code": "ahead", "count": 61, "limit": 60},
                        {"code": "account_stopped", "count": 16, "limit": 2}],
        });
        change(&mut subject, &mut payload);
        (subject, payload)
    }

    #[test]
    fn a_stop_and_its_lift_name_account_service_and_number() {
        let (subject, payload) = stop(|_, _| ());
        let news = |change| {
            Ok(Said::Stop(StopNews {
                subject: "p".to_owned(),
                service: "records".to_owned(),
                change,
            }))
        };
        let stopped = json!({ACCOUNT_STOPPED: payload});
        let stop_told = ToldStop {
            sequence: 7,
            acted_at: 900,
            refused: 16,
            sessions: 2,
        };
        assert_eq!(
            said(&subject, &stopped),
            news(StopChange::Stopped(stop_told))
        );
        let lifted = json!({ACCOUNT_STOP_LIFTED: {"stop_sequence": 7}});
        assert_eq!(said(&subject, &lifted), news(StopChange::Lifted(7)));
        let without = |member: &str| {
            let member = member.to_owned();
            stop(move |subject, _| drop(subject.as_object_mut().unwrap().remove(&member)))
        };
        for (name, (subject, payload)) in [
            ("no account", without("user")),
            ("no service", without("application")),
            (
                "another issuer",
                stop(|it, _| it["user"]["iss"] = "https://x.example".into()),
            ),
            ("another form", stop(|it, _| it["format"] = "opaque".into())),
            ("an empty name", stop(|it, _| it["user"]["sub"] = "".into())),
            ("no number", stop(|_, it| it["stop_sequence"] = Value::Null)),
            ("number 0", stop(|_, it| it["stop_sequence"] = 0.into())),
            ("a text", stop(|_, it| it["stop_sequence"] = "7".into())),
        ] {
            for kind in [ACCOUNT_STOPPED, ACCOUNT_STOP_LIFTED] {
                let refused = said(&subject, &json!({kind: payload}));
                assert_eq!(refused, Err("guard.security_event_invalid"), "{name}");
            }
        }
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
