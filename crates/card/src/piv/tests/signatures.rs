//! What a login sends to the card, and what comes of it.

use openssl::pkey::{PKey, Private};

use super::fake_card::FakeCard;
use crate::test_card::{Recipe, p256_key, rsa_key};
use crate::{
    Card, CountingTransport, Error, KeyReference, Pin, PinAfter, PivCard, PivSlot, SignRequest,
    Signature, SignatureAlgorithm,
};

fn sign(card: FakeCard, key: &PKey<Private>) -> Result<Signature, Error> {
    let certificate = Recipe::new(key.clone()).certificate(PivSlot::Authentication);
    let pin = Pin::parse("1234").unwrap();
    PivCard::new(card).sign(&SignRequest::new(&certificate, &pin, b"message"))
}

#[test]
fn p256_takes_five_commands() {
    let key = p256_key();
    let card = FakeCard::new(key.clone());
    let log = card.log.clone();
    let signature = sign(card, &key).unwrap();
    assert_eq!(log.steps(), ["select", "status", "verify", "sign", "clear"]);
    assert_eq!(log.transactions(), (1, 1));
    assert_eq!(signature.algorithm(), SignatureAlgorithm::Es256);
    assert_eq!(signature.jws_bytes().len(), 64);
    assert_eq!(signature.pin_after(), PinAfter::Cleared);
    assert!(!log.is_verified());
}

#[test]
fn rsa_takes_seven_short_commands() {
    let key = rsa_key();
    let card = FakeCard::new(key.clone());
    let log = card.log.clone();
    let signature = sign(card, &key).unwrap();
    let steps = [
        "select",
        "status",
        "verify",
        "sign-part",
        "sign",
        "get-response",
        "clear",
    ];
    assert_eq!(log.steps(), steps);
    assert_eq!(log.transactions(), (1, 1));
    assert_eq!(signature.algorithm(), SignatureAlgorithm::Rs256);
    assert_eq!(signature.jws_bytes().len(), 256);
    assert!(!log.is_verified());
}

#[test]
fn rsa_takes_five_commands_of_extended_length() {
    let key = rsa_key();
    let card = FakeCard::new(key.clone()).with_extended_length();
    let log = card.log.clone();
    let signature = sign(card, &key).unwrap();
    assert_eq!(log.steps(), ["select", "status", "verify", "sign", "clear"]);
    assert_eq!(signature.jws_bytes().len(), 256);
}

#[test]
fn commands_on_the_wire_are_those_of_the_specification() {
    let key = p256_key();
    let card = FakeCard::new(key.clone());
    let log = card.log.clone();
    sign(card, &key).unwrap();
    let commands = log.commands();
    assert_eq!(commands[0][..6], [0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0]);
    assert_eq!(commands[1], [0x00, 0x20, 0x00, 0x80]);
    assert_eq!(commands[2], *b"\x00\x20\x00\x80\x081234\xFF\xFF\xFF\xFF");
    assert_eq!(
        commands[3][..11],
        [0, 0x87, 0x11, 0x9A, 38, 0x7C, 36, 0x82, 0, 0x81, 32]
    );
    assert_eq!(commands[3][11..43], openssl::sha::sha256(b"message"));
    assert_eq!(commands[4], [0x00, 0x20, 0xFF, 0x80]);
}

#[test]
fn a_card_that_announced_too_much_gets_short_commands() {
    let key = rsa_key();
    let mut card = FakeCard::new(key.clone()).with_extended_length();
    card.takes_extended = false;
    let log = card.log.clone();
    assert!(sign(card, &key).is_ok());
    assert_eq!(log.pins_sent(), 1);
    assert_eq!(log.steps()[..2], ["select", "select"]);
}

#[test]
fn a_reader_that_cannot_do_extended_length_gets_short_commands() {
    let key = rsa_key();
    let mut card = FakeCard::new(key.clone()).with_extended_length();
    card.fault = Box::new(|_, command| {
        let fault = Error::ReaderFault {
            status: 0x8010_002F,
            reason: "communication".to_owned(),
        };
        (command.len() > 5 && command[4] == 0).then_some(Err(fault))
    });
    let log = card.log.clone();
    assert!(sign(card, &key).is_ok());
    assert_eq!(log.pins_sent(), 1);
}

#[test]
fn a_signature_by_another_key_is_refused() {
    for (on_card, in_certificate) in [(rsa_key(), rsa_key()), (p256_key(), p256_key())] {
        let card = FakeCard::new(on_card);
        let log = card.log.clone();
        let error = sign(card, &in_certificate).unwrap_err();
        assert_eq!(error.code(), "card.signature_invalid");
        assert!(!log.is_verified());
    }
}

#[test]
fn a_key_of_another_backend_is_not_on_the_card() {
    let key = p256_key();
    let card = FakeCard::new(key.clone());
    let log = card.log.clone();
    let der = Recipe::new(key).der();
    let certificate = crate::CardCertificate::parse(KeyReference::Pkcs11(vec![1]), der).unwrap();
    let pin = Pin::parse("1234").unwrap();
    let error = PivCard::new(card)
        .sign(&SignRequest::new(&certificate, &pin, b"message"))
        .unwrap_err();
    assert_eq!(error.code(), "card.key_missing");
    assert!(log.commands().is_empty());
}

#[test]
fn commands_are_counted_through_the_transport() {
    let key = p256_key();
    let (transport, counter) = CountingTransport::new(FakeCard::new(key.clone()));
    let mut card = PivCard::new(transport);
    let certificate = Recipe::new(key).certificate(PivSlot::Authentication);
    let pin = Pin::parse("1234").unwrap();
    card.sign(&SignRequest::new(&certificate, &pin, b"message"))
        .unwrap();
    assert_eq!(counter.take(), 5);
    assert_eq!(counter.count(), 0);
}
