//! No way in is left to a suspended card; every way in is left to another one of the same person.

use cardea_provider::EndReason;
use cardea_storage::card;
use cardea_test_pki::{CardProfile, PersonIdentifier};
use std::sync::Arc;
use time::Duration;

use super::super::agentless::refused_yes;
use super::super::card_grant::refused_grant;
use super::super::world::{Gate, HeldEvidence, PORTAL, World};
use super::{SUSPENDED, code_after_login, issue, refusal, second_card, session_of, suspend};

async fn sub_of(world: &World) -> String {
    world.event("login.accepted").await.sub.unwrap()
}

/// CPS, renewed CPS, and a CPE that names its holder by the same number: one person, three cards,
/// of which two are lost one after the other.
#[tokio::test]
async fn a_renewed_or_second_card_continues_the_same_subject_whichever_is_suspended() {
    let mut world = World::new().await;
    let code = code_after_login(&world).await;
    let sub = sub_of(&world).await;
    let old = world.card.clone();
    let pharmacist = CardProfile::pharmacist();
    let cpe = CardProfile::secretary().with_identifier(pharmacist.identifier.clone());
    let cpe = issue(&world, cpe);
    let renewed = second_card(&world);
    suspend(&world, &code).await.unwrap();

    for card in [&renewed, &cpe] {
        world.card = card.clone();
        let begun = world.begin(PORTAL).await;
        let answer = world.answer(&begun).await;
        world.post(&begun, &answer).await.unwrap();
        assert_eq!(sub_of(&world).await, sub);
    }
    world.card = old;
    assert_eq!(refusal(&world).await, SUSPENDED);

    // The same kind of card with another number is another person.
    let other = CardProfile::secretary();
    world.card = issue(&world, other);
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    assert_ne!(sub_of(&world).await, sub);
}

/// A new certificate on the same card, as after a renewal in place, is suspended with it; the same
/// number in another person's hands is another card.
#[tokio::test]
async fn the_card_is_suspended_and_not_one_certificate_of_it() {
    let mut world = World::new().await;
    let numbered = |profile: CardProfile| profile.with_card_number("8000000000/0000000042");
    world.card = issue(&world, numbered(CardProfile::pharmacist()));
    let code = code_after_login(&world).await;
    suspend(&world, &code).await.unwrap();
    world.card = issue(&world, numbered(CardProfile::pharmacist()));
    assert_eq!(refusal(&world).await, SUSPENDED);
    let namesake = PersonIdentifier::rpps("99700999999").unwrap();
    let stranger = CardProfile::pharmacist().with_identifier(namesake);
    world.card = issue(&world, numbered(stranger));
    world.log_in(PORTAL, None).await;
}

#[tokio::test]
async fn l5_neither_business_software_nor_a_login_without_agent_lets_a_suspended_card_in() {
    let suspended = async |world: &World| {
        let code = code_after_login(world).await;
        suspend(world, &code).await.unwrap();
    };
    assert_eq!(refused_grant(suspended).await, SUSPENDED);
    assert_eq!(refused_yes(suspended).await, SUSPENDED.0);
}

/// The row of the card decides, and not what was found when the login began.
#[tokio::test]
async fn a_card_suspended_while_its_evidence_is_fetched_opens_no_session() {
    let mut world = World::new().await;
    let code = code_after_login(&world).await;
    let gate = Gate::shut();
    let evidence = std::mem::replace(&mut world.evidence, HeldEvidence::Nothing);
    world.evidence = HeldEvidence::Gated(Box::new(evidence), Arc::clone(&gate));
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    let suspending = async {
        gate.asked().await;
        suspend(&world, &code).await.unwrap();
        gate.open();
    };
    let (posted, ()) = tokio::join!(world.post(&begun, &answer), suspending);
    assert_eq!(posted.unwrap_err().code(), SUSPENDED.0);
}

/// Whoever writes to the card's row in another way than ours is followed at the next look.
#[tokio::test]
async fn the_recheck_ends_what_a_suspension_has_left() {
    let world = World::new().await;
    world.log_in(PORTAL, None).await;
    let session = session_of(&world).await;
    let mut transaction = world.store.begin().await.unwrap();
    let found = card::find_of_session(&mut transaction, &session).await;
    let found = found.unwrap().unwrap();
    assert!(
        card::suspend(&mut transaction, &found.id, "operator", world.now())
            .await
            .unwrap()
    );
    transaction.commit().await.unwrap();
    world.pass(Duration::minutes(15));
    let due = world.provider.take_due_cards(100).await.unwrap();
    let ended = world.provider.recheck_card(&due[0], &world.evidence).await;
    assert_eq!(ended.unwrap().unwrap().reason, EndReason::CardSuspended);
}
