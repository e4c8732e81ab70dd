//! Many agents silent at once: the fault is ours, and nobody's session ends for it.

use std::sync::atomic::{AtomicU64, Ordering};

use cardea_jose::SigningKey;
use cardea_provider::{BegunAuthorization, EndReason, PresenceOutcome};
use cardea_test_pki::{CardProfile, IssuedCertificate, KeyKind, PersonIdentifier};
use time::Duration;

use super::world::{Instance, PORTAL, Settings, World, parameters};

/// Logs `count` people in at a workstation each, so that their sessions are live at once.
async fn live(world: &mut World, count: usize) -> Vec<SigningKey> {
    let mut keys = Vec::new();
    for _ in 0..count {
        world.card = another_person(world);
        world.instance = Instance::new();
        keys.push(world.log_in(PORTAL, None).await.1);
    }
    keys
}

/// The card of somebody whom no test has seen yet.
fn another_person(world: &World) -> IssuedCertificate {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let profile = CardProfile::pharmacist()
        .with_key(KeyKind::P256)
        .with_identifier(PersonIdentifier::Rpps(format!("{number:011}")));
    world.pki.issue_card(&profile).unwrap().authentication
}

async fn count(world: &World, kind: &str) -> usize {
    let events = world.events().await;
    events.iter().filter(|event| event.kind == kind).count()
}

#[tokio::test]
async fn many_silent_at_once_end_nobody_and_raise_one_alarm() {
    let mut world = World::new().await;
    let keys = live(&mut world, 8).await;
    assert!(!world.provider.is_losing_many());
    let ended = world.pass_sweeping(Duration::minutes(10)).await;
    assert!(ended.is_empty(), "{ended:?}");
    assert!(world.provider.is_losing_many());
    let event = world.event("presence.mass_loss_begun").await;
    assert_eq!(event.code.as_deref(), Some("provider.mass_presence_loss"));
    assert_eq!(event.details, r#"{"lost":8,"live":8}"#);
    assert_eq!(count(&world, "presence.mass_loss_begun").await, 1);

    // The agents come back by and by; the alarm is over a minute after the loss is one of few.
    for key in &keys[..6] {
        world.present(key).await;
    }
    assert!(world.pass_sweeping(Duration::seconds(15)).await.is_empty());
    for key in &keys {
        let outcome = world.present(key).await;
        assert!(
            matches!(outcome, PresenceOutcome::Renewed { .. }),
            "{outcome:?}"
        );
    }
    for _ in 0..8 {
        assert!(world.pass_sweeping(Duration::seconds(10)).await.is_empty());
        for key in &keys {
            world.present(key).await;
        }
    }
    assert!(!world.provider.is_losing_many());
    assert_eq!(count(&world, "presence.mass_loss_ended").await, 1);
    assert_eq!(count(&world, "session.ended").await, 0);
}

#[tokio::test]
async fn people_keep_working_while_the_fault_is_ours() {
    let mut world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    live(&mut world, 5).await;
    world.pass_sweeping(Duration::minutes(2)).await;
    let mut asked = parameters(PORTAL);
    asked.prompt = Some("none".to_owned());
    let cookie = Some(completed.session_cookie.expose());
    let begun = world.provider.begin_authorization(asked, cookie).await;
    assert!(
        matches!(begun, Ok(BegunAuthorization::Completed { .. })),
        "{begun:?}"
    );
}

#[tokio::test]
async fn a_departure_ends_its_session_at_once_all_the_same() {
    let mut world = World::new().await;
    let keys = live(&mut world, 6).await;
    world.pass_sweeping(Duration::minutes(1)).await;
    assert!(world.provider.is_losing_many());
    let outcome = world.depart(&keys[0]).await;
    let PresenceOutcome::Ended {
        ended: Some(ended), ..
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(ended.reason, EndReason::Departed);
    assert_eq!(world.told().await, [PORTAL]);
}

#[tokio::test]
async fn few_that_are_silent_lose_their_sessions() {
    let mut world = World::new().await;
    live(&mut world, 4).await;
    let ended = world.pass_sweeping(Duration::seconds(40)).await;
    let reasons: Vec<_> = ended.iter().map(|ended| ended.reason).collect();
    assert_eq!(reasons, [EndReason::PresenceLost; 4]);
    assert_eq!(count(&world, "presence.mass_loss_begun").await, 0);
}

#[tokio::test]
async fn a_small_share_of_many_loses_its_sessions() {
    let mut settings = Settings::baseline();
    settings.config.mass_loss.agents_min = 2;
    let mut world = settings.build().await;
    let keys = live(&mut world, 12).await;
    let mut ended = Vec::new();
    for _ in 0..4 {
        ended.extend(world.pass_sweeping(Duration::seconds(10)).await);
        for key in &keys[3..] {
            world.present(key).await;
        }
    }
    assert_eq!(
        ended.len(),
        3,
        "three of twelve are not more than a quarter"
    );
    assert!(!world.provider.is_losing_many());
}

#[tokio::test]
async fn the_limits_of_a_session_hold_while_the_fault_is_ours() {
    let mut settings = Settings::baseline();
    settings.config.lifetimes.session_idle = Duration::minutes(3);
    let mut world = settings.build().await;
    live(&mut world, 6).await;
    let ended = world.pass_sweeping(Duration::minutes(4)).await;
    let reasons: Vec<_> = ended.iter().map(|ended| ended.reason).collect();
    assert_eq!(reasons, [EndReason::Idle; 6]);
}

#[tokio::test]
async fn after_the_second_grace_sessions_end_a_few_at_a_time() {
    let mut world = World::new().await;
    live(&mut world, 8).await;
    assert!(world.pass_sweeping(Duration::minutes(15)).await.is_empty());
    let mut left = 8;
    let mut sweeps = 0;
    while left > 0 {
        world.pass(Duration::seconds(2));
        let ended = world.provider.sweep().await.unwrap();
        assert!(ended.len() <= 1, "one in a hundred, but one at least");
        left -= ended.len();
        sweeps += 1;
        assert!(sweeps < 100, "{left} are left");
    }
    world.pass_sweeping(Duration::minutes(3)).await;
    assert!(!world.provider.is_losing_many(), "the alarm is over");
}

#[tokio::test]
async fn all_nodes_know_of_a_loss_and_one_puts_it_on_record() {
    let mut world = World::new().await;
    live(&mut world, 6).await;
    world.pass_sweeping(Duration::minutes(1)).await;
    let other = world.restarted();
    assert!(!other.provider.is_losing_many(), "it has not looked yet");
    assert!(other.pass_sweeping(Duration::minutes(1)).await.is_empty());
    assert!(other.provider.is_losing_many());
    assert_eq!(count(&world, "presence.mass_loss_begun").await, 1);
}

/// Whoever opens many sessions at one workstation, or lets many people sign in there, has one
/// agent: its silence is not that of many.
#[tokio::test]
async fn one_agent_with_many_sessions_is_one_lost() {
    for people in [1, 6] {
        let mut world = World::new().await;
        let others = live(&mut world, 8).await;
        world.instance = Instance::new();
        for count in 0..6 {
            if count < people {
                world.card = another_person(&world);
            }
            world.log_in(PORTAL, None).await;
        }
        let mut ended = Vec::new();
        for _ in 0..5 {
            ended.extend(world.pass_sweeping(Duration::seconds(10)).await);
            for key in &others[1..] {
                world.present(key).await;
            }
            assert!(!world.provider.is_losing_many());
        }
        assert_eq!(ended.len(), 7, "{people} at one workstation, and one more");
    }
}
