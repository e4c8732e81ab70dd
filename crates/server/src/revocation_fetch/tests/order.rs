//! What is asked, in which order, and what need not be asked.

use cardea_pki::revocation::{SourceKind, SourcePreference};
use cardea_test_pki::OcspStatus;
use time::ext::NumericalDuration;

use super::world::{AUTHORITY, START, World};

async fn world(preference: SourcePreference) -> World {
    let world = World::new(preference).await;
    world
        .publisher
        .change(|content| content.ocsp = Some(OcspStatus::Good));
    world
}

#[tokio::test]
async fn ocsp_then_crl_waits_for_no_list_when_the_responder_answers() {
    let world = world(SourcePreference::OcspThenCrl).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    // The root gives no OCSP: its list is what a running server has at hand.
    fetcher.refresh_lists().await;
    let good = world.judge(&fetcher, &card).await.unwrap();
    assert_eq!(good.source(), SourceKind::Ocsp);
    assert_eq!(world.publisher.ocsp_requests(), 1);
}

#[tokio::test]
async fn ocsp_then_crl_reads_lists_when_the_responder_does_not_answer() {
    let world = world(SourcePreference::OcspThenCrl).await;
    world.publisher.change(|content| content.ocsp = None);
    let (fetcher, card) = (world.fetcher(), world.card());
    let good = world.judge(&fetcher, &card).await.unwrap();
    assert_eq!(good.source(), SourceKind::Crl);
    assert_eq!(world.publisher.ocsp_requests(), 1);
}

#[tokio::test]
async fn ocsp_then_crl_refuses_whom_a_list_at_hand_names() {
    let world = world(SourcePreference::OcspThenCrl).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    world.publish(AUTHORITY, 2, &[&card.issued]);
    let revoked = Err("pki.certificate_revoked");
    world
        .judge_until(&fetcher, &card, |judged| *judged == revoked)
        .await;
    assert_eq!(world.judge(&fetcher, &card).await, revoked);
}

#[tokio::test]
async fn crl_then_ocsp_asks_no_responder_when_a_current_list_speaks() {
    let world = world(SourcePreference::CrlThenOcsp).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    let good = world.judge(&fetcher, &card).await.unwrap();
    assert_eq!(good.source(), SourceKind::Crl);
    assert_eq!(world.publisher.ocsp_requests(), 0);
}

#[tokio::test]
async fn crl_then_ocsp_asks_when_the_list_is_stale_even_within_the_grace() {
    let mut world = world(SourcePreference::CrlThenOcsp).await;
    world.policy.crl_grace_seconds = 2 * 86_400;
    // Of the clock that the test stops, not of the responder's.
    world.policy.ocsp_age_seconds_max = 30 * 86_400;
    let (fetcher, card) = (world.fetcher(), world.card());
    world.judge(&fetcher, &card).await.unwrap();
    // The list of six days ends; the root's of 45 goes on.
    world.clock.advance(6.days() + 1.hours());
    let judged = world.judge(&fetcher, &card).await;
    assert_eq!(world.publisher.ocsp_requests(), 1);
    // The responder's answer has no end, and is within its age.
    assert_eq!(judged.unwrap().source(), SourceKind::Ocsp);
    assert_eq!(START, world.pki.at());
}

#[tokio::test]
async fn crl_then_ocsp_refuses_whom_the_responder_calls_revoked_when_no_list_speaks() {
    let world = world(SourcePreference::CrlThenOcsp).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    fetcher.refresh_lists().await;
    world.publisher.change(|content| {
        content.fault = None;
        content.ocsp = Some(OcspStatus::Revoked {
            at: START,
            reason: None,
        });
    });
    world
        .publisher
        .put(&super::world::list_path(AUTHORITY), b"<html>".to_vec());
    let judged = world.judge(&fetcher, &card).await;
    assert_eq!(judged, Err("pki.certificate_revoked"));
}

#[tokio::test]
async fn ocsp_only_fetches_no_list_of_cards_and_crl_only_asks_no_responder() {
    let lists_alone = world(SourcePreference::CrlOnly).await;
    let (fetcher, card) = (lists_alone.fetcher(), lists_alone.card());
    let good = lists_alone.judge(&fetcher, &card).await.unwrap();
    assert_eq!(good.source(), SourceKind::Crl);
    assert_eq!(lists_alone.publisher.ocsp_requests(), 0);

    let responder_alone = world(SourcePreference::OcspOnly).await;
    let (fetcher, card) = (responder_alone.fetcher(), responder_alone.card());
    let good = responder_alone.judge(&fetcher, &card).await.unwrap();
    assert_eq!(good.source(), SourceKind::Ocsp);
    // The issuing authority's certificate names no responder, only its superior's list.
    assert_eq!(good.authorities()[0].source(), SourceKind::Crl);
    assert_eq!(responder_alone.publisher.list_requests(), 1);
    assert_eq!(responder_alone.publisher.ocsp_requests(), 1);
}
