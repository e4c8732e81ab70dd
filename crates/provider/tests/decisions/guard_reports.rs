//! What guards report: each answer once, by the guard of the token's own resource server alone, and
//! what a stop brings about.

use cardea_oauth2_types::{ErrorCode, GrantType, TokenParameters};
use cardea_provider::{
    AccountStops, Client, ClientAuthentication, ClientCredentials, GuardReports, ReportsTaken,
    SubjectType, TokenError,
};
use cardea_storage::SecretDigest;
use cardea_storage::guard_report::{SaidNames, list_patients_of_session, list_unproven};
use serde_json::{Value, json};
use time::Duration;

use super::world::{API, PORTAL, Settings, World, claims_of};

pub(super) const GUARD: &str = "guard";
const FOREIGN: &str = "foreign-guard";
const NO_GUARD: &str = "no-guard";

pub(super) async fn world() -> World {
    let mut settings = Settings::refreshing();
    settings.client(PORTAL).subject_type = SubjectType::Pairwise;
    for (client_id, resource, guard) in [
        (GUARD, API, true),
        (FOREIGN, "https://x.example.fr", true),
        (NO_GUARD, API, false),
    ] {
        let secret = SecretDigest::of("its secret");
        let authentication = ClientAuthentication::SecretPost(secret.into());
        settings.config.clients.push(Client {
            grant_types: vec![GrantType::ClientCredentials],
            resource_server_of: vec![resource.to_owned()],
            guard,
            ..Client::new(client_id, "Guard", authentication)
        });
    }
    settings.build().await
}

fn credentials(client_id: &str) -> ClientCredentials {
    let mut parameters = TokenParameters::default();
    if client_id != PORTAL {
        parameters.client_secret = Some("its secret".to_owned());
    }
    World::credentials(client_id, &mut parameters)
}

/// The claims of a token for the API.
pub(super) async fn token(world: &World) -> Value {
    let location = world
        .log_in_with(|asked| asked.resource = vec![API.to_owned()])
        .await;
    let tokens = world.redeem(&location).await.unwrap();
    claims_of(&tokens.access_token)
}

pub(super) fn report(token: &Value, event_id: &str, answer: &str) -> Value {
    json!({
        "event_id": event_id, "at": 1_800_000_000_000_i64, "sub": token["sub"],
        "client_id": token["client_id"], "sid": token["sid"], "jti": token["jti"],
        "service": "records", "kind": "look_up", "patients": [format!("p-{event_id}"), "p-0"],
        "answer": answer, "reasons": [{"code": "per_hour", "count": 61, "limit": 60}],
    })
}

fn read(reports: Value) -> Result<GuardReports, cardea_provider::Error> {
    GuardReports::from_json(json!({"reports": reports}).as_object().unwrap())
}

pub(super) async fn send(
    world: &World,
    client_id: &str,
    reports: &[Value],
) -> Result<ReportsTaken, TokenError> {
    let reports = read(json!(reports)).unwrap();
    let credentials = credentials(client_id);
    world
        .provider
        .take_guard_reports(&credentials, &reports)
        .await
}

#[tokio::test]
async fn each_answer_is_on_record_once_however_often_it_is_sent() {
    let world = world().await;
    let token = token(&world).await;
    let session = world.event("tokens.issued").await.session_id.unwrap();
    let both = [
        report(&token, "one", "allow"),
        report(&token, "two", "allow"),
    ];
    let taken = send(&world, GUARD, &both[..1]).await.unwrap();
    assert_eq!((taken.accepted(), taken.refused().len()), (1, 0));
    let taken = send(&world, GUARD, &both).await.unwrap();
    assert_eq!((taken.accepted(), taken.refused().len()), (1, 0));
    let asked = report(&token, "three", "step_up");
    let taken = send(&world, GUARD, &[asked.clone(), asked]).await.unwrap();
    assert_eq!(taken.accepted(), 1);
    assert!(taken.ended.is_empty());
    let mut transaction = world.store.begin_read().await.unwrap();
    let patients = list_patients_of_session(&mut transaction, &session, 100)
        .await
        .unwrap();
    // What was not answered was not seen.
    assert_eq!(patients, ["p-0", "p-one", "p-two"]);
}

#[tokio::test]
async fn only_a_proven_guard_reports() {
    let world = world().await;
    let token = token(&world).await;
    let reports = [report(&token, "one", "stop_session")];
    for (client_id, code, error) in [
        (
            NO_GUARD,
            "provider.guard_reports_not_allowed",
            ErrorCode::UnauthorizedClient,
        ),
        (
            PORTAL,
            "provider.guard_reports_not_allowed",
            ErrorCode::UnauthorizedClient,
        ),
        (
            "unknown",
            "provider.client_authentication_failed",
            ErrorCode::InvalidClient,
        ),
    ] {
        let refusal = send(&world, client_id, &reports).await.unwrap_err();
        assert_eq!(
            (refusal.code(), refusal.error),
            (code, error),
            "{client_id}"
        );
    }
    // Nobody was stopped.
    let taken = send(&world, GUARD, &reports).await.unwrap();
    assert_eq!(taken.ended.len(), 1);
}

#[tokio::test]
async fn a_guard_speaks_of_tokens_for_its_own_resource_server_alone_and_by_their_names() {
    let world = world().await;
    let token = token(&world).await;
    let good = report(&token, "one", "stop_account");
    let taken = send(&world, FOREIGN, std::slice::from_ref(&good))
        .await
        .unwrap();
    let code = "provider.guard_report_foreign";
    assert_eq!(taken.refused().get("one"), Some(&code));
    for (member, value) in [
        ("sub", json!("somebody else")),
        ("client_id", json!("portal-2")),
        ("sid", json!("another")),
        ("sid", Value::Null),
        ("jti", json!("never made")),
    ] {
        let mut wrong = good.clone();
        wrong[member] = value;
        let taken = send(&world, GUARD, &[wrong]).await.unwrap();
        assert_eq!((taken.accepted(), taken.ended.len()), (0, 0), "{member}");
        assert_eq!(taken.refused().get("one"), Some(&code), "{member}");
    }
    // What another has said under this id does not stand in its way.
    let taken = send(&world, GUARD, &[good]).await.unwrap();
    assert_eq!((taken.accepted(), taken.ended.len()), (1, 1));
}

/// A guard that was cut off over a weekend: what it showed is on record, and stops nobody.
#[tokio::test]
async fn what_comes_when_its_token_is_forgotten_is_kept_unproven_and_changes_nothing() {
    let world = world().await;
    let old = token(&world).await;
    let began = world.now();
    let at = |event_id: &str, answer: &str, hours: i64| {
        let mut report = report(&old, event_id, answer);
        let at = began + Duration::hours(hours);
        report["at"] = (at.unix_timestamp() * 1_000).into();
        report
    };
    world.pass(Duration::hours(45));
    world.provider.sweep().await.unwrap();
    while world.provider.forget_ended().await.unwrap() > 0 {}
    let fresh = token(&world).await;
    let session = world.event("tokens.issued").await.session_id.unwrap();
    let shown = [at("one", "allow", 0), at("two", "stop_account", 0)];
    for _ in 0..2 {
        let taken = send(&world, GUARD, &shown).await.unwrap();
        assert_eq!((taken.refused().len(), taken.ended.len()), (0, 0));
    }
    let stops = AccountStops::new(world.records());
    assert!(stops.list().await.unwrap().is_empty());
    // Too young to be forgotten, of a time of which nothing is kept, of another's session, or said
    // by a guard to whose resource server the portal has no tokens.
    let mut borrowed = at("five", "allow", 0);
    borrowed["sid"] = fresh["sid"].clone();
    borrowed["client_id"] = "portal-2".into();
    for (client_id, refused) in [
        (GUARD, at("three", "allow", 44)),
        (GUARD, at("four", "allow", -24 * 181)),
        (GUARD, borrowed),
        (FOREIGN, at("six", "allow", 0)),
    ] {
        let taken = send(&world, client_id, &[refused]).await.unwrap();
        let codes: Vec<_> = taken.refused().values().copied().collect();
        assert_eq!(codes, ["provider.guard_report_foreign"]);
    }
    let mut transaction = world.store.begin_read().await.unwrap();
    let said = SaidNames {
        sub: old["sub"].as_str().unwrap().to_owned(),
        sid: old["sid"].as_str().map(str::to_owned),
    };
    let unproven = list_unproven(&mut transaction, GUARD, 10).await.unwrap();
    assert_eq!(unproven, [(said.clone(), 2), (said, 2)]);
    let seen = list_patients_of_session(&mut transaction, &session, 10).await;
    assert!(seen.unwrap().is_empty());
}

#[tokio::test]
async fn a_stopped_session_ends_and_its_reason_is_on_record() {
    let world = world().await;
    let token = token(&world).await;
    let stop = report(&token, "one", "stop_session");
    let taken = send(&world, GUARD, std::slice::from_ref(&stop))
        .await
        .unwrap();
    assert_eq!(taken.ended[0].reason.as_str(), "guard_stopped");
    let ended = world.event("session.ended").await;
    assert_eq!(ended.code.as_deref(), Some("guard_stopped"));
    let stopped = world.event("guard.session_stopped").await;
    assert_eq!(stopped.session_id, ended.session_id);
    let again = send(&world, GUARD, &[stop]).await.unwrap();
    assert!(again.ended.is_empty());
    let stops = AccountStops::new(world.records());
    assert!(stops.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_account_is_stopped_until_an_operator_lifts_it_and_says_why() {
    let world = world().await;
    let token = token(&world).await;
    send(&world, GUARD, &[report(&token, "one", "stop_account")])
        .await
        .unwrap();
    // The session is over; what comes late of it is on record all the same.
    let late = send(&world, GUARD, &[report(&token, "two", "stop_account")])
        .await
        .unwrap();
    assert_eq!((late.accepted(), late.ended.len()), (1, 0));
    let stops = AccountStops::new(world.records());
    let listed = stops.list().await.unwrap();
    let [stop] = listed.as_slice() else {
        panic!("{listed:?}");
    };
    assert_eq!(
        (stop.service.as_str(), stop.guard_client_id.as_str()),
        ("records", GUARD)
    );
    // We know her by our own name, not by that of the portal's tokens.
    assert_ne!(json!(stop.sub), token["sub"]);
    world.event("guard.account_stopped").await;
    for (id, reason, code) in [
        ("another", "seen in person", "provider.stop_unknown"),
        (stop.id.as_str(), " ", "provider.stop_reason_invalid"),
        (stop.id.as_str(), "a\nb", "provider.stop_reason_invalid"),
    ] {
        assert_eq!(stops.lift(id, reason).await.unwrap_err().code(), code);
    }
    stops
        .lift(&stop.id, "called back, a new trainee")
        .await
        .unwrap();
    world.event("guard.stop_lifted").await;
    assert!(stops.list().await.unwrap().is_empty());
    let again = stops.lift(&stop.id, "twice").await.unwrap_err();
    assert_eq!(again.code(), "provider.stop_unknown");
}

#[test]
fn what_is_no_batch_of_reports_is_refused() {
    let good = json!({"sub": "s", "client_id": "c", "jti": "j"});
    assert!(read(json!([report(&good, "one", "allow")])).is_ok());
    let reason = |code: &str| json!([{"code": code, "count": 1, "limit": 1}]);
    let mut longest = report(&good, "one", "allow");
    longest["service"] = json!("aZ09._-".repeat(6));
    longest["reasons"] = reason(&"a_".repeat(20));
    assert!(read(json!([longest])).is_ok());
    let many: Vec<_> = (0..501).map(|it| it.to_string()).collect();
    let changed = |member: &str, value: Value| {
        let mut report = report(&good, "one", "allow");
        report[member] = value;
        json!([report])
    };
    for reports in [
        json!("x"),
        json!([1]),
        json!(vec![report(&good, "one", "allow"); 201]),
        changed("answer", json!("perhaps")),
        changed("kind", json!("guess")),
        changed("event_id", json!("")),
        changed("event_id", json!("a".repeat(257))),
        changed("service", json!("a\nb")),
        changed("service", json!("")),
        changed("service", json!("a".repeat(45))),
        changed("service", json!("records” is safe")),
        changed("service", json!("a\u{202e}b")),
        changed("reasons", reason("")),
        changed("reasons", reason(&"a".repeat(41))),
        changed("reasons", reason("per hour")),
        changed("reasons", reason("Per_hour")),
        changed("at", json!("now")),
        changed("patients", json!(many)),
        changed(
            "reasons",
            json!(vec![json!({"code": "a", "count": 1, "limit": 1}); 33]),
        ),
    ] {
        let refusal = read(reports.clone()).unwrap_err();
        assert_eq!(
            refusal.code(),
            "provider.guard_reports_invalid",
            "{reports}"
        );
    }
}
