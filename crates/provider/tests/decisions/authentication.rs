//! The steps of a card login, one file a step: an accepting case and what breaks exactly that rule.

mod check_origin;
mod check_policy;
mod check_profile;
mod check_revocation;
mod check_shape;
mod map_subject;
mod redeem_challenge;
mod signature_algorithms;
mod validate_path;
mod verify_signatures;

use super::world::{PORTAL, World};

#[tokio::test]
async fn a_valid_answer_opens_a_pending_session() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    let pending = world.post(&begun, &answer).await.unwrap();
    assert_eq!(pending.presence_jkt, answer.presence_key.kid());

    let kinds: Vec<String> = world
        .events()
        .await
        .into_iter()
        .map(|event| event.kind)
        .collect();
    assert_eq!(kinds.len(), 3);
    for kind in [
        "authorization.begun",
        "login.accepted",
        "agent_instance.first_used",
    ] {
        assert!(kinds.iter().any(|found| found == kind), "{kind}");
    }
    let accepted = world.event("login.accepted").await;
    assert_eq!(accepted.authorization_request_id, Some(begun.request_id));
    assert_eq!(accepted.session_id, Some(pending.session_id));
    assert_eq!(accepted.client_id.as_deref(), Some(PORTAL));
}

#[tokio::test]
async fn events_hold_no_name_number_or_cookie() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let profile = cardea_test_pki::CardProfile::pharmacist();
    let number = profile.identifier.common_name();
    for event in world.events().await {
        let text = format!("{event:?}");
        for secret in [
            profile.given_name.as_str(),
            profile.family_name.as_str(),
            number.as_str(),
            completed.session_cookie.expose(),
        ] {
            assert!(!text.contains(secret), "{}", event.kind);
        }
    }
}
