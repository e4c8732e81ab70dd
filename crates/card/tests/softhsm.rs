//! The PKCS#11 backend on a real SoftHSM2 token.
//!
//! SoftHSM reads its configuration from the environment, and login states belong to a whole
//! process. So each test runs again in a process of its own, with a token directory of its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::time::Duration;

use cardea_card::{
    Abandonment, Backend, Card, CardPresence, CareTerms, Error, KeyReference, LastTry, Pin,
    PinAfter, PinChange, PinEntry, PinMeans, Pkcs11Module, Reader, SignRequest, SignatureAlgorithm,
    WaitOutcome, authentication_certificate,
};

#[path = "softhsm/token.rs"]
mod token;

use token::{PIN, Purpose, Token, module_path, run_in_own_process};

const MESSAGE: &[u8] = b"the exact bytes that the card signs";

fn backend() -> Backend {
    Backend::Pkcs11 {
        module: module_path(),
    }
}

fn token_reader() -> Reader {
    let mut monitor = backend().monitor().unwrap();
    let readers = monitor.readers().unwrap();
    readers
        .into_iter()
        .find(Reader::has_card)
        .expect("the token is a card")
}

fn open() -> Box<dyn Card> {
    backend().open(&token_reader().name).unwrap()
}

fn pin(typed: &str) -> Pin {
    Pin::parse(typed).unwrap()
}

#[test]
fn certificates_are_listed_before_login_and_chosen_by_usage() {
    run_in_own_process(
        "certificates_are_listed_before_login_and_chosen_by_usage",
        || {
            let token = Token::new();
            token.add_rsa(&[0x10], Purpose::Signature);
            token.add_rsa(&[0x20], Purpose::Authentication);
            let mut card = open();
            let certificates = card.certificates().unwrap();
            assert_eq!(certificates.len(), 2);
            let chosen = authentication_certificate(&certificates).unwrap();
            assert_eq!(chosen.key(), &KeyReference::Pkcs11(vec![0x20]));
            assert_eq!(card.card_name(), "lab");
            assert!(!card.serial().unwrap().is_empty());
            assert!(!card.pin_status().unwrap().verified);
        },
    );
}

#[test]
fn rsa_and_ec_keys_sign_and_the_token_is_logged_out_after() {
    run_in_own_process(
        "rsa_and_ec_keys_sign_and_the_token_is_logged_out_after",
        || {
            let token = Token::new();
            let rsa = token.add_rsa(&[0x20], Purpose::Authentication);
            let ec = token.add_p256(&[0x21], Purpose::Authentication);
            let mut card = open();
            for certificate in card.certificates().unwrap() {
                let pin = pin(PIN);
                let signature = card
                    .sign(&SignRequest::new(&certificate, &pin, MESSAGE))
                    .unwrap();
                assert_eq!(signature.pin_after(), PinAfter::LoggedOut);
                assert!(!card.pin_status().unwrap().verified);
                match signature.algorithm() {
                    SignatureAlgorithm::Rs256 => {
                        assert!(token::rsa_verifies(&rsa, MESSAGE, signature.jws_bytes()));
                    }
                    SignatureAlgorithm::Es256 => {
                        assert_eq!(signature.jws_bytes().len(), 64);
                        assert!(token::p256_verifies(&ec, MESSAGE, signature.jws_bytes()));
                    }
                }
            }
        },
    );
}

#[test]
fn a_tokens_pin_is_changed_by_who_knows_it_alone() {
    run_in_own_process("a_tokens_pin_is_changed_by_who_knows_it_alone", || {
        let token = Token::new();
        token.add_rsa(&[0x20], Purpose::Authentication);
        let mut card = open();
        let serial = card.serial().unwrap();
        let new = pin("8642");
        let mut change = |old: &str, new: &Pin, card_serial| {
            let terms = CareTerms {
                card_serial,
                ..CareTerms::default()
            };
            let old = &pin(old);
            let done = card.change_pin(&PinChange { old, new, terms });
            done.map_err(|error| error.code())
        };
        assert_eq!(change("9999", &new, None), Err("card.pin_incorrect"));
        // D12
        assert_eq!(change(PIN, &new, Some("another")), Err("card.removed"));
        assert!(change(PIN, &new, Some(&serial)).is_ok());
        assert_eq!(change(PIN, &new, None), Err("card.pin_incorrect"));
        let certificate = card.certificates().unwrap().remove(0);
        card.sign(&SignRequest::new(&certificate, &new, MESSAGE))
            .unwrap();
        let error = card.puk_status().unwrap_err();
        assert_eq!(error.code(), "card.unblocking_not_offered");
    });
}

#[test]
fn a_wrong_pin_is_told_and_nothing_stays_logged_in() {
    run_in_own_process("a_wrong_pin_is_told_and_nothing_stays_logged_in", || {
        let token = Token::new();
        token.add_rsa(&[0x20], Purpose::Authentication);
        let mut card = open();
        let certificate = card.certificates().unwrap().remove(0);
        let wrong = pin("9999");
        let error = card
            .sign(&SignRequest::new(&certificate, &wrong, MESSAGE))
            .unwrap_err();
        assert!(
            matches!(error, Error::PinIncorrect { tries_left: None }),
            "{error:?}"
        );
        let status = card.pin_status().unwrap();
        assert!(!status.verified && !status.blocked);
        let right = pin(PIN);
        let request = SignRequest::new(&certificate, &right, MESSAGE);
        card.sign(&request.with_last_try(LastTry::Refused)).unwrap();
    });
}

#[test]
fn nothing_is_signed_while_another_session_is_logged_in_and_it_stays_so() {
    let name = "nothing_is_signed_while_another_session_is_logged_in_and_it_stays_so";
    run_in_own_process(name, || {
        let token = Token::new();
        token.add_rsa(&[0x20], Purpose::Authentication);
        let mut card = open();
        let certificate = card.certificates().unwrap().remove(0);
        let other = token.logged_in_session();
        assert!(card.pin_status().unwrap().verified);
        for typed in [PIN, "9999"] {
            let pin = pin(typed);
            let request = SignRequest::new(&certificate, &pin, MESSAGE);
            assert_eq!(
                card.sign(&request).unwrap_err().code(),
                "card.pin_not_demanded"
            );
        }
        assert!(token::is_logged_in(&other));
    });
}

#[test]
fn a_certificate_without_its_key_is_told_and_the_token_is_logged_out() {
    let name = "a_certificate_without_its_key_is_told_and_the_token_is_logged_out";
    run_in_own_process(name, || {
        let token = Token::new();
        token.add_certificate_only(&[0x20]);
        let mut card = open();
        let certificate = card.certificates().unwrap().remove(0);
        let pin = pin(PIN);
        let error = card
            .sign(&SignRequest::new(&certificate, &pin, MESSAGE))
            .unwrap_err();
        assert_eq!(error.code(), "card.key_missing");
        assert!(!card.pin_status().unwrap().verified);
    });
}

#[test]
fn a_key_that_does_not_fit_its_certificate_is_found_out() {
    run_in_own_process(
        "a_key_that_does_not_fit_its_certificate_is_found_out",
        || {
            let token = Token::new();
            token.add_mismatched_p256(&[0x20]);
            let mut card = open();
            let certificate = card.certificates().unwrap().remove(0);
            let pin = pin(PIN);
            let error = card
                .sign(&SignRequest::new(&certificate, &pin, MESSAGE))
                .unwrap_err();
            assert_eq!(error.code(), "card.signature_invalid");
        },
    );
}

#[test]
fn a_call_given_up_does_not_log_in() {
    run_in_own_process("a_call_given_up_does_not_log_in", || {
        let token = Token::new();
        token.add_rsa(&[0x20], Purpose::Authentication);
        let mut card = open();
        let certificate = card.certificates().unwrap().remove(0);
        let abandonment = Abandonment::default();
        abandonment.abandon();
        let pin = pin(PIN);
        let request = SignRequest::new(&certificate, &pin, MESSAGE).with_abandonment(abandonment);
        assert_eq!(card.sign(&request).unwrap_err().code(), "card.abandoned");
    });
}

#[test]
fn another_token_than_the_remembered_one_is_refused() {
    run_in_own_process("another_token_than_the_remembered_one_is_refused", || {
        let _token = Token::new();
        let reader = token_reader();
        let insertion = reader.insertion().unwrap();
        assert!(backend().open_insertion(&insertion).is_ok());
        let other = cardea_card::Insertion::new(&reader.name, reader.event_count ^ 1);
        let error = backend().open_insertion(&other).err().unwrap();
        assert_eq!(error.code(), "card.removed");
        assert_eq!(
            backend().open("no such slot").err().unwrap().code(),
            "card.no_reader"
        );
    });
}

#[test]
fn slots_without_a_token_are_empty_readers_and_changes_are_seen() {
    run_in_own_process(
        "slots_without_a_token_are_empty_readers_and_changes_are_seen",
        || {
            let uninitialised = Token::loaded_only();
            let mut monitor = backend().monitor().unwrap();
            let before = monitor.readers().unwrap();
            assert!(
                before
                    .iter()
                    .all(|reader| reader.card == CardPresence::Absent)
            );
            let unchanged = monitor.wait_for_change(Some(Duration::ZERO)).unwrap();
            assert_eq!(unchanged, WaitOutcome::TimedOut);
            uninitialised.initialise();
            let changed = monitor.wait_for_change(None).unwrap();
            let WaitOutcome::Changed(readers) = changed else {
                panic!("{changed:?}")
            };
            assert!(readers.iter().any(Reader::has_card));
            let cancel = monitor.cancel_handle();
            let waiting = std::thread::spawn(move || monitor.wait_for_change(None).unwrap());
            cancel.cancel();
            assert_eq!(waiting.join().unwrap(), WaitOutcome::Cancelled);
        },
    );
}

#[test]
fn a_missing_module_is_told_with_the_package_to_install() {
    let error = Pkcs11Module::load(Path::new("/nowhere/libsofthsm2.so"))
        .err()
        .unwrap();
    assert_eq!(error.code(), "card.module_missing");
    let text = error.to_string();
    assert!(text.contains("/nowhere/libsofthsm2.so"), "{text}");
    assert!(text.contains("apt-get install softhsm2"), "{text}");
    let error = Pkcs11Module::load(Path::new("/nowhere/unknown.so"))
        .err()
        .unwrap();
    assert!(!error.to_string().contains("apt-get"));
}

#[test]
fn a_token_without_keys_of_its_reader_is_never_asked_to_have_the_pin_typed_there() {
    run_in_own_process(
        "a_token_without_keys_of_its_reader_is_never_asked_to_have_the_pin_typed_there",
        || {
            let token = Token::new();
            token.add_p256(&[0x20], Purpose::Authentication);
            let mut card = open();
            assert_eq!(card.pin_means().unwrap(), PinMeans::Keyboard);
            let certificates = card.certificates().unwrap();
            let certificate = authentication_certificate(&certificates).unwrap();
            for (entry, code) in [
                (PinEntry::OnReader, "card.pin_pad_missing"),
                (PinEntry::Verified, "card.pin_not_verified"),
                (PinEntry::NotAsked, "card.pin_not_verified"),
            ] {
                let request = SignRequest::new(certificate, entry, MESSAGE);
                assert_eq!(card.sign(&request).unwrap_err().code(), code);
            }
            assert!(!card.pin_status().unwrap().verified);
        },
    );
}
