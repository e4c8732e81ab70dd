//! Accounts that a guard has stopped: every guard of the API hears of it and of the lift, the
//! person is told, and what comes late changes nothing.

use cardea_oauth2_types::{GrantType, TokenParameters};
use cardea_provider::{
    AccountSession, AccountStops, Client, ClientAuthentication, ClientCredentials, Error,
    EventPoll, GuardNews, GuardReports, ReportsTaken, StoppedThing, SubjectType,
};
use cardea_storage::SecretDigest;
use serde_json::{Value, json};
use time::Duration;

use super::world::{API, Begun, ISSUER, PORTAL, Settings, World, claims_of};

const GUARD: &str = "guard";
/// Another one before the same API, which shares nothing with the first.
const SECOND: &str = "second-guard";
const ELSEWHERE: &str = "guard-elsewhere";
/// A resource server that listens and is no guard.
const LISTENER: &str = "listener";
/// A program without a person.
const ROBOT: &str = "robot";

const STOPPED: &str = "urn:cardea:event:account-stopped";
const LIFTED: &str = "urn:cardea:event:account-stop-lifted";

fn settings() -> Settings {
    let mut settings = Settings::refreshing();
    // What tokens call their person is not what we do.
    settings.client(PORTAL).subject_type = SubjectType::Pairwise;
    for (client_id, resource, guard) in [
        (GUARD, API, true),
        (SECOND, API, true),
        (ELSEWHERE, "https://x.example.fr", true),
        (LISTENER, API, false),
    ] {
        settings.config.clients.push(Client {
            grant_types: vec![GrantType::ClientCredentials],
            resource_server_of: vec![resource.to_owned()],
            event_stream: true,
            guard,
            ..Client::new(client_id, "Guard", secret())
        });
    }
    settings
}

fn secret() -> ClientAuthentication {
    ClientAuthentication::SecretPost(SecretDigest::of("its secret").into())
}

fn credentials(client_id: &str) -> ClientCredentials {
    let mut parameters = TokenParameters::default();
    if client_id != PORTAL {
        parameters.client_secret = Some("its secret".to_owned());
    }
    World::credentials(client_id, &mut parameters)
}

/// The events that wait for a receiver, oldest first.
async fn told(world: &World, client_id: &str) -> Vec<Value> {
    told_as(world, client_id, json!({})).await
}

async fn told_as(world: &World, client_id: &str, asked: Value) -> Vec<Value> {
    let poll = EventPoll::from_json(asked.as_object().unwrap()).unwrap();
    let provider = &world.provider;
    let credentials = credentials(client_id);
    let stream = provider.open_event_stream(&credentials, &poll).await;
    let stream = stream.unwrap();
    let waiting = provider.waiting_events(&stream).await.unwrap();
    let answer = provider.sign_events(&stream, &waiting).unwrap();
    let claims = answer.sets().values().map(|set| claims_of(set));
    let mut stops: Vec<_> = claims
        .filter(|it| {
            it["events"]
                .get(STOPPED)
                .or(it["events"].get(LIFTED))
                .is_some()
        })
        .collect();
    stops.sort_by_key(|it| it["sequence"].as_i64());
    stops
}

/// The claims of a token for the API.
async fn token(world: &World) -> Value {
    let location = world
        .log_in_with(|asked| asked.resource = vec![API.to_owned()])
        .await;
    let tokens = world.redeem(&location).await.unwrap();
    claims_of(&tokens.access_token)
}

async fn send(
    world: &World,
    client_id: &str,
    (token, event_id): (&Value, &str),
    answer: &str,
) -> ReportsTaken {
    let report = json!({
        "event_id": event_id, "at": world.now().unix_timestamp() * 1_000, "sub": token["sub"],
        "client_id": token["client_id"], "sid": token["sid"], "jti": token["jti"],
        "service": "records", "kind": "look_up", "patients": [format!("p-{event_id}")],
        "answer": answer, "reasons": [{"code": "account_stopped", "count": 16, "limit": 2}],
    });
    let reports = json!({"reports": [report]});
    let reports = GuardReports::from_json(reports.as_object().unwrap()).unwrap();
    let credentials = credentials(client_id);
    let provider = &world.provider;
    let taken = provider.take_guard_reports(&credentials, &reports).await;
    taken.unwrap()
}

fn stops(world: &World) -> AccountStops {
    AccountStops::new(world.records())
}

async fn lift(world: &World) {
    for stop in stops(world).list().await.unwrap() {
        stops(world).lift(&stop.id, "called back").await.unwrap();
    }
}

#[tokio::test]
async fn a_stop_and_its_lift_are_told_to_every_guard_of_the_api_by_the_tokens_names() {
    let world = settings().build().await;
    for receiver in [GUARD, SECOND, ELSEWHERE, LISTENER] {
        assert!(told(&world, receiver).await.is_empty());
    }
    let token = token(&world).await;
    send(&world, GUARD, (&token, "one"), "stop_account").await;
    for receiver in [GUARD, SECOND] {
        let told = told(&world, receiver).await;
        let [stop] = told.as_slice() else {
            panic!("{receiver}: {told:?}");
        };
        // The account at this service, which RISC's events could not say.
        assert_eq!(
            stop["sub_id"],
            json!({
                "format": "complex",
                "user": {"format": "iss_sub", "iss": ISSUER, "sub": token["sub"]},
                "application": {"format": "opaque", "id": "records"},
            })
        );
        let payload = &stop["events"][STOPPED];
        assert_eq!(payload["initiating_entity"], "policy");
        assert_eq!(payload["reasons"][0]["count"], 16);
        assert!(payload["acted_at_ms"].as_i64().unwrap() > 0);
        assert!(payload["stop_sequence"].as_i64().unwrap() > 0);
    }
    // Attack G13: of an API that is not theirs, or as no guard, nobody hears.
    for receiver in [ELSEWHERE, LISTENER] {
        assert!(told(&world, receiver).await.is_empty(), "{receiver}");
    }
    world.pass(Duration::minutes(5));
    lift(&world).await;
    let told_now = told(&world, SECOND).await;
    let [stop, lifted] = told_now.as_slice() else {
        panic!("{told_now:?}");
    };
    assert_eq!(lifted["sub_id"], stop["sub_id"]);
    let (stop, lifted) = (&stop["events"][STOPPED], &lifted["events"][LIFTED]);
    assert_eq!(lifted["initiating_entity"], "admin");
    assert_eq!(lifted["event_timestamp"], world.now().unix_timestamp());
    for member in ["stop", "stop_sequence"] {
        assert_eq!(lifted[member], stop[member], "{member}");
    }
    assert!(lifted.get("reasons").is_none());
}

#[tokio::test]
async fn a_guard_that_begins_to_listen_hears_what_holds_and_what_was_lifted() {
    let world = settings().build().await;
    let token = token(&world).await;
    send(&world, GUARD, (&token, "one"), "stop_account").await;
    let fresh = told_as(&world, SECOND, json!({"stream": "fresh"})).await;
    assert!(fresh[0]["events"].get(STOPPED).is_some(), "{fresh:?}");
    assert_eq!(fresh.len(), 1);
    let none = told_as(&world, ELSEWHERE, json!({"stream": "fresh"})).await;
    assert!(none.is_empty());
    lift(&world).await;
    let fresh = told_as(&world, SECOND, json!({"stream": "fresher"})).await;
    assert!(fresh[0]["events"].get(LIFTED).is_some(), "{fresh:?}");
    assert_eq!(fresh.len(), 1);
}

/// A client that becomes a guard, or no longer is one, begins its stream anew.
#[tokio::test]
async fn whoever_is_no_guard_any_more_hears_no_more_of_stops() {
    let world = settings().build().await;
    let token = token(&world).await;
    assert!(told(&world, SECOND).await.is_empty());
    let mut changed = settings();
    changed.client(SECOND).guard = false;
    let changed = world.restarted_with(changed);
    assert!(told(&changed, SECOND).await.is_empty());
    send(&changed, GUARD, (&token, "one"), "stop_account").await;
    assert!(told(&changed, SECOND).await.is_empty());
    let again = changed.restarted_with(settings());
    assert_eq!(told(&again, SECOND).await.len(), 1);
}

#[tokio::test]
async fn one_stop_stands_however_many_guards_refuse_and_what_is_late_stops_nobody_again() {
    let world = settings().build().await;
    let token = token(&world).await;
    send(&world, GUARD, (&token, "one"), "stop_account").await;
    // The other guard has heard of it and refuses, too.
    send(&world, SECOND, (&token, "two"), "stop_account").await;
    assert_eq!(stops(&world).list().await.unwrap().len(), 1);
    world.pass(Duration::hours(1));
    lift(&world).await;
    // Refused before that guard had heard of the lift.
    let late = send(&world, SECOND, (&token, "three"), "stop_account").await;
    assert_eq!(late.accepted(), 1);
    assert!(stops(&world).list().await.unwrap().is_empty());
    let dropped = world.event("guard.stop_late").await;
    assert!(dropped.sub.is_some());
    world.pass(Duration::seconds(11));
    send(&world, SECOND, (&token, "four"), "stop_account").await;
    let stopped = stops(&world).list().await.unwrap();
    assert_eq!(stopped.len(), 1, "it is at it again");
    assert_eq!(stopped[0].guard_client_id, SECOND);
    let events = world.events().await;
    let count = |kind: &str| events.iter().filter(|it| it.kind == kind).count();
    assert_eq!(
        (count("guard.account_stopped"), count("guard.stop_lifted")),
        (2, 1)
    );
}

/// Attack H9: one guard's words must not become an event that no guard's receiver takes.
#[tokio::test]
async fn a_stop_is_told_with_few_reasons_and_kept_with_all() {
    let world = settings().build().await;
    assert!(told(&world, SECOND).await.is_empty());
    let token = token(&world).await;
    let code = "a".repeat(40);
    let report = json!({
        "event_id": "one", "at": world.now().unix_timestamp() * 1_000, "sub": token["sub"],
        "client_id": token["client_id"], "sid": token["sid"], "jti": token["jti"],
        "service": "r".repeat(44), "kind": "look_up", "patients": ["p"],
        "answer": "stop_account",
        "reasons": vec![json!({"code": code, "count": u32::MAX, "limit": u32::MAX}); 32],
    });
    let reports = json!({"reports": [report]});
    let reports = GuardReports::from_json(reports.as_object().unwrap()).unwrap();
    let taken = world
        .provider
        .take_guard_reports(&credentials(GUARD), &reports)
        .await;
    assert_eq!(taken.unwrap().accepted(), 1);
    let told = told(&world, SECOND).await;
    let reasons = told[0]["events"][STOPPED]["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 8);
    assert!(told[0].to_string().len() < 4_096);
}

/// The same account and service behind two APIs: a stop at one is none at the other, and a lift
/// frees both where one guard stands before both.
#[tokio::test]
async fn a_stop_at_one_api_stands_beside_one_at_another_and_both_are_lifted_together() {
    const OTHER: &str = "https://x.example.fr";
    let mut settings = settings();
    settings.client(PORTAL).resources.push(OTHER.to_owned());
    settings
        .client(GUARD)
        .resource_server_of
        .push(OTHER.to_owned());
    let world = settings.build().await;
    for receiver in [GUARD, SECOND, ELSEWHERE] {
        assert!(told(&world, receiver).await.is_empty());
    }
    let token = token(&world).await;
    let location = world
        .log_in_with(|asked| asked.resource = vec![API.to_owned(), OTHER.to_owned()])
        .await;
    let tokens = world.redeem(&location).await.unwrap();
    let both = claims_of(&tokens.access_token);
    send(&world, SECOND, (&token, "one"), "stop_account").await;
    send(&world, GUARD, (&both, "two"), "stop_account").await;
    assert_eq!(told(&world, ELSEWHERE).await.len(), 1, "of the second");
    send(&world, GUARD, (&both, "three"), "stop_account").await;
    let open = stops(&world).list().await.unwrap();
    assert_eq!(open.len(), 2);
    let lifted = stops(&world).lift(&open[0].id, "called back").await;
    assert_eq!(lifted.unwrap().id, open[0].id);
    assert!(stops(&world).list().await.unwrap().is_empty());
    let events = world.events().await;
    let lifts = events.iter().filter(|it| it.kind == "guard.stop_lifted");
    assert_eq!(lifts.count(), 2);
    assert_eq!(told(&world, SECOND).await.len(), 4);
}

/// A login up to the point where the browser would go on to the portal.
async fn arrive(world: &World) -> Begun {
    world.pass(Duration::seconds(1));
    let begun = world
        .begin_with(|asked| asked.resource = vec![API.to_owned()])
        .await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    begun
}

async fn complete(world: &World, begun: &Begun) -> Result<String, &'static str> {
    let provider = &world.provider;
    let completed = provider.complete_authorization(&begun.request_id, begun.cookie(), None);
    let completed = completed.await.map_err(|error| error.code())?;
    Ok(completed.response.location())
}

async fn news(world: &World, begun: &Begun) -> GuardNews {
    let provider = &world.provider;
    let described = provider.describe_guard_news(&begun.request_id, begun.cookie());
    described.await.unwrap()
}

async fn say_seen(world: &World, begun: &Begun, shown: &str) -> Result<(), Error> {
    let provider = &world.provider;
    provider
        .acknowledge_guard_news(&begun.request_id, begun.cookie(), shown)
        .await
}

async fn account_of(world: &World) -> AccountSession {
    let session = world.event("session.activated").await;
    AccountSession {
        sub: session.sub.unwrap(),
        session_id: session.session_id.unwrap(),
        instance_jkt: world.instance.key.kid().to_owned(),
        card_sha256: String::new(),
        person_name: String::new(),
        form_token: String::new(),
    }
}

/// Who signs in after the stop is refused at this service by its guards, and stays signed in
/// elsewhere.
#[tokio::test]
async fn sessions_from_before_the_stop_end_and_later_ones_stay() {
    let world = settings().build().await;
    let first = token(&world).await;
    let taken = send(&world, GUARD, (&first, "one"), "stop_account").await;
    assert_eq!(taken.ended.len(), 1);
    let begun = arrive(&world).await;
    let shown = news(&world, &begun).await.shown;
    say_seen(&world, &begun, &shown).await.unwrap();
    let location = complete(&world, &begun).await.unwrap();
    let tokens = world.redeem(&location).await.unwrap();
    let second = claims_of(&tokens.access_token);
    let taken = send(&world, GUARD, (&second, "two"), "stop_account").await;
    assert_eq!((taken.accepted(), taken.ended.len()), (1, 0));
    let taken = send(&world, GUARD, (&second, "three"), "stop_session").await;
    assert_eq!(taken.ended.len(), 1);
}

#[tokio::test]
async fn the_person_is_told_at_her_next_logins_until_she_has_seen_it() {
    let world = settings().build().await;
    let token = token(&world).await;
    for number in 0..3 {
        send(&world, GUARD, (&token, &number.to_string()), "allow").await;
    }
    let stopped_at = world.now();
    send(&world, GUARD, (&token, "stop"), "stop_account").await;
    for _ in 0..2 {
        let begun = arrive(&world).await;
        let refused = complete(&world, &begun).await;
        assert_eq!(refused, Err("provider.guard_news_unshown"));
        let told = news(&world, &begun).await;
        let [stop] = told.stops.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!(stop.stopped, StoppedThing::Account { lifted_at: None });
        assert_eq!((stop.service.as_str(), stop.patients), ("records", 3));
        assert_eq!(stop.occurred_at, stopped_at);
        assert!(stop.client_name.is_some());
    }
    let begun = arrive(&world).await;
    let shown = news(&world, &begun).await.shown;
    let other = arrive(&world).await;
    let refused = say_seen(&world, &other, &shown).await.unwrap_err();
    assert_eq!(refused.code(), "provider.guard_news_mismatch");
    say_seen(&world, &begun, &shown).await.unwrap();
    world.event("guard.notice_seen").await;
    assert!(complete(&world, &begun).await.is_ok());
    let begun = arrive(&world).await;
    assert!(complete(&world, &begun).await.is_ok(), "once");
    // Her account page says so as long as it holds.
    let account = account_of(&world).await;
    let provider = &world.provider;
    let own = provider.list_own_guard_stops(&account).await.unwrap();
    assert_eq!((own.len(), own[0].id.as_ref()), (1, None));
    lift(&world).await;
    let own = provider.list_own_guard_stops(&account).await.unwrap();
    assert!(own.is_empty(), "{own:?}");
}

#[tokio::test]
async fn a_session_that_was_ended_is_told_on_her_account_page_as_well() {
    let world = settings().build().await;
    let token = token(&world).await;
    send(&world, GUARD, (&token, "0"), "allow").await;
    send(&world, GUARD, (&token, "stop"), "stop_session").await;
    // Refused once more in the session that is over: one notice.
    send(&world, GUARD, (&token, "again"), "stop_session").await;
    let begun = arrive(&world).await;
    assert!(complete(&world, &begun).await.is_err());
    let account = account_of(&world).await;
    let provider = &world.provider;
    let own = provider.list_own_guard_stops(&account).await.unwrap();
    assert_eq!(own.len(), 1);
    assert_eq!(
        (own[0].stopped, own[0].patients),
        (StoppedThing::Session, 1)
    );
    let id = own[0].id.clone().unwrap();
    let foreign = AccountSession {
        sub: "another".to_owned(),
        ..account.clone()
    };
    let ids = [id, "unknown".to_owned()];
    let seen = provider.acknowledge_own_guard_stops(&foreign, &ids).await;
    seen.unwrap();
    assert!(complete(&world, &begun).await.is_err(), "not hers to say");
    let seen = provider.acknowledge_own_guard_stops(&account, &ids).await;
    seen.unwrap();
    assert!(complete(&world, &begun).await.is_ok());
    let own = provider.list_own_guard_stops(&account).await.unwrap();
    assert!(own.is_empty(), "{own:?}");
}

/// An unattended service's account is its own: no person is told, and every guard is.
#[tokio::test]
async fn a_service_s_own_account_is_stopped_at_every_guard() {
    let mut settings = settings();
    settings.config.clients.push(Client {
        grant_types: vec![GrantType::ClientCredentials],
        resources: vec![API.to_owned()],
        ..Client::new(ROBOT, "Robot", secret())
    });
    let world = settings.build().await;
    told(&world, SECOND).await;
    let mut parameters = TokenParameters {
        grant_type: Some("client_credentials".to_owned()),
        resource: vec![API.to_owned()],
        client_secret: Some("its secret".to_owned()),
        ..TokenParameters::default()
    };
    let credentials = World::credentials(ROBOT, &mut parameters);
    let tokens = world.issue(&credentials, &parameters).await;
    let token = claims_of(&tokens.unwrap().access_token);
    let mut wrong = token.clone();
    wrong["sub"] = json!("somebody else");
    let taken = send(&world, GUARD, (&wrong, "one"), "stop_account").await;
    assert_eq!(taken.refused()["one"], "provider.guard_report_foreign");
    send(&world, GUARD, (&token, "two"), "stop_account").await;
    let stopped = told(&world, SECOND).await;
    assert_eq!(stopped[0]["sub_id"]["user"]["sub"], ROBOT);
    let listed = stops(&world).list().await.unwrap();
    assert_eq!((listed[0].sub.as_ref(), listed.len()), (None, 1));
    lift(&world).await;
    assert_eq!(told(&world, SECOND).await.len(), 2);
}
