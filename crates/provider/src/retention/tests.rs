use std::sync::Arc;

use cardea_ledger::{CheckpointSigner, ERASURE_KIND, Sequencer, append, verify};
use cardea_storage::Store;
use cardea_storage::event::{EventRecord, list_newest};
use cardea_storage::incident::{self, Incident};
use cardea_storage::retention::{Held, advance, hold};
use time::{Duration, OffsetDateTime};

use super::{EventGroup, PERMANENT_KINDS};
use crate::bare_provider::{bare_provider, bare_provider_without_log_key, log_signer, now};
use crate::event::{Event, EventKind, examples};
use crate::{LedgerRecords, Provider, StoredEvents};

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
    place(provider, store).await;
}

/// Puts what waits into the tree.
async fn place(provider: &Provider, store: &Store) {
    let signer = Arc::clone(provider.log_signer().get().unwrap());
    let mut sequencer = Sequencer::new(store.clone(), signer, "node".to_owned());
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
    let said = r#"{"retention":"logins","places":[0],"record":"cardea erasure record 1\n"#;
    let says_so = records.iter().any(|it| it.details.starts_with(said));
    assert!(says_so, "{records:?}");
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

/// What `cardea ledger verify` says.
async fn finding(provider: &Provider, store: &Store) -> &'static str {
    let signer = provider.log_signer().get().unwrap();
    let verified = verify(store, signer.origin(), signer.verifier(), None).await;
    verified.unwrap().map_or_else(|it| it.code(), |_| "nothing")
}

/// Attack H14, by whoever has the database: she wipes what is personal, and puts an event in that
/// says it was the sweep.
#[tokio::test]
async fn h14_what_the_sweep_erased_is_told_from_what_somebody_wiped() {
    let (provider, store) = bare_provider().await;
    let signer = Arc::clone(provider.log_signer().get().unwrap());
    LedgerRecords::begin_signed_erasures(&store, &StoredEvents, &*signer, now())
        .await
        .unwrap();
    let events = [("old", opened(), 366), ("young", opened(), 1)];
    grow(&provider, &store, &events).await;
    assert_eq!(provider.erase_aged(now()).await.unwrap(), 1);
    assert_eq!(finding(&provider, &store).await, "nothing", "it waits");
    place(&provider, &store).await;
    assert_eq!(finding(&provider, &store).await, "nothing");

    let mut transaction = store.begin().await.unwrap();
    let rows = cardea_storage::ledger::list_entries(&mut transaction, 0, 9);
    let rows = rows.await.unwrap();
    let young = |it: &&cardea_storage::ledger::PlacedEntry| {
        let entry = it.entry.as_ref().unwrap();
        entry.event.sub.as_deref() == Some("young")
    };
    let place_of_young = rows.iter().find(young).unwrap().leaf.index;
    let young = vec![rows.iter().find(young).unwrap().clone()];
    let wiped = cardea_ledger::SignedErasure::of(young, &log_signer(), now());
    let wiped = wiped.unwrap().unwrap();
    assert!(wiped.carry_out(&mut transaction).await.unwrap());
    transaction.commit().await.unwrap();
    assert_eq!(
        finding(&provider, &store).await,
        "ledger.erasure_unrecorded"
    );

    let excuses = [
        format!(r#"{{"retention":"logins","places":[{place_of_young}]}}"#),
        serde_json::json!({"places": [place_of_young], "record": wiped.record()}).to_string(),
    ];
    for (number, details) in excuses.into_iter().enumerate() {
        let mut transaction = store.begin().await.unwrap();
        let forged = EventRecord {
            id: format!("forged-{number}"),
            kind: ERASURE_KIND.to_owned(),
            occurred_at: now(),
            authorization_request_id: None,
            session_id: None,
            sub: None,
            client_id: None,
            code: None,
            details,
        };
        append(&mut transaction, &forged).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(finding(&provider, &store).await, "ledger.erasure_unsigned");
        place(&provider, &store).await;
        assert_eq!(finding(&provider, &store).await, "ledger.erasure_unsigned");
    }
}

/// Nothing is erased without the log's signature; what is due goes once the key is open.
#[tokio::test]
async fn without_the_logs_key_nothing_is_erased() {
    let (provider, store) = bare_provider_without_log_key().await;
    let mut transaction = store.begin().await.unwrap();
    let mut event = Event::new(opened(), now() - Duration::days(366));
    event.sub = Some("old".to_owned());
    provider.record(&mut transaction, event).await.unwrap();
    transaction.commit().await.unwrap();
    let signer: Arc<dyn CheckpointSigner> = Arc::new(log_signer());
    let mut sequencer = Sequencer::new(store.clone(), Arc::clone(&signer), "node".to_owned());
    sequencer.run_once(now()).await.unwrap();
    let refused = provider.erase_aged(now()).await.unwrap_err();
    assert_eq!(refused.code(), "provider.log_key_closed");
    assert_eq!(subs_left(&store).await, ["old"]);
    provider.log_signer().open(signer);
    assert_eq!(provider.erase_aged(now()).await.unwrap(), 1);
    assert!(subs_left(&store).await.is_empty());
}

/// Attack H14: somebody with the database says of a young entry that it was held back, and has the
/// server itself erase it.
#[tokio::test]
async fn h14_a_young_entry_is_not_erased_because_the_database_says_that_it_was_held_back() {
    let (provider, store) = bare_provider().await;
    let events = [("old", opened(), 366), ("young", opened(), 1)];
    grow(&provider, &store, &events).await;
    let mut transaction = store.begin().await.unwrap();
    for place in [0, 1] {
        let held = Held {
            place,
            group: "logins".to_owned(),
        };
        hold(&mut transaction, &held, now() - Duration::days(1))
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
    while provider.erase_aged(now()).await.unwrap() > 0 {}
    assert_eq!(subs_left(&store).await, ["young"]);
}

/// Attack H15: while a clock runs ahead entries are written of a time to come. Once it is right
/// again they wait for that, and nothing behind them does.
#[tokio::test]
async fn h15_an_entry_of_a_time_to_come_keeps_nothing_behind_it_from_its_time() {
    let (provider, store) = bare_provider().await;
    grow(&provider, &store, &[("ahead", opened(), -3_650)]).await;
    grow(&provider, &store, &[("old", opened(), 366)]).await;
    while provider.erase_aged(now()).await.unwrap() > 0 {}
    assert_eq!(subs_left(&store).await, ["ahead"]);
    let not_yet = now() + Duration::days(3_650 + 364);
    while provider.erase_aged(not_yet).await.unwrap() > 0 {}
    assert_eq!(subs_left(&store).await, ["ahead"]);
    let at_last = now() + Duration::days(3_650 + 366);
    while provider.erase_aged(at_last).await.unwrap() > 0 {}
    assert!(subs_left(&store).await.is_empty());
}

/// Where everything is of a time to come, the clock is wrong now: nothing is passed over.
#[tokio::test]
async fn h15_a_clock_that_runs_behind_passes_nothing_over() {
    let (provider, store) = bare_provider().await;
    let events = [("old", opened(), 366), ("young", opened(), 1)];
    grow(&provider, &store, &events).await;
    let behind = now() - Duration::days(3_650);
    assert_eq!(provider.erase_aged(behind).await.unwrap(), 0);
    let mut reading = store.begin_read().await.unwrap();
    let events = list_newest(&mut reading, 1_000).await.unwrap();
    assert!(events.iter().all(|it| it.kind != "ledger.erasure_held"));
    drop(reading);
    assert_eq!(provider.erase_aged(now()).await.unwrap(), 1);
    assert_eq!(subs_left(&store).await, ["young"]);
}

/// What is held back was seen to last while a clock ran ahead: nobody waits for that time.
#[tokio::test]
async fn h15_what_was_seen_to_at_a_time_to_come_is_seen_to_again() {
    let (provider, store) = bare_provider().await;
    grow(&provider, &store, &[("old", opened(), 366)]).await;
    let mut transaction = store.begin().await.unwrap();
    let held = Held {
        place: 0,
        group: "logins".to_owned(),
    };
    hold(&mut transaction, &held, now() + Duration::days(3_650))
        .await
        .unwrap();
    assert!(advance(&mut transaction, "logins", 0, 1).await.unwrap());
    transaction.commit().await.unwrap();
    assert_eq!(provider.erase_aged(now()).await.unwrap(), 1);
    assert!(subs_left(&store).await.is_empty());
}
