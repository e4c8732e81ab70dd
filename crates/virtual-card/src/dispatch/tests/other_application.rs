//! The application of another program, with a file and a PIN of its own.

use super::{PIN, SELECT_OTHER, SELECT_PIV, card, status, verify};
use crate::card_image::CardImage;

#[test]
fn other_programs_file_is_selected_and_read() {
    let mut card = card();
    assert_eq!(status(&mut card, SELECT_OTHER), 0x9000);
    assert_eq!(
        status(&mut card, &[0, 0xb0, 0, 0, 0]),
        0x6985,
        "no file is selected yet"
    );
    assert_eq!(status(&mut card, &[0, 0xa4, 2, 0x0c, 2, 9, 9]), 0x6a82);
    assert_eq!(status(&mut card, &[0, 0xa4, 2, 0x0c, 2, 1, 1]), 0x9000);
    assert!(
        card.process(&[0, 0xb0, 0, 0, 12])
            .starts_with(b"CARDEA-VCARD\x90\x00")
    );
    assert!(
        card.process(&[0, 0xb0, 0, 13, 7])
            .starts_with(b"billing\x90\x00")
    );
    assert_eq!(status(&mut card, &[0, 0xb0, 1, 0, 0]), 0x6b00);
    assert_eq!(
        status(&mut card, &verify(PIN)),
        0x6985,
        "PIV is not selected"
    );
}

#[test]
fn other_programs_pin_state_lasts_until_another_application_takes_its_place() {
    let mut card = card();
    let state = [0, 0x20, 0, 1];
    let own = [&state[..], &[4], CardImage::OTHER_PIN].concat();
    assert_eq!(status(&mut card, SELECT_OTHER), 0x9000);
    assert_eq!(status(&mut card, &state), 0x6982);
    assert_eq!(status(&mut card, &[0, 0x20, 0, 1, 4, 1, 2, 3, 4]), 0x6982);
    assert_eq!(status(&mut card, &own), 0x9000);
    assert_eq!(status(&mut card, SELECT_OTHER), 0x9000);
    assert_eq!(status(&mut card, &state), 0x9000);
    assert_eq!(status(&mut card, SELECT_PIV), 0x9000);
    assert_eq!(status(&mut card, SELECT_OTHER), 0x9000);
    assert_eq!(status(&mut card, &state), 0x6982);
}
