//! A person suspends a card of hers on her account page, which she has opened with another one.

use cardea_provider::{AccountSession, OwnCard, SuspendedBy};
use cardea_test_pki::CardProfile;
use time::Duration;

use super::super::world::{Instance, PORTAL, SECOND, World};
use super::{
    SUSPENDED, account_of, cards, code_after_login, issue, refusal, second_card, session_of,
};

const NOT_ENTITLED: Result<usize, &str> = Err("provider.card_suspension_not_entitled");

async fn listed(world: &World, account: &AccountSession) -> Vec<OwnCard> {
    world.provider.list_own_cards(account).await.unwrap()
}

/// Suspends a card, and says how many sessions ended.
async fn suspend(world: &World, account: &AccountSession, id: &str) -> Result<usize, &'static str> {
    let suspended = world.provider.suspend_own_card(account, id).await;
    suspended
        .map(|ended| ended.len())
        .map_err(|error| error.code())
}

/// Two cards of one person, the lost one first: a session of each, and her page with the second.
async fn two_cards() -> (World, String, AccountSession) {
    let mut world = World::new().await;
    world.log_in(PORTAL, None).await;
    let lost_in = session_of(&world).await;
    world.card = second_card(&world);
    world.pass(Duration::seconds(1));
    world.log_in(SECOND, None).await;
    let account = account_of(&world).await;
    (world, lost_in, account)
}

/// Attack L5: what was open with the lost card ends with it, and the one in her reader goes on.
#[tokio::test]
async fn l5_she_suspends_the_lost_one_and_only_an_operator_lifts_it() {
    let (world, lost_in, account) = two_cards().await;
    let [here, lost] = &listed(&world, &account).await[..] else {
        panic!("she has two cards");
    };
    assert!(here.is_this_one && !here.may_suspend);
    assert!(!lost.is_this_one && lost.may_suspend);
    let ended = world.provider.suspend_own_card(&account, &lost.id).await;
    let ended = ended.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].session_id, lost_in);
    let event = world.event("card.suspended_by_owner").await;
    assert_eq!(event.sub.as_ref(), Some(&account.sub));
    assert!(event.details.contains(&lost.id), "{}", event.details);

    let cards_now = listed(&world, &account).await;
    let by = cards_now[1].suspension.map(|it| it.by);
    assert_eq!(by, Some(SuspendedBy::Owner));
    assert!(!cards_now[1].may_suspend, "once");
    assert_eq!(suspend(&world, &account, &lost.id).await, Ok(0));
    let operator = cards(&world);
    assert_eq!(operator.list_suspended().await.unwrap().len(), 1);
    let resumed = operator.resume(&lost.id, "came with her passport").await;
    assert!(resumed.unwrap().suspension.is_none());
}

#[tokio::test]
async fn the_suspended_card_signs_nobody_in_and_the_other_one_does() {
    let mut world = World::new().await;
    let lost_card = world.card.clone();
    world.log_in(PORTAL, None).await;
    world.card = second_card(&world);
    world.pass(Duration::seconds(1));
    world.log_in(SECOND, None).await;
    let account = account_of(&world).await;
    let lost = listed(&world, &account).await.remove(1);
    suspend(&world, &account, &lost.id).await.unwrap();
    world.card = lost_card;
    assert_eq!(refusal(&world).await, SUSPENDED);
    let session = &account.session_id;
    let state = world.provider.find_session_state(session).await.unwrap();
    assert_eq!(state, Some(cardea_provider::SessionState::Active));
}

/// Neither the card that she holds, nor another person's, nor after her session is over.
#[tokio::test]
async fn no_other_card_is_hers_to_suspend() {
    let (mut world, _, account) = two_cards().await;
    let own = listed(&world, &account).await;
    assert_eq!(suspend(&world, &account, &own[0].id).await, NOT_ENTITLED);
    let unknown = Err("provider.card_unknown");
    assert_eq!(suspend(&world, &account, "none").await, unknown);
    world.card = issue(&world, CardProfile::nurse());
    world.log_in(PORTAL, None).await;
    let nurse = account_of(&world).await;
    let hers = listed(&world, &nurse).await.remove(0);
    assert_eq!(suspend(&world, &account, &hers.id).await, unknown);
    world
        .provider
        .end_session(&account.session_id)
        .await
        .unwrap();
    let over = suspend(&world, &account, &own[1].id).await;
    assert_eq!(over, Err("provider.session_ended"));
    assert_eq!(cards(&world).list_suspended().await.unwrap().len(), 0);
}

/// Attack M3: whoever brought one card with its PIN to a workstation of his own cannot shut her out
/// with all the others.
#[tokio::test]
async fn m3_a_workstation_that_is_not_known_suspends_none_of_hers() {
    let (mut world, _, _) = two_cards().await;
    world.instance = Instance::new();
    world.pass(Duration::seconds(1));
    world.log_in(PORTAL, None).await;
    let account = account_of(&world).await;
    let own = listed(&world, &account).await;
    assert!(own.iter().all(|card| !card.may_suspend));
    assert_eq!(suspend(&world, &account, &own[1].id).await, NOT_ENTITLED);
    // A machine that everybody uses: an operator's trust is no word of hers.
    let decided = cardea_provider::TrustedInstances::new(world.records());
    let jkt = world.instance.key.kid().to_owned();
    decided.trust(&jkt, "Pharmacie", None).await.unwrap();
    let own = listed(&world, &account).await;
    assert!(own.iter().all(|card| !card.may_suspend));
    assert_eq!(suspend(&world, &account, &own[1].id).await, NOT_ENTITLED);
}

/// A managed workstation speaks for her where she knows it.
#[tokio::test]
async fn a_managed_workstation_that_she_knows_suspends_the_lost_one() {
    let (world, _, account) = two_cards().await;
    let decided = cardea_provider::TrustedInstances::new(world.records());
    let jkt = world.instance.key.kid().to_owned();
    decided.trust(&jkt, "Pharmacie", None).await.unwrap();
    let own = listed(&world, &account).await;
    assert!(own[1].may_suspend);
    assert_eq!(suspend(&world, &account, &own[1].id).await, Ok(1));
}

/// Attack M3: whoever brought her card and its PIN to a workstation of his own, or to a managed one
/// that is not hers, leaves the code on her sheet alive, and she replaces it where she is known.
#[tokio::test]
async fn m3_her_printed_code_is_replaced_where_she_is_known_and_nowhere_else() {
    let mut world = World::new().await;
    let printed = code_after_login(&world).await;
    let hers = world.instance.clone();
    world.instance = Instance::new();
    world.pass(Duration::seconds(1));
    world.log_in(SECOND, None).await;
    let thief = account_of(&world).await;
    assert!(!listed(&world, &thief).await[0].may_make_code);
    let decided = cardea_provider::TrustedInstances::new(world.records());
    for managed in [false, true] {
        if managed {
            let jkt = world.instance.key.kid();
            decided.trust(jkt, "Pharmacie", None).await.unwrap();
        }
        let refused = world.provider.make_suspend_code(&thief).await.unwrap_err();
        assert_eq!(refused.code(), "provider.suspend_code_not_entitled");
    }
    assert!(world.provider.read_suspend_code(&printed).await.is_ok());

    world.instance = hers;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let account = account_of(&world).await;
    assert!(listed(&world, &account).await[0].may_make_code);
    let made = world.provider.make_suspend_code(&account).await.unwrap();
    let dead = world.provider.read_suspend_code(&printed).await;
    assert_eq!(dead.unwrap_err().code(), "provider.suspend_code_unknown");
    super::suspend(&world, &made.code).await.unwrap();
}

/// The first code of a card is made anywhere: there is none to be lost by it.
#[tokio::test]
async fn the_first_code_of_a_card_is_made_at_a_new_workstation_and_one_alone() {
    let mut world = World::new().await;
    world.log_in(PORTAL, None).await;
    world.instance = Instance::new();
    world.pass(Duration::seconds(1));
    world.log_in(SECOND, None).await;
    let account = account_of(&world).await;
    assert!(listed(&world, &account).await[0].may_make_code);
    let first = world.provider.make_suspend_code(&account).await.unwrap();
    let refused = world.provider.make_suspend_code(&account).await;
    let refused = refused.unwrap_err().code();
    assert_eq!(refused, "provider.suspend_code_not_entitled");
    super::suspend(&world, &first.code).await.unwrap();
}
