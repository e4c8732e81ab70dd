//! Incidents: who opens one, what operators do about it, that each step is on record, and that a
//! look-up which the log has is neither changed nor taken out unseen.

use std::slice;

use cardea_provider::event::StoredEvents;
use cardea_provider::incident::{
    CLOSED_PAGE_MAX, IncidentBy, IncidentKind, Incidents, OpenIncident, ReportScope,
    WORDS_CHARS_MAX,
};
use cardea_provider::{Error, LedgerRecords, LookUpFinding, LookUpsChecked, LookUpsOnRecord};
use cardea_storage::Transaction;
use cardea_storage::guard_report::{self, GuardReport, Part, ReportOnRecord, Scope};
use serde_json::Value;
use time::Duration;

use super::guard_reports::{GUARD, report, send, token, world};
use super::world::{World, log_key};

fn incidents(world: &World) -> Incidents {
    Incidents::new(world.records())
}

fn by_person(sub: &str) -> OpenIncident {
    OpenIncident {
        sub: Some(sub.to_owned()),
        words: Some("ce n’était pas moi".to_owned()),
        ..OpenIncident::new(IncidentKind::NotMe, IncidentBy::Person)
    }
}

async fn opened(world: &World, open: OpenIncident) -> Result<String, Error> {
    let mut transaction = world.store.begin().await.unwrap();
    let id = world
        .provider
        .open_incident(&mut transaction, open, world.now())
        .await?;
    transaction.commit().await.unwrap();
    Ok(id)
}

#[tokio::test]
async fn each_step_of_an_incident_is_on_record_without_what_people_wrote() {
    let world = world().await;
    let incidents = incidents(&world);
    let id = opened(&world, by_person("sub")).await.unwrap();
    let event = world.event("incident.opened").await;
    assert_eq!(event.sub.as_deref(), Some("sub"));
    assert!(!event.details.contains("moi"), "{}", event.details);
    assert!(incidents.take_up(&id).await.unwrap());
    assert!(!incidents.take_up(&id).await.unwrap());
    assert_eq!(incidents.note(&id, "rappelée au cabinet").await.unwrap(), 1);
    let note = world.event("incident.noted").await;
    assert!(!note.details.contains("cabinet"), "{}", note.details);
    incidents.close(&id, "une erreur").await.unwrap();
    let kinds = ["incident.taken_up", "incident.noted", "incident.closed"];
    let events = world.events().await;
    for kind in kinds {
        let count = events.iter().filter(|it| it.kind == kind).count();
        assert_eq!(count, 1, "{kind}");
    }
    let case = incidents.show(&id).await.unwrap();
    assert_eq!(
        (case.incident.state.as_str(), case.notes.len()),
        ("closed", 1)
    );
    assert!(case.events.iter().any(|it| it.kind == "incident.closed"));
    assert!(incidents.list().await.unwrap().is_empty());
    assert_eq!(incidents.list_all().await.unwrap().len(), 1);
    assert_eq!(world.provider.count_incidents().await.unwrap(), 0);
}

#[tokio::test]
async fn what_cannot_be_done_about_an_incident_is_refused_with_its_code() {
    let world = world().await;
    let incidents = incidents(&world);
    let id = opened(&world, by_person("sub")).await.unwrap();
    let long = "x".repeat(WORDS_CHARS_MAX + 1);
    for words in ["", "  ", "a\u{1b}[2J", &long] {
        let refused = incidents.note(&id, words).await.unwrap_err();
        assert_eq!(refused.code(), "provider.incident_words_invalid");
        let refused = incidents.close(&id, words).await.unwrap_err();
        assert_eq!(refused.code(), "provider.incident_words_invalid");
        let open = OpenIncident {
            words: Some(words.to_owned()),
            ..by_person("sub")
        };
        let refused = opened(&world, open).await.unwrap_err();
        assert_eq!(refused.code(), "provider.incident_words_invalid");
    }
    let long_enough = "é".repeat(WORDS_CHARS_MAX);
    incidents.note(&id, &long_enough).await.unwrap();
    // As a browser sends it.
    incidents.note(&id, "one\r\nline").await.unwrap();
    let case = incidents.show(&id).await.unwrap();
    assert_eq!(case.notes[1].words, "one\nline");
    incidents.note(&id, "one\nor two\tlines").await.unwrap();
    let unknown = "provider.incident_unknown";
    assert_eq!(incidents.show("no").await.unwrap_err().code(), unknown);
    assert_eq!(incidents.note("no", "a").await.unwrap_err().code(), unknown);
    assert_eq!(incidents.take_up("no").await.unwrap_err().code(), unknown);
    assert_eq!(
        incidents.close("no", "a").await.unwrap_err().code(),
        unknown
    );
    incidents.close(&id, "over").await.unwrap();
    let closed = "provider.incident_closed";
    assert_eq!(
        incidents.close(&id, "again").await.unwrap_err().code(),
        closed
    );
    assert_eq!(incidents.take_up(&id).await.unwrap_err().code(), closed);
}

#[tokio::test]
async fn incidents_and_notes_are_bounded() {
    let world = world().await;
    let incidents = incidents(&world);
    for _ in 0..50 {
        opened(&world, by_person("sub")).await.unwrap();
    }
    let refused = opened(&world, by_person("sub")).await.unwrap_err();
    assert_eq!(refused.code(), "provider.incidents_too_many");
    let id = opened(&world, by_person("another")).await.unwrap();
    for _ in 0..500 {
        incidents.note(&id, "a").await.unwrap();
    }
    let refused = incidents.note(&id, "a").await.unwrap_err();
    assert_eq!(refused.code(), "provider.incident_notes_too_many");
}

/// Whom an operator looks into does not read in her own log how far the operator is.
#[tokio::test]
async fn an_operators_incident_is_on_record_and_not_in_the_persons_own_log() {
    let world = world().await;
    token(&world).await;
    let incidents = incidents(&world);
    let open = OpenIncident {
        sub: world.event("login.accepted").await.sub,
        words: Some("odd hours".to_owned()),
        ..OpenIncident::new(IncidentKind::Operator, IncidentBy::Person)
    };
    let id = incidents.open(open).await.unwrap();
    let event = world.event("incident.opened").await;
    assert_eq!(event.sub, None);
    let details: Value = serde_json::from_str(&event.details).unwrap();
    // In the operator's own name, whatever was said.
    assert!(details["by"]["operator"].is_object(), "{details}");
    assert_eq!(details["incident"], id);
}

#[tokio::test]
async fn a_guards_stop_of_an_account_opens_an_incident_and_one_of_a_session_does_not() {
    let world = world().await;
    let token = token(&world).await;
    let incidents = incidents(&world);
    send(&world, GUARD, &[report(&token, "one", "stop_account")])
        .await
        .unwrap();
    let listed = incidents.list().await.unwrap();
    let [incident] = listed.as_slice() else {
        panic!("{listed:?}");
    };
    assert_eq!(incident.kind, "guard_stop");
    assert!(incident.stop_id.is_some() && incident.sub.is_some());
    let case = incidents.show(&incident.id).await.unwrap();
    let kinds: Vec<_> = case.events.iter().map(|it| it.kind.as_str()).collect();
    assert!(kinds.contains(&"guard.account_stopped"), "{kinds:?}");
    assert!(!kinds.contains(&"tokens.issued"), "{kinds:?}");
    let world = self::world().await;
    let fresh = self::token(&world).await;
    send(&world, GUARD, &[report(&fresh, "two", "stop_session")])
        .await
        .unwrap();
    world.event("guard.session_stopped").await;
    assert!(self::incidents(&world).list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_report_says_whom_and_from_where_and_who_asked_is_on_record() {
    let world = world().await;
    let token = token(&world).await;
    let sub = world.event("tokens.issued").await.sub.unwrap();
    let shown = [("one", "allow"), ("two", "step_up")].map(|(event_id, answer)| {
        let mut report = report(&token, event_id, answer);
        report["at"] = (world.now().unix_timestamp() * 1_000).into();
        report
    });
    send(&world, GUARD, &shown).await.unwrap();
    let incidents = incidents(&world);
    let scope = ReportScope {
        sub: Some(sub.clone()),
        ..ReportScope::default()
    };
    let found = incidents.report(scope.clone(), "json").await.unwrap();
    assert_eq!((found.proven.patients, found.proven.look_ups), (2, 1));
    assert_eq!(found.proven.step_ups, 1);
    let [(Part::Proven, place)] = found.places.as_slice() else {
        panic!("{:?}", found.places);
    };
    assert!(
        place.card_id.is_some() && place.instance_jkt.is_some(),
        "{place:?}"
    );
    assert!(found.events.iter().any(|it| it.kind == "login.accepted"));
    let event = world.event("incident.reported").await;
    assert!(!event.details.contains(&sub), "{}", event.details);
    let page = incidents.report_page(&scope, Part::Proven, None, 10).await;
    assert_eq!(page.unwrap().len(), 2);
    let patients = incidents
        .report_patients(&scope, Part::Proven, "p-0", 10)
        .await;
    assert_eq!(patients.unwrap().len(), 1);
    let named = incidents.person_ids(slice::from_ref(&sub)).await.unwrap();
    assert_eq!(incidents.find_person(&named[0].1).await.unwrap(), sub);
    for wrong in ["rpps:1", "1", ""] {
        let refused = incidents.find_person(wrong).await.unwrap_err();
        assert_eq!(
            refused.code(),
            "provider.incident_person_unknown",
            "{wrong}"
        );
    }
    let nobody = ReportScope {
        sub: Some("nobody".to_owned()),
        ..ReportScope::default()
    };
    // A slip in a name is no report that says that nobody was looked up.
    let session = ReportScope {
        session_id: Some("nothing".to_owned()),
        ..ReportScope::default()
    };
    let card = ReportScope {
        card_id: Some("nothing".to_owned()),
        ..ReportScope::default()
    };
    for scope in [nobody, session, card] {
        let refused = incidents.report(scope, "csv").await.unwrap_err();
        assert_eq!(refused.code(), "provider.incident_name_unknown");
    }
}

#[tokio::test]
async fn an_operators_incident_names_what_is_on_record_and_nothing_else() {
    let world = world().await;
    token(&world).await;
    let event = world.event("login.accepted").await;
    let incidents = incidents(&world);
    let open = |sub: Option<&str>, session: Option<&str>, client: Option<&str>| OpenIncident {
        sub: sub.map(str::to_owned),
        session_id: session.map(str::to_owned),
        client_id: client.map(str::to_owned),
        words: Some("odd hours".to_owned()),
        ..OpenIncident::new(IncidentKind::Operator, IncidentBy::Person)
    };
    let (sub, session) = (event.sub.as_deref(), event.session_id.as_deref());
    let all = open(sub, session, event.client_id.as_deref());
    incidents.open(all).await.unwrap();
    incidents.open(open(None, None, None)).await.unwrap();
    let long = "x".repeat(100_000);
    for slip in ["slip", long.as_str()] {
        for named in [
            open(Some(slip), None, None),
            open(sub, Some(slip), None),
            open(sub, session, Some(slip)),
        ] {
            let refused = incidents.open(named).await.unwrap_err();
            assert_eq!(refused.code(), "provider.incident_name_unknown");
        }
    }
    assert_eq!(incidents.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_report_about_nothing_or_of_no_time_is_refused() {
    let world = world().await;
    let incidents = incidents(&world);
    let now = world.now();
    let empty = ReportScope::default();
    let open = ReportScope {
        from: Some(now),
        ..ReportScope::default()
    };
    for scope in [empty, open] {
        let refused = incidents.report(scope, "json").await.unwrap_err();
        assert_eq!(refused.code(), "provider.incident_scope_missing");
    }
    let backwards = ReportScope {
        from: Some(now),
        to: Some(now),
        ..ReportScope::default()
    };
    let long = ReportScope {
        sub: Some("x".repeat(257)),
        ..ReportScope::default()
    };
    for scope in [backwards, long] {
        let refused = incidents.report(scope, "json").await.unwrap_err();
        assert_eq!(refused.code(), "provider.incident_scope_invalid");
    }
}

async fn check(world: &World) -> Result<Result<LookUpsChecked, LookUpFinding>, Error> {
    LookUpsOnRecord::check(&world.store, log_key().verifier(), world.now()).await
}

/// One event has many of a batch, and names nobody.
#[tokio::test]
async fn every_look_up_is_on_record_in_the_log_and_the_record_names_nobody() {
    let world = world().await;
    let token = token(&world).await;
    let sub = world.event("tokens.issued").await.sub.unwrap();
    let reports: Vec<_> = (0..70)
        .map(|number| report(&token, &format!("e-{number}"), "allow"))
        .collect();
    send(&world, GUARD, &reports).await.unwrap();
    // Again: nothing is new, and nothing is put on record.
    send(&world, GUARD, &reports).await.unwrap();
    let events = world.events().await;
    let recorded: Vec<_> = events
        .iter()
        .filter(|it| it.kind == "guard.look_ups_reported")
        .collect();
    assert_eq!(recorded.len(), 2);
    for event in recorded {
        assert_eq!((&event.sub, &event.session_id), (&None, &None));
        assert!(!event.details.contains(&sub) && !event.details.contains("p-0"));
        assert!(event.details.len() < 8_000, "{}", event.details.len());
    }
    let checked = check(&world).await;
    let checked = checked.unwrap().unwrap();
    assert_eq!((checked.sound, checked.unrecorded), (70, 0));
    // They go at their time, and the record of them stays.
    world.pass(Duration::days(181));
    while world.provider.forget_ended().await.unwrap() > 0 {}
    let checked = check(&world).await;
    let checked = checked.unwrap().unwrap();
    assert_eq!((checked.sound, checked.forgotten), (0, 70));
}

#[tokio::test]
async fn a_look_up_taken_out_before_its_time_is_found_and_an_erasure_on_record_is_not() {
    let world = world().await;
    let token = token(&world).await;
    let sub = world.event("tokens.issued").await.sub.unwrap();
    send(&world, GUARD, &[report(&token, "one", "allow")])
        .await
        .unwrap();
    let erased = LookUpsOnRecord::erase_person(&world.records(), &sub, &**log_key()).await;
    assert_eq!(erased.unwrap(), 1);
    let checked = check(&world).await;
    assert_eq!(checked.unwrap().unwrap().erased, 1);
    let record = world.event("guard.look_ups_erased").await;
    send(&world, GUARD, &[report(&token, "two", "allow")])
        .await
        .unwrap();
    let mut transaction = world.store.begin().await.unwrap();
    let two = guard_report::report_id(GUARD, "two");
    let gone = guard_report::delete_by_ids(&mut transaction, slice::from_ref(&two)).await;
    assert_eq!(gone.unwrap(), 1);
    transaction.commit().await.unwrap();
    let checked = check(&world).await;
    let found = checked.unwrap().unwrap_err();
    assert!(matches!(found, LookUpFinding::Removed { .. }), "{found}");
    // Attack H14: with an event put in to excuse it, over the signature of another erasure.
    LedgerRecords::begin_signed_erasures(&world.store, &StoredEvents, &**log_key(), world.now())
        .await
        .unwrap();
    let signed: Value = serde_json::from_str(&record.details).unwrap();
    let copied = serde_json::json!(
        { "reports": [two], "digests": signed["digests"], "record": signed["record"] });
    let bare = serde_json::json!({ "reports": [two] });
    for (number, details) in [copied, bare].iter().enumerate() {
        let mut forged = record.clone();
        forged.id = format!("{}-forged-{number}", forged.id);
        forged.details = details.to_string();
        let mut transaction = world.store.begin().await.unwrap();
        cardea_ledger::append(&mut transaction, &forged)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        let found = check(&world).await.unwrap().unwrap_err();
        assert!(matches!(found, LookUpFinding::Removed { .. }), "{found}");
    }
}

/// Attack H14, by whoever has the database and a request for erasure of her own: she writes her
/// name into another's look-ups, so that these are erased with hers, over the log's own signature.
#[tokio::test]
async fn h14_a_look_up_under_which_somebody_put_another_name_is_not_erased_as_that_ones() {
    let world = world().await;
    let token = token(&world).await;
    let sub = world.event("tokens.issued").await.sub.unwrap();
    send(
        &world,
        GUARD,
        &[
            report(&token, "one", "allow"),
            report(&token, "two", "allow"),
        ],
    )
    .await
    .unwrap();
    let [one, two] = ["one", "two"].map(|it| guard_report::report_id(GUARD, it));
    let mut transaction = world.store.begin().await.unwrap();
    let all = guard_report::list_of_person(&mut transaction, &sub, "", 9).await;
    let honest = all.unwrap().into_iter().find(|it| it.id == one).unwrap();
    let replace = async |transaction: &mut Transaction, report: &GuardReport| {
        let ids = [report.id.clone()];
        guard_report::delete_by_ids(transaction, &ids)
            .await
            .unwrap();
        assert!(guard_report::insert(transaction, report).await.unwrap());
    };
    let mut renamed = honest.clone();
    renamed.sub = Some("an accomplice".to_owned());
    replace(&mut transaction, &renamed).await;
    transaction.commit().await.unwrap();
    let erase = async |sub: &str| {
        let erased = LookUpsOnRecord::erase_person(&world.records(), sub, &**log_key()).await;
        erased.unwrap()
    };
    assert_eq!(erase("an accomplice").await, 0, "it is evidence");
    let found = check(&world).await.unwrap().unwrap_err();
    assert!(matches!(found, LookUpFinding::Changed { .. }), "{found}");
    // Where she makes it look like one that the log never had, it goes, and that excuses nothing.
    let mut transaction = world.store.begin().await.unwrap();
    renamed.on_record = None;
    replace(&mut transaction, &renamed).await;
    transaction.commit().await.unwrap();
    assert_eq!(erase("an accomplice").await, 1);
    let found = check(&world).await.unwrap().unwrap_err();
    assert!(
        matches!(&found, LookUpFinding::Removed { report, .. } if *report == one),
        "{found}"
    );
    // What is hers goes, and only over its own digest.
    let mut transaction = world.store.begin().await.unwrap();
    replace(&mut transaction, &honest).await;
    transaction.commit().await.unwrap();
    assert_eq!(erase(&sub).await, 2);
    let checked = check(&world).await.unwrap().unwrap();
    assert_eq!((checked.erased, checked.sound), (2, 0));
    let left = world.event("guard.look_ups_erased").await.details;
    assert!(left.contains(&two) && !left.contains(&sub));
}

#[tokio::test]
async fn a_look_up_that_says_that_the_log_has_it_is_found_where_the_log_has_not() {
    let world = world().await;
    let token = token(&world).await;
    send(&world, GUARD, &[report(&token, "one", "allow")])
        .await
        .unwrap();
    let mut transaction = world.store.begin().await.unwrap();
    let scope = Scope::default();
    let all = guard_report::list_reports(&mut transaction, Part::Proven, &scope, None, 9).await;
    let mut forged = all.unwrap().remove(0);
    forged.id = "forged".to_owned();
    guard_report::insert(&mut transaction, &forged)
        .await
        .unwrap();
    let mut older = forged.clone();
    older.id = "of an older program".to_owned();
    older.on_record = None;
    guard_report::insert(&mut transaction, &older)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    world.pass(Duration::minutes(1));
    let checked = check(&world).await;
    let found = checked.unwrap().unwrap_err();
    assert_eq!(found, LookUpFinding::Added { count: 1 });
    // One that was changed: the digest is of another salt.
    let mut transaction = world.store.begin().await.unwrap();
    let one = guard_report::report_id(GUARD, "one");
    let ids = [one.clone(), forged.id.clone(), older.id];
    let gone = guard_report::delete_by_ids(&mut transaction, &ids).await;
    assert_eq!(gone.unwrap(), 3);
    let mut changed = forged;
    changed.id = one;
    changed.patients = vec!["p-0".to_owned()];
    assert!(matches!(changed.on_record, Some(ReportOnRecord { .. })));
    guard_report::insert(&mut transaction, &changed)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let checked = check(&world).await;
    let found = checked.unwrap().unwrap_err();
    assert!(matches!(found, LookUpFinding::Changed { .. }), "{found}");
}

/// Whoever is looked into reads in her own log that somebody looked, whether the session, the card
/// or she was named, and when an incident is shown.
#[tokio::test]
async fn h14_a_report_is_an_event_of_everybody_in_it() {
    let world = world().await;
    token(&world).await;
    let login = world.event("login.accepted").await;
    let (sub, session_id) = (login.sub.unwrap(), login.session_id.unwrap());
    let cards = cardea_provider::CardSuspensions::new(world.records());
    let card_id = cards.find(&sub).await.unwrap()[0].id.clone();
    let incidents = incidents(&world);
    let scopes = [
        ReportScope {
            sub: Some(sub.clone()),
            ..ReportScope::default()
        },
        ReportScope {
            session_id: Some(session_id),
            ..ReportScope::default()
        },
        ReportScope {
            card_id: Some(card_id),
            ..ReportScope::default()
        },
    ];
    let hers = async |kind: &str, view: &str| {
        let events = world.events().await.into_iter();
        let hers = events.filter(|it| {
            it.kind == kind && it.sub.as_ref() == Some(&sub) && it.details.contains(view)
        });
        hers.count()
    };
    for (before, scope) in scopes.into_iter().enumerate() {
        incidents.report(scope, "csv").await.unwrap();
        let looks = hers("console.looked_at", "\"view\":\"incident_report\"").await;
        assert_eq!(looks, before + 1);
        assert_eq!(hers("incident.reported", "").await, before + 1);
    }
    let id = opened(&world, by_person(&sub)).await.unwrap();
    incidents.show(&id).await.unwrap();
    let looks = hers("console.looked_at", "\"view\":\"incident\"").await;
    assert_eq!(looks, 1);
}

#[tokio::test]
async fn closed_incidents_come_page_by_page_the_last_closed_first() {
    let world = world().await;
    let incidents = incidents(&world);
    let mut ids = Vec::new();
    for number in 0..CLOSED_PAGE_MAX + 2 {
        // Several are closed within one second.
        if number % 7 == 0 {
            world.pass(Duration::SECOND);
        }
        let open = OpenIncident {
            words: Some("seen".to_owned()),
            ..OpenIncident::new(IncidentKind::Operator, IncidentBy::Person)
        };
        let id = incidents.open(open).await.unwrap();
        incidents.close(&id, "nothing").await.unwrap();
        ids.push(id);
    }
    let waits = opened(&world, by_person("sub")).await.unwrap();
    let first = incidents.list_closed(None).await.unwrap();
    assert_eq!(first.incidents.len(), 50);
    let rest = incidents.list_closed(first.next.as_ref()).await.unwrap();
    assert_eq!((rest.incidents.len(), &rest.next), (2, &None));
    let listed: Vec<_> = first.incidents.iter().chain(&rest.incidents).collect();
    let moments: Vec<_> = listed.iter().map(|it| it.closed_at.unwrap()).collect();
    assert!(moments.is_sorted_by(|one, next| one >= next), "{moments:?}");
    let mut listed: Vec<_> = listed.iter().map(|it| it.id.clone()).collect();
    listed.sort();
    ids.sort();
    assert_eq!(listed, ids);
    assert!(!listed.contains(&waits));
}
