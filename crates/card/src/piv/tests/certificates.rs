//! Certificates and the serial number as data objects.

use super::fake_card::FakeCard;
use crate::test_card::{Recipe, p256_key, rsa_key};
use crate::tlv::element_bytes;
use crate::{Card, Error, KeyReference, PivCard, PivSlot, authentication_certificate};

const CHUID: [u8; 3] = [0x5F, 0xC1, 0x02];

fn object(elements: &[(u8, &[u8])]) -> Vec<u8> {
    let content: Vec<u8> = elements
        .iter()
        .flat_map(|(tag, value)| element_bytes(*tag, value).unwrap())
        .collect();
    element_bytes(0x53, &content).unwrap()
}

fn stored(der: &[u8]) -> Vec<u8> {
    object(&[(0x70, der), (0x71, &[0x00]), (0xFE, &[])])
}

fn card_with(objects: Vec<([u8; 3], Vec<u8>)>) -> FakeCard {
    let mut card = FakeCard::new(p256_key());
    card.objects = objects;
    card
}

fn slots(card: FakeCard) -> Result<Vec<KeyReference>, &'static str> {
    let certificates = PivCard::new(card)
        .certificates()
        .map_err(|error| error.code())?;
    Ok(certificates
        .iter()
        .map(|certificate| certificate.key().clone())
        .collect())
}

#[test]
fn all_four_slots_are_read_each_in_a_transaction_of_its_own() {
    let objects = PivSlot::ALL
        .map(|slot| {
            (
                slot.certificate_tag(),
                stored(&Recipe::new(rsa_key()).der()),
            )
        })
        .to_vec();
    let card = card_with(objects);
    let log = card.log.clone();
    let keys = slots(card).unwrap();
    assert_eq!(keys, PivSlot::ALL.map(KeyReference::Piv));
    assert_eq!(log.transactions(), (4, 4));
    assert_eq!(log.pins_sent(), 0);
}

#[test]
fn empty_slots_are_left_out() {
    let der = Recipe::new(p256_key()).der();
    let card = card_with(vec![
        (PivSlot::Authentication.certificate_tag(), stored(&der)),
        (PivSlot::Signature.certificate_tag(), object(&[])),
        (PivSlot::KeyManagement.certificate_tag(), stored(&[])),
    ]);
    assert_eq!(
        slots(card).unwrap(),
        [KeyReference::Piv(PivSlot::Authentication)]
    );
    assert_eq!(slots(card_with(Vec::new())).unwrap(), []);
}

#[test]
fn the_authentication_certificate_may_be_in_any_slot() {
    let signing = Recipe::for_signing(p256_key()).der();
    let authentication = Recipe::new(p256_key()).der();
    let mut card = PivCard::new(card_with(vec![
        (PivSlot::Authentication.certificate_tag(), stored(&signing)),
        (
            PivSlot::Signature.certificate_tag(),
            stored(&authentication),
        ),
    ]));
    let certificates = card.certificates().unwrap();
    let chosen = authentication_certificate(&certificates).unwrap();
    assert_eq!(chosen.key(), &KeyReference::Piv(PivSlot::Signature));
}

#[test]
fn a_compressed_certificate_is_refused_clearly() {
    let der = Recipe::new(p256_key()).der();
    let gzip = [&[0x1F, 0x8B][..], &der].concat();
    for (name, flagged) in [
        (
            "specification's flag",
            object(&[(0x70, &der), (0x71, &[0x01])]),
        ),
        ("other flag", object(&[(0x70, &der), (0x71, &[0x80])])),
        ("gzip without a flag", object(&[(0x70, &gzip)])),
    ] {
        let card = card_with(vec![(PivSlot::Authentication.certificate_tag(), flagged)]);
        assert_eq!(slots(card), Err("card.certificate_compressed"), "{name}");
    }
}

#[test]
fn an_unreadable_certificate_beside_the_needed_one_does_not_matter() {
    let der = Recipe::new(p256_key()).der();
    for broken in [
        vec![1, 2, 3],
        object(&[(0x70, &[1, 2])]),
        object(&[(0x70, &der), (0x71, &[1])]),
    ] {
        let card = card_with(vec![
            (PivSlot::Authentication.certificate_tag(), stored(&der)),
            (PivSlot::KeyManagement.certificate_tag(), broken),
        ]);
        assert_eq!(
            slots(card).unwrap(),
            [KeyReference::Piv(PivSlot::Authentication)]
        );
    }
}

#[test]
fn an_unreadable_certificate_is_told_when_it_may_be_the_needed_one() {
    let signing = Recipe::for_signing(p256_key()).der();
    let card = card_with(vec![
        (
            PivSlot::Authentication.certificate_tag(),
            object(&[(0x70, &[1, 2])]),
        ),
        (PivSlot::Signature.certificate_tag(), stored(&signing)),
    ]);
    assert_eq!(slots(card), Err("card.certificate_malformed"));
    let card = card_with(vec![(
        PivSlot::Authentication.certificate_tag(),
        vec![0x53, 0x85],
    )]);
    assert_eq!(slots(card), Err("card.response_malformed"));
}

#[test]
fn a_card_pulled_between_two_certificates_is_gone() {
    let mut card = card_with(Vec::new());
    card.fault = Box::new(|number, _| (number == 3).then_some(Err(Error::CardRemoved)));
    assert_eq!(slots(card), Err("card.removed"));
}

#[test]
fn the_serial_number_is_the_guid() {
    let guid = [0xAB; 16];
    let chuid = object(&[
        (0x30, &[0x11; 25]),
        (0x34, &guid),
        (0x35, b"20300101"),
        (0x3E, &[]),
    ]);
    let card = card_with(vec![(CHUID, chuid)]);
    let log = card.log.clone();
    let mut card = PivCard::new(card);
    assert_eq!(card.serial().unwrap(), "ab".repeat(16));
    assert_eq!(card.serial().unwrap(), "ab".repeat(16));
    assert_eq!(log.steps(), ["select", "get-data"]);
}

#[test]
fn a_guid_of_zeros_is_no_serial_number() {
    let with_fasc_n = object(&[(0x30, &[0x11; 25]), (0x34, &[0; 16])]);
    let mut card = PivCard::new(card_with(vec![(CHUID, with_fasc_n)]));
    assert_eq!(card.serial().unwrap(), "11".repeat(25));
    let without = object(&[(0x30, &[0; 25]), (0x34, &[0; 16])]);
    for objects in [vec![(CHUID, without)], Vec::new()] {
        let mut card = PivCard::new(card_with(objects));
        assert_eq!(card.serial().unwrap_err().code(), "card.unsupported");
    }
}
