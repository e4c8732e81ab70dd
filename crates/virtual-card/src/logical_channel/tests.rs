//! Channels through the whole card: what one selects or verifies, another does not see.

use crate::card_image::CardImage;
use crate::dispatch::Applet;
use crate::reference_data::{CardMemory, Counted, ReferenceData, VolatileMemory};

const OPEN: [u8; 5] = [0, 0x70, 0, 0, 1];
const OTHER_FILE: [u8; 7] = [0, 0xa4, 0, 0, 2, 1, 1];

fn powered(change: impl FnOnce(CardImage) -> CardImage) -> Applet {
    let memory = CardMemory {
        pin: Counted::new(ReferenceData::parse("1234").unwrap()),
        puk: Counted::new(ReferenceData::parse("12345678").unwrap()),
    };
    let image = change(CardImage::empty("1").unwrap());
    Applet::new(image, Box::new(VolatileMemory(memory)))
}

fn status(card: &mut Applet, command: &[u8]) -> u16 {
    let response = card.process(command);
    u16::from_be_bytes(*response.last_chunk().unwrap())
}

fn select_piv(card: &mut Applet, channel: u8) -> u16 {
    status(card, &[channel, 0xa4, 4, 0, 5, 0xa0, 0, 0, 3, 8, 0])
}

fn select_other(card: &mut Applet, channel: u8) -> u16 {
    let aid = CardImage::OTHER_AID;
    let length = u8::try_from(aid.len()).unwrap();
    status(card, &[&[channel, 0xa4, 4, 0, length], aid].concat())
}

fn verify(card: &mut Applet, channel: u8) -> u16 {
    let pin = b"1234\xff\xff\xff\xff";
    status(card, &[&[channel, 0x20, 0, 0x80, 8], &pin[..]].concat())
}

fn pin_state(card: &mut Applet, channel: u8) -> u16 {
    status(card, &[channel, 0x20, 0, 0x80])
}

#[test]
fn a_pin_verified_on_one_channel_is_not_verified_on_another() {
    let mut card = powered(|image| image);
    assert_eq!(card.process(&OPEN), [1, 0x90, 0]);
    for channel in [0, 1] {
        assert_eq!(select_piv(&mut card, channel), 0x9000);
    }
    assert_eq!(verify(&mut card, 1), 0x9000);
    assert_eq!(pin_state(&mut card, 1), 0x9000);
    assert_eq!(pin_state(&mut card, 0), 0x63c3);
    // The counter is one for all.
    assert_eq!(
        status(&mut card, b"\x00\x20\x00\x80\x089999\xff\xff\xff\xff"),
        0x63c2
    );
    assert_eq!(pin_state(&mut card, 1), 0x9000);
}

#[test]
fn a_file_selected_on_the_basic_channel_stays_while_another_channel_works() {
    let mut card = powered(|image| image);
    assert_eq!(select_other(&mut card, 0), 0x9000);
    assert_eq!(status(&mut card, &OTHER_FILE), 0x9000);
    assert_eq!(card.process(&OPEN), [1, 0x90, 0]);
    assert_eq!(select_piv(&mut card, 1), 0x9000);
    assert_eq!(verify(&mut card, 1), 0x9000);
    assert_eq!(status(&mut card, &[0, 0x70, 0x80, 1]), 0x9000);
    let file = card.process(&[0, 0xb0, 0, 0, 0]);
    assert!(file.ends_with(&[0x90, 0]) && file.len() > 2);
}

#[test]
fn a_closed_channel_has_forgotten_its_pin() {
    let mut card = powered(|image| image);
    for close in [[0, 0x70, 0x80, 1], [1, 0x70, 0x80, 0]] {
        assert_eq!(card.process(&OPEN), [1, 0x90, 0]);
        assert_eq!(select_piv(&mut card, 1), 0x9000);
        assert_eq!(pin_state(&mut card, 1), 0x63c3);
        assert_eq!(verify(&mut card, 1), 0x9000);
        assert_eq!(status(&mut card, &close), 0x9000);
        assert_eq!(pin_state(&mut card, 1), 0x6881, "closed");
    }
}

#[test]
fn channels_are_few_and_the_basic_one_is_never_closed() {
    let mut card = powered(|image| image);
    for number in 1..=3 {
        assert_eq!(card.process(&OPEN), [number, 0x90, 0]);
    }
    assert_eq!(status(&mut card, &OPEN), 0x6a81, "none is free");
    assert_eq!(status(&mut card, &[0, 0x70, 0x80, 2]), 0x9000);
    assert_eq!(
        status(&mut card, &[0, 0x70, 0x80, 2]),
        0x6881,
        "closed already"
    );
    assert_eq!(status(&mut card, &[0, 0x70, 0, 3]), 0x6a86, "open already");
    assert_eq!(status(&mut card, &[0, 0x70, 0, 2]), 0x9000, "by its name");
    assert_eq!(status(&mut card, &[0, 0x70, 0x80, 0]), 0x6a81);
    assert_eq!(status(&mut card, &[0, 0x70, 0x40, 1]), 0x6a86);
    card.reset();
    assert_eq!(pin_state(&mut card, 1), 0x6881, "a reset closes them");
}

#[test]
fn chains_on_two_channels_do_not_mix() {
    let mut card = powered(|image| image);
    assert_eq!(card.process(&OPEN), [1, 0x90, 0]);
    for channel in [0, 1] {
        assert_eq!(select_piv(&mut card, channel), 0x9000);
    }
    assert_eq!(status(&mut card, &[0x10, 0x87, 0x11, 0x9a, 1, 1]), 0x9000);
    assert_eq!(pin_state(&mut card, 1), 0x63c3);
    assert_eq!(
        pin_state(&mut card, 0),
        0x6883,
        "the chain's last block was due"
    );
}

#[test]
fn a_card_without_channels_knows_the_basic_one_only() {
    let mut card = powered(CardImage::without_logical_channels);
    assert_eq!(status(&mut card, &OPEN), 0x6d00);
    assert_eq!(select_piv(&mut card, 1), 0x6881);
    assert_eq!(select_piv(&mut card, 0), 0x9000);
}

#[test]
fn without_contact_there_is_no_pin_and_one_certificate() {
    let mut card = powered(CardImage::on_contactless_interface);
    assert_eq!(select_piv(&mut card, 0), 0x9000);
    assert_eq!(pin_state(&mut card, 0), 0x6982);
    assert_eq!(verify(&mut card, 0), 0x6982);
    let mut object = |tag: [u8; 3]| {
        let [a, b, c] = tag;
        status(&mut card, &[0, 0xcb, 0x3f, 0xff, 5, 0x5c, 3, a, b, c, 0])
    };
    assert_eq!(object([0x5f, 0xc1, 0x02]), 0x9000, "the CHUID");
    assert_eq!(object([0x5f, 0xc1, 0x01]), 0x6a82, "9E, empty on this card");
    for closed in [[0x5f, 0xc1, 0x05], [0x5f, 0xc1, 0x0a], [0x5f, 0xc1, 0x07]] {
        assert_eq!(object(closed), 0x6982);
    }
}
