//! The operators' console: whoever opens it is judged as at the admin API, at every request anew
//! (attack H14).

use cardea_assertion::UserVerification;
use cardea_provider::event::ConsoleView;
use cardea_provider::{
    ACCOUNT, AdminOperator, AdminRules, CONSOLE, CONSOLE_CLIENT_ID, FourEyes, NamedPerson,
    NamedSession, OperatorProven, Permission, SAME_LOOK, Secret, TimelineOf,
};
use cardea_storage::event::{EventRecord, InLedger, append};
use cardea_storage::guard_report::{self, GuardReport};
use cardea_storage::{client_session, pairwise_subject};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::world::{Begun, PORTAL, World, query_value};

fn rules() -> AdminRules {
    AdminRules {
        operators: vec![AdminOperator {
            subject_id: "899700000029".to_owned(),
            subject_id_type: "rpps".to_owned(),
            trust_anchor: None,
            person: None,
        }],
        authentication_age_max: Duration::minutes(1),
        anchors: Permission::Refused,
        four_eyes: FourEyes::NotAsked,
    }
}

/// A login to the console, up to its code: code, state and verifier, and the presence key.
async fn arrive(world: &World) -> (String, String, Secret, cardea_jose::SigningKey) {
    let login = world.provider.begin_own_page(CONSOLE, Some("fr")).await;
    let login = login.unwrap();
    let begun = Begun {
        request_id: login.request_id,
        login_cookie: login.login_cookie,
    };
    let mut answer = world.answer(&begun).await;
    answer.claims.uv = UserVerification::Now;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completing = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None);
    let location = completing.await.unwrap().response.location();
    assert!(location.starts_with("https://id.example.fr/console/callback?"));
    let value = |name| query_value(&location, name).unwrap();
    let (code, state) = (value("code"), value("state"));
    (code, state, login.code_verifier, answer.presence_key)
}

async fn open(world: &World, rules: &AdminRules) -> Result<Secret, &'static str> {
    let (code, state, verifier, _) = arrive(world).await;
    let opened = world
        .provider
        .open_console(rules, &code, &state, verifier.expose());
    opened.await.map_err(|error| error.code())
}

#[tokio::test]
async fn h14_an_operator_is_at_the_console_while_her_login_is_fresh() {
    let world = World::new().await;
    let (code, state, verifier, presence_key) = arrive(&world).await;
    let provider = &world.provider;
    let rules_now = rules();
    let opened = provider.open_console(&rules_now, &code, &state, verifier.expose());
    let cookie = opened.await.unwrap();
    let found = provider.find_console(&rules(), cookie.expose()).await;
    let session = found.unwrap().unwrap();
    assert_eq!(
        session.operator.person().sub,
        world.event("console.opened").await.sub.unwrap()
    );
    assert!(!session.operator.person().name.is_empty());
    // Her cookie opens nothing else, and another one opens nothing.
    let account = provider.find_account(cookie.expose()).await.unwrap();
    assert_eq!(account, None);
    assert_ne!(ACCOUNT, CONSOLE);
    let none = provider.find_console(&rules(), "another").await.unwrap();
    assert!(none.is_none());
    world.pass(Duration::seconds(60));
    world.present(&presence_key).await;
    let still = provider.find_console(&rules(), cookie.expose()).await;
    assert!(still.unwrap().is_some());
    world.pass(Duration::seconds(1));
    let old = provider.find_console(&rules(), cookie.expose()).await;
    let too_old = "provider.admin_authentication_insufficient";
    assert_eq!(old.unwrap_err().code(), too_old);
}

#[tokio::test]
async fn h14_nobody_else_opens_it_and_a_reload_closes_it() {
    let world = World::new().await;
    let mut others = rules();
    others.operators[0].subject_id = "899700000030".to_owned();
    let not_operator = "provider.admin_not_operator";
    assert_eq!(open(&world, &others).await.unwrap_err(), not_operator);
    let refused = world.event("console.refused").await;
    assert_eq!(refused.code.as_deref(), Some(not_operator));
    assert!(refused.sub.is_some());
    let mut elsewhere = rules();
    elsewhere.operators[0].trust_anchor = Some("another anchor".to_owned());
    assert_eq!(open(&world, &elsewhere).await.unwrap_err(), not_operator);
    let cookie = open(&world, &rules()).await.unwrap();
    let found = world.provider.find_console(&others, cookie.expose()).await;
    assert_eq!(found.unwrap_err().code(), not_operator);
    let found = world.provider.find_console(&rules(), cookie.expose()).await;
    assert!(found.unwrap().is_some());
}

async fn looks(world: &World) -> usize {
    let events = world.events().await;
    let looks = events.iter().filter(|it| it.kind == "console.looked_at");
    looks.count()
}

/// Attack H5.
#[tokio::test]
async fn h5_it_closes_with_its_session() {
    let world = World::new().await;
    let cookie = open(&world, &rules()).await.unwrap();
    let session = world.event("session.activated").await.session_id.unwrap();
    world.provider.end_session(&session).await.unwrap();
    let found = world.provider.find_console(&rules(), cookie.expose()).await;
    assert!(found.unwrap().is_none());
}

#[tokio::test]
async fn an_operators_look_is_an_event_of_whom_she_looks_at() {
    let world = World::new().await;
    let cookie = open(&world, &rules()).await.unwrap();
    let provider = &world.provider;
    let found = provider.find_console(&rules(), cookie.expose()).await;
    let session = found.unwrap().unwrap();
    let (operator, sub) = (&session.operator, session.operator.person().sub.clone());
    let page = provider.show_timeline(operator, TimelineOf::Person(&sub), None);
    let page = page.await.unwrap().unwrap();
    assert!(
        page.events
            .iter()
            .all(|it| it.sub.as_deref() == Some(sub.as_str()))
    );
    let look = world.event("console.looked_at").await;
    assert_eq!(look.sub.as_deref(), Some(sub.as_str()));
    assert!(look.details.contains(CONSOLE_CLIENT_ID), "{}", look.details);
    assert!(
        look.details.contains("\"view\":\"person\""),
        "{}",
        look.details
    );
    let none = provider.show_timeline(operator, TimelineOf::Person("nobody"), None);
    assert!(none.await.unwrap().is_none());
    let long = "x".repeat(1000);
    let none = provider.show_timeline(operator, TimelineOf::Card(&long), None);
    assert!(none.await.unwrap().is_none());
    let twice = [sub.clone(), sub.clone()];
    let before = looks(&world).await;
    let looked = provider.record_look(operator, ConsoleView::Stops, twice);
    looked.await.unwrap();
    assert_eq!(looks(&world).await, before + 1);
}

/// A session's row is kept for a day, and an incident is looked into weeks later.
#[tokio::test]
async fn a_card_and_a_session_are_found_when_the_sessions_row_has_gone() {
    let world = World::new().await;
    let cookie = open(&world, &rules()).await.unwrap();
    let provider = &world.provider;
    let found = provider.find_console(&rules(), cookie.expose()).await;
    let operator = found.unwrap().unwrap().operator;
    let login = world.event("login.accepted").await;
    let (sub, session) = (login.sub.unwrap(), login.session_id.unwrap());
    let details: serde_json::Value = serde_json::from_str(&login.details).unwrap();
    let card = details["card"].as_str().unwrap().to_owned();
    let mut transaction = world.store.begin().await.unwrap();
    let now = world.now();
    client_session::load_or_create(&mut transaction, &session, PORTAL, "a sid", now)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    provider.end_session(&session).await.unwrap();
    world.pass(Duration::days(3));
    while provider.forget_ended().await.unwrap() > 0 {}
    let mut reading = world.store.begin_read().await.unwrap();
    let row = cardea_storage::session::find(&mut reading, &session).await;
    assert!(row.unwrap().is_none(), "its row has gone");
    drop(reading);
    let page = provider.show_timeline(&operator, TimelineOf::Card(&card), None);
    let page = page.await.unwrap().unwrap();
    for kind in ["login.accepted", "session.activated", "session.ended"] {
        assert!(page.events.iter().any(|it| it.kind == kind), "{kind}");
    }
    let found = provider.search_for_operator(&operator, &session).await;
    let named = |portal: Option<&str>| NamedSession {
        id: session.clone(),
        sub: sub.clone(),
        client_id: portal.map(str::to_owned),
    };
    assert_eq!(found.unwrap().session, Some(named(None)));
    let found = provider.search_for_operator(&operator, "a sid").await;
    assert_eq!(found.unwrap().session, Some(named(Some(PORTAL))));
    // What the portal called it goes with the look-ups.
    world.pass(Duration::days(180));
    while provider.forget_ended().await.unwrap() > 0 {}
    let found = provider.search_for_operator(&operator, "a sid").await;
    assert_eq!(found.unwrap().session, None);
    let nothing = provider.search_for_operator(&operator, "nothing").await;
    assert!(nothing.unwrap().is_empty());
}

/// An event that names its person alone.
fn event(id: String, kind: &str, sub: Option<&str>, at: OffsetDateTime) -> EventRecord {
    EventRecord {
        id,
        kind: kind.to_owned(),
        occurred_at: at,
        authorization_request_id: None,
        session_id: None,
        sub: sub.map(str::to_owned),
        client_id: None,
        code: None,
        details: "{}".to_owned(),
    }
}

/// Of a card that lies in a drawer nothing may be on record among a hundred thousand events of its
/// holder's: so many are searched for a page, and the next goes on from there.
#[tokio::test]
async fn a_card_is_searched_for_in_so_many_of_its_holders_events_at_a_time() {
    let world = World::new().await;
    let operator = operator(&world).await;
    let login = world.event("login.accepted").await;
    let sub = login.sub.unwrap();
    let details: serde_json::Value = serde_json::from_str(&login.details).unwrap();
    let card = details["card"].as_str().unwrap();
    let provider = &world.provider;
    let later = world.now() + Duration::hours(1);
    let mut transaction = world.store.begin().await.unwrap();
    for number in 0..20_001_i64 {
        let nanoseconds = (later + Duration::seconds(number)).unix_timestamp_nanos();
        let event = event(format!("{nanoseconds:016x}-x"), "x", Some(&sub), later);
        append(&mut transaction, &event, InLedger::Outside)
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
    let page = provider.show_timeline(&operator, TimelineOf::Card(card), None);
    let page = page.await.unwrap().unwrap();
    assert!(page.events.is_empty(), "{:?}", page.events);
    let next = page.next.unwrap();
    let page = provider.show_timeline(&operator, TimelineOf::Card(card), Some(&next));
    let page = page.await.unwrap().unwrap();
    assert!(page.events.iter().any(|it| it.kind == "login.accepted"));
    assert_eq!(page.next, None);
}

/// A day has 25 hours where clocks are put back. Midnight in Paris is an hour of the day before in
/// UTC.
#[tokio::test]
async fn what_the_overview_counts_follows_the_days_that_it_is_asked_for() {
    let world = World::new().await;
    let days = [
        datetime!(2026-10-24 22:00 UTC),
        datetime!(2026-10-25 23:00 UTC),
        datetime!(2026-10-26 23:00 UTC),
    ];
    let moments = [
        datetime!(2026-10-24 21:59:59 UTC),
        datetime!(2026-10-24 22:00 UTC),
        datetime!(2026-10-25 22:59:59 UTC),
        datetime!(2026-10-25 23:00 UTC),
        datetime!(2026-10-26 23:00 UTC),
    ];
    let mut transaction = world.store.begin().await.unwrap();
    for (number, at) in (0_u32..).zip(moments) {
        let login = event(format!("{number}-login"), "login.accepted", None, at);
        append(&mut transaction, &login, InLedger::Outside)
            .await
            .unwrap();
        for answer in ["allow", "slow"] {
            let report = report_of(&format!("{number}-{answer}"), answer, at);
            guard_report::insert(&mut transaction, &report)
                .await
                .unwrap();
        }
    }
    transaction.commit().await.unwrap();
    let numbers = world.provider.operator_numbers(&days).await.unwrap();
    let expected = [(days[0], 2), (days[1], 1)];
    assert_eq!(numbers.logins, expected);
    assert_eq!(numbers.look_ups, expected);
    assert_eq!(numbers.held_up, [("slow".to_owned(), 3)]);
    let none = world.provider.operator_numbers(&[]).await.unwrap();
    assert!(none.logins.is_empty() && none.look_ups.is_empty());
}

fn report_of(id: &str, answer: &str, at: OffsetDateTime) -> GuardReport {
    GuardReport {
        id: id.to_owned(),
        guard_client_id: "guard".to_owned(),
        sub: None,
        session_id: None,
        client_id: PORTAL.to_owned(),
        token_jti: "jti".to_owned(),
        service: "records".to_owned(),
        kind: "look_up".to_owned(),
        answer: answer.to_owned(),
        reasons: "[]".to_owned(),
        patient_present: false,
        patients: Vec::new(),
        part: None,
        unproven: None,
        place: None,
        on_record: None,
        occurred_at: at.unix_timestamp() * 1_000,
        received_at: at,
    }
}

/// Somebody who has just opened the console.
async fn operator(world: &World) -> OperatorProven {
    let cookie = open(world, &rules()).await.unwrap();
    let found = world.provider.find_console(&rules(), cookie.expose()).await;
    found.unwrap().unwrap().operator
}

/// A list that stands open on a screen and is loaded again and again is one look; another page,
/// another person and a later look are others.
#[tokio::test]
async fn a_page_that_is_loaded_again_is_no_second_look() {
    let world = World::new().await;
    let operator = operator(&world).await;
    let look = async |view, sub: &str| {
        let looked = world
            .provider
            .record_look(&operator, view, [sub.to_owned()]);
        looked.await.unwrap();
        looks(&world).await
    };
    assert_eq!(look(ConsoleView::Incident, "anne").await, 1);
    assert_eq!(look(ConsoleView::Incident, "anne").await, 1);
    assert_eq!(look(ConsoleView::Incident, "marc").await, 2);
    assert_eq!(look(ConsoleView::Person, "anne").await, 3);
    world.pass(SAME_LOOK);
    assert_eq!(look(ConsoleView::Incident, "anne").await, 3);
    // It counts from the look that is on record: who looks on and on is seen again and again.
    world.pass(Duration::SECOND);
    assert_eq!(look(ConsoleView::Incident, "anne").await, 4);
    let both = ["anne", "paul"].map(str::to_owned);
    let looked = world
        .provider
        .record_look(&operator, ConsoleView::Incident, both);
    looked.await.unwrap();
    let events = world.events().await;
    let seen = events.iter().filter(|it| it.kind == "console.looked_at");
    let seen: Vec<_> = seen.filter_map(|it| it.sub.as_deref()).collect();
    assert_eq!(seen, ["anne", "marc", "anne", "anne", "paul"]);
    // A clock that was a day ahead hides no look of the day for which it is right again.
    world.pass(-Duration::DAY);
    let before = looks(&world).await;
    assert_eq!(look(ConsoleView::Incident, "anne").await, before + 1);
    assert_eq!(look(ConsoleView::Incident, "anne").await, before + 1);
}

/// Who calls in from a portal has the portal's own names in hand, and whoever reads a card or a
/// register has a number.
#[tokio::test]
async fn people_sessions_and_portals_are_found_by_the_names_that_others_have_for_them() {
    let world = World::new().await;
    let operator = operator(&world).await;
    let login = world.event("login.accepted").await;
    let (sub, session) = (login.sub.unwrap(), login.session_id.unwrap());
    let mut transaction = world.store.begin().await.unwrap();
    let (sector, name, now) = ("portal.example.fr", "a name at a portal", world.now());
    pairwise_subject::load_or_create(&mut transaction, &sub, sector, name, now)
        .await
        .unwrap();
    client_session::load_or_create(&mut transaction, &session, PORTAL, "a sid", now)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let find = async |word: &str| {
        let found = world.provider.search_for_operator(&operator, word).await;
        found.unwrap()
    };
    let found = find(name).await;
    let named = NamedPerson {
        sub: sub.clone(),
        sector: Some(sector.to_owned()),
    };
    assert_eq!(found.persons, [named]);
    assert_eq!(found.cards.len(), 1);
    for number in ["899700000029", "rpps:899700000029"] {
        let found = find(number).await;
        let subs: Vec<_> = found.persons.iter().map(|it| it.sub.as_str()).collect();
        assert_eq!(subs, [sub.as_str()], "{number}");
        assert_eq!(found.cards.len(), 1, "{number}");
    }
    assert!(find("adeli:899700000029").await.is_empty());
    let named = NamedSession {
        id: session,
        sub: sub.clone(),
        client_id: Some(PORTAL.to_owned()),
    };
    assert_eq!(find("a sid").await.session, Some(named));
    for word in [
        PORTAL,
        "Portail de démonstration",
        "PORTAIL DE DÉMONSTRATION",
        "portal.example.fr",
        "https://portal.example.fr/some/page",
    ] {
        let found = find(word).await;
        let ids: Vec<_> = found.portals.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, [PORTAL], "{word}");
    }
    for part in ["Portail", "example.fr", "a name", "8997", "sid"] {
        assert!(find(part).await.is_empty(), "{part}");
    }
    let seen = world.event("console.looked_at").await;
    assert_eq!(seen.sub.as_deref(), Some(sub.as_str()));
}
