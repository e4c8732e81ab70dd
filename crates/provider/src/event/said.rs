//! What the members of events' details say of people: for the logs of other systems.
//!
//! Each member that holds a text, a list or an object stands here once, and so does the number of
//! an account; a test goes over all kinds. Whoever sends events on leaves out what does not stand
//! here: a new kind is careful before anybody thinks of it.

use Says::{Id, Typed, Word};

/// What a member of an event's details says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// A word of this program, of its configuration or of another program: no person is told from
    /// another by it.
    Word,
    /// An id or a pseudonym: it tells persons, cards or sessions apart, and names nobody.
    Id,
    /// What somebody typed or what something of hers is called, a digest that such words can be
    /// tried against, and everything that was registered.
    Typed,
}

/// What a member says in an event of a kind; none where no kind of this program has it.
#[must_use]
pub fn says(kind: &str, member: &str) -> Option<Says> {
    let own = OF_ONE_KIND.iter().find(|it| it.0 == kind && it.1 == member);
    let anywhere = || MEMBERS.iter().find(|it| it.0 == member).map(|it| it.1);
    own.map(|it| it.2).or_else(anywhere)
}

/// Members whose name says something else in other kinds.
const OF_ONE_KIND: &[(&str, &str, Says)] = &[
    // Of the agent's answers, which this program knows.
    ("step_up.declined", "reason", Word),
];

#[rustfmt::skip]
const MEMBERS: &[(&str, Says)] = &[
    ("about", Id),
    ("acr", Word),
    ("algorithm", Word),
    ("altered", Id),
    ("backup_sha256", Word),
    ("by", Word),
    ("card", Id),
    ("card_rules", Word),
    // Whole, with its subject.
    ("certificate", Typed),
    ("change", Word),
    ("client", Word),
    ("client_id", Word),
    ("covered", Word),
    ("digests", Id),
    // Restore records, with their reasons.
    ("earlier", Typed),
    ("encryption_key_id", Word),
    ("err", Word),
    ("file", Typed),
    ("form", Word),
    ("gone", Id),
    ("grant_type", Word),
    ("guard", Word),
    ("id", Id),
    ("in_spite_of_incidents", Typed),
    ("incident", Id),
    ("incident_kind", Word),
    ("initial_access_token", Id),
    ("instance_jkt", Id),
    ("jti", Id),
    ("kept", Word),
    ("kid", Word),
    ("limits", Typed),
    ("line", Id),
    ("log", Word),
    ("login_uid", Id),
    ("login_user", Typed),
    ("name", Typed),
    ("notice", Id),
    ("notices", Id),
    ("operator", Word),
    // Digests of the numbers on operators' cards, without a salt.
    ("operators_added", Typed),
    ("operators_removed", Typed),
    ("output", Word),
    ("place", Word),
    ("places", Word),
    ("proposal", Id),
    ("reader", Typed),
    ("reason", Typed),
    ("reasons", Word),
    // Signed, of a restore with its reason.
    ("record", Typed),
    ("registration", Typed),
    ("replaced", Word),
    ("reports", Id),
    ("retention", Word),
    ("revocation_source", Word),
    ("role", Word),
    ("root", Word),
    ("root_after", Word),
    ("root_before", Word),
    ("rows", Word),
    ("rules", Word),
    ("scope", Word),
    ("scope_sha256", Id),
    ("service", Word),
    ("sha256", Id),
    ("sid", Id),
    ("stop", Id),
    ("stream", Word),
    ("sub", Id),
    ("subject", Typed),
    ("through", Word),
    ("token", Word),
    ("uid", Id),
    ("user", Typed),
    ("verifier_key", Word),
    ("view", Word),
    ("with", Id),
    ("witnesses", Word),
    ("words_sha256", Typed),
    ("workstation", Typed),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::{
        AdministrationEvent, ApprovalEvent, EventKind, EvidenceUsed, IncidentEvent, LedgerEvent,
        SuspensionEvent, examples,
    };
    use super::{MEMBERS, OF_ONE_KIND, Says, says};
    use crate::activity::Through;
    use crate::approval::ProposedChange;
    use crate::incident::{IncidentBy, IncidentKind};
    use crate::{AnchorRole, Author, Operator, OperatorsChanged};

    fn text() -> String {
        "text".to_owned()
    }

    fn account() -> Operator {
        Operator {
            uid: 1000,
            user: Some(text()),
            login_uid: Some(1000),
            login_user: Some(text()),
        }
    }

    /// Events with what the examples of their kinds leave out.
    fn fuller() -> Vec<EventKind> {
        let person = Author::Person {
            sub: text(),
            client_id: text(),
        };
        let token = Author::InitialAccessToken {
            initial_access_token: text(),
        };
        let opened = |by| IncidentEvent::Opened {
            incident: text(),
            kind: IncidentKind::Operator,
            by,
            event_id: Some(text()),
            stop: Some(text()),
            words_sha256: Some(text()),
        };
        let mut kinds = vec![
            EventKind::LoginAccepted {
                acr: "acr",
                card: Some(text()),
                instance_jkt: text(),
                workstation: Some(text()),
                reader: Some(text()),
                through: Some(Through::Device),
                card_rules: text(),
                revocation: EvidenceUsed {
                    source: "crl",
                    age_seconds: 1,
                    stale_by_seconds: 0,
                },
            },
            opened(IncidentBy::Operator(person.clone())).into(),
            opened(IncidentBy::Guard(text())).into(),
            LedgerEvent::PersonErased {
                by: account().into(),
                rows: [("consent", 1)].into(),
                in_spite_of_incidents: Some(text()),
            }
            .into(),
            SuspensionEvent::CardSuspended {
                card: text(),
                by: Some(person),
                reason: Some(text()),
                sessions_ended: 1,
            }
            .into(),
        ];
        kinds.extend(of_operators(token));
        kinds
    }

    fn of_operators(token: Author) -> [EventKind; 5] {
        let change = ProposedChange::LiftStop {
            stop: text(),
            service: text(),
            reason: text(),
            with: vec![text()],
        };
        let anchor = ProposedChange::AddAnchor {
            rules: text(),
            role: AnchorRole::Anchor,
            sha256: text(),
            subject: text(),
            certificate: text(),
        };
        let proposed = |change| ApprovalEvent::Proposed {
            proposal: text(),
            by: Author::Client { client: text() },
            change,
            expires_at: 1,
        };
        [
            proposed(change).into(),
            proposed(anchor).into(),
            AdministrationEvent::InitialAccessTokenIssued {
                by: token,
                id: text(),
                uses: 1,
                expires_at: 1,
                limits: serde_json::json!({ "hosts": ["portal.example.fr"] }),
            }
            .into(),
            AdministrationEvent::ConfigurationReloaded {
                by: Author::Configuration { file: text() },
                replaced: vec!["clients"],
                kept: vec!["siem"],
                operators: OperatorsChanged {
                    added: vec![text()],
                    removed: vec![text()],
                    four_eyes: Some(true),
                },
            }
            .into(),
            EventKind::DatabaseRestored {
                by: account(),
                backup_sha256: text(),
                backup_made_at: 1,
                sessions_ended: 1,
                log: None,
                earlier: vec![text()],
            },
        ]
    }

    /// Notes the members of an object that hold more than a number, and those of what they hold.
    fn walk(kind: &str, value: &Value, met: &mut BTreeSet<(String, String)>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let said = says(kind, name);
                    let is_plain = matches!(value, Value::Number(_) | Value::Bool(_) | Value::Null);
                    assert!(is_plain || said.is_some(), "{kind}: {name} is not said");
                    met.insert((kind.to_owned(), name.clone()));
                    // What somebody registered has members of its own; rows are counted by table.
                    if said != Some(Says::Typed) && name != "rows" {
                        walk(kind, value, met);
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|it| walk(kind, it, met)),
            _ => {}
        }
    }

    #[test]
    fn every_member_of_every_kind_stands_here_once() {
        let mut met = BTreeSet::new();
        for kind in examples().into_iter().chain(fuller()) {
            let details = serde_json::to_value(&kind).unwrap();
            walk(kind.name(), &details, &mut met);
        }
        let names: BTreeSet<_> = MEMBERS.iter().map(|it| it.0).collect();
        assert_eq!(names.len(), MEMBERS.len(), "each once");
        for (kind, name, own) in OF_ONE_KIND {
            assert!(met.contains(&((*kind).to_owned(), (*name).to_owned())));
            assert_ne!(says("another.kind", name), Some(*own), "{kind} {name}");
        }
    }

    #[test]
    fn what_somebody_typed_is_no_id() {
        for (kind, member, expected) in [
            ("card.resumed", "reason", Some(Says::Typed)),
            ("step_up.declined", "reason", Some(Says::Word)),
            ("incident.noted", "words_sha256", Some(Says::Typed)),
            (
                "configuration.reloaded",
                "operators_added",
                Some(Says::Typed),
            ),
            ("login.accepted", "workstation", Some(Says::Typed)),
            ("login.accepted", "card", Some(Says::Id)),
            ("database.restored", "log", Some(Says::Word)),
            ("database.restored", "record", Some(Says::Typed)),
            ("something.newer", "something_newer", None),
        ] {
            assert_eq!(says(kind, member), expected, "{kind} {member}");
        }
    }
}
