//! What strangers bring about by themselves, from as many addresses as they have (attack H9).

use cardea_provider::{AuthorizationError, BegunAuthorization, Error};
use cardea_storage::authorization_request::count_unanswered;
use time::Duration;

use super::world::{PORTAL, Settings, World};

async fn world_with_places(places: u32) -> World {
    let mut settings = Settings::baseline();
    settings.config.authorization_rules.waiting_logins_max = places;
    settings.build().await
}

async fn begin(world: &World) -> Result<BegunAuthorization, AuthorizationError> {
    world.authorize(|_| {}).await
}

async fn waiting(world: &World) -> i64 {
    let mut transaction = world.store.begin_read().await.unwrap();
    count_unanswered(&mut transaction).await.unwrap()
}

#[tokio::test]
async fn h9_where_all_places_are_taken_a_login_is_refused_on_a_page_and_leaves_no_row() {
    let world = world_with_places(3).await;
    for _ in 0..3 {
        begin(&world).await.unwrap();
    }
    let rows = world.events().await.len();
    for _ in 0..5 {
        let error = begin(&world).await.unwrap_err();
        assert_eq!(error.code(), "provider.waiting_logins_limit_reached");
        assert!(matches!(
            error,
            AuthorizationError::Page(Error::WaitingLoginsLimitReached)
        ));
    }
    assert_eq!(waiting(&world).await, 3);
    assert_eq!(world.events().await.len(), rows);
}

#[tokio::test]
async fn h9_the_oldest_login_that_nobody_answers_gives_way_after_two_minutes() {
    let world = world_with_places(3).await;
    let old = world.begin(PORTAL).await;
    for _ in 0..2 {
        world.pass(Duration::seconds(1));
        begin(&world).await.unwrap();
    }
    world.pass(Duration::seconds(118));
    assert!(begin(&world).await.is_err());
    world.pass(Duration::seconds(1));
    begin(&world).await.unwrap();
    assert_eq!(waiting(&world).await, 3);
    let gone = world
        .provider
        .describe_login(&old.request_id, old.login_cookie.expose())
        .await;
    assert_eq!(
        gone.unwrap_err().code(),
        "provider.authorization_request_unknown"
    );
}

/// One transaction deletes no more than a batch, and nobody is refused for what is left.
#[tokio::test]
async fn h9_far_too_many_logins_become_fewer_with_each_that_begins() {
    let world = world_with_places(1_000).await;
    for _ in 0..700 {
        begin(&world).await.unwrap();
    }
    world.pass(Duration::seconds(121));
    let mut settings = Settings::baseline();
    settings.config.authorization_rules.waiting_logins_max = 50;
    let strict = world.restarted_with(settings);
    strict.provider.sweep().await.unwrap();
    for left in [201, 50, 50] {
        begin(&strict).await.unwrap();
        assert_eq!(waiting(&world).await, left);
    }
}

#[tokio::test]
async fn h9_a_sweep_counts_what_waits_on_every_node() {
    let world = world_with_places(2).await;
    let other_node = {
        let mut settings = Settings::baseline();
        settings.config.authorization_rules.waiting_logins_max = 2;
        world.restarted_with(settings)
    };
    for _ in 0..2 {
        begin(&world).await.unwrap();
    }
    other_node.provider.sweep().await.unwrap();
    assert!(begin(&other_node).await.is_err());
    // What expired is deleted five minutes later, with the event that it began.
    world.pass(Duration::minutes(15) + Duration::SECOND);
    other_node.provider.forget_ended().await.unwrap();
    assert_eq!(waiting(&world).await, 0);
    let events = world.events().await;
    assert!(
        !events
            .iter()
            .any(|event| event.kind == "authorization.begun")
    );
    begin(&other_node).await.unwrap();
}

#[tokio::test]
async fn h9_a_flood_of_refusals_leaves_a_bounded_number_of_rows_that_go_after_a_month() {
    let world = World::new().await;
    let refused = async || {
        let unknown = |asked: &mut cardea_oauth2_types::AuthorizationParameters| {
            asked.client_id = Some("nobody".to_owned());
        };
        let error = world.authorize(unknown).await.unwrap_err();
        assert_eq!(error.code(), "provider.client_unknown");
    };
    for _ in 0..2_500 {
        refused().await;
    }
    let on_record = async || {
        use cardea_storage::event::list_newest;
        let mut transaction = world.store.begin_read().await.unwrap();
        list_newest(&mut transaction, 10_000).await.unwrap().len()
    };
    assert_eq!(on_record().await, 2_000);
    world.pass(Duration::days(30));
    world.provider.forget_ended().await.unwrap();
    assert_eq!(on_record().await, 2_000);
    world.pass(Duration::seconds(1));
    // One batch a call.
    for left in [1_500, 1_000, 500, 0] {
        assert_eq!(world.provider.forget_ended().await.unwrap(), 500);
        assert_eq!(on_record().await, left);
    }
    assert_eq!(world.provider.forget_ended().await.unwrap(), 0);
}
