//! A card reached without contact: one key, no PIN, never a VERIFY.

use super::fake_card::{FakeCard, Keypad};
use crate::test_card::{Recipe, p256_key};
use crate::tlv::element_bytes;
use crate::{
    Card, Error, KeyReference, Pin, PinAfter, PinEntry, PinMeans, PivCard, PivSlot, SignRequest,
    authentication_certificate,
};

/// Certificates in slots 9A and 9E, by one key.
fn card(change: impl FnOnce(&mut FakeCard)) -> FakeCard {
    let key = p256_key();
    let stored = element_bytes(0x70, &Recipe::new(key.clone()).der()).unwrap();
    let object = element_bytes(0x53, &stored).unwrap();
    let mut card = FakeCard::new(key);
    card.objects = [PivSlot::Authentication, PivSlot::CardAuthentication]
        .map(|slot| (slot.certificate_tag(), object.clone()))
        .to_vec();
    card.is_contactless = true;
    change(&mut card);
    card
}

#[test]
fn the_card_authentication_key_signs_without_a_pin() {
    let card = card(|card| card.keypad = Some(Keypad::Types(b"1234")));
    let log = card.log.clone();
    let mut card = PivCard::new(card);
    let certificates = card.certificates().unwrap();
    let certificate = authentication_certificate(&certificates).unwrap();
    let slot = KeyReference::Piv(PivSlot::CardAuthentication);
    assert_eq!(certificate.key(), &slot);
    assert_eq!(card.pin_means().unwrap(), PinMeans::None);
    let before = log.steps().len();
    let request = SignRequest::new(certificate, PinEntry::NotAsked, b"message");
    assert_eq!(card.sign(&request).unwrap().pin_after(), PinAfter::Cleared);
    assert_eq!(log.steps()[before..], ["select", "sign"]);
    for verify in ["verify", "status", "clear"] {
        assert!(!log.steps().contains(&verify), "{verify}");
    }
}

#[test]
fn a_pin_is_never_claimed_for_the_contactless_key() {
    let card = card(|_| {});
    let log = card.log.clone();
    let mut card = PivCard::new(card);
    let certificates = card.certificates().unwrap();
    let before = log.commands().len();
    let pin = Pin::parse("1234").unwrap();
    for entry in [PinEntry::Typed(&pin), PinEntry::OnReader] {
        let request = SignRequest::new(&certificates[0], entry, b"message");
        assert_eq!(card.sign(&request).unwrap_err().code(), "card.unsupported");
    }
    assert_eq!(log.commands().len(), before, "nothing was sent");
}

#[test]
fn with_contacts_the_same_card_is_asked_for_its_pin() {
    let mut card = PivCard::new(card(|card| card.is_contactless = false));
    let certificates = card.certificates().unwrap();
    let certificate = authentication_certificate(&certificates).unwrap();
    let slot = KeyReference::Piv(PivSlot::Authentication);
    assert_eq!(certificate.key(), &slot);
    assert_eq!(card.pin_means().unwrap(), PinMeans::Keyboard);
    let request = SignRequest::new(certificate, PinEntry::NotAsked, b"message");
    assert_eq!(
        card.sign(&request).unwrap_err().code(),
        "card.pin_not_verified"
    );
}

#[test]
fn cards_of_older_editions_hide_what_is_out_of_reach() {
    let means = |atr: &[u8]| {
        let card = card(|card| {
            card.is_contactless = false;
            card.atr = atr.to_vec();
            card.objects.remove(0);
        });
        PivCard::new(card).pin_means().unwrap()
    };
    assert_eq!(means(&[0x3B, 0x80, 0x80, 0x01, 0x01]), PinMeans::None);
    assert_eq!(means(&[0x3B, 0x00]), PinMeans::Keyboard);
}

#[test]
fn a_broken_certificate_behind_contacts_does_not_make_a_card_contactless() {
    let card = card(|card| {
        card.is_contactless = false;
        card.fault = Box::new(|number, _| (number == 1).then(|| Ok(vec![0x6F, 0x00])));
    });
    let mut card = PivCard::new(card);
    let error = card.certificates().unwrap_err();
    assert!(matches!(error, Error::UnexpectedStatus { .. }), "{error}");
}
