//! Readers with keys of their own: the PIN is nowhere in what we send.

use super::fake_card::{FakeCard, Keypad, Log};
use crate::test_card::{Recipe, p256_key};
use crate::{
    Card, Error, LastTry, PinAfter, PinEntry, PinMeans, PivCard, PivSlot, SignRequest, Signature,
};

fn attempt(change: impl FnOnce(&mut FakeCard)) -> (Result<Signature, Error>, Log) {
    let key = p256_key();
    let mut card = FakeCard::new(key.clone());
    change(&mut card);
    let log = card.log.clone();
    let certificate = Recipe::new(key).certificate(PivSlot::Authentication);
    let request = SignRequest::new(&certificate, PinEntry::OnReader, b"message")
        .with_last_try(LastTry::Refused);
    (PivCard::new(card).sign(&request), log)
}

fn code(keypad: Keypad) -> &'static str {
    let (result, log) = attempt(|card| card.keypad = Some(keypad));
    assert!(log.pins_sent() <= 1);
    assert!(!log.is_verified());
    result.as_ref().map_or_else(Error::code, |_| "signed")
}

#[test]
fn the_reader_takes_the_pin_and_the_card_signs() {
    let (result, log) = attempt(|card| card.keypad = Some(Keypad::Types(b"1234")));
    assert_eq!(result.unwrap().pin_after(), PinAfter::Cleared);
    assert_eq!(log.steps(), ["select", "status", "verify", "sign", "clear"]);
    assert!(!log.is_verified());
}

#[test]
fn the_reader_verifies_on_our_own_channel() {
    let (result, log) = attempt(|card| {
        card.keypad = Some(Keypad::Types(b"1234"));
        (card.has_channel, card.has_company) = (true, true);
    });
    assert!(result.is_ok());
    assert_eq!(log.commands()[3][..5], [0x01, 0x20, 0x00, 0x80, 8]);
}

#[test]
fn what_the_reader_and_the_card_say_has_codes() {
    assert_eq!(code(Keypad::Types(b"1234")), "signed");
    assert_eq!(code(Keypad::Types(b"9999")), "card.pin_incorrect");
    assert_eq!(code(Keypad::Answers([0x63, 0xC0])), "card.pin_blocked");
    assert_eq!(code(Keypad::Answers([0x69, 0x83])), "card.pin_blocked");
    assert_eq!(
        code(Keypad::Answers([0x64, 0x00])),
        "card.pin_entry_timed_out"
    );
    assert_eq!(
        code(Keypad::Answers([0x64, 0x01])),
        "card.pin_entry_cancelled"
    );
    assert_eq!(code(Keypad::Answers([0x64, 0x03])), "card.pin_malformed");
    assert_eq!(
        code(Keypad::Answers([0x6B, 0x80])),
        "card.unexpected_status"
    );
}

#[test]
fn a_success_that_verified_nothing_signs_nothing() {
    assert_eq!(
        code(Keypad::Answers([0x90, 0x00])),
        "card.unexpected_status"
    );
}

#[test]
fn a_reader_without_keys_is_told_and_no_try_is_used() {
    let (result, log) = attempt(|_| {});
    assert_eq!(result.unwrap_err().code(), "card.pin_pad_missing");
    assert_eq!(log.steps(), ["select", "status"]);
}

/// D9: the counter is looked at before the reader is asked for a PIN, too.
#[test]
fn d9_the_last_try_is_not_used_on_the_reader_without_consent() {
    for (tries, expected) in [(1, "card.pin_last_try"), (0, "card.pin_blocked")] {
        let (result, log) = attempt(|card| {
            card.keypad = Some(Keypad::Types(b"1234"));
            card.tries = tries;
        });
        assert_eq!(result.unwrap_err().code(), expected);
        assert_eq!(log.steps(), ["select", "status"]);
    }
}

#[test]
fn the_means_follow_the_reader() {
    let means = |keypad| {
        let mut card = FakeCard::new(p256_key());
        card.keypad = keypad;
        PivCard::new(card).pin_means().unwrap()
    };
    assert_eq!(means(None), PinMeans::Keyboard);
    assert_eq!(means(Some(Keypad::Types(b"1"))), PinMeans::Reader);
}

/// D15: the entry on the reader is never repeated, whatever comes of it.
#[test]
fn d15_wrong_and_short_answers_to_the_entry_are_errors() {
    for (answer, expected) in [
        (vec![], "card.removed"),
        (vec![0x90], "card.removed"),
        (vec![0x6F, 0x00], "card.unexpected_status"),
        (vec![0x61, 0x10], "card.unexpected_status"),
        (vec![0x90; 65_538], "card.response_too_long"),
    ] {
        let (result, log) = attempt(|card| {
            card.keypad = Some(Keypad::Types(b"1234"));
            card.fault = Box::new(move |number, _| (number == 2).then(|| Ok(answer.clone())));
        });
        assert_eq!(result.unwrap_err().code(), expected);
        assert_eq!(log.pins_sent(), 1);
        assert!(!log.is_verified());
    }
}
