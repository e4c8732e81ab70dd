//! Many logins at once, and lists that come in the background.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_pki::revocation::SourcePreference;
use cardea_test_pki::{CrlReason, RevokedEntry};
use futures_util::future::join_all;
use time::ext::NumericalDuration;

use super::world::{AUTHORITY, World, list_path};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_logins_at_once_fetch_each_list_once() {
    let world = Arc::new(World::new(SourcePreference::CrlOnly).await);
    let fetcher = Arc::new(world.fetcher());
    let card = Arc::new(world.card());
    world.publisher.close_gate();
    let logins = (0..100).map(|_| {
        let (world, fetcher, card) = (world.clone(), fetcher.clone(), card.clone());
        tokio::spawn(async move { world.judge(&fetcher, &card).await.map(|_| ()) })
    });
    let logins: Vec<_> = logins.collect();
    // All wait by now, or come to a list that is at hand: neither asks again.
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.publisher.open_gate();
    for login in join_all(logins).await {
        assert_eq!(login.unwrap(), Ok(()));
    }
    assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), 1);
    assert_eq!(world.publisher.requests(&list_path(AUTHORITY.root())), 1);
    assert_eq!(world.publisher.list_requests(), 2);
}

#[tokio::test]
async fn a_hundred_logins_find_an_overdue_list_and_fetch_one() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    world.judge(&fetcher, &card).await.unwrap();
    world.clock.advance(11.minutes());
    world.publisher.close_gate();
    for login in join_all((0..100).map(|_| world.judge(&fetcher, &card))).await {
        assert_eq!(login.unwrap().age_seconds(), 660, "the list at hand serves");
    }
    world.publisher.open_gate();
    fetcher.refresh_lists().await;
    assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), 2);
}

#[tokio::test]
async fn logins_go_on_with_the_old_list_until_the_new_one_is_in_its_place() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    let other = world.card();
    world.judge(&fetcher, &card).await.unwrap();
    world.clock.advance(11.minutes());
    world.publish(AUTHORITY, 2, &[&card.issued]);
    world.publisher.close_gate();
    for _ in 0..5 {
        let good = world.judge(&fetcher, &card).await.unwrap();
        assert_eq!(good.age_seconds(), 660);
    }
    world.publisher.open_gate();
    let revoked = Err("pki.certificate_revoked");
    world
        .judge_until(&fetcher, &card, |judged| *judged == revoked)
        .await;
    let good = world.judge(&fetcher, &other).await.unwrap();
    assert_eq!(good.age_seconds(), 0);
}

/// Debug builds read some ten times more slowly; the bench has a list of a million.
const ENTRIES: u32 = 100_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_a_hundred_thousand_blocks_no_login_while_it_is_read() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    world.judge(&fetcher, &card).await.unwrap();
    let mut spec = world.list(AUTHORITY, 2, &[&card.issued]);
    spec.revoked.extend((0..ENTRIES).map(|number| RevokedEntry {
        serial: [&[1_u8; 12][..], &number.to_be_bytes()].concat(),
        at: spec.this_update,
        reason: (number % 2 == 0).then_some(CrlReason::Superseded),
    }));
    let der = world.pki.authority(AUTHORITY).unwrap().crl(&spec).unwrap();
    world.publisher.put(&list_path(AUTHORITY), der);
    world.clock.advance(11.minutes());
    let began = Instant::now();
    let (mut longest, mut last) = (Duration::ZERO, began);
    let mut logins = 0_usize;
    while world.judge(&fetcher, &card).await.is_ok() {
        let now = Instant::now();
        longest = longest.max(now - last);
        last = now;
        logins += 1;
        assert!(began.elapsed() < super::world::AMPLE, "the list never came");
        tokio::task::yield_now().await;
    }
    let whole = began.elapsed();
    assert!(logins > 1, "nobody logged in while the list came");
    assert!(
        longest < whole / 2,
        "{longest:?} of {whole:?} for one login"
    );
}
