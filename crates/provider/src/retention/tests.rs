use std::sync::Arc;

use cardea_ledger::{KeyName, NoteSigner, Sequencer, SignatureKind};
use cardea_storage::Store;
use cardea_storage::event::list_newest;
use cardea_storage::incident::{self, Incident};
use openssl::pkey::PKey;
use time::{Duration, OffsetDateTime};

use super::{EventGroup, PERMANENT_KINDS};
use crate::Provider;
use crate::bare_provider::{bare_provider, now};
use crate::event::{Event, EventKind, examples};

/// The table of docs/privacy.md says of each kind how long it is kept, and of each table of the
/// database what is in it: whoever adds one says so there.
#[test]
fn every_kind_and_every_table_stands_in_the_privacy_document() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let privacy = std::fs::read_to_string(format!("{root}/docs/privacy.md")).unwrap();
    let line_of = |group: &str| {
        let start = format!("| `{group}` | ");
        let line = privacy.lines().find(|line| line.starts_with(&start));
        line.unwrap_or_else(|| panic!("no line of {group}"))
            .to_owned()
    };
    for kind in examples() {
        let name = kind.name();
        let group = EventGroup::of(name);
        let is_permanent = PERMANENT_KINDS.contains(&name);
        assert!(group.is_some() != is_permanent, "{name} is in one group");
        let line = line_of(group.map_or("(always)", EventGroup::as_str));
        assert!(line.contains(&format!("`{name}`")), "{name}");
    }
    let mut tables = 0;
    for entry in std::fs::read_dir(format!("{root}/migrations")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let created = text
            .lines()
            .filter_map(|line| line.strip_prefix("CREATE TABLE "));
        for line in created {
            let name = line
                .split([' ', '('])
                .next()
                .unwrap()
                .trim_end_matches("_anew");
            assert!(privacy.contains(&format!("`{name}`")), "{name}");
            tables += 1;
        }
    }
    assert!(tables > 40);
}

#[test]
fn no_kind_is_in_two_groups_and_none_is_made_up() {
    let named = EventGroup::ALL.iter().flat_map(|group| group.kinds());
    let mut named: Vec<_> = named.chain(PERMANENT_KINDS).copied().collect();
    let mut made: Vec<_> = examples().iter().map(EventKind::name).collect();
    // One event, and a name by who did it.
    made.push("card.suspended_by_operator");
    named.sort_unstable();
    made.sort_unstable();
    made.dedup();
    assert_eq!(named, made);
}

/// An event of each person, some days old, with its place in the tree.
async fn grow(provider: &Provider, store: &Store, events: &[(&str, EventKind, i64)]) {
    let mut transaction = store.begin().await.unwrap();
    for (sub, kind, days) in events {
        let mut event = Event::new(kind.clone(), now() - Duration::days(*days));
        event.sub = Some((*sub).to_owned());
        provider.record(&mut transaction, event).await.unwrap();
    }
    transaction.commit().await.unwrap();
    place(store).await;
}

/// Puts what waits into the tree.
async fn place(store: &Store) {
    let name = KeyName::new("id.example.fr/log").unwrap();
    let key = PKey::generate_ed25519().unwrap();
    let signer = NoteSigner::new(name, SignatureKind::Ed25519, key).unwrap();
    let mut sequencer = Sequencer::new(store.clone(), Arc::new(signer), "node".to_owned());
    sequencer.run_once(now()).await.unwrap();
    sequencer.let_go().await.unwrap();
}

async fn subs_left(store: &Store) -> Vec<String> {
    let mut reading = store.begin_read().await.unwrap();
    let events = list_newest(&mut reading, 1_000).await.unwrap();
    let mut subs: Vec<_> = events.into_iter().filter_map(|it| it.sub).collect();
    subs.sort();
    subs
}

fn incident(sub: &str, at: OffsetDateTime) -> Incident {
    Incident {
        id: "incident".to_owned(),
        kind: "operator".to_owned(),
        state: incident::OPEN.to_owned(),
        sub: Some(sub.to_owned()),
        session_id: None,
        card_sha256: None,
        event_id: None,
        client_id: None,
        stop_id: None,
        words: None,
        opened_by: "{}".to_owned(),
        opened_at: at,
        changed_at: at,
        closed_at: None,
        close_reason: None,
    }
}

fn opened() -> EventKind {
    EventKind::AccountOpened {}
}

fn noted() -> EventKind {
    let mut all = examples().into_iter();
    all.find(|it| it.name() == "incident.noted").unwrap()
}

#[tokio::test]
async fn what_is_personal_goes_at_the_end_of_its_kinds_time_and_no_sooner() {
    let (provider, store) = bare_provider().await;
    let events = [
        ("old", opened(), 366),
        ("old-incident", noted(), 366),
        ("young", opened(), 364),
    ];
    grow(&provider, &store, &events).await;
    assert_eq!(provider.erase_aged(now()).await.unwrap(), 1);
    assert_eq!(subs_left(&store).await, ["old-incident", "young"]);
    assert_eq!(provider.erase_aged(now()).await.unwrap(), 0, "once");

    let much_later = now() + Duration::days(2 * 365 - 10);
    assert_eq!(provider.erase_aged(much_later).await.unwrap(), 1, "logins");
    assert_eq!(subs_left(&store).await, ["old-incident"]);
    let mut reading = store.begin_read().await.unwrap();
    let events = list_newest(&mut reading, 1_000).await.unwrap();
    let records: Vec<_> = events
        .iter()
        .filter(|it| it.kind == "ledger.personal_data_erased")
        .collect();
    assert_eq!(records.len(), 2);
    let said = r#"{"retention":"logins","places":[0]}"#;
    assert!(records.iter().any(|it| it.details == said), "{records:?}");
    let kinds = events.iter().filter(|it| it.kind == "account.opened");
    assert_eq!(kinds.count(), 2, "the entries stay");
}

/// What an open incident is about stays, on record, until it is closed.
#[tokio::test]
async fn an_open_incident_holds_back_what_it_needs() {
    let (provider, store) = bare_provider().await;
    grow(
        &provider,
        &store,
        &[("a", opened(), 366), ("b", opened(), 366)],
    )
    .await;
    let mut transaction = store.begin().await.unwrap();
    incident::insert(&mut transaction, &incident("a", now()))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(provider.erase_aged(now()).await.unwrap(), 1);
    assert_eq!(subs_left(&store).await, ["a"]);
    let hours_later = now() + Duration::hours(2);
    assert_eq!(provider.erase_aged(hours_later).await.unwrap(), 0);
    assert_eq!(subs_left(&store).await, ["a"]);
    let mut reading = store.begin_read().await.unwrap();
    let events = list_newest(&mut reading, 1_000).await.unwrap();
    let held = events.iter().filter(|it| it.kind == "ledger.erasure_held");
    assert_eq!(held.count(), 1, "said once");
    drop(reading);

    let mut transaction = store.begin().await.unwrap();
    incident::close(&mut transaction, "incident", "done", hours_later)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let later = now() + Duration::hours(4);
    assert_eq!(provider.erase_aged(later).await.unwrap(), 1);
    assert!(subs_left(&store).await.is_empty());
    assert_eq!(provider.erase_aged(later).await.unwrap(), 0);
}

/// Two nodes at once: each entry is erased once, and named once.
#[tokio::test]
async fn two_nodes_erase_each_entry_once() {
    let (provider, store) = bare_provider().await;
    let events: Vec<_> = (0..450).map(|_| ("old", opened(), 400)).collect();
    grow(&provider, &store, &events).await;
    let mut erased = 0;
    for _ in 0..10 {
        let (one, other) = tokio::join!(provider.erase_aged(now()), provider.erase_aged(now()));
        erased += one.unwrap() + other.unwrap();
    }
    assert_eq!(erased, 450);
    assert!(subs_left(&store).await.is_empty());
}
