//! Security Event Tokens (RFC 8417) in the words of CAEP 1.0 and SSF 1.0.
//!
//! They have no `exp` and no `sub`, and a `typ` of their own, so that none passes for another
//! token (RFC 8417 section 4.5).

use cardea_oauth2_types::Acr;
use cardea_storage::security_event::{Kind, SecurityEvent};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::session::EndReason;

pub(super) const SECURITY_EVENT_TYP: &str = "secevent+jwt";

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const ASSURANCE_LEVEL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change";
/// Whose words a level is in (CAEP section 3.3.1): those of our `acr`.
const ACR_NAMESPACE: &str = "urn:cardea:acr";
const TOKEN_REVOKED: &str = "https://schemas.openid.net/secevent/oauth/event-type/token-revoked";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";
/// Our own: RISC's `account-disabled` (section 2.3) speaks of the whole account, and this person
/// signs in as before, everywhere else.
const ACCOUNT_STOPPED: &str = "urn:cardea:event:account-stopped";
const ACCOUNT_STOP_LIFTED: &str = "urn:cardea:event:account-stop-lifted";

/// The claims of every SET of ours.
#[derive(Debug, Serialize)]
pub(super) struct SecurityEventClaims<'a> {
    pub(super) iss: &'a str,
    pub(super) aud: &'a str,
    pub(super) iat: i64,
    pub(super) jti: &'a str,
    /// This event's place in the stream; the newest, in a heartbeat.
    pub(super) sequence: i64,
    /// From when on the stream is whole; in a heartbeat alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<i64>,
    /// Stands for what happened, in whichever stream it is told (RFC 8417 section 2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) txn: Option<&'a str>,
    pub(super) sub_id: Value,
    pub(super) events: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) test: Option<bool>,
}

/// Whom and what an event is about (RFC 9493, SSF section 3): by the names in the access tokens.
pub(super) fn subject_of(event: &SecurityEvent, issuer: &str, sub: Option<&str>) -> Value {
    if let (Kind::TokenRevoked, Some(jti)) = (event.kind, &event.token_jti) {
        return json!({"format": "jwt_id", "iss": issuer, "jti": jti});
    }
    let mut subject = Map::new();
    subject.insert("format".to_owned(), json!("complex"));
    if let Some(sub) = sub {
        let user = json!({"format": "iss_sub", "iss": issuer, "sub": sub});
        subject.insert("user".to_owned(), user);
    }
    if let Some(sid) = &event.sid {
        let session = json!({"format": "opaque", "id": sid});
        subject.insert("session".to_owned(), session);
    }
    // The account at this service, and nowhere else.
    if let Some(stop) = &event.stop {
        let application = json!({"format": "opaque", "id": stop.service});
        subject.insert("application".to_owned(), application);
    }
    Value::Object(subject)
}

/// The one event of a SET.
pub(super) fn events_of(event: &SecurityEvent) -> Map<String, Value> {
    let name = match event.kind {
        Kind::TokenRevoked => TOKEN_REVOKED,
        Kind::AssuranceLevelChange => ASSURANCE_LEVEL_CHANGE,
        Kind::AccountStopped => ACCOUNT_STOPPED,
        Kind::AccountStopLifted => ACCOUNT_STOP_LIFTED,
        // Whatever else there may be one day ends something: who hears of it asks anew.
        _ => SESSION_REVOKED,
    };
    let mut payload = Map::new();
    let mut say = |member: &str, value: Value| payload.insert(member.to_owned(), value);
    say("initiating_entity", json!(initiating_entity(&event.reason)));
    if event.kind == Kind::AssuranceLevelChange {
        // CAEP section 3.3: a fresh signature of the card with its PIN, in the words of our `acr`.
        say("namespace", json!(ACR_NAMESPACE));
        say("current_level", json!(Acr::CardPin.as_str()));
        say("change_direction", json!("increase"));
        // It answers no question that was put later.
        if let Some(asked_at) = event.asked_at_ms {
            say("asked_at_ms", json!(asked_at));
        }
    }
    let mut at = event.occurred_at;
    if let Some(stop) = &event.stop {
        let lifted_at = stop
            .lifted_at
            .filter(|_| event.kind == Kind::AccountStopLifted);
        at = lifted_at.unwrap_or(stop.stopped_at);
        say("stop", json!(stop.id));
        // Which of an account's stops it is: who has heard of a later one keeps to that.
        say("stop_sequence", json!(stop.sequence));
        if event.kind == Kind::AccountStopped {
            // A guard at which somebody lifted it later keeps to that.
            if let Some(acted_at) = stop.acted_at_ms {
                say("acted_at_ms", json!(acted_at));
            }
            say(
                "reasons",
                serde_json::from_str(&stop.reasons).unwrap_or_default(),
            );
        }
    }
    say("event_timestamp", json!(at.unix_timestamp()));
    Map::from_iter([(name.to_owned(), Value::Object(payload))])
}

/// The event of a heartbeat (SSF section 8.1.4).
pub(super) fn verification() -> Map<String, Value> {
    Map::from_iter([(VERIFICATION.to_owned(), json!({}))])
}

/// Who brought it about, in the four words of CAEP section 2. The precise reason is none of a
/// resource server's business.
fn initiating_entity(reason: &str) -> &'static str {
    match EndReason::find(reason) {
        Some(EndReason::Operator | EndReason::WorkstationRevoked) => "admin",
        Some(
            EndReason::Departed
            | EndReason::ScreenLocked
            | EndReason::WorkstationAsleep
            | EndReason::CardElsewhere
            | EndReason::Continued
            | EndReason::BrowserTakenOver
            | EndReason::CardSuspended
            | EndReason::Logout
            | EndReason::NotMe,
        ) => "user",
        Some(
            EndReason::Idle
            | EndReason::AbsoluteLimit
            | EndReason::CardRevoked
            | EndReason::CardExpired
            | EndReason::CardNotAccepted
            | EndReason::GuardStopped,
        ) => "policy",
        Some(EndReason::PresenceLost | EndReason::NeverPresent | EndReason::Restored) => "system",
        // A token's own end.
        None => match reason {
            "token_revoked" | "consent_refused" | "step_up" => "user",
            "client_removed" | "stop_lifted" => "admin",
            _ => "policy",
        },
    }
}

#[cfg(test)]
mod tests {
    use cardea_storage::security_event::{Kind, SecurityEvent};
    use serde_json::json;
    use time::OffsetDateTime;

    use super::{events_of, subject_of};

    fn event(kind: Kind, reason: &str) -> SecurityEvent {
        SecurityEvent {
            jti: "jti".to_owned(),
            sequence: 7,
            kind,
            client_id: "portal".to_owned(),
            sid: Some("sid".to_owned()),
            token_jti: Some("token".to_owned()),
            reason: reason.to_owned(),
            occurred_at: OffsetDateTime::UNIX_EPOCH,
            sub: Some("our own name".to_owned()),
            stop: None,
            txn: None,
            asked_at_ms: None,
        }
    }

    #[test]
    fn a_session_is_named_by_who_and_sid_and_a_token_by_its_jti() {
        let session = event(Kind::SessionRevoked, "departed");
        assert_eq!(
            subject_of(&session, "https://id.example.fr", Some("pairwise")),
            json!({
                "format": "complex",
                "user": {"format": "iss_sub", "iss": "https://id.example.fr", "sub": "pairwise"},
                "session": {"format": "opaque", "id": "sid"},
            })
        );
        let without = subject_of(&session, "https://id.example.fr", None);
        assert!(without.get("user").is_none());
        let token = event(Kind::TokenRevoked, "token_revoked");
        assert_eq!(
            subject_of(&token, "https://id.example.fr", Some("pairwise")),
            json!({"format": "jwt_id", "iss": "https://id.example.fr", "jti": "token"})
        );
    }

    #[test]
    fn a_fresh_signature_says_which_level_the_session_has_again() {
        let asked = SecurityEvent {
            asked_at_ms: Some(1_000),
            ..event(Kind::AssuranceLevelChange, "step_up")
        };
        let events = events_of(&asked);
        let (uri, payload) = events.iter().next().unwrap();
        assert!(uri.ends_with("caep/event-type/assurance-level-change"));
        assert_eq!(
            *payload,
            json!({
                "event_timestamp": 0, "initiating_entity": "user",
                "namespace": "urn:cardea:acr", "current_level": "urn:cardea:acr:card-pin",
                "change_direction": "increase", "asked_at_ms": 1_000,
            })
        );
    }

    #[test]
    fn each_end_has_who_brought_it_about() {
        for (kind, reason, name, who) in [
            (Kind::SessionRevoked, "departed", "session-revoked", "user"),
            (Kind::SessionRevoked, "operator", "session-revoked", "admin"),
            (
                Kind::SessionRevoked,
                "card_revoked",
                "session-revoked",
                "policy",
            ),
            (
                Kind::SessionRevoked,
                "presence_lost",
                "session-revoked",
                "system",
            ),
            (Kind::TokenRevoked, "token_revoked", "token-revoked", "user"),
            (Kind::TokenRevoked, "code_reused", "token-revoked", "policy"),
            (
                Kind::TokenRevoked,
                "client_removed",
                "token-revoked",
                "admin",
            ),
        ] {
            let events = events_of(&event(kind, reason));
            let (uri, payload) = events.iter().next().unwrap();
            assert!(uri.ends_with(name), "{uri}");
            assert_eq!(payload["initiating_entity"], who, "{reason}");
            assert_eq!(payload["event_timestamp"], 0);
        }
    }
}
