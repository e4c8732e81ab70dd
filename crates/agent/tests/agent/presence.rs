//! Presence after a sign-in: proofs, departure, broken connections.

use std::time::{Duration, Instant};

use cardea_assertion::PresenceState;
use serde_json::json;

use crate::issuer::{Event, Order};
use crate::readers::{Readers, pharmacist};
use crate::sign_in::verify;
use crate::workstation::Workstation;

/// Signs in and waits for the first proof; returns the presence key's thumbprint.
async fn signed_in(readers: &Readers) -> (Workstation, String) {
    let workstation = Workstation::start(readers, &["pin 1234"]).await;
    let jkt = sign_in_again(&workstation).await;
    (workstation, jkt)
}

async fn sign_in_again(workstation: &Workstation) -> String {
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    let jkt = verify(lines.last().unwrap(), workstation, &challenge);
    let presence = workstation.issuer.statement().await;
    assert_eq!(
        (presence.state(), presence.jkt()),
        (PresenceState::Present, &*jkt)
    );
    jkt
}

#[tokio::test]
async fn pulling_the_card_signs_the_departure_at_once_and_nothing_after_it() {
    let card = pharmacist();
    let readers = Readers::holding(&card);
    let (workstation, jkt) = signed_in(&readers).await;
    let pulled = Instant::now();
    readers.pull("Reader A");
    let departure = workstation.issuer.departure().await;
    assert_eq!(departure.jkt(), jkt);
    assert!(
        pulled.elapsed() < Duration::from_secs(10),
        "{:?}",
        pulled.elapsed()
    );
    // Putting it back revives nothing.
    readers.insert("Reader A", &card);
    workstation
        .issuer
        .send(&json!({"type": "nonce", "nonce": "later"}));
    assert!(
        workstation
            .issuer
            .is_quiet(Duration::from_millis(300))
            .await
    );
}

#[tokio::test]
async fn a_fast_pull_and_reinsert_ends_the_session_too() {
    let readers = Readers::holding(&pharmacist());
    let (workstation, jkt) = signed_in(&readers).await;
    readers.pull_and_put_back("Reader A");
    assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
}

#[tokio::test]
async fn a_reader_service_that_dies_vouches_for_no_card() {
    let readers = Readers::holding(&pharmacist());
    let (workstation, jkt) = signed_in(&readers).await;
    readers.break_service();
    assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
}

#[tokio::test]
async fn each_nonce_is_answered_while_the_card_stays() {
    let readers = Readers::holding(&pharmacist());
    let (workstation, jkt) = signed_in(&readers).await;
    for nonce in ["one", "two"] {
        workstation
            .issuer
            .send(&json!({"type": "nonce", "nonce": nonce}));
        workstation
            .issuer
            .send(&json!({"type": "of a later version"}));
        let Event::Statement { presence, .. } = workstation.issuer.event().await else {
            panic!("no statement")
        };
        assert_eq!((presence.jkt(), presence.nonce()), (&*jkt, Some(nonce)));
    }
}

#[tokio::test]
async fn a_broken_connection_is_made_again_while_the_card_stays() {
    let readers = Readers::holding(&pharmacist());
    let (workstation, jkt) = signed_in(&readers).await;
    for order in [Order::Drop, Order::Send("nonsense".to_owned())] {
        workstation.issuer.order(order);
        let presence = workstation.issuer.statement().await;
        assert_eq!(
            (presence.state(), presence.jkt()),
            (PresenceState::Present, &*jkt)
        );
    }
    readers.pull("Reader A");
    assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
}

#[tokio::test]
async fn a_departure_that_is_not_confirmed_is_told_again() {
    let readers = Readers::holding(&pharmacist());
    let (workstation, jkt) = signed_in(&readers).await;
    workstation.issuer.confirm_departures(false);
    readers.pull("Reader A");
    assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
    workstation.issuer.order(Order::Drop);
    workstation.issuer.confirm_departures(true);
    assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
    assert!(
        workstation
            .issuer
            .is_quiet(Duration::from_millis(300))
            .await
    );
}

#[tokio::test]
async fn a_departure_is_told_again_when_the_server_stops_before_it_answers() {
    const RESTART: u16 = 1012;
    let readers = Readers::holding(&pharmacist());
    let (workstation, jkt) = signed_in(&readers).await;
    workstation.issuer.confirm_departures(false);
    readers.pull("Reader A");
    assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
    workstation.issuer.confirm_departures(true);
    workstation.issuer.order(Order::Close(RESTART));
    assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
}

#[tokio::test]
async fn a_connection_that_the_server_closes_as_done_confirms_the_departure() {
    const NORMAL: u16 = 1000;
    let readers = Readers::holding(&pharmacist());
    let (workstation, jkt) = signed_in(&readers).await;
    workstation.issuer.confirm_departures(false);
    readers.pull("Reader A");
    assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
    workstation.issuer.order(Order::Close(NORMAL));
    assert!(workstation.issuer.is_quiet(Duration::from_secs(2)).await);
}

#[tokio::test]
async fn a_session_that_the_server_ended_is_left_alone() {
    let readers = Readers::holding(&pharmacist());
    let (workstation, _) = signed_in(&readers).await;
    workstation
        .issuer
        .send(&json!({"type": "session", "state": "ended", "reason": "logout"}));
    assert!(
        workstation
            .issuer
            .is_quiet(Duration::from_millis(300))
            .await
    );
    readers.pull("Reader A");
    assert!(
        workstation
            .issuer
            .is_quiet(Duration::from_millis(300))
            .await
    );
}

#[tokio::test]
async fn two_logins_with_one_card_depart_each_for_itself() {
    let readers = Readers::holding(&pharmacist());
    let (workstation, first) = signed_in(&readers).await;
    let second = sign_in_again(&workstation).await;
    readers.pull("Reader A");
    let mut departed = [
        workstation.issuer.departure().await.jkt().to_owned(),
        workstation.issuer.departure().await.jkt().to_owned(),
    ];
    departed.sort();
    let mut expected = [first, second];
    expected.sort();
    assert_eq!(departed, expected);
}

#[tokio::test]
async fn a_stopping_agent_departs() {
    let readers = Readers::holding(&pharmacist());
    let (mut workstation, jkt) = signed_in(&readers).await;
    workstation.stop().await;
    assert_eq!(workstation.issuer.departure().await.jkt(), jkt);
}
