//! A card that breaks in every way, at every command.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::fake_card::{FakeCard, Fault, Log};
use crate::test_card::{Recipe, p256_key, rsa_key};
use crate::{Card, Error, Pin, PinAfterwards, PivCard, PivSlot, SignRequest};

/// One kind of fault: its name, what happens instead of the command, its code.
type Kind = (&'static str, fn() -> Result<Vec<u8>, Error>, &'static str);

const KINDS: [Kind; 7] = [
    ("empty answer", || Ok(Vec::new()), "card.removed"),
    ("one byte", || Ok(vec![0x90]), "card.removed"),
    ("removed", || Err(Error::CardRemoved), "card.removed"),
    ("busy", || Err(Error::Busy), "card.busy"),
    (
        "64 KiB",
        || Ok(vec![0x90; 65_538]),
        "card.response_too_long",
    ),
    (
        "general failure",
        || Ok(vec![0x6F, 0x00]),
        "card.unexpected_status",
    ),
    (
        "security status",
        || Ok(vec![0x69, 0x82]),
        "card.unexpected_status",
    ),
];

fn run(key: &openssl::pkey::PKey<openssl::pkey::Private>, fault: Fault) -> (&'static str, Log) {
    let mut card = FakeCard::new(key.clone());
    card.fault = fault;
    let log = card.log.clone();
    let certificate = Recipe::new(key.clone()).certificate(PivSlot::Authentication);
    let pin = Pin::parse("1234").unwrap();
    let result = PivCard::new(card).sign(&SignRequest::new(&certificate, &pin, b"message"));
    let code = result.as_ref().map_or_else(Error::code, |_| "signed");
    (code, log)
}

#[test]
fn every_fault_at_every_command_is_an_error_with_its_code() {
    for (key, last) in [(p256_key(), 3), (rsa_key(), 5)] {
        for (name, answer, expected) in KINDS {
            for place in 0..=last {
                let fault: Fault = Box::new(move |number, _| (number == place).then(answer));
                let (code, log) = run(&key, fault);
                assert_eq!(code, expected, "{name} at {place}");
                assert_eq!(log.transactions(), (1, 1), "{name} at {place}");
                assert!(log.pins_sent() <= 1, "{name} at {place}");
            }
        }
    }
}

#[test]
fn an_empty_success_is_no_signature() {
    // Nothing said "yes" but the card did nothing: PIN not verified, half a command, no signature.
    for (key, place, expected) in [
        (p256_key(), 2, "card.unexpected_status"),
        (p256_key(), 3, "card.response_malformed"),
        (rsa_key(), 3, "card.unexpected_status"),
        (rsa_key(), 4, "card.response_malformed"),
        (rsa_key(), 5, "card.response_malformed"),
    ] {
        let fault: Fault =
            Box::new(move |number, _| (number == place).then(|| Ok(vec![0x90, 0x00])));
        assert_eq!(run(&key, fault).0, expected, "{place}");
    }
}

#[test]
fn a_verified_pin_is_cleared_after_every_fault_of_the_signature() {
    for (name, answer, _) in KINDS {
        let (_, log) = run(
            &p256_key(),
            Box::new(move |number, _| (number == 3).then(answer)),
        );
        assert_eq!(
            log.steps()[..5],
            ["select", "status", "verify", "sign", "clear"],
            "{name}"
        );
        assert!(!log.is_verified(), "{name}");
    }
}

/// The card verified the PIN, and nobody heard it say so.
#[test]
fn a_pin_whose_answer_was_lost_is_cleared_as_a_verified_one() {
    for knows_reset in [true, false] {
        let key = p256_key();
        let mut card = FakeCard::new(key.clone());
        (card.lost_answer, card.knows_reset) = (Some(2), knows_reset);
        let log = card.log.clone();
        let certificate = Recipe::new(key).certificate(PivSlot::Authentication);
        let pin = Pin::parse("1234").unwrap();
        let mut card = PivCard::new(card);
        let refused = card.sign(&SignRequest::new(&certificate, &pin, b"message"));
        assert_eq!(refused.unwrap_err().code(), "card.removed");
        assert_eq!(log.pins_sent(), 1);
        assert!(!log.is_verified(), "{:?}", log.steps());
    }
}

#[test]
fn after_a_refused_pin_nothing_is_sent_any_more() {
    for refusal in [[0x63, 0xC2], [0x63, 0xC0], [0x69, 0x83]] {
        let (_, log) = run(
            &p256_key(),
            Box::new(move |number, _| (number == 2).then(|| Ok(refusal.to_vec()))),
        );
        assert_eq!(log.steps(), ["select", "status", "verify"], "{refusal:?}");
    }
}

/// Another card's signature: whoever asked never learns that a PIN is kept.
#[test]
fn a_signature_that_fits_nothing_keeps_no_pin() {
    let certificate = Recipe::new(p256_key()).certificate(PivSlot::Authentication);
    let other = openssl::ec::EcKey::generate(p256_key().ec_key().unwrap().group()).unwrap();
    let card = FakeCard::new(openssl::pkey::PKey::from_ec_key(other).unwrap());
    let log = card.log.clone();
    let pin = Pin::parse("1234").unwrap();
    let mut card = PivCard::new(card);
    let request = SignRequest::new(&certificate, &pin, b"message");
    let refused = card.sign(&request.with_afterwards(PinAfterwards::Keep));
    assert_eq!(refused.unwrap_err().code(), "card.signature_invalid");
    assert!(!log.is_verified(), "{:?}", log.steps());
}

#[test]
fn a_verified_pin_is_cleared_on_a_panic() {
    let key = p256_key();
    let mut card = FakeCard::new(key.clone());
    card.fault = Box::new(|number, _| {
        assert!(number != 3, "scripted panic");
        None
    });
    let log = card.log.clone();
    let certificate = Recipe::new(key).certificate(PivSlot::Authentication);
    let pin = Pin::parse("1234").unwrap();
    let mut card = PivCard::new(card);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        card.sign(&SignRequest::new(&certificate, &pin, b"message"))
    }));
    assert!(outcome.is_err());
    assert_eq!(log.steps().last(), Some(&"clear"));
    assert!(!log.is_verified());
    assert_eq!(log.transactions(), (1, 1));
}

#[test]
fn endless_61xx_ends() {
    let endless: [(&str, Vec<u8>, &str); 3] = [
        (
            "full blocks for ever",
            [vec![7; 256], vec![0x61, 0x00]].concat(),
            "card.response_too_long",
        ),
        (
            "one byte for ever",
            vec![7, 0x61, 0x01],
            "card.response_too_long",
        ),
        (
            "nothing for ever",
            vec![0x61, 0x10],
            "card.response_malformed",
        ),
    ];
    for (name, answer, expected) in endless {
        let fault: Fault = Box::new(move |number, _| (number >= 3).then(|| Ok(answer.clone())));
        let (code, log) = run(&p256_key(), fault);
        assert_eq!(code, expected, "{name}");
        assert!(
            log.commands().len() < 250,
            "{name}: {}",
            log.commands().len()
        );
    }
}

#[test]
fn a_wrong_length_is_corrected_once() {
    let key = p256_key();
    let fault: Fault = Box::new(|number, _| (number == 3).then(|| Ok(vec![0x6C, 0x48])));
    let (code, log) = run(&key, fault);
    assert_eq!(code, "signed");
    assert_eq!(log.commands()[4].last(), Some(&0x48));
    let fault: Fault =
        Box::new(|number, _| (3..=4).contains(&number).then(|| Ok(vec![0x6C, 0x48])));
    assert_eq!(run(&key, fault).0, "card.unexpected_status");
}

#[test]
fn a_card_without_the_application_is_unsupported() {
    for status in [[0x6A, 0x82], [0x6A, 0x81]] {
        let (code, log) = run(
            &p256_key(),
            Box::new(move |number, _| (number == 0).then(|| Ok(status.to_vec()))),
        );
        assert_eq!(code, "card.unsupported");
        assert_eq!(log.steps(), ["select"]);
    }
}

#[test]
fn a_slot_without_a_key_is_told() {
    let (code, _) = run(
        &p256_key(),
        Box::new(|number, _| (number == 3).then(|| Ok(vec![0x6A, 0x88]))),
    );
    assert_eq!(code, "card.key_missing");
}

#[test]
fn random_answers_never_panic_and_always_end() {
    // xorshift64: the same answers at every run.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let key = p256_key();
    let certificate = Recipe::new(key.clone()).certificate(PivSlot::Authentication);
    let pin = Pin::parse("1234").unwrap();
    let words = [
        0x9000_u16, 0x6100, 0x6110, 0x6C00, 0x63C1, 0x63C3, 0x6A82, 0x6983, 0x6700,
    ];
    for _ in 0..2_000 {
        let mut seed = next();
        let mut card = FakeCard::new(key.clone());
        card.fault = Box::new(move |_, _| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if seed >> 62 == 0 {
                return None;
            }
            let [a, b, c, d, length, word, ..] = seed.to_be_bytes();
            let mut answer: Vec<u8> = [a, 0x53, 0x7C, 0x82, b, c, d].repeat(40);
            answer.truncate(usize::from(length));
            answer.extend(words[usize::from(word) % words.len()].to_be_bytes());
            Some(Ok(answer))
        });
        let log = card.log.clone();
        let mut card = PivCard::new(card);
        let _ = card.sign(&SignRequest::new(&certificate, &pin, b"message"));
        let _ = card.certificates();
        let _ = card.serial();
        assert!(log.commands().len() < 800, "{}", log.commands().len());
        assert!(log.pins_sent() <= 1);
        let (begun, ended) = log.transactions();
        assert_eq!(begun, ended);
    }
}
