//! Sessions end by the clock: each limit on its last second and one later.

use cardea_jose::SigningKey;
use cardea_provider::{EndReason, EndedSession};
use time::Duration;

use super::world::{PORTAL, Settings, World};

async fn swept(world: &World) -> Vec<EndedSession> {
    world.provider.sweep().await.unwrap()
}

fn only(ended: &[EndedSession]) -> EndReason {
    let [ended] = ended else {
        panic!("one session ends, not {}", ended.len())
    };
    ended.reason
}

#[tokio::test]
async fn a_session_whose_presence_key_never_answers_ends_after_a_minute() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.pass(Duration::seconds(60));
    assert!(swept(&world).await.is_empty());
    world.pass(Duration::seconds(1));
    assert_eq!(only(&swept(&world).await), EndReason::NeverPresent);
    assert!(swept(&world).await.is_empty(), "once");
}

#[tokio::test]
async fn a_silent_agent_loses_its_session_after_the_grace_period() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    for _ in 0..5 {
        assert!(world.pass_sweeping(Duration::seconds(30)).await.is_empty());
        world.present(&key).await;
    }
    let ended = world.pass_sweeping(Duration::seconds(31)).await;
    assert_eq!(only(&ended), EndReason::PresenceLost);
    assert_eq!(world.told().await, [PORTAL]);
    assert_eq!(
        world.event("session.ended").await.code.as_deref(),
        Some("presence_lost")
    );
}

#[tokio::test]
async fn silence_does_not_count_while_we_could_not_be_reached() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    // The server was down for ten minutes; the same database, a new process.
    world.pass(Duration::minutes(10));
    comes_back_in_time_or_is_over(&world.restarted(), &key).await;
}

#[tokio::test]
async fn silence_does_not_count_while_our_sweep_could_not_run() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    assert!(swept(&world).await.is_empty());
    // The same process, paused or without its database for ten minutes.
    world.pass(Duration::minutes(10));
    comes_back_in_time_or_is_over(&world, &key).await;
}

#[tokio::test]
async fn a_late_sweep_is_no_outage() {
    let world = World::new().await;
    world.log_in(PORTAL, None).await;
    for _ in 0..3 {
        world.pass(Duration::seconds(10));
        assert!(swept(&world).await.is_empty());
    }
    world.pass(Duration::seconds(10));
    assert_eq!(only(&swept(&world).await), EndReason::PresenceLost);
}

/// After our own outage an agent has the whole grace period, and not more.
async fn comes_back_in_time_or_is_over(world: &World, key: &SigningKey) {
    assert!(swept(world).await.is_empty());
    assert!(world.pass_sweeping(Duration::seconds(30)).await.is_empty());
    world.present(key).await;
    assert!(
        world.pass_sweeping(Duration::seconds(1)).await.is_empty(),
        "it came back in time"
    );
    let ended = world.pass_sweeping(Duration::seconds(30)).await;
    assert_eq!(only(&ended), EndReason::PresenceLost);
}

#[tokio::test]
async fn an_unused_session_ends_after_half_an_hour_although_the_card_is_present() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    world.pass(Duration::minutes(30));
    world.present(&key).await;
    assert!(swept(&world).await.is_empty());
    world.pass(Duration::seconds(1));
    assert_eq!(only(&swept(&world).await), EndReason::Idle);
}

#[tokio::test]
async fn no_session_outlives_four_hours_however_much_it_is_used() {
    let mut settings = Settings::baseline();
    settings.config.lifetimes.session_idle = Duration::days(1);
    let world = settings.build().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    world.pass(Duration::hours(4));
    world.present(&key).await;
    assert!(swept(&world).await.is_empty());
    world.pass(Duration::seconds(1));
    assert_eq!(only(&swept(&world).await), EndReason::AbsoluteLimit);
}

#[tokio::test]
async fn the_operator_can_end_a_session() {
    let world = World::new().await;
    world.log_in(PORTAL, None).await;
    let session_id = world.event("login.accepted").await.session_id.unwrap();
    let ended = world
        .provider
        .end_session(&session_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended.reason, EndReason::Operator);
    assert_eq!(world.told().await, [PORTAL]);
    assert!(
        world
            .provider
            .end_session(&session_id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        world
            .provider
            .end_session("unknown")
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn ended_records_are_forgotten_after_the_retention_period() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    world.depart(&key).await;
    assert_eq!(world.provider.forget_ended().await.unwrap(), 0);
    world.pass(Duration::hours(25));
    assert!(world.provider.forget_ended().await.unwrap() > 0);
    let session_id = world.event("login.accepted").await.session_id.unwrap();
    assert_eq!(
        world
            .provider
            .find_session_state(&session_id)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_login_that_nobody_completed_is_forgotten_five_minutes_after_it_expired() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    let begun = world.begin(PORTAL).await;
    world.answer(&begun).await;
    world.depart(&key).await;
    // Ten minutes until it expires, and five.
    world.pass(Duration::minutes(15));
    assert_eq!(world.provider.forget_ended().await.unwrap(), 0);
    world.pass(Duration::seconds(1));
    let rows = world.provider.forget_ended().await.unwrap();
    assert_eq!(
        rows, 3,
        "the request, its challenge and its event, not the other login"
    );
}
