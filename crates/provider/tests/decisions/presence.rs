//! Presence: activation, renewal, departure, and the same card elsewhere.

use cardea_assertion::{DepartureReason, sign_departed, sign_present};
use cardea_jose::{Algorithm, SigningKey, UnverifiedJws};
use cardea_provider::{EndReason, PresenceOutcome, SessionState};
use cardea_storage::session::PRESENCES_MAX;
use time::Duration;

use super::world::{ISSUER, Instance, PORTAL, World};

fn claims(token: &str) -> serde_json::Value {
    UnverifiedJws::parse(token, 4096)
        .unwrap()
        .unverified_claims()
        .unwrap()
}

#[tokio::test]
async fn a_key_that_no_session_names_is_unclaimed_until_one_does() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    let key = &answer.presence_key;
    assert!(
        matches!(world.present(key).await, PresenceOutcome::Unclaimed { jkt } if jkt == key.kid())
    );
    let pending = world.post(&begun, &answer).await.unwrap();
    let state = world
        .provider
        .find_session_state(&pending.session_id)
        .await
        .unwrap();
    assert_eq!(state, Some(SessionState::Pending));
    let outcome = world.present(key).await;
    let PresenceOutcome::Activated {
        session_id, ended, ..
    } = outcome
    else {
        panic!()
    };
    assert_eq!((session_id, ended.len()), (pending.session_id.clone(), 0));
    assert!(matches!(
        world.present(key).await,
        PresenceOutcome::Renewed { .. }
    ));
    let state = world
        .provider
        .find_session_state(&pending.session_id)
        .await
        .unwrap();
    assert_eq!(state, Some(SessionState::Active));
}

#[tokio::test]
async fn only_a_fresh_answer_addressed_to_us_counts() {
    let world = World::new().await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let old = sign_present(&key, ISSUER, "old nonce").unwrap();
    let foreign = sign_present(&key, "https://other.example.fr", "nonce").unwrap();
    let good = sign_present(&key, ISSUER, "nonce").unwrap();
    let (head, _) = good.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", cardea_jose::base64url(&[7; 64]));
    for (statement, nonce, code) in [
        (
            old.as_str(),
            Some("nonce"),
            "provider.presence_nonce_mismatch",
        ),
        (&good, None, "provider.presence_nonce_mismatch"),
        (&foreign, Some("nonce"), "assertion.audience_mismatch"),
        (&forged, Some("nonce"), "assertion.signature_invalid"),
        ("x", Some("nonce"), "jose.malformed"),
    ] {
        let error = world
            .provider
            .accept_presence(statement, nonce)
            .await
            .unwrap_err();
        assert_eq!(error.code(), code);
    }
    let nonces = [
        world.provider.new_presence_nonce(),
        world.provider.new_presence_nonce(),
    ];
    let [first, second] = nonces.map(Result::unwrap);
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_departure_ends_the_session_at_once_and_tells_the_client() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    let PresenceOutcome::Ended {
        ended: Some(ended), ..
    } = world.depart(&key).await
    else {
        panic!("the session ends")
    };
    assert_eq!(ended.reason, EndReason::Departed);
    assert_eq!(ended.presence_jkt, key.kid());
    let deliveries = world.deliveries().await;
    let [delivery] = &deliveries[..] else {
        panic!("one client")
    };
    assert_eq!(delivery.uri, "https://portal.example.fr/backchannel");
    let event = world.event("session.ended").await;
    assert_eq!(event.code.as_deref(), Some("departed"));
    assert_eq!(event.details, r#"{"codes_revoked":1,"grants_revoked":0}"#);

    // Replayed, a departure ends nothing twice; and the key is worth nothing any more.
    let again = world.depart(&key).await;
    assert!(matches!(again, PresenceOutcome::Ended { ended: None, .. }));
    let again = world.present(&key).await;
    assert!(matches!(again, PresenceOutcome::Ended { ended: None, .. }));
}

#[tokio::test]
async fn a_departure_says_why() {
    for (stated, reason) in [
        (DepartureReason::CardRemoved, EndReason::Departed),
        (DepartureReason::ScreenLocked, EndReason::ScreenLocked),
        (DepartureReason::Sleep, EndReason::WorkstationAsleep),
        (DepartureReason::AgentStopped, EndReason::Departed),
        (DepartureReason::PersonEnded, EndReason::Logout),
    ] {
        let world = World::new().await;
        let (_, key) = world.log_in(PORTAL, None).await;
        let statement = sign_departed(&key, ISSUER, stated).unwrap();
        let outcome = world.provider.accept_presence(&statement, None).await;
        let Ok(PresenceOutcome::Ended { ended, .. }) = outcome else {
            panic!("the session ends")
        };
        assert_eq!(ended.unwrap().reason, reason, "{stated:?}");
        let event = world.event("session.ended").await;
        assert_eq!(event.code.as_deref(), Some(reason.as_str()));
    }
}

#[tokio::test]
async fn answers_that_are_noted_together_renew_each_live_session_and_name_those_that_are_over() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    let PresenceOutcome::Renewed { session_id, .. } = world.present(&key).await else {
        panic!("the session is active")
    };
    for _ in 0..4 {
        let silent = world.pass_sweeping(Duration::seconds(20)).await;
        assert!(silent.is_empty());
        // More than one statement notes, and one that nobody knows.
        let mut ids = vec!["nobody's".to_owned(); PRESENCES_MAX];
        ids.push(session_id.clone());
        let over = world.provider.renew_presences(&ids).await.unwrap();
        assert_eq!(over.len(), PRESENCES_MAX);
        assert!(
            over.iter()
                .all(|(id, reason)| id == "nobody's" && reason.is_none())
        );
    }
    world.depart(&key).await;
    let ids = std::slice::from_ref(&session_id);
    let over = world.provider.renew_presences(ids).await.unwrap();
    assert_eq!(over, [(session_id, Some(EndReason::Departed))]);
    assert!(
        world
            .provider
            .renew_presences(&[])
            .await
            .unwrap()
            .is_empty()
    );
}

/// The agent could not connect before the card was pulled: its first word is the departure.
#[tokio::test]
async fn a_card_pulled_before_its_presence_was_proven_ends_the_pending_session() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    let early = world.depart(&answer.presence_key).await;
    assert!(
        matches!(early, PresenceOutcome::Unclaimed { .. }),
        "{early:?}"
    );
    let pending = world.post(&begun, &answer).await.unwrap();
    let PresenceOutcome::Ended { ended, .. } = world.depart(&answer.presence_key).await else {
        panic!("the session ends")
    };
    assert_eq!(ended.unwrap().session_id, pending.session_id);
    let again = world.present(&answer.presence_key).await;
    assert!(matches!(again, PresenceOutcome::Ended { .. }), "{again:?}");
}

#[tokio::test]
async fn a_departure_needs_the_presence_key_itself() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    let statement = sign_departed(&other, ISSUER, DepartureReason::CardRemoved).unwrap();
    let outcome = world
        .provider
        .accept_presence(&statement, None)
        .await
        .unwrap();
    assert!(matches!(outcome, PresenceOutcome::Unclaimed { .. }));
    assert!(matches!(
        world.present(&key).await,
        PresenceOutcome::Renewed { .. }
    ));
}

#[tokio::test]
async fn a_logout_token_is_one_and_nothing_else() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    let sid = claims_of_code_event(&world).await;
    world.depart(&key).await;
    let token = &world.deliveries().await[0].logout_token;
    let jws = UnverifiedJws::parse(token, 4096).unwrap();
    assert_eq!(
        (jws.typ(), jws.algorithm()),
        (Some("logout+jwt"), Algorithm::Rs256)
    );
    assert!(world.provider.jwks().find(jws.kid().unwrap()).is_some());
    let claims = claims(token);
    let mut names: Vec<&str> = claims
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"]
    );
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&ISSUER.into(), &PORTAL.into())
    );
    assert_eq!(claims["sid"], sid.as_str());
    let events = serde_json::json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    assert_eq!(claims["events"], events);
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        120
    );
}

async fn claims_of_code_event(world: &World) -> String {
    let details = world.event("code.issued").await.details;
    let details: serde_json::Value = serde_json::from_str(&details).unwrap();
    details["sid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_same_card_at_another_instance_ends_the_older_session() {
    let mut world = World::new().await;
    let (_, older) = world.log_in(PORTAL, None).await;
    world.instance = Instance::new();
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    // A signature alone, without a presence key behind it, ends nothing.
    assert!(matches!(
        world.present(&older).await,
        PresenceOutcome::Renewed { .. }
    ));
    let outcome = world.present(&answer.presence_key).await;
    let PresenceOutcome::Activated { ended, .. } = outcome else {
        panic!("activated")
    };
    let [ended] = &ended[..] else {
        panic!("one older session")
    };
    assert_eq!(ended.reason, EndReason::CardElsewhere);
    assert_eq!(ended.presence_jkt, older.kid());
    assert_eq!(world.told().await, [PORTAL]);
    assert!(matches!(
        world.present(&older).await,
        PresenceOutcome::Ended { .. }
    ));
}

#[tokio::test]
async fn the_same_card_at_the_same_instance_ends_nothing() {
    let world = World::new().await;
    let (_, first) = world.log_in(PORTAL, None).await;
    world.log_in(PORTAL, None).await;
    assert!(matches!(
        world.present(&first).await,
        PresenceOutcome::Renewed { .. }
    ));
}
