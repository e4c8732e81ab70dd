//! Each command and each rule, with a case that keeps it and cases that break it.

use cardea_card::PivSlot;
use cardea_test_pki::{CardProfile, IssuedCard, KeyKind, TestPki};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::PKey;
use openssl::rsa::Padding;

use super::Applet;
use crate::card_image::{CardImage, KeySlot};
use crate::reference_data::{CardMemory, Counted, ReferenceData, VolatileMemory};

mod other_application;

const SELECT_PIV: &[u8] = &[0, 0xa4, 4, 0, 5, 0xa0, 0, 0, 3, 8, 0];
const SELECT_OTHER: &[u8] = b"\x00\xa4\x04\x00\x0c\xf0CARDEA-BILL\x00";
const PIN: &[u8; 8] = b"1234\xff\xff\xff\xff";
const WRONG_PIN: &[u8; 8] = b"4321\xff\xff\xff\xff";
const NEW_PIN: &[u8; 8] = b"567890\xff\xff";
const PUK: &[u8; 8] = b"12345678";
const WRONG_PUK: &[u8; 8] = b"87654321";

fn issued(key: KeyKind) -> IssuedCard {
    let profile = CardProfile::doctor().with_key(key);
    TestPki::shared().unwrap().issue_card(&profile).unwrap()
}

fn powered(image: CardImage) -> Applet {
    let memory = CardMemory {
        pin: Counted::new(ReferenceData::parse("1234").unwrap()),
        puk: Counted::new(ReferenceData::parse("12345678").unwrap()),
    };
    Applet::new(image, Box::new(VolatileMemory(memory)))
}

/// A P-256 card with PIV selected.
fn card() -> Applet {
    let mut card = powered(CardImage::from_issued(&issued(KeyKind::P256)).unwrap());
    assert_eq!(status(&mut card, SELECT_PIV), 0x9000);
    card
}

fn status(card: &mut Applet, command: &[u8]) -> u16 {
    let response = card.process(command);
    u16::from_be_bytes(*response.last_chunk().unwrap())
}

fn command(instruction: u8, p1: u8, p2: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, instruction, p1, p2];
    if !data.is_empty() {
        bytes.push(u8::try_from(data.len()).unwrap());
        bytes.extend(data);
    }
    bytes
}

fn verify(pin: &[u8]) -> Vec<u8> {
    command(0x20, 0, 0x80, pin)
}

fn verification_state(card: &mut Applet) -> u16 {
    status(card, &[0, 0x20, 0, 0x80])
}

/// GENERAL AUTHENTICATE over a hash with a P-256 key.
fn sign_hash(slot: u8) -> Vec<u8> {
    let mut template = vec![0x7c, 36, 0x82, 0, 0x81, 32];
    template.extend([7; 32]);
    let mut bytes = command(0x87, 0x11, slot, &template);
    bytes.push(0);
    bytes
}

/// GET DATA of an object, fetched whole.
fn data_object(card: &mut Applet, tag: &[u8]) -> Vec<u8> {
    let mut data = vec![0x5c, u8::try_from(tag.len()).unwrap()];
    data.extend(tag);
    let mut bytes = command(0xcb, 0x3f, 0xff, &data);
    bytes.push(0);
    fetch(card, &bytes)
}

fn fetch(card: &mut Applet, command: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut response = card.process(command);
    loop {
        let sw2 = response.pop().unwrap();
        let sw1 = response.pop().unwrap();
        whole.extend(response);
        match (sw1, sw2) {
            (0x90, 0) => return whole,
            (0x61, remaining) => response = card.process(&[0, 0xc0, 0, 0, remaining]),
            other => panic!("{other:02x?}"),
        }
    }
}

#[test]
fn select_knows_piv_by_its_prefixes_and_nothing_else() {
    let full = [0xa0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0];
    let mut card = powered(CardImage::empty("1").unwrap());
    for length in 5..=full.len() {
        let response = card.process(&command(0xa4, 4, 0, &full[..length]));
        assert!(
            response.ends_with(&[0x90, 0]) && response.len() == 21,
            "also without Le"
        );
    }
    let template = fetch(&mut card, SELECT_PIV);
    assert_eq!(template[..10], [0x61, 0x11, 0x4f, 6, 0, 0, 0x10, 0, 1, 0]);
    assert_eq!(template[10..], [0x79, 7, 0x4f, 5, 0xa0, 0, 0, 3, 8]);
    for unknown in [&full[..4], &[0xa0, 0, 0, 3, 9], b"\xf0CARDEA", b""] {
        assert_eq!(status(&mut card, &command(0xa4, 4, 0, unknown)), 0x6a82);
    }
    let longer = [&full[..], &[0]].concat();
    assert_eq!(status(&mut card, &command(0xa4, 4, 0, &longer)), 0x6a82);
    assert_eq!(
        status(&mut card, &[0, 0xa4, 0, 0, 2, 0x3f, 0]),
        0x6a82,
        "PIV has no files"
    );
}

#[test]
fn unselected_card_answers_select_only() {
    let mut card = powered(CardImage::empty("1").unwrap());
    for instruction in [0xcb, 0x20, 0x24, 0x2c, 0x87, 0xfd, 0xb0] {
        assert_eq!(
            status(&mut card, &[0, instruction, 0, 0x80]),
            0x6985,
            "{instruction:02x}"
        );
    }
    for instruction in [0xf7, 0xf8, 0x47, 0xdb, 0x84] {
        assert_eq!(
            status(&mut card, &[0, instruction, 0, 0]),
            0x6d00,
            "{instruction:02x}"
        );
    }
}

#[test]
fn certificate_is_read_whole_with_get_response() {
    let issued = issued(KeyKind::P256);
    let mut card = powered(CardImage::from_issued(&issued).unwrap());
    status(&mut card, SELECT_PIV);
    for (slot, expected) in [
        (PivSlot::Authentication, &issued.authentication.der),
        (PivSlot::Signature, &issued.signature.der),
    ] {
        let object = data_object(&mut card, &slot.certificate_tag());
        assert_eq!(object[0], 0x53);
        let place = object
            .windows(expected.len())
            .position(|window| window == &expected[..]);
        assert_eq!(place, Some(8), "53 82 xxxx 70 82 xxxx certificate");
        assert_eq!(object[8 + expected.len()..], [0x71, 1, 0, 0xfe, 0]);
    }
}

#[test]
fn short_le_gives_the_beginning_and_keeps_the_rest() {
    let mut card = card();
    let first = card.process(&[0, 0xcb, 0x3f, 0xff, 5, 0x5c, 3, 0x5f, 0xc1, 0x05, 8]);
    assert_eq!(first.len(), 10);
    assert_eq!(first[8..], [0x61, 0], "more than 255 bytes wait");
    let second = card.process(&[0, 0xc0, 0, 0, 0]);
    assert_eq!(second.len(), 258);
    assert_eq!(status(&mut card, &[0, 0x20, 0, 0x80]), 0x63c3);
    assert_eq!(
        status(&mut card, &[0, 0xc0, 0, 0, 0]),
        0x6985,
        "another command ends it"
    );
}

#[test]
fn objects_that_the_card_lacks_are_not_found() {
    let mut card = card();
    for tag in [
        [0x5f, 0xc1, 0x0b],
        [0x5f, 0xc1, 0x01],
        [0x5f, 0xc1, 0x0c],
        [0x5f, 0xc1, 0xff],
    ] {
        let mut data = vec![0x5c, 3];
        data.extend(tag);
        assert_eq!(status(&mut card, &command(0xcb, 0x3f, 0xff, &data)), 0x6a82);
    }
    assert_eq!(
        status(&mut card, &command(0xcb, 0x3f, 0xfe, &[0x5c, 1, 0x7e])),
        0x6a86
    );
    assert_eq!(
        status(&mut card, &command(0xcb, 0x3f, 0xff, &[0x5d, 1, 0x7e])),
        0x6a80
    );
    assert_eq!(
        status(&mut card, &command(0xcb, 0x3f, 0xff, &[0x5c, 3, 0x7e])),
        0x6a80
    );
}

#[test]
fn discovery_names_the_application_pin_and_chuid_holds_the_guid() {
    let mut card = card();
    let discovery = data_object(&mut card, &[0x7e]);
    assert_eq!(discovery[..2], [0x7e, 0x12]);
    assert!(discovery.ends_with(&[0x5f, 0x2f, 2, 0x40, 0]));
    let guid = card.files.image().guid;
    let chuid = data_object(&mut card, &[0x5f, 0xc1, 0x02]);
    assert!(
        chuid
            .windows(18)
            .any(|window| window == [&[0x34, 16][..], &guid].concat())
    );
}

#[test]
fn cards_have_different_guids() {
    let (first, second) = (
        CardImage::empty("1").unwrap(),
        CardImage::empty("2").unwrap(),
    );
    assert_ne!(first.guid, second.guid);
}

#[test]
fn verify_counts_down_blocks_and_stays_blocked() {
    let mut card = card();
    assert_eq!(verification_state(&mut card), 0x63c3);
    assert_eq!(status(&mut card, &verify(WRONG_PIN)), 0x63c2);
    assert_eq!(verification_state(&mut card), 0x63c2);
    assert_eq!(
        status(&mut card, &verify(PIN)),
        0x9000,
        "the right PIN restores the tries"
    );
    assert_eq!(verification_state(&mut card), 0x9000);
    for expected in [0x63c2, 0x63c1, 0x63c0, 0x6983] {
        assert_eq!(status(&mut card, &verify(WRONG_PIN)), expected);
    }
    assert_eq!(
        status(&mut card, &verify(PIN)),
        0x6983,
        "even with the right PIN"
    );
    card.reset();
    status(&mut card, SELECT_PIV);
    assert_eq!(verification_state(&mut card), 0x6983, "power does not help");
}

#[test]
fn wrong_pin_takes_the_verification_away() {
    let mut card = card();
    assert_eq!(status(&mut card, &verify(PIN)), 0x9000);
    assert_eq!(status(&mut card, &verify(WRONG_PIN)), 0x63c2);
    assert_eq!(verification_state(&mut card), 0x63c2);
}

#[test]
fn malformed_pin_costs_no_try() {
    let mut card = card();
    assert_eq!(status(&mut card, &verify(PIN)), 0x9000);
    let cases: [&[u8]; 4] = [
        b"1234",
        b"12\xff\xff\xff\xff\xff\xff",
        b"abcdefgh",
        b"1234\xff\xff5\xff",
    ];
    for case in cases {
        assert_eq!(status(&mut card, &verify(case)), 0x6a80);
    }
    assert_eq!(verification_state(&mut card), 0x9000, "nothing has changed");
}

#[test]
fn verify_with_p1_ff_clears_the_state() {
    let mut card = card();
    status(&mut card, &verify(PIN));
    assert_eq!(status(&mut card, &[0, 0x20, 0xff, 0x80]), 0x9000);
    assert_eq!(verification_state(&mut card), 0x63c3);
    assert_eq!(status(&mut card, &command(0x20, 0xff, 0x80, PIN)), 0x6a86);
    assert_eq!(status(&mut card, &[0, 0x20, 1, 0x80]), 0x6a86);
    for reference in [0x00, 0x81, 0x96] {
        assert_eq!(status(&mut card, &command(0x20, 0, reference, PIN)), 0x6a88);
    }
}

#[test]
fn verification_survives_reselecting_piv_but_no_other_application_and_no_reset() {
    let mut card = card();
    status(&mut card, &verify(PIN));
    assert_eq!(status(&mut card, SELECT_PIV), 0x9000);
    assert_eq!(verification_state(&mut card), 0x9000);
    assert_eq!(
        status(&mut card, &command(0xa4, 4, 0, b"\xf0UNKNOWN")),
        0x6a82
    );
    assert_eq!(
        verification_state(&mut card),
        0x9000,
        "an unknown application changes nothing"
    );
    assert_eq!(status(&mut card, SELECT_OTHER), 0x9000);
    status(&mut card, SELECT_PIV);
    assert_eq!(verification_state(&mut card), 0x63c3);
    status(&mut card, &verify(PIN));
    card.reset();
    status(&mut card, SELECT_PIV);
    assert_eq!(verification_state(&mut card), 0x63c3);
}

#[test]
fn change_reference_data_wants_the_old_value() {
    let mut card = card();
    let change = |old: &[u8], new: &[u8]| command(0x24, 0, 0x80, &[old, new].concat());
    assert_eq!(status(&mut card, &change(WRONG_PIN, NEW_PIN)), 0x63c2);
    assert_eq!(
        status(&mut card, &change(PIN, b"12\xff\xff\xff\xff\xff\xff")),
        0x6a80
    );
    assert_eq!(
        verification_state(&mut card),
        0x63c2,
        "a malformed new PIN costs no try"
    );
    assert_eq!(status(&mut card, &change(PIN, NEW_PIN)), 0x9000);
    assert_eq!(status(&mut card, &verify(PIN)), 0x63c2);
    assert_eq!(status(&mut card, &verify(NEW_PIN)), 0x9000);
    assert_eq!(status(&mut card, &command(0x24, 0, 0x80, PIN)), 0x6700);
    assert_eq!(
        status(
            &mut card,
            &command(0x24, 1, 0x80, &[*PIN, *NEW_PIN].concat())
        ),
        0x6a86
    );
    assert_eq!(
        status(
            &mut card,
            &command(0x24, 0, 0x82, &[*PIN, *NEW_PIN].concat())
        ),
        0x6a88
    );
}

#[test]
fn puk_is_changed_and_unblocks_the_pin() {
    let mut card = card();
    let new_puk = b"11223344";
    let change_puk = command(0x24, 0, 0x81, &[*PUK, *new_puk].concat());
    assert_eq!(status(&mut card, &change_puk), 0x9000);
    for _ in 0..3 {
        status(&mut card, &verify(WRONG_PIN));
    }
    assert_eq!(status(&mut card, &verify(PIN)), 0x6983);
    let unblock = |puk: &[u8]| command(0x2c, 0, 0x80, &[puk, NEW_PIN].concat());
    assert_eq!(
        status(&mut card, &unblock(PUK)),
        0x63c2,
        "the old PUK is wrong now"
    );
    assert_eq!(status(&mut card, &unblock(new_puk)), 0x9000);
    assert_eq!(
        verification_state(&mut card),
        0x63c3,
        "unblocked, not verified"
    );
    assert_eq!(status(&mut card, &verify(NEW_PIN)), 0x9000);
    assert_eq!(
        status(&mut card, &command(0x2c, 0, 0x81, &[*PUK, *PIN].concat())),
        0x6a88
    );
}

#[test]
fn puk_blocks_after_three_tries_for_good() {
    let mut card = card();
    let unblock = |puk: &[u8]| command(0x2c, 0, 0x80, &[puk, NEW_PIN].concat());
    for expected in [0x63c2, 0x63c1, 0x63c0, 0x6983] {
        assert_eq!(status(&mut card, &unblock(WRONG_PUK)), expected);
    }
    assert_eq!(status(&mut card, &unblock(PUK)), 0x6983);
    assert_eq!(
        status(&mut card, &verify(PIN)),
        0x9000,
        "the PIN is not touched"
    );
}

#[test]
fn authentication_key_signs_while_the_pin_is_verified() {
    let mut card = card();
    assert_eq!(status(&mut card, &sign_hash(0x9a)), 0x6982);
    status(&mut card, &verify(PIN));
    assert_eq!(status(&mut card, &sign_hash(0x9a)), 0x9000);
    assert_eq!(
        status(&mut card, &sign_hash(0x9a)),
        0x9000,
        "as often as it likes"
    );
    status(&mut card, &[0, 0x20, 0xff, 0x80]);
    assert_eq!(status(&mut card, &sign_hash(0x9a)), 0x6982);
}

#[test]
fn signature_key_wants_a_fresh_pin_each_time() {
    let mut card = card();
    status(&mut card, &verify(PIN));
    assert_eq!(status(&mut card, &sign_hash(0x9c)), 0x9000);
    assert_eq!(status(&mut card, &sign_hash(0x9c)), 0x6982);
    assert_eq!(verification_state(&mut card), 0x9000, "9A may go on");
    status(&mut card, &verify(PIN));
    assert_eq!(status(&mut card, &sign_hash(0x9a)), 0x9000);
    assert_eq!(
        status(&mut card, &sign_hash(0x9c)),
        0x6982,
        "another key's use ends it too"
    );
}

#[test]
fn card_authentication_key_wants_no_pin() {
    let issued = issued(KeyKind::P256);
    let slot = KeySlot::from_issued(&issued.authentication).unwrap();
    let image = CardImage::empty("1")
        .unwrap()
        .with_slot(PivSlot::CardAuthentication, slot);
    let mut card = powered(image);
    status(&mut card, SELECT_PIV);
    assert_eq!(status(&mut card, &sign_hash(0x9e)), 0x9000);
}

#[test]
fn broken_templates_and_wrong_algorithms_are_refused() {
    let mut card = card();
    status(&mut card, &verify(PIN));
    let template = |bytes: &[u8]| command(0x87, 0x11, 0x9a, bytes);
    let cases: [(&str, Vec<u8>, u16); 8] = [
        (
            "RSA with a P-256 key",
            command(0x87, 0x07, 0x9a, &sign_hash(0x9a)[5..41]),
            0x6a86,
        ),
        ("no such key", sign_hash(0x9d), 0x6a88),
        ("not a template", template(&[0x7d, 2, 0x82, 0]), 0x6a80),
        ("no challenge", template(&[0x7c, 2, 0x82, 0]), 0x6a80),
        (
            "no place for the response",
            template(&[0x7c, 3, 0x81, 1, 7]),
            0x6a80,
        ),
        ("empty hash", template(&[0x7c, 4, 0x82, 0, 0x81, 0]), 0x6a80),
        (
            "cut short",
            template(&[0x7c, 9, 0x82, 0, 0x81, 4, 1]),
            0x6a80,
        ),
        (
            "key agreement",
            template(&[0x7c, 5, 0x82, 0, 0x85, 1, 4]),
            0x6a80,
        ),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(status(&mut card, &bytes), expected, "{name}");
    }
}

#[test]
fn ecdsa_signature_verifies() {
    let issued = issued(KeyKind::P256);
    let mut card = powered(CardImage::from_issued(&issued).unwrap());
    status(&mut card, SELECT_PIV);
    status(&mut card, &verify(PIN));
    let answer = fetch(&mut card, &sign_hash(0x9a));
    let signature = EcdsaSig::from_der(&answer[4..]).unwrap();
    let key = issued.authentication.key.ec_key().unwrap();
    assert!(signature.verify(&[7; 32], &key).unwrap());
}

/// 266 bytes go in as 255 and 11, 264 come out as 256 and 8; or all at once in extended form.
#[test]
fn rsa_signature_goes_through_chaining_and_extended_length() {
    let issued = issued(KeyKind::Rsa2048);
    let mut card = powered(CardImage::from_issued(&issued).unwrap());
    status(&mut card, SELECT_PIV);
    let block = padded_digest(b"message");
    let mut template = vec![0x7c, 0x82, 1, 6, 0x82, 0, 0x81, 0x82, 1, 0];
    template.extend(&block);
    let mut first = vec![0x10, 0x87, 0x07, 0x9a, 255];
    first.extend(&template[..255]);
    let mut last = command(0x87, 0x07, 0x9a, &template[255..]);
    last.push(0);

    assert_eq!(status(&mut card, &first), 0x9000);
    assert_eq!(status(&mut card, &last), 0x6982, "not without the PIN");
    status(&mut card, &verify(PIN));
    assert_eq!(status(&mut card, &first), 0x9000);
    let answer = fetch(&mut card, &last);
    assert_eq!(answer[..8], [0x7c, 0x82, 1, 4, 0x82, 0x82, 1, 0]);

    let mut extended = vec![0, 0x87, 0x07, 0x9a, 0, 1, 10];
    extended.extend(&template);
    extended.extend([0, 0]);
    assert_eq!(card.process(&extended), [&answer[..], &[0x90, 0]].concat());

    let public = PKey::public_key_from_der(&issued.authentication.key.public_key_to_der().unwrap());
    let key = public.unwrap().rsa().unwrap();
    let mut recovered = [0; 256];
    key.public_decrypt(&answer[8..], &mut recovered, Padding::NONE)
        .unwrap();
    assert_eq!(recovered[..], block);
}

/// EMSA-PKCS1-v1_5 (RFC 8017 section 9.2), as the host builds it.
fn padded_digest(message: &[u8]) -> Vec<u8> {
    let mut block = vec![0, 1];
    block.extend([0xff; 202]);
    block.extend([
        0, 0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0,
    ]);
    block.extend([4, 0x20]);
    block.extend_from_slice(&hash(MessageDigest::sha256(), message).unwrap());
    assert_eq!(block.len(), 256);
    block
}

#[test]
fn interrupted_and_endless_chains_are_refused() {
    let mut card = card();
    let block = [&[0x10, 0x87, 0x11, 0x9a, 255][..], &[0; 255]].concat();
    assert_eq!(status(&mut card, &block), 0x9000);
    assert_eq!(
        status(&mut card, &[0, 0x20, 0, 0x80]),
        0x6883,
        "another command in between"
    );
    assert_eq!(
        status(&mut card, &[0, 0x20, 0, 0x80]),
        0x63c3,
        "and the chain is over"
    );
    let mut answers = (0..20).map(|_| status(&mut card, &block));
    assert!(answers.any(|answer| answer == 0x6700));
}

#[test]
fn version_is_told_to_yubico_piv_tool() {
    assert_eq!(card().process(&[0, 0xfd, 0, 0, 0]), [4, 3, 5, 0x90, 0]);
}

#[test]
fn broken_commands_never_panic() {
    let mut card = card();
    for first in 0..=255_u8 {
        for length in 0..12 {
            let bytes: Vec<u8> = (0..length)
                .map(|index| first.wrapping_mul(index + 1))
                .collect();
            assert!(card.process(&bytes).len() >= 2);
        }
    }
}
