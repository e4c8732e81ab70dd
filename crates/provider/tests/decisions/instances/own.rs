//! What a person decides about her own workstations.

use cardea_provider::{AccountSession, EndReason, InstanceStanding, WorkstationChange};

use super::{REVOKED_BY_OWNER, acknowledge_at, acknowledge_news, log_in_at, refused_at};
use crate::decisions::world::{Instance, PORTAL, SECOND, Settings, World};

/// A person at her account page, as one that was opened at a workstation.
async fn account_at(world: &mut World, instance: &Instance) -> AccountSession {
    log_in_at(world, instance, SECOND).await;
    account_of(world, instance).await
}

/// The same, in the session that was opened last.
async fn account_of(world: &World, instance: &Instance) -> AccountSession {
    let session = world.event("session.activated").await;
    AccountSession {
        sub: session.sub.unwrap(),
        session_id: session.session_id.unwrap(),
        instance_jkt: instance.key.kid().to_owned(),
        card_sha256: String::new(),
        person_name: String::new(),
        form_token: String::new(),
    }
}

async fn change(
    world: &World,
    account: &AccountSession,
    instance: &Instance,
    change: WorkstationChange,
) -> Result<usize, &'static str> {
    let jkt = instance.key.kid();
    let changed = world
        .provider
        .change_own_workstation(account, jkt, change)
        .await;
    match changed {
        Ok(ended) => {
            assert!(ended.iter().all(|it| {
                matches!(it.reason, EndReason::WorkstationRevoked | EndReason::Logout)
            }));
            Ok(ended.len())
        }
        Err(error) => Err(error.code()),
    }
}

/// Two workstations that she knows.
async fn two_known() -> (World, Instance, Instance) {
    let mut world = Settings::refreshing().build().await;
    let (first, second) = (Instance::new(), Instance::new());
    log_in_at(&mut world, &first, PORTAL).await;
    log_in_at(&mut world, &second, PORTAL).await;
    acknowledge_at(&mut world, &first).await;
    (world, first, second)
}

/// Attack M4.
#[tokio::test]
async fn she_takes_one_out_and_lets_it_in_again() {
    let (mut world, first, second) = two_known().await;
    let account = account_at(&mut world, &first).await;
    assert_eq!(
        change(&world, &account, &second, WorkstationChange::Revoke).await,
        Ok(0)
    );
    let event = world.event("agent_instance.revoked_by_owner").await;
    assert_eq!(event.sub.as_ref(), Some(&account.sub));
    assert_eq!(refused_at(&mut world, &second).await, REVOKED_BY_OWNER);
    let shown = world
        .provider
        .list_own_workstations(&account)
        .await
        .unwrap();
    let shown = shown
        .iter()
        .find(|it| it.instance_jkt == second.key.kid())
        .unwrap();
    assert_eq!(shown.standing, InstanceStanding::Revoked);
    assert!(shown.may_change && shown.is_revoked_by_owner);
    assert_eq!(
        change(&world, &account, &second, WorkstationChange::Allow).await,
        Ok(0)
    );
    log_in_at(&mut world, &second, PORTAL).await;
}

/// A colleague with a card of her own at the same workstation goes on.
#[tokio::test]
async fn what_she_takes_out_is_out_for_her_alone() {
    let (mut world, first, second) = two_known().await;
    let account = account_at(&mut world, &first).await;
    change(&world, &account, &second, WorkstationChange::Revoke)
        .await
        .unwrap();
    let profile = cardea_test_pki::CardProfile::doctor();
    let profile = profile.with_key(cardea_test_pki::KeyKind::P256);
    world.card = world.pki.issue_card(&profile).unwrap().authentication;
    log_in_at(&mut world, &second, PORTAL).await;
}

/// Attack M3: whoever brought card and PIN to a workstation of his own cannot shut her out of hers,
/// and nobody shuts herself out from the last.
#[tokio::test]
async fn only_a_known_workstation_speaks_for_others_and_none_for_itself() {
    let (mut world, first, second) = two_known().await;
    let stranger = Instance::new();
    let account = account_at(&mut world, &stranger).await;
    let refused = Err("provider.workstation_not_entitled");
    for other in [&first, &second, &stranger] {
        let revoke = WorkstationChange::Revoke;
        assert_eq!(change(&world, &account, other, revoke).await, refused);
    }
    let shown = world
        .provider
        .list_own_workstations(&account)
        .await
        .unwrap();
    assert!(shown.iter().all(|it| !it.may_change));
    let account = account_at(&mut world, &second).await;
    let revoke = WorkstationChange::Revoke;
    assert_eq!(change(&world, &account, &second, revoke).await, refused);
    let unknown = change(&world, &account, &Instance::new(), revoke).await;
    assert_eq!(unknown, Err("provider.workstation_unknown"));
}

/// Sessions she may end from anywhere: that shuts nobody out.
#[tokio::test]
async fn she_ends_her_sessions_at_a_workstation_and_they_end_with_a_revocation() {
    let (mut world, first, second) = two_known().await;
    let account = account_at(&mut world, &first).await;
    let end = WorkstationChange::EndSessions;
    assert_eq!(change(&world, &account, &first, end).await, Ok(2));
    let over = change(&world, &account, &second, end).await;
    assert_eq!(over, Err("provider.session_ended"));
}

/// Attack M3: whoever has card and PIN makes more keys than her page shows, and the one that he
/// wants to keep is out of its reach. She takes out all of them.
#[tokio::test]
async fn m3_more_workstations_than_the_page_shows_are_taken_out_in_one_go() {
    let (mut world, first, second) = two_known().await;
    let kept_by_the_thief = Instance::new();
    let stranger = account_at(&mut world, &kept_by_the_thief).await;
    let refused = world.provider.revoke_other_workstations(&stranger).await;
    let refused = refused.unwrap_err().code();
    assert_eq!(refused, "provider.workstation_not_entitled");

    for _ in 0..50 {
        log_in_at(&mut world, &Instance::new(), PORTAL).await;
    }
    // She is told of twenty at a time: the page is open before she has said a word of the others.
    acknowledge_news(&mut world, &first, SECOND).await;
    let account = account_of(&world, &first).await;
    let jkt = kept_by_the_thief.key.kid();
    let shown = world.provider.list_own_workstations(&account).await;
    let shown = shown.unwrap();
    assert!(shown.iter().all(|it| it.instance_jkt != jkt));
    assert!(shown.iter().any(|it| it.may_change));
    // Her login has ended what the same card had open elsewhere.
    let ended = world.provider.revoke_other_workstations(&account).await;
    assert!(ended.unwrap().is_empty());
    for out in [&kept_by_the_thief, &second] {
        assert_eq!(refused_at(&mut world, out).await, REVOKED_BY_OWNER);
    }
    log_in_at(&mut world, &first, PORTAL).await;
}
