//! `cardea-card` on a real pcscd with the virtual card in its reader, beside other programs.
//!
//! libpcsclite takes its socket from the environment, so each test runs again in a process of its
//! own, with a pcscd of its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use cardea_card::{
    Abandonment, ApduChannel, Backend, Card, CardCertificate, CardPresence, CardThread,
    CardTransport, CareTerms, CountingTransport, Error, LastTry, PcscTransport, Pin, PinAfter,
    PinAfterwards, PinChange, PinEntry, PinMeans, PivCard, Puk, Reader, SignRequest, Signature,
    StatusWord, Unblocking, WaitOutcome, authentication_certificate,
};
use cardea_test_pki::KeyKind;
use cardea_virtual_card::{DEFAULT_PIN, Fault, Trigger};

mod opensc_module;
#[path = "pcscd/other_program.rs"]
mod other_program;
#[path = "pcscd/scene.rs"]
mod scene;

use other_program::OtherProgram;
use scene::{Scene, run_in_own_process};

const MESSAGE: &[u8] = b"the exact bytes that the card signs";
const WRONG: &str = "9999";
const LONG: Duration = Duration::from_secs(20);

fn sign(card: &mut dyn Card, typed: &str, last_try: LastTry) -> Result<Signature, Error> {
    let certificates = card.certificates()?;
    let certificate = authentication_certificate(&certificates)?;
    let pin = Pin::parse(typed)?;
    card.sign(&SignRequest::new(certificate, &pin, MESSAGE).with_last_try(last_try))
}

/// The authentication certificate, read in a connection of its own.
fn read_certificate(scene: &Scene) -> CardCertificate {
    let mut card = Backend::Pcsc.open(&scene.reader).unwrap();
    let certificates = card.certificates().unwrap();
    authentication_certificate(&certificates).unwrap().clone()
}

fn open_and_sign(scene: &Scene, typed: &str) -> Result<Signature, Error> {
    sign(
        Backend::Pcsc.open(&scene.reader)?.as_mut(),
        typed,
        LastTry::Refused,
    )
}

#[test]
fn a_second_program_finds_the_pin_not_verified_and_its_own_file_still_selected() {
    let name = "a_second_program_finds_the_pin_not_verified_and_its_own_file_still_selected";
    run_in_own_process(name, |scene| {
        for key in [KeyKind::Rsa2048, KeyKind::P256] {
            let card = scene.insert(key);
            let mut other = OtherProgram::connect(&scene.reader);
            other.select_own_file();
            let signature = open_and_sign(scene, DEFAULT_PIN).unwrap();
            assert_eq!(signature.pin_after(), PinAfter::Cleared);
            assert!(!other.read_own_file().is_empty(), "still selected");
            other.select_piv();
            assert_eq!(other.pin_state(), StatusWord(0x63C3));
            other.select_own_file();
            assert!(!other.read_own_file().is_empty());
            assert!(other_program::opensc_tool_finds_the_pin_not_verified());
            scene.remove(card);
        }
    });
}

#[test]
fn a_program_that_had_verified_its_pin_keeps_it() {
    run_in_own_process("a_program_that_had_verified_its_pin_keeps_it", |scene| {
        let one_channel = scene.image(KeyKind::P256).without_logical_channels();
        for (image, pin_after) in [
            (scene.image(KeyKind::P256), PinAfter::Cleared),
            (one_channel, PinAfter::KeptForOther),
        ] {
            let card = scene.insert_image(image);
            let mut other = OtherProgram::connect(&scene.reader);
            other.select_piv();
            other.verify_pin();
            let signature = open_and_sign(scene, DEFAULT_PIN).unwrap();
            assert_eq!(signature.pin_after(), pin_after);
            assert!(other.pin_state().is_success());
            drop(other);
            scene.remove(card);
        }
    });
}

#[test]
fn errors_and_panics_leave_the_card_to_the_others() {
    run_in_own_process("errors_and_panics_leave_the_card_to_the_others", |scene| {
        let card = scene.insert(KeyKind::P256);
        let mut other = OtherProgram::connect(&scene.reader);
        other.select_piv();
        // A reset would come as an error to the other program, and would take its PIN state.
        other.verify_pin();
        card.inject(
            Trigger::GeneralAuthenticate,
            Fault::Answer(StatusWord(0x6F00)),
        );
        assert_eq!(
            open_and_sign(scene, DEFAULT_PIN).unwrap_err().code(),
            "card.unexpected_status"
        );
        assert!(other.pin_state().is_success());
        let mut transport = PcscTransport::connect(&scene.reader).unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(move || {
            transport.transaction(&mut |_: &mut dyn ApduChannel| panic!("scripted panic"))
        }));
        assert!(outcome.is_err());
        assert!(other.pin_state().is_success());
        drop(PcscTransport::connect(&scene.reader).unwrap());
        assert!(other.pin_state().is_success());
    });
}

#[test]
fn a_login_takes_few_commands() {
    run_in_own_process("a_login_takes_few_commands", |scene| {
        let extended = scene.image(KeyKind::Rsa2048).announcing_extended_length();
        for (image, alone) in [
            (scene.image(KeyKind::P256), 5),
            (scene.image(KeyKind::Rsa2048), 7),
            (extended, 5),
        ] {
            let inserted = scene.insert_image(image);
            let certificate = &read_certificate(scene);
            let count = || {
                let transport = PcscTransport::connect(&scene.reader).unwrap();
                let (transport, counter) = CountingTransport::new(transport);
                let pin = Pin::parse(DEFAULT_PIN).unwrap();
                let request = SignRequest::new(certificate, &pin, MESSAGE);
                PivCard::new(transport).sign(&request).unwrap();
                counter.take()
            };
            // A slow machine may take longer to begin than "nobody else is there" is believed.
            assert!([alone, alone + 2].contains(&count()));
            let _other = OtherProgram::connect(&scene.reader);
            assert_eq!(count(), alone + 2, "the channel's opening and closing");
            drop(_other);
            scene.remove(inserted);
        }
    });
}

#[test]
fn the_virtual_reader_has_no_keys_of_its_own() {
    let name = "the_virtual_reader_has_no_keys_of_its_own";
    run_in_own_process(name, |scene| {
        let card = scene.insert(KeyKind::P256);
        let mut opened = Backend::Pcsc.open(&scene.reader).unwrap();
        assert_eq!(opened.pin_means().unwrap(), PinMeans::Keyboard);
        let certificates = opened.certificates().unwrap();
        let certificate = authentication_certificate(&certificates).unwrap();
        let request = SignRequest::new(certificate, PinEntry::OnReader, MESSAGE);
        let refused = opened.sign(&request).unwrap_err();
        assert_eq!(refused.code(), "card.pin_pad_missing");
        assert_eq!(opened.pin_status().unwrap().tries_left, Some(3));
        scene.remove(card);
    });
}

#[test]
fn a_kept_pin_is_ours_alone_and_ends_with_the_connection_or_a_reset() {
    let name = "a_kept_pin_is_ours_alone_and_ends_with_the_connection_or_a_reset";
    run_in_own_process(name, |scene| {
        let _card = scene.insert(KeyKind::P256);
        let certificate = &read_certificate(scene);
        let pin = Pin::parse(DEFAULT_PIN).unwrap();
        let keep = |card: &mut dyn Card, entry| {
            let request = SignRequest::new(certificate, entry, MESSAGE);
            card.sign(&request.with_afterwards(PinAfterwards::Keep))
                .map_or_else(|error| error.code(), |_| "signed")
        };
        let mut opened = Backend::Pcsc.open(&scene.reader).unwrap();
        assert_eq!(keep(opened.as_mut(), PinEntry::Typed(&pin)), "signed");
        let mut other = OtherProgram::connect(&scene.reader);
        other.select_piv();
        assert_eq!(other.pin_state(), StatusWord(0x63C3));
        assert_eq!(keep(opened.as_mut(), PinEntry::Verified), "signed");
        other.reset_the_card();
        let after_reset = keep(opened.as_mut(), PinEntry::Verified);
        assert_eq!(after_reset, "card.pin_not_verified");
        assert_eq!(keep(opened.as_mut(), PinEntry::Typed(&pin)), "signed");
        drop(opened);
        let mut again = Backend::Pcsc.open(&scene.reader).unwrap();
        let after_end = keep(again.as_mut(), PinEntry::Verified);
        assert_eq!(after_end, "card.pin_not_verified");
        assert!(!again.pin_status().unwrap().verified);
    });
}

#[test]
fn another_programs_reset_is_survived() {
    run_in_own_process("another_programs_reset_is_survived", |scene| {
        let _card = scene.insert(KeyKind::P256);
        let mut card = Backend::Pcsc.open(&scene.reader).unwrap();
        sign(card.as_mut(), DEFAULT_PIN, LastTry::Refused).unwrap();
        OtherProgram::connect(&scene.reader).reset_the_card();
        sign(card.as_mut(), DEFAULT_PIN, LastTry::Refused).unwrap();
    });
}

#[test]
fn a_program_that_keeps_the_card_for_itself_is_busy() {
    run_in_own_process(
        "a_program_that_keeps_the_card_for_itself_is_busy",
        |scene| {
            let _card = scene.insert(KeyKind::P256);
            let exclusive = OtherProgram::connect_exclusively(&scene.reader);
            let error = Backend::Pcsc.open(&scene.reader).err().unwrap();
            assert_eq!(error.code(), "card.busy");
            let readers = Backend::Pcsc.monitor().unwrap().readers().unwrap();
            let reader = readers
                .iter()
                .find(|reader| reader.name == scene.reader)
                .unwrap();
            assert!(matches!(
                reader.card,
                CardPresence::Present {
                    exclusive: true,
                    ..
                }
            ));
            drop(exclusive);
            open_and_sign(scene, DEFAULT_PIN).unwrap();
        },
    );
}

#[test]
fn a_wait_for_another_programs_transaction_is_given_up_and_uses_no_pin_later() {
    let name = "a_wait_for_another_programs_transaction_is_given_up_and_uses_no_pin_later";
    run_in_own_process(name, |scene| {
        let card = scene.insert(KeyKind::P256);
        let certificate = read_certificate(scene);
        let reader = scene.reader.clone();
        let mut thread = CardThread::new(move || Backend::Pcsc.open(&reader));
        thread
            .call(LONG, &Abandonment::default(), |card| card.pin_status())
            .unwrap();
        let mut other = OtherProgram::connect(&scene.reader);
        let before = card.command_headers().len();
        other.hold_while(|| {
            let abandonment = Abandonment::default();
            let inside = abandonment.clone();
            let certificate = certificate.clone();
            let result = thread.call(Duration::from_millis(300), &abandonment, move |card| {
                let pin = Pin::parse(DEFAULT_PIN)?;
                let request = SignRequest::new(&certificate, &pin, MESSAGE);
                card.sign(&request.with_abandonment(inside))
            });
            assert_eq!(result.unwrap_err().code(), "card.timed_out");
        });
        // The thread left behind gets the card now; it must find that nobody waits for it.
        let deadline = Instant::now() + LONG;
        while thread.stuck() > 0 && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(thread.stuck(), 0);
        let late = card.command_headers().split_off(before);
        let instructions: Vec<u8> = late.iter().map(|header| header[1]).collect();
        assert_eq!(
            instructions,
            [0x70, 0xA4, 0x20, 0x70],
            "a channel, SELECT and the PIN state, no PIN"
        );
        thread
            .call(LONG, &Abandonment::default(), |card| card.pin_status())
            .unwrap();
    });
}

#[test]
fn a_card_pulled_in_the_middle_of_a_command_is_removed() {
    run_in_own_process(
        "a_card_pulled_in_the_middle_of_a_command_is_removed",
        |scene| {
            for trigger in [
                Trigger::Select,
                Trigger::Verify,
                Trigger::GeneralAuthenticate,
            ] {
                let card = scene.insert(KeyKind::P256);
                let mut opened = Backend::Pcsc.open(&scene.reader).unwrap();
                let certificates = opened.certificates().unwrap();
                let certificate = authentication_certificate(&certificates).unwrap();
                let pin = Pin::parse(DEFAULT_PIN).unwrap();
                card.inject(trigger, Fault::RemovedMidCommand);
                let error = opened
                    .sign(&SignRequest::new(certificate, &pin, MESSAGE))
                    .unwrap_err();
                assert_eq!(error.code(), "card.removed", "{trigger:?}");
                scene.remove(card);
            }
        },
    );
}

#[test]
fn insertions_removals_and_swaps_are_seen_without_polling() {
    run_in_own_process(
        "insertions_removals_and_swaps_are_seen_without_polling",
        |scene| {
            let mut monitor = Backend::Pcsc.monitor().unwrap();
            let at = |readers: &[Reader]| {
                readers
                    .iter()
                    .find(|reader| reader.name == scene.reader)
                    .unwrap()
                    .clone()
            };
            let mut wait = || match monitor.wait_for_change(Some(LONG)).unwrap() {
                WaitOutcome::Changed(readers) => at(&readers),
                other => panic!("{other:?}"),
            };
            // The first call differs from "nothing known": both slots, empty.
            assert!(!wait().has_card());
            let card = scene.insert_unwatched(KeyKind::P256);
            let first = wait();
            assert!(first.has_card());
            let insertion = first.insertion().unwrap();
            let opened = Backend::Pcsc.open_insertion(&insertion).unwrap();
            // Programs coming and going are no change; a swap is, however fast.
            drop(opened);
            drop(card);
            let _card = scene.insert_unwatched(KeyKind::P256);
            let mut now = wait();
            while !now.has_card() {
                now = wait();
            }
            assert_ne!(now.insertion().unwrap(), insertion);
            let error = Backend::Pcsc.open_insertion(&insertion).err().unwrap();
            assert_eq!(error.code(), "card.removed");
            Backend::Pcsc
                .open_insertion(&now.insertion().unwrap())
                .unwrap();
        },
    );
}

#[test]
fn a_wait_is_cancelled_from_another_thread() {
    run_in_own_process("a_wait_is_cancelled_from_another_thread", |_| {
        for _ in 0..20 {
            let mut monitor = Backend::Pcsc.monitor().unwrap();
            monitor.readers().unwrap();
            let cancel = monitor.cancel_handle();
            let waiting = std::thread::spawn(move || monitor.wait_for_change(None).unwrap());
            cancel.cancel();
            assert_eq!(waiting.join().unwrap(), WaitOutcome::Cancelled);
        }
        let mut monitor = Backend::Pcsc.monitor().unwrap();
        monitor.readers().unwrap();
        let limit = Some(Duration::from_millis(50));
        assert_eq!(
            monitor.wait_for_change(limit).unwrap(),
            WaitOutcome::TimedOut
        );
    });
}

#[test]
fn readers_without_cards_and_unknown_readers_are_told_apart() {
    run_in_own_process(
        "readers_without_cards_and_unknown_readers_are_told_apart",
        |scene| {
            let code = |reader: &str| Backend::Pcsc.open(reader).err().unwrap().code();
            assert_eq!(code(&scene.reader), "card.no_card");
            assert_eq!(code("no such reader"), "card.no_reader");
        },
    );
}

#[test]
fn opensc_signs_through_the_pkcs11_backend() {
    run_in_own_process("opensc_signs_through_the_pkcs11_backend", |scene| {
        let backend = scene::opensc();
        for key in [KeyKind::Rsa2048, KeyKind::P256] {
            let inserted = scene.insert(key);
            let mut other = OtherProgram::connect(&scene.reader);
            let mut card = scene::open_token(&backend);
            assert_eq!(card.certificates().unwrap().len(), 2);
            let signature = sign(card.as_mut(), DEFAULT_PIN, LastTry::Refused).unwrap();
            assert_eq!(signature.pin_after(), PinAfter::Cleared);
            // OpenSC tells the card nothing at C_Logout; the backend does.
            other.select_piv();
            assert!(!other.pin_state().is_success());
            other.select_own_file();
            drop(card);
            scene.remove(inserted);
        }
    });
}

#[test]
fn opensc_changes_the_pin_through_the_pkcs11_backend_and_unblocks_nothing() {
    let name = "opensc_changes_the_pin_through_the_pkcs11_backend_and_unblocks_nothing";
    run_in_own_process(name, |scene| {
        let _card = scene.insert(KeyKind::P256);
        let change = |card: &mut dyn Card, old, new| {
            let terms = CareTerms::default();
            let (old, new) = (&Pin::parse(old).unwrap(), &Pin::parse(new).unwrap());
            let done = card.change_pin(&PinChange { old, new, terms });
            done.map_err(|error| error.code())
        };
        // OpenSC changes no PIN of four digits, as PIV has none.
        let mut piv = PivCard::new(PcscTransport::connect(&scene.reader).unwrap());
        let changed = change(&mut piv, DEFAULT_PIN, "123456");
        assert_eq!(changed, Ok(PinAfter::Cleared));
        drop(piv);
        let mut card = scene::open_token(&scene::opensc());
        let refused = change(card.as_mut(), "999999", "864213");
        assert_eq!(refused, Err("card.pin_incorrect"));
        let changed = change(card.as_mut(), "123456", "864213");
        assert_eq!(changed, Ok(PinAfter::Cleared));
        sign(card.as_mut(), "864213", LastTry::Refused).unwrap();
        let unblocking = Unblocking {
            puk: &Puk::parse("12345678").unwrap(),
            new: &Pin::parse("246813").unwrap(),
            terms: CareTerms::default(),
        };
        let error = card.unblock(&unblocking).unwrap_err();
        assert_eq!(error.code(), "card.unblocking_not_offered");
    });
}

#[test]
fn a_program_that_had_verified_its_pin_keeps_it_through_opensc() {
    run_in_own_process(
        "a_program_that_had_verified_its_pin_keeps_it_through_opensc",
        |scene| {
            let _card = scene.insert(KeyKind::P256);
            let mut other = OtherProgram::connect(&scene.reader);
            let mut card = scene::open_token(&scene::opensc());
            other.select_piv();
            other.verify_pin();
            let signature = sign(card.as_mut(), DEFAULT_PIN, LastTry::Refused).unwrap();
            assert_eq!(signature.pin_after(), PinAfter::KeptForOther);
            assert!(other.pin_state().is_success());
        },
    );
}

#[test]
fn the_pkcs11_flags_guard_the_last_try() {
    run_in_own_process("the_pkcs11_flags_guard_the_last_try", |scene| {
        let _card = scene.insert(KeyKind::P256);
        let backend = scene::opensc();
        let mut card = scene::open_token(&backend);
        assert_eq!(card.pin_status().unwrap().tries_left, None);
        let mut attempt = |typed, last_try| sign(card.as_mut(), typed, last_try).unwrap_err();
        let error = attempt(WRONG, LastTry::Refused);
        assert!(
            matches!(error, Error::PinIncorrect { tries_left: None }),
            "{error:?}"
        );
        let error = attempt(WRONG, LastTry::Refused);
        assert!(
            matches!(
                error,
                Error::PinIncorrect {
                    tries_left: Some(1)
                }
            ),
            "{error:?}"
        );
        assert_eq!(
            attempt(DEFAULT_PIN, LastTry::Refused).code(),
            "card.pin_last_try"
        );
        assert_eq!(attempt(WRONG, LastTry::Accepted).code(), "card.pin_blocked");
        assert_eq!(
            attempt(DEFAULT_PIN, LastTry::Accepted).code(),
            "card.pin_blocked"
        );
        assert!(card.pin_status().unwrap().blocked);
    });
}

#[test]
fn a_token_pulled_between_two_calls_is_gone() {
    run_in_own_process("a_token_pulled_between_two_calls_is_gone", |scene| {
        let inserted = scene.insert(KeyKind::P256);
        let backend = scene::opensc();
        let mut monitor = backend.monitor().unwrap();
        assert!(monitor.readers().unwrap().iter().any(Reader::has_card));
        let mut card = scene::open_token(&backend);
        let certificates = card.certificates().unwrap();
        let certificate = authentication_certificate(&certificates).unwrap();
        scene.remove(inserted);
        let pin = Pin::parse(DEFAULT_PIN).unwrap();
        let error = card
            .sign(&SignRequest::new(certificate, &pin, MESSAGE))
            .unwrap_err();
        assert!(
            ["card.removed", "card.no_card"].contains(&error.code()),
            "{error:?}"
        );
        let WaitOutcome::Changed(readers) = monitor.wait_for_change(Some(LONG)).unwrap() else {
            panic!("the removal was not seen");
        };
        assert!(!readers.iter().any(Reader::has_card));
    });
}

#[test]
fn without_the_service_the_error_says_so() {
    scene::run_without_pcscd("without_the_service_the_error_says_so", || {
        let error = Backend::Pcsc.monitor().unwrap().readers().unwrap_err();
        assert_eq!(error.code(), "card.reader_service_unavailable");
        let error = Backend::Pcsc.open("any").err().unwrap();
        assert_eq!(error.code(), "card.reader_service_unavailable");
    });
}
