//! The PIV client of `cardea-card` on the virtual card, in one process.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use cardea_card::{
    Abandonment, ApduChannel, ApduCounter, Card, CardFamily, CardThread, CardTransport,
    CountingTransport, Error, KeyReference, LastTry, Pin, PinAfter, PinAfterwards, PinEntry,
    PinMeans, PivCard, PivSlot, SignRequest, Signature, SignatureAlgorithm, StatusWord,
    authentication_certificate,
};
use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use cardea_virtual_card::{CardImage, DEFAULT_PIN, Fault, KeySlot, Keypad, Trigger, VirtualCard};

const MESSAGE: &[u8] = b"the exact bytes that the card signs";

fn image(key: KeyKind) -> CardImage {
    let pki = TestPki::shared().unwrap();
    let issued = pki
        .issue_card(&CardProfile::pharmacist().with_key(key))
        .unwrap();
    CardImage::from_issued(&issued).unwrap()
}

fn insert(key: KeyKind) -> VirtualCard {
    VirtualCard::insert(image(key)).unwrap()
}

fn counted(reader: &VirtualCard) -> (PivCard<CountingTransport<VirtualCard>>, ApduCounter) {
    let (transport, counter) = CountingTransport::new(reader.connect());
    (PivCard::new(transport), counter)
}

fn sign(card: &mut dyn Card, typed: &str, last_try: LastTry) -> Result<Signature, Error> {
    let certificates = card.certificates()?;
    let certificate = authentication_certificate(&certificates)?;
    let pin = Pin::parse(typed)?;
    card.sign(&SignRequest::new(certificate, &pin, MESSAGE).with_last_try(last_try))
}

/// One command of another program.
fn send(program: &mut VirtualCard, command: &[u8]) -> (Vec<u8>, StatusWord) {
    let mut data = program.transmit(command).unwrap();
    let status = data.split_off(data.len() - 2);
    (data, StatusWord::from_bytes(status[0], status[1]))
}

fn select_piv(program: &mut VirtualCard) {
    let command = [0, 0xA4, 4, 0, 9, 0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 0];
    assert!(send(program, &command).1.is_success());
}

fn pin_state(program: &mut VirtualCard) -> StatusWord {
    send(program, &[0, 0x20, 0, 0x80]).1
}

#[test]
fn a_login_takes_five_commands_and_two_more_beside_another_program() {
    let (rsa, p256) = (KeyKind::Rsa2048, KeyKind::P256);
    let extended = image(rsa).announcing_extended_length();
    let silent = image(p256).without_logical_channels();
    let says_none = extended.clone().without_logical_channels();
    let (es256, rs256) = (SignatureAlgorithm::Es256, SignatureAlgorithm::Rs256);
    // Commands alone at the card, and beside another program.
    let cases = [
        (image(p256), 5, 7, es256),
        (image(rsa), 7, 9, rs256),
        (extended, 5, 7, rs256),
        // It has to be asked, once a connection.
        (silent, 5, 6, es256),
        (says_none, 5, 5, rs256),
    ];
    for (image, alone, in_company, algorithm) in cases {
        for (has_company, commands) in [(false, alone), (true, in_company)] {
            let reader = VirtualCard::insert(image.clone()).unwrap();
            reader.set_company(has_company);
            let certificates = PivCard::new(reader.connect()).certificates().unwrap();
            let certificate = authentication_certificate(&certificates).unwrap();
            let (mut card, counter) = counted(&reader);
            let pin = Pin::parse(DEFAULT_PIN).unwrap();
            let signature = card
                .sign(&SignRequest::new(certificate, &pin, MESSAGE))
                .unwrap();
            assert_eq!(signature.algorithm(), algorithm);
            assert_eq!(signature.pin_after(), PinAfter::Cleared);
            assert_eq!(counter.take(), commands, "{algorithm}, {has_company}");
        }
    }
}

#[test]
fn a_login_with_a_kept_pin_takes_two_commands() {
    let reader = insert(KeyKind::P256);
    let (mut card, counter) = counted(&reader);
    let certificates = card.certificates().unwrap();
    let certificate = authentication_certificate(&certificates).unwrap();
    let pin = Pin::parse(DEFAULT_PIN).unwrap();
    counter.take();
    for (entry, commands) in [(PinEntry::Typed(&pin), 5), (PinEntry::Verified, 2)] {
        let request = SignRequest::new(certificate, entry, MESSAGE);
        let request = request.with_afterwards(PinAfterwards::Keep);
        assert_eq!(card.sign(&request).unwrap().pin_after(), PinAfter::Kept);
        assert_eq!(counter.take(), commands);
    }
    let mut other = reader.connect();
    select_piv(&mut other);
    assert_eq!(
        pin_state(&mut other),
        StatusWord(0x63C3),
        "nobody else has it"
    );
    assert_eq!(card.clear_pin().unwrap(), PinAfter::Cleared);
    let request = SignRequest::new(certificate, PinEntry::Verified, MESSAGE);
    let refused = card.sign(&request).unwrap_err();
    assert_eq!(refused.code(), "card.pin_not_verified");
}

#[test]
fn a_kept_pin_is_gone_when_the_card_was_reset() {
    let reader = insert(KeyKind::P256);
    let mut card = PivCard::new(reader.connect());
    let certificates = card.certificates().unwrap();
    let certificate = authentication_certificate(&certificates).unwrap();
    let pin = Pin::parse(DEFAULT_PIN).unwrap();
    let request = SignRequest::new(certificate, &pin, MESSAGE);
    card.sign(&request.with_afterwards(PinAfterwards::Keep))
        .unwrap();
    reader.power_cycle();
    let request = SignRequest::new(certificate, PinEntry::Verified, MESSAGE);
    let refused = card.sign(&request).unwrap_err();
    assert_eq!(refused.code(), "card.pin_not_verified");
    sign(&mut card, DEFAULT_PIN, LastTry::Refused).unwrap();
}

#[test]
fn a_file_selected_by_another_program_stays_selected() {
    let reader = insert(KeyKind::P256);
    let mut other = reader.connect();
    let application = [&[0, 0xA4, 4, 0, 12], CardImage::OTHER_AID, &[0]].concat();
    assert!(send(&mut other, &application).1.is_success());
    assert!(send(&mut other, &[0, 0xA4, 0, 0, 2, 1, 1]).1.is_success());
    assert!(send(&mut other, b"\x00\x20\x00\x01\x048642").1.is_success());
    let mut card = PivCard::new(reader.connect());
    for _ in 0..3 {
        sign(&mut card, DEFAULT_PIN, LastTry::Refused).unwrap();
        let (file, status) = send(&mut other, &[0, 0xB0, 0, 0, 0]);
        assert!(status.is_success() && !file.is_empty());
        let own_pin = send(&mut other, &[0, 0x20, 0, 1]).1;
        assert!(own_pin.is_success(), "its own PIN stays verified");
    }
    // The channels were all given back.
    for number in 1..=3 {
        let (data, status) = send(&mut other, &[0, 0x70, 0, 0, 1]);
        assert!(status.is_success());
        assert_eq!(data, [number]);
    }
    // None is left: the basic channel is the way that remains.
    sign(&mut card, DEFAULT_PIN, LastTry::Refused).unwrap();
}

#[test]
fn the_pin_is_typed_on_the_readers_keys() {
    let reader = insert(KeyKind::P256);
    let certificates = PivCard::new(reader.connect()).certificates().unwrap();
    let certificate = authentication_certificate(&certificates).unwrap();
    let attempt = |keypad| {
        reader.set_keypad(keypad);
        let mut card = PivCard::new(reader.connect());
        let means = card.pin_means().unwrap();
        let request = SignRequest::new(certificate, PinEntry::OnReader, MESSAGE);
        let signed = card.sign(&request);
        let code = signed.map_or_else(|error| error.code(), |_| "signed");
        (means, code)
    };
    let types = |digits: &str| Some(Keypad::Types(digits.to_owned()));
    let on_reader = PinMeans::Reader;
    assert_eq!(attempt(types(DEFAULT_PIN)), (on_reader, "signed"));
    let expired = attempt(Some(Keypad::WaitsTooLong));
    assert_eq!(expired, (on_reader, "card.pin_entry_timed_out"));
    let cancelled = attempt(Some(Keypad::Cancels));
    assert_eq!(cancelled, (on_reader, "card.pin_entry_cancelled"));
    let short = attempt(Some(Keypad::TypesTooFew));
    assert_eq!(short, (on_reader, "card.pin_malformed"));
    let missing = attempt(None);
    assert_eq!(missing, (PinMeans::Keyboard, "card.pin_pad_missing"));
    // None of that used a try; wrong digits do.
    for code in [
        "card.pin_incorrect",
        "card.pin_incorrect",
        "card.pin_last_try",
    ] {
        assert_eq!(attempt(types("9999")), (on_reader, code));
    }
}

#[test]
fn a_card_without_contact_signs_with_its_own_key_and_no_pin() {
    let pki = TestPki::shared().unwrap();
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let issued = pki.issue_card(&profile).unwrap();
    let card_number = &issued.card_number;
    let spec = profile.with_card_number(card_number);
    let contactless = pki.issue(&spec.authentication(pki.at()).unwrap()).unwrap();
    let slot = KeySlot::from_issued(&contactless).unwrap();
    let image = CardImage::from_issued(&issued)
        .unwrap()
        .with_slot(PivSlot::CardAuthentication, slot)
        .on_contactless_interface();
    let reader = VirtualCard::insert(image).unwrap();
    let mut card = PivCard::new(reader.connect());
    let certificates = card.certificates().unwrap();
    let certificate = authentication_certificate(&certificates).unwrap();
    assert_eq!(certificate.der(), contactless.der);
    assert_eq!(card.pin_means().unwrap(), PinMeans::None);
    let request = SignRequest::new(certificate, PinEntry::NotAsked, MESSAGE);
    card.sign(&request).unwrap();
    let headers = reader.command_headers();
    assert!(headers.iter().all(|header| header[1] != 0x20), "no VERIFY");
}

#[test]
fn certificates_carry_the_holders_names_and_the_right_one_is_chosen() {
    let reader = insert(KeyKind::Rsa2048);
    let (mut card, counter) = counted(&reader);
    let certificates = card.certificates().unwrap();
    assert_eq!(certificates.len(), 2);
    assert!(counter.count() < 30, "{} commands", counter.count());
    let chosen = authentication_certificate(&certificates).unwrap();
    assert_eq!(chosen.key(), &KeyReference::Piv(PivSlot::Authentication));
    let holder = chosen.holder();
    assert!(holder.given_name.is_some() && holder.surname.is_some() && holder.title.is_some());
    assert_eq!(holder.card_family, Some(CardFamily::Cps));
    assert_eq!(card.serial().unwrap().len(), 32);
}

#[test]
fn a_second_program_finds_the_pin_not_verified_and_its_own_file_still_selectable() {
    let reader = insert(KeyKind::P256);
    let mut other = reader.connect();
    let mut card = PivCard::new(reader.connect());
    sign(&mut card, DEFAULT_PIN, LastTry::Refused).unwrap();
    select_piv(&mut other);
    assert_eq!(pin_state(&mut other), StatusWord(0x63C3));
    let application = [&[0, 0xA4, 4, 0, 12], CardImage::OTHER_AID, &[0]].concat();
    assert!(send(&mut other, &application).1.is_success());
    assert!(send(&mut other, &[0, 0xA4, 0, 0, 2, 1, 1]).1.is_success());
    let (file, status) = send(&mut other, &[0, 0xB0, 0, 0, 0]);
    assert!(status.is_success() && !file.is_empty());
}

#[test]
fn a_program_that_had_verified_its_pin_keeps_it() {
    let one_channel = image(KeyKind::P256).without_logical_channels();
    for (image, pin_after) in [
        (image(KeyKind::P256), PinAfter::Cleared),
        (one_channel, PinAfter::KeptForOther),
    ] {
        let reader = VirtualCard::insert(image).unwrap();
        let mut other = reader.connect();
        select_piv(&mut other);
        let verify = b"\x00\x20\x00\x80\x081234\xFF\xFF\xFF\xFF";
        assert!(send(&mut other, verify).1.is_success());
        let mut card = PivCard::new(reader.connect());
        let signature = sign(&mut card, DEFAULT_PIN, LastTry::Refused).unwrap();
        assert_eq!(signature.pin_after(), pin_after);
        assert!(pin_state(&mut other).is_success());
    }
}

#[test]
fn wrong_pins_count_down_to_the_last_try_which_needs_consent() {
    let reader = insert(KeyKind::P256);
    let mut card = PivCard::new(reader.connect());
    let wrong = "9999";
    let tries = |error| match error {
        Err(Error::PinIncorrect { tries_left }) => tries_left,
        other => panic!("{other:?}"),
    };
    assert_eq!(tries(sign(&mut card, wrong, LastTry::Refused)), Some(2));
    assert_eq!(tries(sign(&mut card, wrong, LastTry::Refused)), Some(1));
    let refused = sign(&mut card, DEFAULT_PIN, LastTry::Refused).unwrap_err();
    assert_eq!(refused.code(), "card.pin_last_try");
    assert!(card.pin_status().unwrap().is_last_try());
    let blocked = sign(&mut card, wrong, LastTry::Accepted).unwrap_err();
    assert_eq!(blocked.code(), "card.pin_blocked");
    let still = sign(&mut card, DEFAULT_PIN, LastTry::Accepted).unwrap_err();
    assert_eq!(still.code(), "card.pin_blocked");
    assert!(card.pin_status().unwrap().blocked);
}

#[test]
fn every_injected_fault_is_an_error_with_its_code() {
    let cases = [
        (Trigger::Select, Fault::RemovedBefore, "card.removed"),
        (
            Trigger::VerifyState,
            Fault::RemovedMidCommand,
            "card.removed",
        ),
        (Trigger::Verify, Fault::RemovedMidCommand, "card.removed"),
        (
            Trigger::GeneralAuthenticate,
            Fault::RemovedMidCommand,
            "card.removed",
        ),
        (
            Trigger::GeneralAuthenticate,
            Fault::Truncated { bytes: 1 },
            "card.removed",
        ),
        (
            Trigger::GeneralAuthenticate,
            Fault::Truncated { bytes: 9 },
            "card.unexpected_status",
        ),
        (
            Trigger::GeneralAuthenticate,
            Fault::Garbage,
            "card.response_malformed",
        ),
        (Trigger::Verify, Fault::wrong_pin(2), "card.pin_incorrect"),
        (Trigger::Verify, Fault::blocked(), "card.pin_blocked"),
        (Trigger::VerifyState, Fault::blocked(), "card.pin_blocked"),
        (Trigger::Transaction, Fault::Busy, "card.busy"),
        (Trigger::Transaction, Fault::ResetByOther, "card.reset"),
        (
            Trigger::GeneralAuthenticate,
            Fault::ResetByOther,
            "card.reset",
        ),
    ];
    for (trigger, fault, code) in cases {
        let reader = insert(KeyKind::P256);
        let mut card = PivCard::new(reader.connect());
        let certificates = card.certificates().unwrap();
        let certificate = authentication_certificate(&certificates).unwrap();
        let pin = Pin::parse(DEFAULT_PIN).unwrap();
        reader.inject(trigger, fault);
        let error = card
            .sign(&SignRequest::new(certificate, &pin, MESSAGE))
            .unwrap_err();
        assert_eq!(error.code(), code, "{trigger:?} {fault:?}");
        assert!(reader.faults_are_spent());
        let headers = reader.command_headers();
        let verifies = headers.iter().filter(|head| head[1..3] == [0x20, 0]);
        // The state is asked once and the PIN sent once at most.
        assert!(verifies.count() <= 2, "{trigger:?} {fault:?}");
    }
}

#[test]
fn a_card_put_back_is_another_insertion() {
    let reader = insert(KeyKind::P256);
    let mut card = PivCard::new(reader.connect());
    sign(&mut card, DEFAULT_PIN, LastTry::Refused).unwrap();
    reader.reinsert();
    let error = sign(&mut card, DEFAULT_PIN, LastTry::Refused).unwrap_err();
    assert_eq!(error.code(), "card.removed");
    sign(
        &mut PivCard::new(reader.connect()),
        DEFAULT_PIN,
        LastTry::Refused,
    )
    .unwrap();
}

#[test]
fn a_card_that_thinks_too_long_gets_no_pin_afterwards() {
    let reader = insert(KeyKind::P256);
    let certificates = PivCard::new(reader.connect()).certificates().unwrap();
    let certificate = authentication_certificate(&certificates).unwrap().clone();
    let seen = reader.connect();
    let opener = reader.connect();
    let mut thread = CardThread::new(move || Ok(Box::new(PivCard::new(opener.connect()))));
    reader.inject(
        Trigger::VerifyState,
        Fault::Slow(Duration::from_millis(300)),
    );
    let abandonment = Abandonment::default();
    let inside = abandonment.clone();
    let result = thread.call(Duration::from_millis(50), &abandonment, move |card| {
        let pin = Pin::parse(DEFAULT_PIN)?;
        card.sign(&SignRequest::new(&certificate, &pin, MESSAGE).with_abandonment(inside))
    });
    assert_eq!(result.unwrap_err().code(), "card.timed_out");
    let status = thread.call(Duration::from_secs(10), &Abandonment::default(), |card| {
        card.pin_status()
    });
    // The card was waited for, so the call that was given up is over as well.
    assert_eq!(status.unwrap().tries_left, Some(3));
    let verifies = seen
        .command_headers()
        .iter()
        .filter(|head| head[1] == 0x20)
        .count();
    assert_eq!(
        verifies, 2,
        "only the PIN state was asked for, by each call once"
    );
}

#[test]
fn a_transaction_ends_on_a_panic() {
    let reader = insert(KeyKind::P256);
    let mut transport = reader.connect();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        transport.transaction(&mut |_: &mut dyn ApduChannel| panic!("scripted panic"))
    }));
    assert!(outcome.is_err());
    sign(
        &mut PivCard::new(reader.connect()),
        DEFAULT_PIN,
        LastTry::Refused,
    )
    .unwrap();
}

/// A card with the protocol T=0: data and Le never go together, and answers are announced with
/// 61xx (ISO/IEC 7816-3 section 12.2.1).
struct T0 {
    card: VirtualCard,
    waiting: Vec<u8>,
}

struct T0Channel<'a> {
    channel: &'a mut dyn ApduChannel,
    waiting: &'a mut Vec<u8>,
}

impl CardTransport for T0 {
    fn atr(&self) -> &[u8] {
        self.card.atr()
    }

    fn transaction(
        &mut self,
        work: &mut dyn FnMut(&mut dyn ApduChannel) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let waiting = &mut self.waiting;
        self.card
            .transaction(&mut |channel| work(&mut T0Channel { channel, waiting }))
    }
}

impl ApduChannel for T0Channel<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        let (mut data, status) = match (command[1], command.len()) {
            (0xC0, _) => (std::mem::take(self.waiting), vec![0x90, 0x00]),
            // Five header bytes are a command without data, and P3 is its Le.
            (_, 4 | 5) => return self.channel.transmit(command),
            _ => {
                let length = 5 + usize::from(command[4]);
                let mut answer = self.channel.transmit(&command[..length])?;
                let mut status = answer.split_off(answer.len() - 2);
                // What the card itself still has comes after what waits here.
                while status[0] == 0x61 {
                    let get_response = [command[0] & 0x0F, 0xC0, 0, 0, status[1]];
                    let more = self.channel.transmit(&get_response)?;
                    let (data, next) = more.split_at(more.len() - 2);
                    answer.extend(data);
                    status = next.to_vec();
                }
                if answer.is_empty() {
                    return Ok(status);
                }
                *self.waiting = answer;
                (Vec::new(), Vec::new())
            }
        };
        let taken = command.get(4).map_or(256, |le| match *le {
            0 => 256,
            le => usize::from(le),
        });
        if data.len() > taken {
            *self.waiting = data.split_off(taken);
        }
        if self.waiting.is_empty() {
            return Ok([data, status].concat());
        }
        let remaining = u8::try_from(self.waiting.len()).unwrap_or(0);
        Ok([data, vec![0x61, remaining]].concat())
    }
}

#[test]
fn a_card_with_the_protocol_t0_signs_with_and_without_channels() {
    for key in [KeyKind::Rsa2048, KeyKind::P256] {
        for image in [image(key), image(key).without_logical_channels()] {
            let card = VirtualCard::insert(image).unwrap();
            let waiting = Vec::new();
            let mut card = PivCard::new(T0 { card, waiting });
            let serial = card.serial().unwrap();
            let certificates = card.certificates().unwrap();
            let certificate = authentication_certificate(&certificates).unwrap();
            let pin = Pin::parse(DEFAULT_PIN).unwrap();
            let request = SignRequest::new(certificate, &pin, MESSAGE);
            card.sign(&request.with_card_serial(&serial)).unwrap();
        }
    }
}
