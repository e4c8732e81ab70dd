//! Newer lists, older ones, unchanged ones, and deltas.

use cardea_pki::revocation::SourcePreference;
use cardea_test_pki::{CrlSpec, TestPki};
use time::ext::NumericalDuration;

use super::world::{AUTHORITY, Card, START, World, distribution_points, freshest_crl, list_path};
use crate::ldap_client::tests::directory::{Directory, ENTRY_NAME};

const DELTA_PATH: &str = "/CRL/delta.crl";

#[tokio::test]
async fn a_list_that_has_not_changed_is_not_sent_again_and_counts_as_fetched() {
    let world = World::new(SourcePreference::CrlOnly).await;
    world
        .publisher
        .change(|content| content.etag = Some("\"one\""));
    let (fetcher, card) = (world.fetcher(), world.card());
    world.judge(&fetcher, &card).await.unwrap();
    world.clock.advance(11.minutes());
    fetcher.refresh_lists().await;
    let (asked, mut unmodified) = (world.publisher.requests(&list_path(AUTHORITY)), 0);
    world
        .publisher
        .change(|content| unmodified = content.unmodified);
    assert_eq!(asked, 2);
    assert!(unmodified >= 2, "the authority's and the root's");
    // It is not due again, in this server or the next.
    world.judge(&fetcher, &card).await.unwrap();
    let next = world.fetcher();
    next.refresh_lists().await;
    world.judge(&next, &card).await.unwrap();
    assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), 2);
}

/// Whoever gave the version's name with an older list is gone, and the name is the newest list's.
#[tokio::test]
async fn a_wrong_version_is_not_believed_for_ever() {
    let etag = Some("\"newest\"");
    for (what, is_restarted, step, steps_max) in [
        ("confirmed again and again", false, 6.minutes(), 13),
        ("past its next update", false, 7.days(), 1),
        ("past its next update, after a restart", true, 7.days(), 1),
    ] {
        let world = World::new(SourcePreference::CrlOnly).await;
        world.publisher.change(|content| content.etag = etag);
        let (mut fetcher, card) = (world.fetcher(), world.card());
        world.judge(&fetcher, &card).await.unwrap();
        world.publish(AUTHORITY, 2, &[&card.issued]);
        world.clock.advance(6.minutes());
        fetcher.refresh_lists().await;
        assert!(world.judge(&fetcher, &card).await.is_ok(), "{what}");
        if is_restarted {
            fetcher = world.fetcher();
        }
        for _ in 0..steps_max {
            world.clock.advance(step);
            fetcher.refresh_lists().await;
        }
        let judged = world.judge(&fetcher, &card).await;
        assert_eq!(judged, Err("pki.certificate_revoked"), "{what}");
    }
}

#[tokio::test]
async fn a_refresh_runs_ahead_of_the_logins() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    world.judge(&fetcher, &card).await.unwrap();
    world.clock.advance(6.minutes());
    world.publish(AUTHORITY, 2, &[]);
    fetcher.refresh_lists().await;
    assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), 2);
    let good = world.judge(&fetcher, &card).await.unwrap();
    assert_eq!(good.age_seconds(), 0);
    fetcher.refresh_lists().await;
    assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), 2);
}

/// Attack B6.
#[tokio::test]
async fn an_older_or_forged_list_never_takes_the_place_of_a_newer_one() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    let impostor = TestPki::fast(START).unwrap();
    world.publish(AUTHORITY, 7, &[&card.issued]);
    let revoked = Err("pki.certificate_revoked");
    assert_eq!(world.judge(&fetcher, &card).await, revoked);
    // Without the revocation, signed by the issuer, but older.
    world.publish(AUTHORITY, 6, &[]);
    world.clock.advance(11.minutes());
    fetcher.refresh_lists().await;
    assert_eq!(world.judge(&fetcher, &card).await, revoked, "rolled back");
    // Newer by its number, and not signed by the issuer.
    let mut spec = CrlSpec::new(AUTHORITY, START);
    spec.number = Some(9);
    let forged = impostor.authority(AUTHORITY).unwrap().crl(&spec).unwrap();
    world.publisher.put(&list_path(AUTHORITY), forged);
    world.clock.advance(11.minutes());
    fetcher.refresh_lists().await;
    assert_eq!(world.judge(&fetcher, &card).await, revoked, "forged");
    world.publish(AUTHORITY, 8, &[]);
    world.clock.advance(11.minutes());
    fetcher.refresh_lists().await;
    assert!(world.judge(&fetcher, &card).await.is_ok(), "newer");
    assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), 4);
}

#[tokio::test]
async fn what_is_wrong_with_the_only_list_is_told() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    world.clock.advance(60.days());
    let judged = world.judge(&fetcher, &card).await;
    assert_eq!(judged, Err("pki.revocation_stale"));
}

fn card_with_delta(world: &World) -> Card {
    let base = world.publisher.base_url();
    let list = format!("{base}{}", list_path(AUTHORITY));
    let delta = format!("{base}{DELTA_PATH}");
    world.card_naming(vec![distribution_points(&[&list]), freshest_crl(&[&delta])])
}

fn publish_delta(world: &World, number: u64, revoked: &Card) {
    let mut spec = world.list(AUTHORITY, number, &[&revoked.issued]);
    spec.delta_base = Some(1);
    let der = world.pki.authority(AUTHORITY).unwrap().crl(&spec).unwrap();
    world.publisher.put(DELTA_PATH, der);
}

#[tokio::test]
async fn the_first_login_waits_for_a_delta_list_and_heeds_it() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let (fetcher, card) = (world.fetcher(), card_with_delta(&world));
    let other = card_with_delta(&world);
    publish_delta(&world, 2, &card);
    let judged = world.judge(&fetcher, &card).await;
    assert_eq!(judged, Err("pki.certificate_revoked"));
    assert!(world.judge(&fetcher, &other).await.is_ok());
}

/// As the French health professionals' authorities do: complete lists at a web server, deltas in
/// a directory alone.
#[tokio::test]
async fn a_delta_list_comes_from_a_directory() {
    let mut world = World::new(SourcePreference::CrlOnly).await;
    let list = format!("{}{}", world.publisher.base_url(), list_path(AUTHORITY));
    let lost = world.card_naming(vec![distribution_points(&[&list])]);
    let other = world.card_naming(vec![distribution_points(&[&list])]);
    let authority = world.pki.authority(AUTHORITY).unwrap();
    let mut delta = world.list(AUTHORITY, 2, &[&lost.issued]);
    delta.delta_base = Some(1);
    let directory = Directory::start(b"not asked for", &authority.crl(&delta).unwrap());
    let attribute = "deltaRevocationList;binary?base?objectClass=pkiCA";
    let url = directory.url(ENTRY_NAME, attribute);
    // The complete list says where its deltas are (RFC 5280 section 5.2.6).
    let mut complete = world.list(AUTHORITY, 1, &[]);
    complete.extra_extensions = vec![freshest_crl(&[url.as_str()])];
    let complete = authority.crl(&complete).unwrap();
    world.publisher.put(&list_path(AUTHORITY), complete);

    let judged = world.judge(&world.fetcher(), &lost).await;
    assert!(judged.is_ok(), "nobody allowed the directory");
    world.allow(&format!(
        "ldap://{}:{}",
        url.host_str().unwrap(),
        url.port().unwrap()
    ));
    let fetcher = world.fetcher();
    let judged = world.judge(&fetcher, &lost).await;
    assert_eq!(judged, Err("pki.certificate_revoked"));
    assert!(world.judge(&fetcher, &other).await.is_ok());
    // Without the directory a restart still knows what it said.
    drop(directory);
    let judged = world.judge(&world.fetcher(), &lost).await;
    assert_eq!(judged, Err("pki.certificate_revoked"));
}

#[tokio::test]
async fn a_delta_list_that_is_missing_refuses_nobody_and_is_waited_for_once() {
    let mut world = World::new(SourcePreference::CrlOnly).await;
    world.config.time_budget_ms = 1000;
    let canary = super::publisher::Canary::silent().await;
    world.allow(&canary.address.to_string());
    let list = format!("{}{}", world.publisher.base_url(), list_path(AUTHORITY));
    let delta = format!("http://{}/delta.crl", canary.address);
    let without = world.card_naming(vec![distribution_points(&[&list])]);
    let card = world.card_naming(vec![distribution_points(&[&list]), freshest_crl(&[&delta])]);
    let fetcher = world.fetcher();
    // The complete list is at hand from here on.
    world.judge_until(&fetcher, &without, Result::is_ok).await;
    assert!(world.judge(&fetcher, &card).await.is_ok());
    let began = std::time::Instant::now();
    for _ in 0..40 {
        assert!(world.judge(&fetcher, &card).await.is_ok());
    }
    let waits = std::time::Duration::from_secs(40);
    assert!(began.elapsed() < waits, "each has waited anew");
    assert_eq!(canary.connections(), 1);
}
