//! Operators: they find cards, suspend them, and alone let them in again.

use cardea_provider::{Author, CardSuspensions, Records};
use std::sync::Arc;

use super::super::world::{PORTAL, World};
use super::{SUSPENDED, cards, code_after_login, refusal, session_of, suspend};

#[tokio::test]
async fn an_operator_suspends_a_card_and_lets_it_in_again() {
    let world = World::new().await;
    let code = code_after_login(&world).await;
    let session = session_of(&world).await;
    let cards = cards(&world);
    assert!(cards.list_suspended().await.unwrap().is_empty());
    let sub = world.event("login.accepted").await.sub.unwrap();
    // By her number, by her name with us, and by the card's own names.
    let found = cards.find("899700000029").await.unwrap();
    let [card] = &found[..] else {
        panic!("she has one card: {found:?}")
    };
    for word in [&sub, &card.number, &card.id] {
        assert_eq!(cards.find(word).await.unwrap(), found, "{word}");
    }
    assert!(cards.find("899700000011").await.unwrap().is_empty());
    assert!(card.has_code && card.suspension.is_none());

    let (suspended, ended) = cards.suspend(&card.id, "called from home").await.unwrap();
    assert!(suspended.suspension.is_some());
    assert!(ended.iter().any(|ended| ended.session_id == session));
    assert_eq!(world.told().await, [PORTAL]);
    let event = world.event("card.suspended_by_operator").await;
    assert!(
        event.details.contains("called from home"),
        "{}",
        event.details
    );
    assert!(event.details.contains("root"), "{}", event.details);
    assert_eq!(refusal(&world).await, SUSPENDED);
    let listed = cards.list_suspended().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].refused_at, Some(world.now()));
    let again = cards.suspend(&card.id, "twice").await.unwrap_err();
    assert_eq!(again.code(), "provider.card_suspended_already");

    // Neither the code nor the card undoes it.
    let read = world.provider.read_suspend_code(&code).await.unwrap();
    assert!(read.suspended_since.is_some());
    suspend(&world, &code).await.unwrap();
    assert_eq!(refusal(&world).await, SUSPENDED);

    let resumed = cards.resume(&card.id, "came with her passport").await;
    let resumed = resumed.unwrap();
    assert!(resumed.suspension.is_none() && !resumed.has_code);
    let event = world.event("card.resumed").await;
    assert!(event.details.contains("came with her passport"));
    assert_eq!(event.sub.as_deref(), Some(sub.as_str()));
    world.log_in(PORTAL, None).await;
    // Its code is spent: whoever found the sheet does not begin again.
    let dead = world.provider.read_suspend_code(&code).await.unwrap_err();
    assert_eq!(dead.code(), "provider.suspend_code_unknown");
    let again = cards.resume(&card.id, "twice").await.unwrap_err();
    assert_eq!(again.code(), "provider.card_not_suspended");
}

#[tokio::test]
async fn an_operator_says_why_and_names_a_card_that_there_is() {
    let world = World::new().await;
    world.log_in(PORTAL, None).await;
    let cards = cards(&world);
    let id = cards.find("899700000029").await.unwrap()[0].id.clone();
    for reason in ["", "  ", "a\nb", &"x".repeat(501)] {
        let refused = cards.suspend(&id, reason).await.unwrap_err();
        assert_eq!(refused.code(), "provider.suspension_reason_invalid");
        let refused = cards.resume(&id, reason).await.unwrap_err();
        assert_eq!(refused.code(), "provider.suspension_reason_invalid");
    }
    let unknown = cards.suspend("no-such-card", "lost").await.unwrap_err();
    assert_eq!(unknown.code(), "provider.card_unknown");
    let unknown = cards.resume("no-such-card", "found").await.unwrap_err();
    assert_eq!(unknown.code(), "provider.card_unknown");
}

/// Attack L3: with a second card an operator gets into the admin API as herself, and vouches for
/// herself.
#[tokio::test]
async fn an_operator_does_not_lift_the_suspension_of_a_card_of_her_own() {
    let world = World::new().await;
    world.log_in(PORTAL, None).await;
    let sub = world.event("login.accepted").await.sub.unwrap();
    let by = |sub: &str| {
        let author = Author::Person {
            sub: sub.to_owned(),
            client_id: "admin".to_owned(),
        };
        let log = Arc::new(cardea_provider::event::StoredEvents);
        let clock = Arc::clone(&world.clock);
        CardSuspensions::new(Records::new(world.store.clone(), log, clock, author))
    };
    let own = by(&sub);
    let id = own.find(&sub).await.unwrap()[0].id.clone();
    own.suspend(&id, "lost").await.unwrap();
    let refused = own.resume(&id, "it is me").await.unwrap_err();
    assert_eq!(refused.code(), "provider.card_own");
    by("another").resume(&id, "seen").await.unwrap();
}
