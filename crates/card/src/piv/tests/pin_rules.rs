//! The PIN is always demanded, sent once, and left as it was found.

use super::fake_card::FakeCard;
use crate::test_card::{Recipe, p256_key};
use crate::{
    Abandonment, Card, Error, LastTry, Pin, PinAfter, PivCard, PivSlot, SignRequest, Signature,
};

struct Attempt {
    result: Result<Signature, Error>,
    steps: Vec<&'static str>,
    verified_after: bool,
}

impl Attempt {
    fn code(&self) -> &'static str {
        self.result.as_ref().map_or_else(Error::code, |_| "signed")
    }
}

fn attempt(change: impl FnOnce(&mut FakeCard)) -> Attempt {
    attempt_with("1234", LastTry::Refused, change)
}

fn attempt_with(typed: &str, last_try: LastTry, change: impl FnOnce(&mut FakeCard)) -> Attempt {
    let key = p256_key();
    let mut card = FakeCard::new(key.clone());
    change(&mut card);
    let log = card.log.clone();
    let certificate = Recipe::new(key).certificate(PivSlot::Authentication);
    let pin = Pin::parse(typed).unwrap();
    let request = SignRequest::new(&certificate, &pin, b"message").with_last_try(last_try);
    let result = PivCard::new(card).sign(&request);
    assert_eq!(log.transactions(), (1, 1));
    assert!(log.pins_sent() <= 1);
    Attempt {
        result,
        steps: log.steps(),
        verified_after: log.is_verified(),
    }
}

#[test]
fn a_pin_verified_by_another_program_is_demanded_again_and_kept() {
    let attempt = attempt(|card| card.verified = true);
    assert_eq!(attempt.steps, ["select", "status", "verify", "sign"]);
    assert_eq!(attempt.result.unwrap().pin_after(), PinAfter::KeptForOther);
    assert!(attempt.verified_after);
}

#[test]
fn a_wrong_pin_is_sent_once_and_nothing_is_signed() {
    let attempt = attempt_with("9999", LastTry::Refused, |_| {});
    assert_eq!(attempt.steps, ["select", "status", "verify"]);
    assert!(matches!(
        attempt.result,
        Err(Error::PinIncorrect {
            tries_left: Some(2)
        })
    ));
}

#[test]
fn a_wrong_pin_is_refused_although_another_program_verified_it() {
    let attempt = attempt_with("9999", LastTry::Refused, |card| card.verified = true);
    assert_eq!(attempt.code(), "card.pin_incorrect");
}

#[test]
fn the_last_try_is_not_used_without_consent() {
    let attempt = attempt(|card| card.tries = 1);
    assert_eq!(attempt.code(), "card.pin_last_try");
    assert_eq!(attempt.steps, ["select", "status"]);
}

#[test]
fn the_last_try_is_used_with_consent() {
    let right = attempt_with("1234", LastTry::Accepted, |card| card.tries = 1);
    assert_eq!(right.code(), "signed");
    let wrong = attempt_with("9999", LastTry::Accepted, |card| card.tries = 1);
    assert_eq!(wrong.code(), "card.pin_blocked");
    assert_eq!(wrong.steps, ["select", "status", "verify"]);
}

#[test]
fn a_blocked_card_gets_no_pin() {
    let attempt = attempt_with("1234", LastTry::Accepted, |card| card.tries = 0);
    assert_eq!(attempt.code(), "card.pin_blocked");
    assert_eq!(attempt.steps, ["select", "status"]);
}

#[test]
fn a_counter_that_reads_zero_is_blocked_too() {
    let attempt = attempt(|card| {
        card.fault = Box::new(|number, _| (number == 1).then(|| Ok(vec![0x63, 0xC0])));
    });
    assert_eq!(attempt.code(), "card.pin_blocked");
    assert_eq!(attempt.steps, ["select", "status"]);
}

#[test]
fn a_card_whose_counter_cannot_be_read_gets_no_pin() {
    for status in [
        [0x6A, 0x88],
        [0x63, 0x00],
        [0x69, 0x82],
        [0x6D, 0x00],
        [0x6F, 0x00],
    ] {
        let attempt = attempt(|card| {
            card.fault = Box::new(move |number, _| (number == 1).then(|| Ok(status.to_vec())));
        });
        assert_eq!(attempt.code(), "card.unexpected_status");
        assert_eq!(attempt.steps, ["select", "status"]);
    }
}

#[test]
fn cards_of_older_editions_are_cleared_by_selecting_another_application() {
    let attempt = attempt(|card| card.knows_reset = false);
    assert_eq!(
        attempt.steps,
        ["select", "status", "verify", "sign", "clear", "select"]
    );
    assert_eq!(attempt.result.unwrap().pin_after(), PinAfter::Cleared);
    assert!(!attempt.verified_after);
}

#[test]
fn a_card_that_cannot_be_cleared_is_told_apart() {
    let attempt = attempt(|card| {
        card.knows_reset = false;
        card.knows_card_manager = false;
    });
    assert_eq!(attempt.result.unwrap().pin_after(), PinAfter::NotCleared);
}

#[test]
fn pin_status_tells_what_the_card_says_and_uses_no_try() {
    let status = |change: fn(&mut FakeCard)| {
        let mut card = FakeCard::new(p256_key());
        change(&mut card);
        let log = card.log.clone();
        let status = PivCard::new(card).pin_status().unwrap();
        assert_eq!(log.steps(), ["select", "status"]);
        (status.tries_left, status.verified, status.blocked)
    };
    assert_eq!(status(|_| {}), (Some(3), false, false));
    assert_eq!(status(|card| card.tries = 1), (Some(1), false, false));
    assert_eq!(status(|card| card.tries = 0), (Some(0), false, true));
    assert_eq!(status(|card| card.verified = true), (None, true, false));
}

#[test]
fn an_abandoned_call_uses_no_pin() {
    let key = p256_key();
    let certificate = Recipe::new(key.clone()).certificate(PivSlot::Authentication);
    let pin = Pin::parse("1234").unwrap();
    // Given up before a command with this number; from number 3 on the PIN is verified already.
    for (given_up_at, steps) in [
        (1, &["select", "status"][..]),
        (2, &["select", "status", "verify", "clear"][..]),
    ] {
        let abandonment = Abandonment::default();
        let mut card = FakeCard::new(key.clone());
        let inside = abandonment.clone();
        card.fault = Box::new(move |number, _| {
            if number == given_up_at {
                inside.abandon();
            }
            None
        });
        let log = card.log.clone();
        let request =
            SignRequest::new(&certificate, &pin, b"message").with_abandonment(abandonment);
        let error = PivCard::new(card).sign(&request).unwrap_err();
        assert_eq!(error.code(), "card.abandoned");
        assert_eq!(log.steps(), steps);
        assert!(!log.is_verified());
    }
}
