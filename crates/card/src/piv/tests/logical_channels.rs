//! A channel of our own, where the card has one, and what happens where it has none.

use super::fake_card::{FakeCard, Log};
use crate::test_card::{Recipe, p256_key};
use crate::{
    Card, Error, Pin, PinAfter, PinAfterwards, PinEntry, PivCard, PivSlot, SignRequest, Signature,
};

struct Attempt {
    result: Result<Signature, Error>,
    log: Log,
}

fn attempt(change: impl FnOnce(&mut FakeCard)) -> Attempt {
    let key = p256_key();
    let mut card = FakeCard::new(key.clone()).with_channel();
    change(&mut card);
    let log = card.log.clone();
    let certificate = Recipe::new(key).certificate(PivSlot::Authentication);
    let pin = Pin::parse("1234").unwrap();
    let result = PivCard::new(card).sign(&SignRequest::new(&certificate, &pin, b"message"));
    assert!(log.pins_sent() <= 1);
    Attempt { result, log }
}

const ON_OWN_CHANNEL: [&str; 7] = [
    "open", "select", "status", "verify", "sign", "clear", "close",
];
const ON_BASIC_CHANNEL: [&str; 5] = ["select", "status", "verify", "sign", "clear"];

#[test]
fn beside_another_program_a_login_has_a_channel_of_its_own() {
    let attempt = attempt(|_| {});
    assert_eq!(attempt.log.steps(), ON_OWN_CHANNEL);
    assert_eq!(attempt.result.unwrap().pin_after(), PinAfter::Cleared);
    let classes: Vec<u8> = attempt.log.commands().iter().map(|one| one[0]).collect();
    assert_eq!(classes, [0, 1, 1, 1, 1, 1, 0]);
    let commands = attempt.log.commands();
    assert_eq!(commands[0], [0x00, 0x70, 0x00, 0x00, 0x01]);
    assert_eq!(commands[6], [0x00, 0x70, 0x80, 0x01]);
}

#[test]
fn alone_at_the_card_a_login_takes_the_basic_channel() {
    let attempt = attempt(|card| card.has_company = false);
    assert_eq!(attempt.log.steps(), ON_BASIC_CHANNEL);
}

#[test]
fn a_pin_verified_by_the_other_program_stays_where_it_is() {
    let attempt = attempt(|card| card.verified = true);
    assert_eq!(attempt.log.steps(), ON_OWN_CHANNEL);
    assert!(attempt.log.is_verified(), "on the basic channel");
}

#[test]
fn a_pin_state_that_all_channels_share_is_left_as_it_was() {
    let mine = attempt(|card| card.shares_pin_state = true);
    assert_eq!(mine.log.steps(), ON_OWN_CHANNEL);
    assert!(!mine.log.is_verified());
    let others = attempt(|card| {
        card.shares_pin_state = true;
        card.verified = true;
    });
    assert_eq!(others.result.unwrap().pin_after(), PinAfter::KeptForOther);
    assert!(others.log.is_verified());
}

#[test]
fn a_card_without_channels_gets_the_basic_one() {
    let attempt = attempt(|card| card.has_channel = false);
    assert_eq!(attempt.log.steps()[0], "open");
    assert_eq!(attempt.log.steps()[1..], ON_BASIC_CHANNEL);
    assert!(attempt.result.is_ok());
}

#[test]
fn a_card_that_says_that_it_has_none_is_not_asked() {
    let key = p256_key();
    let mut card = FakeCard::new(key.clone())
        .with_channel()
        .with_extended_length();
    card.has_channel = false;
    let log = card.log.clone();
    PivCard::new(card).pin_status().unwrap();
    assert_eq!(log.steps(), ["select", "status"]);
}

#[test]
fn a_card_without_channels_is_asked_once() {
    let mut card = FakeCard::new(p256_key()).with_channel();
    card.has_channel = false;
    let log = card.log.clone();
    let mut card = PivCard::new(card);
    card.pin_status().unwrap();
    card.pin_status().unwrap();
    let steps = ["open", "select", "status", "select", "status"];
    assert_eq!(log.steps(), steps);
}

#[test]
fn an_application_selected_elsewhere_is_used_there() {
    let attempt = attempt(|card| card.selects_once = true);
    let steps = attempt.log.steps();
    assert_eq!(steps[..3], ["open", "select", "close"]);
    assert_eq!(steps[3..], ON_BASIC_CHANNEL);
    assert!(attempt.result.is_ok());
}

#[test]
fn a_channel_without_a_sensible_number_is_refused() {
    for answer in [
        &[0x90, 0x00][..],
        &[0, 0x90, 0],
        &[20, 0x90, 0],
        &[1, 2, 0x90, 0],
    ] {
        let attempt = attempt(|card| {
            card.fault = Box::new(move |number, _| (number == 0).then(|| Ok(answer.to_vec())));
        });
        let code = attempt.result.unwrap_err().code();
        assert_eq!(code, "card.response_malformed", "{answer:02X?}");
        assert_eq!(attempt.log.steps(), ["open"]);
    }
}

#[test]
fn every_fault_on_the_own_channel_ends_with_the_channel_closed_and_no_pin_verified() {
    for (name, answer) in [
        ("general failure", vec![0x6F, 0x00]),
        ("channel gone", vec![0x68, 0x81]),
        ("too long", vec![0x90; 65_538]),
        ("bytes to fetch that are none", vec![0x61, 0x10]),
    ] {
        for place in 2..=4 {
            let answer = answer.clone();
            let attempt = attempt(|card| {
                card.fault =
                    Box::new(move |number, _| (number == place).then(|| Ok(answer.clone())));
            });
            let steps = attempt.log.steps();
            assert!(attempt.result.is_err(), "{name} at {place}");
            assert_eq!(steps.last(), Some(&"close"), "{name} at {place}: {steps:?}");
            assert!(!attempt.log.is_verified(), "{name} at {place}");
            assert_eq!(attempt.log.transactions(), (1, 1));
        }
    }
}

/// A card, a certificate and a PIN, to sign with again and again.
struct Desk {
    card: PivCard<FakeCard>,
    log: Log,
    certificate: crate::CardCertificate,
}

impl Desk {
    fn new(change: impl FnOnce(&mut FakeCard)) -> Self {
        let key = p256_key();
        let mut card = FakeCard::new(key.clone()).with_channel();
        change(&mut card);
        Self {
            log: card.log.clone(),
            card: PivCard::new(card),
            certificate: Recipe::new(key).certificate(PivSlot::Authentication),
        }
    }

    fn sign(
        &mut self,
        typed: Option<&Pin>,
        afterwards: PinAfterwards,
    ) -> Result<PinAfter, &'static str> {
        let entry = typed.map_or(PinEntry::Verified, PinEntry::Typed);
        let request = SignRequest::new(&self.certificate, entry, b"message");
        let signed = self.card.sign(&request.with_afterwards(afterwards));
        signed
            .map(|signature| signature.pin_after())
            .map_err(|error| error.code())
    }
}

#[test]
fn a_kept_pin_stays_on_a_channel_of_its_own_until_it_is_cleared() {
    let pin = Pin::parse("1234").unwrap();
    let mut desk = Desk::new(|card| card.has_company = false);
    let keep = PinAfterwards::Keep;
    assert_eq!(desk.sign(Some(&pin), keep), Ok(PinAfter::Kept));
    assert_eq!(desk.sign(None, keep), Ok(PinAfter::Kept));
    assert!(desk.card.pin_status().unwrap().verified);
    assert_eq!(desk.card.clear_pin().unwrap(), PinAfter::Cleared);
    let steps = desk.log.steps();
    assert_eq!(
        steps,
        [
            "open", "select", "status", "verify", "sign", "status", "sign", "status", "clear",
            "close"
        ]
    );
    assert!(!desk.log.is_verified());
    assert_eq!(desk.sign(None, keep), Err("card.pin_not_verified"));
    assert_eq!(desk.card.clear_pin().unwrap(), PinAfter::Cleared);
    assert_eq!(desk.log.steps().len(), steps.len(), "nothing was sent");
}

#[test]
fn a_kept_pin_ends_with_the_connection() {
    let pin = Pin::parse("1234").unwrap();
    for has_channel in [true, false] {
        let mut desk = Desk::new(|card| card.has_channel = has_channel);
        desk.sign(Some(&pin), PinAfterwards::Keep).unwrap();
        assert!(desk.log.is_verified());
        let log = desk.log.clone();
        drop(desk);
        assert!(!log.is_verified(), "channel: {has_channel}");
    }
}

#[test]
fn a_kept_pin_is_used_up_by_a_request_that_clears() {
    let pin = Pin::parse("1234").unwrap();
    let mut desk = Desk::new(|_| {});
    desk.sign(Some(&pin), PinAfterwards::Keep).unwrap();
    let cleared = desk.sign(None, PinAfterwards::Clear);
    assert_eq!(cleared, Ok(PinAfter::Cleared));
    assert_eq!(desk.log.steps().last(), Some(&"close"));
    assert!(!desk.log.is_verified());
}

#[test]
fn a_pin_typed_again_replaces_the_kept_one() {
    let pin = Pin::parse("1234").unwrap();
    let mut desk = Desk::new(|_| {});
    desk.sign(Some(&pin), PinAfterwards::Keep).unwrap();
    desk.sign(Some(&pin), PinAfterwards::Clear).unwrap();
    assert_eq!(desk.log.pins_sent(), 2);
    assert!(!desk.log.is_verified());
}

/// D14: another program's verified PIN is nobody's permission to sign.
#[test]
fn d14_a_pin_that_another_program_verified_signs_nothing() {
    let mut desk = Desk::new(|card| card.verified = true);
    let refused = desk.sign(None, PinAfterwards::Keep);
    assert_eq!(refused, Err("card.pin_not_verified"));
    assert!(desk.log.commands().is_empty());
}

#[test]
fn a_kept_pin_does_not_outlive_a_reset_or_a_lost_channel() {
    let pin = Pin::parse("1234").unwrap();
    let mut desk = Desk::new(|card| {
        // The card forgets its channel between the two signatures, and nobody says so.
        card.fault = Box::new(|number, _| (number == 5).then(|| Ok(vec![0x68, 0x81])));
    });
    desk.sign(Some(&pin), PinAfterwards::Keep).unwrap();
    let refused = desk.sign(None, PinAfterwards::Keep);
    assert_eq!(refused, Err("card.pin_not_verified"));
    let refused = desk.sign(None, PinAfterwards::Keep);
    assert_eq!(refused, Err("card.pin_not_verified"));
    assert!(!desk.log.is_verified());
}

/// D15: whatever comes in answer to whichever command, the channel is given back, no PIN stays
/// verified and none is sent twice.
#[test]
fn d15_wrong_short_and_endless_answers_at_every_command_end_well() {
    for (name, answer) in [
        ("nothing", vec![]),
        ("one byte", vec![0x90]),
        ("64 KiB", vec![0x90; 65_538]),
        ("no channel", vec![0x68, 0x81]),
        ("general failure", vec![0x6F, 0x00]),
        ("not satisfied", vec![0x69, 0x82]),
        ("success without data", vec![0x90, 0x00]),
        ("endless", [vec![7; 256], vec![0x61, 0x00]].concat()),
        ("another length", vec![0x6C, 0x10]),
    ] {
        for place in 0..=6 {
            let answer = answer.clone();
            let attempt = attempt(|card| {
                // From here on, so that whatever is sent afterwards meets it once more.
                card.fault = Box::new(move |number, _| {
                    (place..place + 2)
                        .contains(&number)
                        .then(|| Ok(answer.clone()))
                });
            });
            assert_eq!(attempt.log.transactions(), (1, 1), "{name} at {place}");
            assert!(attempt.log.commands().len() < 80, "{name} at {place}");
            if place < 4 {
                // The commands that clear and close were not hit.
                assert!(!attempt.log.is_verified(), "{name} at {place}");
            }
        }
    }
}
