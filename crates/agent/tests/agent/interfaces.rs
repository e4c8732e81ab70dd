//! Cards behind another interface than the usual: readers with keys of their own, and contactless
//! ones. The card is the real client's, over a transport that offers what such readers do.

use std::time::Duration;

use cardea_assertion::UserVerification;
use cardea_card::PivSlot;
use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use cardea_virtual_card::{CardImage, Fault, KeySlot, Keypad, Trigger, VirtualCard};

use crate::page::course;
use crate::readers::{Readers, pharmacist};
use crate::service::{pin_status, wait_until};
use crate::sign_in::{verify, verify_as};
use crate::workstation::{Setup, Workstation};

/// Longer than a loaded machine needs for a line to the page, shorter than a card call may take.
const MEANWHILE: Duration = Duration::from_secs(5);

async fn start(card: &VirtualCard, answers: &[&str]) -> Workstation {
    let setup = Setup {
        language: "en",
        ..Setup::default()
    };
    Workstation::start_with(&Readers::holding(card), answers, setup).await
}

fn types(digits: &str) -> Option<Keypad> {
    Some(Keypad::Types(digits.to_owned()))
}

fn commands(card: &VirtualCard, instruction: u8) -> usize {
    let headers = card.command_headers();
    headers
        .iter()
        .filter(|header| header[1] == instruction)
        .count()
}

fn signatures(card: &VirtualCard) -> usize {
    commands(card, 0x87)
}

fn verifies_nothing(card: &VirtualCard) {
    assert_eq!(commands(card, 0x20), 0, "VERIFY");
}

async fn is_idle(workstation: &Workstation) {
    wait_until("nobody is asked", async || {
        workstation.page().status().await["state"] == "ready"
    })
    .await;
}

#[tokio::test]
async fn a_pin_typed_on_the_reader_has_a_window_that_goes_by_itself() {
    let card = pharmacist();
    card.set_keypad(types("9999"));
    // The first PIN is wrong; before the second is wanted, the person remembers the right one.
    card.inject(Trigger::Verify, Fault::Slow(Duration::from_millis(300)));
    card.inject(Trigger::VerifyState, Fault::Slow(MEANWHILE));
    let workstation = start(&card, &["wait"]).await;
    let challenge = workstation.issuer.challenge();
    let mut stream = workstation.page().begin(&challenge).await;
    stream.wait_for("\"pin_on_reader\",\"tries_left\":3").await;
    stream.wait_for("\"pin_on_reader\",\"tries_left\":2").await;
    card.set_keypad(types("1234"));
    wait_until("both windows were shown", async || {
        workstation.person.was_asked("MESSAGE") == 2
    })
    .await;
    verify(&stream.last_line().await, &workstation, &challenge);
    assert!(card.faults_are_spent());
    assert_eq!(signatures(&card), 1);
    let person = &workstation.person;
    assert!(person.saw("Type the PIN ON THE READER"));
    assert!(person.saw("SETDESC Incorrect PIN. 2 tries are left."));
    assert!(person.saw("Portail de démonstration"));
    assert!(person.saw("SETOK Cancel"));
    assert_eq!(person.was_asked("GETPIN"), 0);
}

#[tokio::test]
async fn cancelling_while_the_reader_waits_is_heard_at_once_and_nothing_is_signed() {
    let card = pharmacist();
    card.set_keypad(types("1234"));
    card.inject(Trigger::Verify, Fault::Slow(MEANWHILE));
    let workstation = start(&card, &["ok"]).await;
    let page = workstation.page();
    let lines = page.sign_in(&workstation.issuer.challenge()).await;
    assert_eq!(
        course(&lines),
        ["card_found", "pin_on_reader 3", "agent.prompt_cancelled"]
    );
    // The reader still waits: nobody else is asked meanwhile.
    assert_eq!(page.status().await["state"], "busy");
    is_idle(&workstation).await;
    assert_eq!(signatures(&card), 0);
    let pin = pin_status(&card);
    assert_eq!((pin.tries_left, pin.verified), (Some(3), false));
}

/// What ends on the reader costs no try, and the next sign-in goes as ever.
#[tokio::test]
async fn a_reader_whose_pin_entry_is_cancelled_or_runs_out_ends_the_sign_in() {
    let card = pharmacist();
    let workstation = start(&card, &["wait"]).await;
    for (keypad, code) in [
        (Keypad::Cancels, "agent.prompt_cancelled"),
        (Keypad::WaitsTooLong, "agent.prompt_timed_out"),
    ] {
        card.set_keypad(Some(keypad));
        let challenge = workstation.issuer.challenge();
        let lines = workstation.page().sign_in(&challenge).await;
        let course = course(&lines);
        assert_eq!(course.last().unwrap(), code, "{course:?}");
        assert!(course.contains(&"pin_on_reader 3".to_owned()), "{course:?}");
        is_idle(&workstation).await;
        assert_eq!(pin_status(&card).tries_left, Some(3), "{code}");
        assert_eq!(signatures(&card), 0, "{code}");
    }
    card.set_keypad(types("1234"));
    let challenge = workstation.issuer.challenge();
    let lines = workstation.page().sign_in(&challenge).await;
    verify(lines.last().unwrap(), &workstation, &challenge);
}

/// A card on a contactless reader, with the key that needs no PIN.
fn without_contact() -> VirtualCard {
    let pki = TestPki::shared().unwrap();
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let issued = pki.issue_card(&profile).unwrap();
    let spec = profile.with_card_number(&issued.card_number);
    let certificate = pki.issue(&spec.authentication(pki.at()).unwrap()).unwrap();
    let slot = KeySlot::from_issued(&certificate).unwrap();
    let image = CardImage::from_issued(&issued)
        .unwrap()
        .with_slot(PivSlot::CardAuthentication, slot)
        .on_contactless_interface();
    VirtualCard::insert(image).unwrap()
}

#[tokio::test]
async fn a_contactless_card_signs_by_a_click_only_where_the_challenge_allows_none() {
    let card = without_contact();
    let workstation = start(&card, &["ok"]).await;
    let challenge = |uv| {
        let mut claims = workstation.issuer.claims();
        claims.uv = uv;
        claims.sign(&workstation.issuer.challenge_key).unwrap()
    };
    for wanted in [UserVerification::Now, UserVerification::Cached] {
        let lines = workstation.page().sign_in(&challenge(wanted)).await;
        assert_eq!(
            course(&lines),
            ["card_found", "agent.pin_wanted_contactless"]
        );
    }
    assert!(workstation.person.was_told().is_empty());
    let allowed = challenge(UserVerification::None);
    let lines = workstation.page().sign_in(&allowed).await;
    assert_eq!(
        course(&lines),
        ["card_found", "confirm_asked", "signing", "assertion"]
    );
    let last = lines.last().unwrap();
    verifies_nothing(&card);
    verify_as(UserVerification::None, last, &workstation, &allowed);
    assert!(
        workstation
            .person
            .saw("Contactless reading: no PIN is asked.")
    );
    assert!(workstation.person.saw("Portail de démonstration"));
}
