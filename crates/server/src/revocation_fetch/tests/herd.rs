//! Many logins at once, and lists that come in the background.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_pki::revocation::{Crl, SourcePreference};
use cardea_test_pki::{CrlReason, RevokedEntry};
use futures_util::future::join_all;
use time::ext::NumericalDuration;

use super::world::{AMPLE, AUTHORITY, Card, World, list_path};
use crate::revocation_fetch::RevocationFetcher;

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
/// A machine that stalls once is no proof of a login that had to wait; one that does each time is.
const ROUNDS: u8 = 4;

/// One thread for everything: a list that were read on it would silence the logins for at least as
/// long as reading it takes.
#[tokio::test]
async fn a_list_of_a_hundred_thousand_blocks_no_login_while_it_is_read() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let fetcher = world.fetcher();
    world.judge(&fetcher, &world.card()).await.unwrap();
    let mut rounds = Vec::new();
    for number in 2..2 + ROUNDS {
        let card = world.card();
        let mut spec = world.list(AUTHORITY, number.into(), &[&card.issued]);
        spec.revoked.extend((0..ENTRIES).map(|number| RevokedEntry {
            serial: [&[1_u8; 12][..], &number.to_be_bytes()].concat(),
            at: spec.this_update,
            reason: (number % 2 == 0).then_some(CrlReason::Superseded),
        }));
        let der = world.pki.authority(AUTHORITY).unwrap().crl(&spec).unwrap();
        let began = Instant::now();
        Crl::parse(&der).unwrap();
        let reading = began.elapsed();
        world.publisher.put(&list_path(AUTHORITY), der);
        world.clock.advance(11.minutes());
        let longest = longest_login(&world, &fetcher, &card).await;
        if longest < reading / 2 {
            return;
        }
        rounds.push((longest, reading));
    }
    panic!("the longest login beside the time that reading took: {rounds:?}");
}

/// Logs in again and again until the list that revokes the card is in its place; gives the longest
/// time from one answer to the next.
async fn longest_login(world: &World, fetcher: &RevocationFetcher, card: &Card) -> Duration {
    let began = Instant::now();
    let (mut longest, mut last) = (Duration::ZERO, began);
    loop {
        let judged = world.judge(fetcher, card).await;
        let now = Instant::now();
        longest = longest.max(now - last);
        last = now;
        if let Err(code) = judged {
            assert_eq!(code, "pki.certificate_revoked");
            return longest;
        }
        assert!(began.elapsed() < AMPLE, "the list never came");
        tokio::task::yield_now().await;
    }
}
