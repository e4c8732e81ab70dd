//! The card in process: faults, several programs, removal; through Cardea's own card access.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use cardea_card::{
    ApduChannel, Card, CardTransport, Error, Pin, PivCard, SignRequest, StatusWord,
    authentication_certificate,
};
use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use cardea_virtual_card::{CardImage, Fault, Trigger, VirtualCard};

const SELECT_PIV: &[u8] = &[0, 0xa4, 4, 0, 5, 0xa0, 0, 0, 3, 8, 0];
const SELECT_OTHER: &[u8] = b"\x00\xa4\x04\x00\x0c\xf0CARDEA-BILL\x00";
const VERIFY: &[u8] = b"\x00\x20\x00\x80\x081234\xff\xff\xff\xff";
const PIN_STATE: &[u8] = &[0, 0x20, 0, 0x80];

fn card() -> VirtualCard {
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let issued = TestPki::shared().unwrap().issue_card(&profile).unwrap();
    VirtualCard::insert(CardImage::from_issued(&issued).unwrap()).unwrap()
}

fn sign(reader: &VirtualCard) -> Result<(), Error> {
    let mut card = PivCard::new(reader.connect());
    let certificates = card.certificates()?;
    let certificate = authentication_certificate(&certificates)?;
    let pin = Pin::parse("1234")?;
    card.sign(&SignRequest::new(certificate, &pin, b"message"))
        .map(|_| ())
}

#[test]
fn every_fault_at_the_signature_has_its_own_error() {
    let cases = [
        (
            Trigger::GeneralAuthenticate,
            Fault::RemovedMidCommand,
            "card.removed",
        ),
        (
            Trigger::GeneralAuthenticate,
            Fault::RemovedBefore,
            "card.removed",
        ),
        (
            Trigger::GeneralAuthenticate,
            Fault::Truncated { bytes: 1 },
            "card.removed",
        ),
        (
            Trigger::GeneralAuthenticate,
            Fault::ResetByOther,
            "card.reset",
        ),
        (Trigger::Verify, Fault::wrong_pin(2), "card.pin_incorrect"),
        (Trigger::Verify, Fault::blocked(), "card.pin_blocked"),
        (Trigger::VerifyState, Fault::blocked(), "card.pin_blocked"),
        (Trigger::Transaction, Fault::Busy, "card.busy"),
    ];
    for (trigger, fault, code) in cases {
        let reader = card();
        reader.inject(trigger, fault);
        assert_eq!(
            sign(&reader).unwrap_err().code(),
            code,
            "{trigger:?} {fault:?}"
        );
        assert!(reader.faults_are_spent());
    }
    sign(&card()).unwrap();
}

#[test]
fn faults_wait_for_their_turn() {
    let mut card = card();
    card.inject(Trigger::AfterCommands(1), Fault::Answer(StatusWord(0x6f00)));
    card.inject(Trigger::NextCommand, Fault::Garbage);
    assert!(card.transmit(SELECT_PIV).unwrap().ends_with(&[0x90, 0]));
    assert_eq!(card.transmit(SELECT_PIV).unwrap(), [0x6f, 0]);
    assert_eq!(
        card.transmit(SELECT_PIV).unwrap(),
        [0xff, 0xff, 0xff, 0, 0x90, 0]
    );
    assert!(card.faults_are_spent());
}

#[test]
fn slow_card_takes_its_time() {
    let mut card = card();
    card.set_delay(Duration::from_millis(20));
    let begun = Instant::now();
    card.transmit(SELECT_PIV).unwrap();
    card.inject(Trigger::NextCommand, Fault::Slow(Duration::from_millis(60)));
    card.transmit(PIN_STATE).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(80));
}

#[test]
fn removal_ends_old_connections_for_good_and_the_retry_counter_stays() {
    let mut first = card();
    first.transmit(SELECT_PIV).unwrap();
    first
        .transmit(b"\x00\x20\x00\x80\x084321\xff\xff\xff\xff")
        .unwrap();
    first.remove();
    assert!(matches!(
        first.transmit(SELECT_PIV),
        Err(Error::CardRemoved)
    ));
    first.reinsert();
    assert!(matches!(
        first.transmit(SELECT_PIV),
        Err(Error::CardRemoved)
    ));
    let mut second = first.connect();
    second.transmit(SELECT_PIV).unwrap();
    assert_eq!(second.transmit(PIN_STATE).unwrap(), [0x63, 0xc2]);
}

#[test]
fn card_pulled_while_it_computes_gives_an_empty_answer() {
    let mut card = card();
    card.inject(Trigger::NextCommand, Fault::Slow(Duration::from_secs(3)));
    let puller = card.connect();
    let worker = thread::spawn(move || card.transmit(SELECT_PIV));
    while !puller.faults_are_spent() {
        thread::sleep(Duration::from_millis(5));
    }
    puller.remove();
    assert_eq!(worker.join().unwrap().unwrap(), [0_u8; 0]);
}

#[test]
fn programs_share_the_pin_state_and_wait_for_each_others_transactions() {
    let mut first = card();
    let mut second = first.connect();
    let (begun, in_transaction) = mpsc::channel();
    let worker = thread::spawn(move || {
        first.transaction(&mut |channel: &mut dyn ApduChannel| {
            channel.transmit(SELECT_PIV)?;
            begun.send(()).unwrap();
            thread::sleep(Duration::from_millis(100));
            channel.transmit(VERIFY).map(|_| ())
        })
    });
    in_transaction.recv().unwrap();
    // Waits until the transaction ends, and finds what it left.
    assert_eq!(second.transmit(PIN_STATE).unwrap(), [0x90, 0]);
    worker.join().unwrap().unwrap();
}

/// What a billing program needs: after our signature the PIN is not verified and its own file is
/// still selectable; and a PIN that it had verified stays verified.
#[test]
fn signature_leaves_the_card_as_the_other_program_had_it() {
    let reader = card();
    let mut billing = reader.connect();
    sign(&reader).unwrap();
    billing.transmit(SELECT_PIV).unwrap();
    assert_eq!(
        billing.transmit(PIN_STATE).unwrap(),
        [0x63, 0xc3],
        "the PIN is not verified"
    );
    assert!(
        billing
            .transmit(SELECT_OTHER)
            .unwrap()
            .ends_with(&[0x90, 0])
    );
    assert_eq!(
        billing.transmit(&[0, 0xa4, 2, 0x0c, 2, 1, 1]).unwrap(),
        [0x90, 0]
    );
    assert!(
        billing
            .transmit(&[0, 0xb0, 0, 0, 12])
            .unwrap()
            .starts_with(b"CARDEA-VCARD")
    );

    billing.transmit(SELECT_PIV).unwrap();
    assert_eq!(billing.transmit(VERIFY).unwrap(), [0x90, 0]);
    sign(&reader).unwrap();
    assert_eq!(
        billing.transmit(PIN_STATE).unwrap(),
        [0x90, 0],
        "its own PIN state is kept"
    );
}

#[test]
fn command_headers_tell_what_was_sent_without_data() {
    let reader = card();
    sign(&reader).unwrap();
    let headers = reader.command_headers();
    assert!(
        headers.contains(&[1, 0x20, 0, 0x80]),
        "on a channel of its own"
    );
    assert!(headers.iter().any(|header| header[1] == 0x87));
}

#[test]
fn extended_length_card_signs_with_rsa() {
    let issued = TestPki::shared()
        .unwrap()
        .issue_card(&CardProfile::nurse())
        .unwrap();
    let image = CardImage::from_issued(&issued)
        .unwrap()
        .announcing_extended_length();
    sign(&VirtualCard::insert(image).unwrap()).unwrap();
}
