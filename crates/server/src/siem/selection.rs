//! What of an event goes out.
//!
//! Public are an event's id, kind, time and place. Of the rest an operator chooses; by default
//! pseudonyms and ids go out, and no word that somebody typed: no name of an operator's account, a
//! workstation or a client. What a new kind of event says is left out until the provider says what
//! it is.

use cardea_provider::event::{Says, says};
use cardea_storage::ledger::PlacedEntry;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::{SiemConfig, SiemPersonal};

/// An event as it goes out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OutgoingEvent {
    /// Its place in the log.
    pub(crate) place: u64,
    /// Its id; none where it was forgotten.
    pub(crate) id: Option<String>,
    pub(crate) kind: String,
    pub(crate) occurred_at: OffsetDateTime,
    /// The members that are texts, by name.
    pub(crate) members: Vec<(&'static str, String)>,
    pub(crate) details: Map<String, Value>,
    /// `erased`, `forgotten` or `unreadable`, where nothing more is there.
    pub(crate) gone: Option<&'static str>,
}

/// What of the entry of a place goes out to an output.
pub(crate) fn select(entry: &PlacedEntry, config: &SiemConfig) -> OutgoingEvent {
    let place = entry.leaf.index;
    let nothing = |gone| OutgoingEvent {
        place,
        id: None,
        kind: format!("ledger.{gone}"),
        occurred_at: OffsetDateTime::UNIX_EPOCH,
        members: Vec::new(),
        details: Map::new(),
        gone: Some(gone),
    };
    let Some(found) = &entry.entry else {
        return nothing(match entry.is_unreadable {
            true => "unreadable",
            false => "forgotten",
        });
    };
    let event = &found.event;
    let is_left_out = |name: &str| config.leave_out.iter().any(|it| it == name);
    let mut members = Vec::new();
    let mut details = Map::new();
    let gone = found.commitment.as_ref().map(|_| "erased");
    if gone.is_none() {
        let of_people = config.personal >= SiemPersonal::Pseudonyms;
        for (name, value, is_said) in [
            ("code", &event.code, true),
            ("client_id", &event.client_id, true),
            ("session_id", &event.session_id, of_people),
            ("sub", &event.sub, of_people),
            (
                "authorization_request_id",
                &event.authorization_request_id,
                of_people,
            ),
        ] {
            if let Some(value) = value.as_ref().filter(|_| is_said && !is_left_out(name)) {
                members.push((name, value.clone()));
            }
        }
        let all: Map<String, Value> = serde_json::from_str(&event.details).unwrap_or_default();
        details = pick(&event.kind, all, config);
    }
    OutgoingEvent {
        place,
        id: Some(event.id.clone()),
        kind: event.kind.clone(),
        occurred_at: event.occurred_at,
        members,
        details,
        gone,
    }
}

fn pick(kind: &str, all: Map<String, Value>, config: &SiemConfig) -> Map<String, Value> {
    let mut picked = Map::new();
    for (name, value) in all {
        if config.leave_out.contains(&name) {
            continue;
        }
        if let Some(value) = pick_value((kind, &name), value, config) {
            picked.insert(name, value);
        }
    }
    picked
}

fn pick_value((kind, name): (&str, &str), value: Value, config: &SiemConfig) -> Option<Value> {
    // A number or a yes is nobody's, unless it is said to be.
    let is_plain = matches!(value, Value::Number(_) | Value::Bool(_));
    let unsaid = if is_plain { Says::Word } else { Says::Typed };
    if !goes_out(says(kind, name).unwrap_or(unsaid), config.personal) {
        return None;
    }
    match value {
        Value::Object(members) => {
            let picked = pick(kind, members, config);
            (!picked.is_empty()).then_some(Value::Object(picked))
        }
        Value::Array(values) => {
            let picked: Vec<_> = values
                .into_iter()
                .filter_map(|it| pick_value((kind, name), it, config))
                .collect();
            (!picked.is_empty()).then_some(Value::Array(picked))
        }
        Value::Null => None,
        plain => Some(plain),
    }
}

fn goes_out(said: Says, personal: SiemPersonal) -> bool {
    match said {
        Says::Word => true,
        Says::Id => personal >= SiemPersonal::Pseudonyms,
        Says::Typed => personal == SiemPersonal::All,
    }
}

impl OutgoingEvent {
    /// When it happened, as RFC 3339 has it; none of one that was forgotten.
    pub(crate) fn time(&self) -> Option<String> {
        self.id.as_ref()?;
        self.occurred_at.format(&Rfc3339).ok()
    }

    /// The event as a line of JSON, without its end.
    pub(crate) fn json_line(&self) -> String {
        Value::Object(self.json()).to_string()
    }

    /// The event as an object.
    pub(crate) fn json(&self) -> Map<String, Value> {
        let mut line = Map::new();
        let mut say = |name: &str, value: Value| line.insert(name.to_owned(), value);
        say("place", json!(self.place));
        if let Some(id) = &self.id {
            say("id", json!(id));
        }
        say("kind", json!(self.kind));
        if let Some(time) = self.time() {
            say("time", json!(time));
        }
        for (name, value) in &self.members {
            say(name, json!(value));
        }
        if !self.details.is_empty() {
            say("details", Value::Object(self.details.clone()));
        }
        if let Some(gone) = self.gone {
            say(gone, json!(true));
        }
        line
    }
}

#[cfg(test)]
pub(super) mod tests {
    use cardea_storage::event::EventRecord;
    use cardea_storage::ledger::{Leaf, LedgerEntry, PlacedEntry};
    use serde_json::{Value, json};
    use time::OffsetDateTime;

    use super::select;
    use crate::config::SiemConfig;

    pub(crate) fn output(more: &str) -> SiemConfig {
        let text = format!("name = \"soc\"\nformat = \"json_lines\"\nto = \"stdout\"\n{more}");
        toml::from_str(&text).unwrap()
    }

    pub(crate) fn entry(details: &Value) -> PlacedEntry {
        PlacedEntry {
            leaf: Leaf {
                index: 7,
                flags: 0,
                entry_sha256: String::new(),
            },
            entry: Some(LedgerEntry {
                event: EventRecord {
                    id: "the id".to_owned(),
                    kind: "trust_anchor.added".to_owned(),
                    occurred_at: OffsetDateTime::from_unix_timestamp(1_796_112_345).unwrap(),
                    authorization_request_id: None,
                    session_id: Some("session".to_owned()),
                    sub: Some("person".to_owned()),
                    client_id: Some("portal".to_owned()),
                    code: Some("pki.revoked".to_owned()),
                    details: details.to_string(),
                },
                salt: Some("salt".to_owned()),
                commitment: None,
            }),
            is_unreadable: false,
        }
    }

    fn line(details: &Value, more: &str) -> Value {
        serde_json::from_str(&select(&entry(details), &output(more)).json_line()).unwrap()
    }

    /// What an operator typed, accounts and names go out only where she says so.
    #[test]
    fn pseudonyms_go_out_by_default_and_names_do_not() {
        let details = json!({
            "by": {"uid": 1000, "user": "c.moreau", "login_user": "Mme Moreau"},
            "subject": "CN=Dr Camille Moreau", "reason": "as she asked", "name": "Comptoir 1",
            "sid": "sid", "sessions_ended": 2, "signed": true, "none": null,
            "registration": {"name": "Portail", "redirect_uris": ["https://p.example.fr/cb"]},
            "something_new": "Camille",
        });
        let told = line(&details, "");
        assert_eq!(
            told,
            json!({
                "place": 7, "id": "the id", "kind": "trust_anchor.added",
                "time": "2026-12-01T08:05:45Z",
                "code": "pki.revoked", "client_id": "portal", "session_id": "session",
                "sub": "person",
                "details": {
                    "by": {"uid": 1000}, "sid": "sid", "sessions_ended": 2, "signed": true,
                },
            })
        );
        let none = line(&details, "personal = \"none\"");
        for absent in ["sub", "session_id", "authorization_request_id"] {
            assert!(none.get(absent).is_none(), "{absent}");
        }
        assert_eq!(
            none["details"],
            json!({"sessions_ended": 2, "signed": true})
        );
        assert_eq!(none["client_id"], "portal");
        let all = line(&details, "personal = \"all\"");
        assert_eq!(all["details"]["by"]["user"], "c.moreau");
        assert_eq!(all["details"]["something_new"], "Camille");
        let without = line(&details, "leave_out = [\"sub\", \"uid\", \"sid\"]");
        assert!(without.get("sub").is_none());
        assert_eq!(
            without["details"],
            json!({"sessions_ended": 2, "signed": true})
        );
    }

    /// Ids of newer kinds go out, and neither what was registered nor a digest of typed words does.
    #[test]
    fn members_go_out_by_what_their_kind_says_with_them() {
        let details = json!({
            "incident": "incident", "incident_kind": "not_me", "about": "event", "by": "person",
            "words_sha256": "digest", "reason": "typed", "view": "person", "through": "device",
            "registration": {"scope": "openid", "default_max_age": 300},
            "operators_added": ["digest of a number"], "rows": {"consent": 2}, "places": [3, 4],
        });
        let told = line(&details, "");
        assert_eq!(
            told["details"],
            json!({
                "incident": "incident", "incident_kind": "not_me", "about": "event",
                "by": "person", "view": "person", "through": "device", "rows": {"consent": 2},
                "places": [3, 4],
            })
        );
        let none = line(&details, "personal = \"none\"");
        for (member, is_told) in [("about", false), ("incident_kind", true), ("places", true)] {
            assert_eq!(none["details"].get(member).is_some(), is_told, "{member}");
        }
        let mut declined = entry(&json!({"reason": "timed_out"}));
        declined.entry.as_mut().unwrap().event.kind = "step_up.declined".to_owned();
        let told = select(&declined, &output("personal = \"none\"")).json();
        assert_eq!(told["details"], json!({"reason": "timed_out"}));
    }

    #[test]
    fn what_was_erased_or_forgotten_says_so_and_nothing_else() {
        let mut erased = entry(&json!({}));
        let found = erased.entry.as_mut().unwrap();
        found.commitment = Some("commitment".to_owned());
        found.salt = None;
        let told = select(&erased, &output("personal = \"all\"")).json_line();
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(
            told,
            json!({
                "place": 7, "id": "the id", "kind": "trust_anchor.added",
                "time": "2026-12-01T08:05:45Z", "erased": true,
            })
        );
        for (is_unreadable, kind, member) in [
            (false, "ledger.forgotten", "forgotten"),
            (true, "ledger.unreadable", "unreadable"),
        ] {
            let gone = PlacedEntry {
                entry: None,
                is_unreadable,
                ..entry(&json!({}))
            };
            let told = select(&gone, &output("")).json_line();
            let told: Value = serde_json::from_str(&told).unwrap();
            assert_eq!(told, json!({"place": 7, "kind": kind, member: true}));
        }
    }
}
