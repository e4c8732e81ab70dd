//! What is heard, and what is believed while nothing is.

mod fresh_signature;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::access_token::Demand;
use crate::test_issuer::{NOW, TestClient, TestIssuer, ask, merge, until};
use crate::{Act, Answer, Decider, Guard, LookUpsConfig, NoReporter, Patient, Rules, TokenCheck};

const SESSION: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const TOKEN: &str = "https://schemas.openid.net/secevent/oauth/event-type/token-revoked";

struct Stand {
    issuer: TestIssuer,
    client: TestClient,
    check: TokenCheck,
}

async fn stand() -> Stand {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({"revocation": "event_stream"})).await;
    Stand {
        issuer,
        client,
        check,
    }
}

impl Stand {
    async fn ask(&self, claims: &Value) -> Result<(), &'static str> {
        let mut all = self.issuer.claims(&self.client.key);
        merge(&mut all, claims);
        let token = self.issuer.token(&all);
        let headers = self.client.headers(&token);
        ask(&self.check, &headers, &Demand::default())
            .await
            .map(|_| ())
    }

    async fn heard(&self) {
        until(|| self.check.check_stream().is_ok()).await;
    }

    async fn silent(&self) {
        until(|| self.check.check_stream().is_err()).await;
    }

    fn ended(&self, jti: &str, sequence: u64, subject: &Value, kind: &str) {
        let set = self.issuer.set(&json!({
            "jti": jti, "sequence": sequence, "sub_id": subject, "events": {kind: {}},
        }));
        self.issuer.say(|says| {
            says.sets.insert(jti.to_owned(), set);
            if let Some(beat) = &mut says.heartbeat {
                beat["sequence"] = sequence.into();
            }
        });
    }

    fn has_acknowledged(&self, jti: &str) -> bool {
        let says = self.issuer.shared.says.lock().unwrap();
        says.acknowledged.iter().any(|known| known == jti)
    }
}

fn session(sid: &str) -> Value {
    json!({"format": "complex", "session": {"format": "opaque", "id": sid}})
}

#[tokio::test]
async fn while_the_stream_is_heard_nobody_is_asked_and_an_end_is_known_at_once() {
    let stand = stand().await;
    stand.heard().await;
    assert_eq!(stand.ask(&json!({})).await, Ok(()));
    assert_eq!(stand.ask(&json!({"sid": null})).await, Ok(()));
    assert_eq!(stand.issuer.introspections(), 0);
    stand.ended("one", 7, &session("a-session"), SESSION);
    until(|| stand.has_acknowledged("one")).await;
    assert_eq!(stand.ask(&json!({})).await, Err("guard.session_ended"));
    assert_eq!(stand.ask(&json!({"sid": "another"})).await, Ok(()));
    let token = json!({"format": "jwt_id", "iss": stand.issuer.url, "jti": "a-service's"});
    stand.ended("two", 9, &token, TOKEN);
    until(|| stand.has_acknowledged("two")).await;
    let service = json!({"sid": null, "jti": "a-service's"});
    assert_eq!(stand.ask(&service).await, Err("guard.token_revoked"));
    let other = json!({"sid": "another", "jti": "other"});
    assert_eq!(stand.ask(&other).await, Ok(()));
    // An event of a kind that nobody knows here goes by.
    stand.ended("three", 10, &session("another"), "https://example.fr/other");
    until(|| stand.has_acknowledged("three")).await;
    assert_eq!(stand.ask(&other).await, Ok(()));
    assert_eq!(stand.issuer.introspections(), 0);
}

/// One guard's secret must not disable the stream of all the others.
#[tokio::test]
async fn an_event_that_is_too_long_is_complained_of_and_does_not_end_the_stream() {
    let stand = stand().await;
    stand.heard().await;
    let streams = || {
        let says = stand.issuer.shared.says.lock().unwrap();
        let mut streams = says.streams.clone();
        streams.dedup();
        (streams.len(), says.set_errors.clone())
    };
    let mut long = session("a-session");
    long["padding"] = "x".repeat(20 * 1024).into();
    stand.ended("long", 7, &long, SESSION);
    until(|| streams().1 == ["long"]).await;
    // What it says holds: it is signed, and who could silence it by its length would be let in.
    assert_eq!(stand.ask(&json!({})).await, Err("guard.session_ended"));
    assert_eq!(stand.ask(&json!({"sid": "another"})).await, Ok(()));
    stand.ended("next", 8, &session("another"), SESSION);
    until(|| stand.has_acknowledged("next")).await;
    assert_eq!(streams(), (1, vec!["long".to_owned()]));
    assert!(stand.check.check_stream().is_ok());
    assert!(!stand.has_acknowledged("long"));
}

const STOPPED: &str = "urn:cardea:event:account-stopped";
const LIFTED: &str = "urn:cardea:event:account-stop-lifted";

/// A guard of the service `records`, and what it decides by.
fn guard(stand: &Stand, folder: &tempfile::TempDir) -> (Guard, Arc<Decider>) {
    let keys = folder.path().join("keys");
    std::fs::write(&keys, format!("k1 {}\n", "A".repeat(43))).unwrap();
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    let decider = Arc::new(Decider::new(Rules::default()));
    let guard = Guard::assemble(
        decider.clone(),
        &LookUpsConfig::new("records", keys),
        Arc::new(NoReporter),
        stand.issuer.clock.clone(),
    );
    (guard.unwrap(), decider)
}

fn answer(decider: &Decider, subject: &str) -> Answer {
    let mut act = Act::look_up(subject, "records", Patient::from_pseudonym("p"));
    act.at = NOW * 1000;
    decider.preview(&act).answer
}

impl Stand {
    fn stop(&self, jti: &str, sequence: u64, (service, number): (&str, i64), kind: &str) {
        let subject = json!({
            "format": "complex",
            "user": {"format": "iss_sub", "iss": self.issuer.url, "sub": "a-person"},
            "application": {"format": "opaque", "id": service},
        });
        let set = self.issuer.set(&json!({
            "jti": jti, "sequence": sequence, "sub_id": subject,
            "events": {kind: {"stop": "s", "stop_sequence": number}},
        }));
        self.issuer.say(|says| {
            says.sets.insert(jti.to_owned(), set);
            if let Some(beat) = &mut says.heartbeat {
                beat["sequence"] = sequence.into();
            }
        });
    }

    async fn told(&self, jti: &str, sequence: u64, stop: (&str, i64), kind: &str) {
        self.stop(jti, sequence, stop, kind);
        until(|| self.has_acknowledged(jti)).await;
    }
}

#[tokio::test]
async fn an_account_that_another_guard_stopped_is_stopped_here_until_it_is_lifted() {
    let stand = stand().await;
    let folder = tempfile::tempdir().unwrap();
    let (guard, decider) = guard(&stand, &folder);
    stand.check.tell(guard);
    stand.heard().await;
    assert_eq!(answer(&decider, "a-person"), Answer::Allow);
    stand
        .told("elsewhere", 3, ("another service", 1), STOPPED)
        .await;
    assert_eq!(answer(&decider, "a-person"), Answer::Allow);
    stand.told("stop", 4, ("records", 2), STOPPED).await;
    assert_eq!(answer(&decider, "a-person"), Answer::StopAccount);
    assert_eq!(answer(&decider, "another"), Answer::Allow);
    // Of an earlier stop, and late.
    stand.told("old", 5, ("records", 1), LIFTED).await;
    assert_eq!(answer(&decider, "a-person"), Answer::StopAccount);
    stand.told("lift", 6, ("records", 2), LIFTED).await;
    assert_eq!(answer(&decider, "a-person"), Answer::Allow);
    // Told once more.
    stand.told("again", 7, ("records", 2), STOPPED).await;
    assert_eq!(answer(&decider, "a-person"), Answer::Allow);
    assert!(stand.check.check_stream().is_ok());
}

#[tokio::test]
async fn a_guard_that_comes_after_the_first_poll_hears_what_was_told_before() {
    let stand = stand().await;
    stand.heard().await;
    stand.told("stop", 4, ("records", 2), STOPPED).await;
    let folder = tempfile::tempdir().unwrap();
    let (guard, decider) = guard(&stand, &folder);
    stand.check.tell(guard);
    until(|| answer(&decider, "a-person") == Answer::StopAccount).await;
}

#[tokio::test]
async fn a_token_from_before_the_stream_is_whole_is_introspected() {
    let stand = stand().await;
    stand.heard().await;
    stand
        .issuer
        .say(|says| says.introspection = json!({"active": false}));
    let before = json!({"iat": NOW - 101});
    assert_eq!(stand.ask(&before).await, Err("guard.token_inactive"));
    assert_eq!(stand.ask(&json!({"iat": NOW - 100})).await, Ok(()));
    // The stream begins anew: what was whole is not any more.
    stand.issuer.say(|says| {
        says.heartbeat = Some(json!({"iat": NOW, "since": NOW + 1, "sequence": 0}));
    });
    let mut outcome = Ok(());
    for _ in 0..200 {
        outcome = stand.ask(&json!({})).await;
        if outcome.is_err() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(outcome, Err("guard.token_inactive"));
}

#[tokio::test]
async fn at_the_start_and_in_silence_every_token_is_introspected_and_refused_if_that_fails() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    issuer.say(|says| says.has_stream = false);
    let check = issuer.check(&json!({"revocation": "event_stream"})).await;
    let stand = Stand {
        issuer,
        client,
        check,
    };
    assert_eq!(stand.ask(&json!({})).await, Ok(()));
    assert_eq!(stand.issuer.introspections(), 1);
    stand.issuer.say(|says| says.is_down = true);
    assert_eq!(
        stand.ask(&json!({})).await,
        Err("guard.introspection_failed")
    );
}

#[tokio::test]
async fn a_heartbeat_that_is_late_leaves_the_stream_unheard_and_what_ended_stays_known() {
    let stand = stand().await;
    stand.heard().await;
    stand.ended("one", 7, &session("a-session"), SESSION);
    until(|| stand.has_acknowledged("one")).await;
    stand.issuer.say(|says| says.is_down = true);
    stand.silent().await;
    assert_eq!(
        stand.check.check_stream().unwrap_err().code(),
        "guard.heartbeat_late"
    );
    assert_eq!(stand.ask(&json!({})).await, Err("guard.session_ended"));
    let other = json!({"sid": "another"});
    assert_eq!(stand.ask(&other).await, Err("guard.introspection_failed"));
    stand.issuer.say(|says| says.is_down = false);
    stand.heard().await;
    let asked = stand.issuer.introspections();
    assert_eq!(stand.ask(&other).await, Ok(()));
    assert_eq!(stand.issuer.introspections(), asked);
}

/// A proxy that plays an old stream again, or lets something out, makes nobody believe it.
#[tokio::test]
async fn a_stream_that_can_not_be_believed_is_not_heard() {
    let heartbeats = [
        (
            "from another time",
            json!({"iat": NOW - 9, "since": NOW - 100, "sequence": 0}),
        ),
        (
            "from the future",
            json!({"iat": NOW + 9, "since": NOW - 100, "sequence": 0}),
        ),
        (
            "of an event that never came",
            json!({"iat": NOW, "since": NOW - 100, "sequence": 8}),
        ),
        (
            "for another",
            json!({"iat": NOW, "since": NOW - 100, "sequence": 0, "aud": "b"}),
        ),
        ("without since", json!({"iat": NOW, "sequence": 0})),
    ];
    let stand = stand().await;
    for (name, heartbeat) in heartbeats {
        let good = json!({"iat": NOW, "since": NOW - 100, "sequence": 0});
        stand.issuer.say(|says| says.heartbeat = Some(good));
        stand.heard().await;
        stand.issuer.say(|says| says.heartbeat = Some(heartbeat));
        stand.silent().await;
        let asked = stand.issuer.introspections();
        assert_eq!(stand.ask(&json!({})).await, Ok(()), "{name}");
        assert_eq!(stand.issuer.introspections(), asked + 1, "{name}");
    }
    // Each of them began a stream under a fresh name: what was acknowledged would not come again.
    let mut names = stand.issuer.shared.says.lock().unwrap().streams.clone();
    names.sort();
    names.dedup();
    assert!(names.len() >= 5, "{names:?}");
}

#[tokio::test]
async fn a_forged_event_ends_nothing_and_the_stream_is_not_believed() {
    let stand = stand().await;
    stand.heard().await;
    let claims = json!({
        "iss": stand.issuer.url, "aud": "api", "iat": NOW, "jti": "x", "sequence": 1,
        "sub_id": session("a-session"), "events": {SESSION: {}},
    });
    let forged = TestClient::new()
        .key
        .sign_jwt("secevent+jwt", &claims)
        .unwrap();
    let typed = stand.issuer.key.sign_jwt("logout+jwt", &claims).unwrap();
    for set in [forged, typed, "x".to_owned()] {
        stand
            .issuer
            .say(|says| drop(says.sets.insert("x".to_owned(), set)));
        stand.silent().await;
        assert_eq!(stand.ask(&json!({})).await, Ok(()));
        stand.issuer.say(|says| says.sets.clear());
        stand.heard().await;
    }
    assert!(!stand.has_acknowledged("x"));
}
