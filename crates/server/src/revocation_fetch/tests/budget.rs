//! Dead and hanging servers: what a login pays, and how often they are asked.

use std::time::{Duration, Instant};

use cardea_pki::revocation::{SourceKind, SourcePreference};
use cardea_test_pki::OcspStatus;
use futures_util::future::join_all;
use reqwest::StatusCode;
use time::ext::NumericalDuration;

use super::publisher::Canary;
use super::world::{AUTHORITY, Card, World, distribution_points, list_path, responders};

const BUDGET_MS: u32 = 200;
/// For what ends by itself.
const AMPLE_MS: u32 = 20_000;
const BUDGET: Duration = Duration::from_millis(200);
/// Nothing here ends by itself: without the budget it would last for longer than this, which is
/// long enough for any machine.
const BEYOND: Duration = super::world::AMPLE;

/// A card whose responder is the canary, and whose list is its issuer's.
async fn world_with(canary: &Canary, preference: SourcePreference) -> (World, Card) {
    let mut world = World::new(preference).await;
    world.allow(&canary.address.to_string());
    world.config.time_budget_ms = BUDGET_MS;
    let list = format!("{}{}", world.publisher.base_url(), list_path(AUTHORITY));
    let responder = format!("http://{}/ocsp", canary.address);
    let card = world.card_naming(vec![
        distribution_points(&[&list]),
        responders(&[&responder]),
    ]);
    (world, card)
}

#[tokio::test]
async fn a_hanging_responder_costs_the_budget_and_then_nothing_speaks() {
    let canary = Canary::silent().await;
    let (world, card) = world_with(&canary, SourcePreference::OcspOnly).await;
    let fetcher = world.fetcher();
    let began = Instant::now();
    let judged = world.judge(&fetcher, &card).await;
    assert_eq!(judged, Err("pki.revocation_unreachable"));
    assert!((BUDGET..BEYOND).contains(&began.elapsed()));
}

#[tokio::test]
async fn a_hanging_responder_costs_half_the_budget_where_a_list_speaks() {
    let canary = Canary::silent().await;
    let (world, card) = world_with(&canary, SourcePreference::OcspThenCrl).await;
    let fetcher = world.fetcher();
    fetcher.refresh_lists().await;
    let began = Instant::now();
    let good = world.judge(&fetcher, &card).await.unwrap();
    assert_eq!(good.source(), SourceKind::Crl);
    assert!((BUDGET / 2..BEYOND).contains(&began.elapsed()));
}

/// Attack B12.
#[tokio::test]
async fn a_responder_that_trickles_or_never_ends_costs_no_more_either() {
    for canary in [
        Canary::trickling().await,
        Canary::endless().await,
        Canary::announcing().await,
    ] {
        let (world, card) = world_with(&canary, SourcePreference::OcspOnly).await;
        let fetcher = world.fetcher();
        let began = Instant::now();
        let judged = world.judge(&fetcher, &card).await;
        assert_eq!(judged, Err("pki.revocation_unreachable"));
        assert!(began.elapsed() < BEYOND);
        // None, where connecting alone took the budget.
        assert!(canary.connections() <= 1);
    }
}

#[tokio::test]
async fn a_list_that_says_it_is_larger_than_any_list_is_not_read() {
    let mut world = World::new(SourcePreference::CrlOnly).await;
    let canary = Canary::announcing().await;
    world.allow(&canary.address.to_string());
    world.config.time_budget_ms = 60_000;
    let url = format!("http://{}/list.crl", canary.address);
    let card = world.card_naming(vec![distribution_points(&[&url])]);
    // It ends long before the time does.
    let began = Instant::now();
    let judged = world.judge(&world.fetcher(), &card).await;
    assert_eq!(judged, Err("pki.revocation_unreachable"));
    assert!(began.elapsed() < BEYOND);
}

#[tokio::test]
async fn a_hanging_publisher_costs_the_budget() {
    let mut world = World::new(SourcePreference::CrlOnly).await;
    world.config.time_budget_ms = BUDGET_MS;
    let (fetcher, card) = (world.fetcher(), world.card());
    world.publisher.close_gate();
    let began = Instant::now();
    let judged = world.judge(&fetcher, &card).await;
    assert_eq!(judged, Err("pki.revocation_unreachable"));
    assert!((BUDGET..BEYOND).contains(&began.elapsed()));
    // The fetch goes on, and the next login has its fruit.
    world.publisher.open_gate();
    world.judge_until(&fetcher, &card, Result::is_ok).await;
    assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), 1);
}

#[tokio::test]
async fn a_hanging_publisher_leaves_half_the_budget_to_the_responder() {
    let mut world = World::new(SourcePreference::CrlThenOcsp).await;
    world
        .publisher
        .change(|content| content.ocsp = Some(OcspStatus::Good));
    let fetcher = world.fetcher();
    fetcher.refresh_lists().await;
    let canary = Canary::silent().await;
    world.allow(&canary.address.to_string());
    // Half of it is waited for in vain.
    world.config.time_budget_ms = 6000;
    let responder = format!("{}/ocsp/x", world.publisher.base_url());
    let card = world.card_naming(vec![
        distribution_points(&[&format!("http://{}/list.crl", canary.address)]),
        responders(&[&responder]),
    ]);
    let fetcher = world.fetcher();
    fetcher.refresh_lists().await;
    let good = world.judge(&fetcher, &card).await.unwrap();
    assert_eq!(good.source(), SourceKind::Ocsp);
}

#[tokio::test]
async fn a_dead_responder_is_left_alone_and_tried_by_one_login_at_a_time() {
    let canary = Canary::closing().await;
    let (mut world, card) = world_with(&canary, SourcePreference::OcspOnly).await;
    world.config.time_budget_ms = AMPLE_MS;
    let fetcher = world.fetcher();
    for _ in 0..50 {
        let judged = world.judge(&fetcher, &card).await;
        assert_eq!(judged, Err("pki.revocation_unreachable"));
    }
    assert_eq!(canary.connections(), 3, "three failures in a row");
    let mut expected = 3;
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        world.clock.advance(pause.seconds());
        join_all((0..20).map(|_| world.judge(&fetcher, &card))).await;
        expected += 1;
        assert_eq!(canary.connections(), expected, "after {pause} s");
    }
}

#[tokio::test]
async fn a_hanging_responder_meets_no_more_than_its_share_of_a_herd() {
    // Sixty-four at a time; the places of the first two to fail may be taken again before the third
    // failure begins the pause.
    const SHARE: usize = 64 + 2;
    let canary = Canary::silent().await;
    let (mut world, card) = world_with(&canary, SourcePreference::OcspOnly).await;
    world.config.time_budget_ms = 1000;
    let fetcher = world.fetcher();
    for judged in join_all((0..200).map(|_| world.judge(&fetcher, &card))).await {
        assert_eq!(judged, Err("pki.revocation_unreachable"));
    }
    // Now it is left alone, however many come: the clock stands still, and so does the pause.
    for judged in join_all((0..100).map(|_| world.judge(&fetcher, &card))).await {
        assert_eq!(judged, Err("pki.revocation_unreachable"));
    }
    assert!(canary.connections() <= SHARE, "{}", canary.connections());
}

#[tokio::test]
async fn a_responder_that_comes_back_is_asked_again() {
    let world = World::new(SourcePreference::OcspThenCrl).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    fetcher.refresh_lists().await;
    for _ in 0..10 {
        world.judge(&fetcher, &card).await.unwrap();
    }
    assert_eq!(world.publisher.ocsp_requests(), 3);
    world
        .publisher
        .change(|content| content.ocsp = Some(OcspStatus::Good));
    world.clock.advance(1.seconds());
    for _ in 0..10 {
        let good = world.judge(&fetcher, &card).await.unwrap();
        assert_eq!(good.source(), SourceKind::Ocsp);
    }
    assert_eq!(world.publisher.ocsp_requests(), 13);
}

#[tokio::test]
async fn a_responder_that_declines_single_requests_is_not_taken_for_dead() {
    let world = World::new(SourcePreference::OcspOnly).await;
    world
        .publisher
        .change(|content| content.fault = Some(StatusCode::BAD_REQUEST));
    let (fetcher, card) = (world.fetcher(), world.card());
    for _ in 0..10 {
        world.judge(&fetcher, &card).await.unwrap_err();
    }
    assert_eq!(world.publisher.ocsp_requests(), 10);
}

#[tokio::test]
async fn a_declined_request_does_not_make_up_for_failures() {
    let world = World::new(SourcePreference::OcspOnly).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    for status in [500, 400, 500, 400, 500, 500, 500] {
        let status = StatusCode::from_u16(status).unwrap();
        world
            .publisher
            .change(|content| content.fault = Some(status));
        world.judge(&fetcher, &card).await.unwrap_err();
    }
    let asked = world.publisher.ocsp_requests();
    assert_eq!(asked, 5, "until the third failure");
}

#[tokio::test]
async fn a_dead_publisher_is_asked_once_a_pause() {
    let world = World::new(SourcePreference::CrlOnly).await;
    world
        .publisher
        .change(|content| content.fault = Some(StatusCode::NOT_FOUND));
    let (fetcher, card) = (world.fetcher(), world.card());
    for expected in 1..=4 {
        for judged in join_all((0..20).map(|_| world.judge(&fetcher, &card))).await {
            assert_eq!(judged, Err("pki.revocation_unreachable"));
        }
        assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), expected);
        world.clock.advance(60.seconds());
    }
    world.publisher.change(|content| content.fault = None);
    world.judge(&fetcher, &card).await.unwrap();
}
