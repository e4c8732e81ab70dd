//! A new PIN: sent once, with the counter seen before, and the PIN state left as it was.

use super::fake_card::{FakeCard, Keypad, Log};
use crate::test_card::p256_key;
use crate::{
    Card, CareTerms, Error, LastTry, Pin, PinAfter, PinChange, PivCard, Puk, PukStatus, Unblocking,
};

struct Attempt {
    result: Result<PinAfter, Error>,
    log: Log,
}

impl Attempt {
    fn code(&self) -> &'static str {
        self.result.as_ref().map_or_else(Error::code, |_| "done")
    }
}

fn pin(typed: &str) -> Pin {
    Pin::parse(typed).unwrap()
}

fn terms(last_try: LastTry) -> CareTerms<'static> {
    CareTerms {
        last_try,
        ..CareTerms::default()
    }
}

fn change_with(
    old: &str,
    new: &str,
    terms: CareTerms<'_>,
    change: impl FnOnce(&mut FakeCard),
) -> Attempt {
    let mut card = FakeCard::new(p256_key());
    change(&mut card);
    let log = card.log.clone();
    let result = PivCard::new(card).change_pin(&PinChange {
        old: &pin(old),
        new: &pin(new),
        terms,
    });
    let sent = log.steps().iter().filter(|step| **step == "change").count();
    assert!(sent <= 1, "{:?}", log.steps());
    Attempt { result, log }
}

fn change(change: impl FnOnce(&mut FakeCard)) -> Attempt {
    change_with("1234", "8642", CareTerms::default(), change)
}

fn unblock_with(
    puk: &str,
    new: &str,
    terms: CareTerms<'_>,
    change: impl FnOnce(&mut FakeCard),
) -> Attempt {
    let mut card = FakeCard::new(p256_key());
    change(&mut card);
    let log = card.log.clone();
    let result = PivCard::new(card).unblock(&Unblocking {
        puk: &Puk::parse(puk).unwrap(),
        new: &pin(new),
        terms,
    });
    let sent = log
        .steps()
        .iter()
        .filter(|step| **step == "unblock")
        .count();
    assert!(sent <= 1, "{:?}", log.steps());
    Attempt { result, log }
}

fn unblock(change: impl FnOnce(&mut FakeCard)) -> Attempt {
    unblock_with("12345678", "8642", CareTerms::default(), change)
}

#[test]
fn a_pin_is_changed_in_one_transaction_to_the_letter_and_cleared() {
    let attempt = change(|_| {});
    assert_eq!(attempt.result.as_ref().unwrap(), &PinAfter::Cleared);
    let steps = ["select", "status", "change", "clear"];
    assert_eq!(attempt.log.steps(), steps);
    assert_eq!(attempt.log.transactions(), (1, 1));
    let mut command = vec![0x00, 0x24, 0x00, 0x80, 16];
    command.extend(b"1234\xFF\xFF\xFF\xFF8642\xFF\xFF\xFF\xFF");
    assert_eq!(attempt.log.commands()[2], command);
    assert!(!attempt.log.is_verified());
}

#[test]
fn a_card_is_unblocked_in_one_transaction_to_the_letter() {
    let attempt = unblock(|card| (card.tries, card.tells_puk_tries) = (0, true));
    assert_eq!(attempt.result.as_ref().unwrap(), &PinAfter::Cleared);
    let steps = ["select", "status", "puk-status", "unblock", "clear"];
    assert_eq!(attempt.log.steps(), steps);
    assert_eq!(attempt.log.transactions(), (1, 1));
    let mut command = vec![0x00, 0x2C, 0x00, 0x80, 16];
    command.extend(b"123456788642\xFF\xFF\xFF\xFF");
    assert_eq!(attempt.log.commands()[3], command);
}

#[test]
fn beside_another_program_it_happens_on_a_channel_of_our_own() {
    let attempt = change(|card| (card.has_channel, card.has_company) = (true, true));
    let steps = ["open", "select", "status", "change", "clear", "close"];
    assert_eq!(attempt.log.steps(), steps);
    assert_eq!(attempt.log.commands()[3][..2], [0x01, 0x24]);
    let attempt = change(|card| card.verified = true);
    assert_eq!(attempt.result.unwrap(), PinAfter::KeptForOther);
    assert!(attempt.log.is_verified());
}

#[test]
fn wrong_old_pins_are_counted_and_the_last_try_is_kept() {
    let wrong = |last_try, tries: u8| {
        change_with("9999", "8642", terms(last_try), |card| card.tries = tries)
    };
    assert_eq!(wrong(LastTry::Refused, 3).code(), "card.pin_incorrect");
    let kept = wrong(LastTry::Refused, 1);
    assert_eq!(kept.code(), "card.pin_last_try");
    assert_eq!(kept.log.steps(), ["select", "status"]);
    assert_eq!(wrong(LastTry::Accepted, 1).code(), "card.pin_blocked");
    let blocked = wrong(LastTry::Accepted, 0);
    assert_eq!(blocked.code(), "card.pin_blocked");
    assert_eq!(blocked.log.steps(), ["select", "status"]);
}

#[test]
fn wrong_unblocking_codes_are_counted_and_the_last_try_is_kept() {
    let wrong = |last_try, tries: u8| {
        unblock_with("87654321", "8642", terms(last_try), |card| {
            (card.puk_tries, card.tells_puk_tries) = (tries, true);
        })
    };
    let counted = wrong(LastTry::Refused, 3);
    assert!(matches!(
        counted.result,
        Err(Error::PukIncorrect {
            tries_left: Some(2)
        })
    ));
    let kept = wrong(LastTry::Refused, 1);
    assert_eq!(kept.code(), "card.puk_last_try");
    assert_eq!(kept.log.steps(), ["select", "status", "puk-status"]);
    assert_eq!(wrong(LastTry::Accepted, 1).code(), "card.puk_blocked");
    let blocked = wrong(LastTry::Accepted, 0);
    assert_eq!(blocked.code(), "card.puk_blocked");
    assert_eq!(blocked.log.steps(), ["select", "status", "puk-status"]);
}

#[test]
fn a_card_that_hides_the_counter_of_its_unblocking_code_needs_a_yes() {
    let hidden = unblock(|card| card.tries = 0);
    assert_eq!(hidden.code(), "card.puk_last_try");
    assert_eq!(hidden.log.steps(), ["select", "status", "puk-status"]);
    let accepted = unblock_with("12345678", "8642", terms(LastTry::Accepted), |_| {});
    assert_eq!(accepted.code(), "done");
    let mut card = PivCard::new(FakeCard::new(p256_key()));
    assert_eq!(card.puk_status().unwrap(), PukStatus::default());
}

#[test]
fn a_new_pin_that_the_card_refuses_costs_no_try() {
    let refused = change_with("1234", "0012", CareTerms::default(), |_| {});
    assert_eq!(refused.code(), "card.new_pin_refused");
    let refused = unblock_with("12345678", "0012", terms(LastTry::Accepted), |_| {});
    assert_eq!(refused.code(), "card.new_pin_refused");
}

#[test]
fn a_card_that_leaves_in_the_middle_leaves_a_doubt_and_gets_nothing_more() {
    let gone = |card: &mut FakeCard| {
        card.fault = Box::new(|_, command| {
            let is_change = matches!(command[1], 0x24 | 0x2C);
            is_change.then(|| Ok(Vec::new()))
        });
    };
    assert_eq!(change(gone).code(), "card.pin_change_uncertain");
    let unblocked = unblock_with("12345678", "8642", terms(LastTry::Accepted), gone);
    assert_eq!(unblocked.code(), "card.pin_change_uncertain");
    // Before it, nothing has changed.
    let early = change(|card| card.fault = Box::new(|number, _| (number == 1).then(|| Ok(vec![]))));
    assert_eq!(early.code(), "card.removed");
    assert_eq!(early.log.steps(), ["select", "status"]);
}

/// A changed PIN counts as verified, whether or not anybody heard of the change.
#[test]
fn a_change_whose_answer_was_lost_leaves_no_pin_verified() {
    let attempt = change(|card| card.lost_answer = Some(2));
    assert_eq!(attempt.code(), "card.pin_change_uncertain");
    assert_eq!(attempt.log.steps(), ["select", "status", "change", "clear"]);
    assert!(!attempt.log.is_verified());
}

#[test]
fn a_transaction_that_ends_badly_takes_no_change_back() {
    assert_eq!(change(|card| card.ends_badly = true).code(), "done");
    let wrong = change_with("9999", "8642", CareTerms::default(), |card| {
        card.ends_badly = true;
    });
    assert_eq!(wrong.code(), "card.pin_incorrect");
}

#[test]
fn whoever_waits_can_tell_whether_the_command_went_out() {
    let waiting = CareTerms::default();
    assert_eq!(
        change_with("1234", "8642", waiting.clone(), |_| {}).code(),
        "done"
    );
    assert!(waiting.sent.is_set());
    let early = CareTerms::default();
    let refused = change_with("1234", "8642", early.clone(), |card| card.tries = 0);
    assert_eq!(refused.code(), "card.pin_blocked");
    assert!(!early.sent.is_set());
    let abandoned = CareTerms::default();
    abandoned.abandonment.abandon();
    let refused = change_with("1234", "8642", abandoned.clone(), |_| {});
    assert_eq!(refused.code(), "card.abandoned");
    assert!(!abandoned.sent.is_set());
}

#[test]
fn readers_that_are_no_place_for_it_are_told_and_nothing_is_sent() {
    let contactless = change(|card| card.is_contactless = true);
    assert_eq!(contactless.code(), "card.contact_needed");
    assert_eq!(contactless.log.steps(), ["select", "status"]);
    let contactless = unblock(|card| card.is_contactless = true);
    assert_eq!(contactless.code(), "card.contact_needed");
    for attempt in [
        change(|card| card.keypad = Some(Keypad::Types(b"1234"))),
        unblock(|card| card.keypad = Some(Keypad::Types(b"1234"))),
    ] {
        assert_eq!(attempt.code(), "card.not_on_pin_pad");
        assert!(attempt.log.steps().is_empty());
    }
}

/// D12: a card that took the other's place gets neither PIN nor unblocking code.
#[test]
fn d12_another_card_gets_neither_pin_nor_unblocking_code() {
    let other = || CareTerms {
        card_serial: Some("00112233445566778899aabbccddeeff"),
        last_try: LastTry::Accepted,
        ..CareTerms::default()
    };
    for attempt in [
        change_with("1234", "8642", other(), |_| {}),
        unblock_with("12345678", "8642", other(), |_| {}),
    ] {
        assert!(attempt.result.is_err());
        assert_eq!(attempt.log.steps(), ["select", "get-data"]);
    }
}

#[test]
fn an_abandoned_call_changes_nothing() {
    let abandoned = terms(LastTry::Accepted);
    abandoned.abandonment.abandon();
    let attempt = change_with("1234", "8642", abandoned.clone(), |_| {});
    assert_eq!(attempt.code(), "card.abandoned");
    assert_eq!(attempt.log.steps(), ["select", "status"]);
    let attempt = unblock_with("12345678", "8642", abandoned, |_| {});
    assert_eq!(attempt.code(), "card.abandoned");
    assert_eq!(attempt.log.steps(), ["select", "status", "puk-status"]);
}
