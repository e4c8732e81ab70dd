//! Readers with keys of their own: the structures of PC/SC part 10 (revision 2.02.09).
//!
//! The reader collects the digits, puts them into the command that it was given, and sends that to
//! the card. The PIN never passes through this computer.

use std::time::Duration;

use crate::apdu::class_of_channel;
use crate::{Error, StatusWord};

/// How long the reader waits for the first key, and after it for the last one.
const TIME_LIMIT_SECONDS: u8 = 30;

/// How long one PIN entry on a reader may keep a call busy: 30 s for the first key, and as long
/// again for the others.
pub const PIN_PAD_TIME_LIMIT: Duration = Duration::from_secs(60);

/// GET_FEATURE_REQUEST's function code (section 2.2).
#[cfg(feature = "pcsc")]
pub(crate) const GET_FEATURE_REQUEST: u32 = 3400;
/// Tag of FEATURE_VERIFY_PIN_DIRECT in its answer (section 2.3).
pub(crate) const FEATURE_VERIFY_PIN_DIRECT: u8 = 0x06;

const PIN_DIGITS_MIN: u8 = 4;
const PIN_DIGITS_MAX: u8 = 8;
const INS_VERIFY: u8 = 0x20;

/// Units are bytes (bit 8), the PIN begins right after the header (bits 7 to 4), it is left
/// justified (bit 3), and it is in ASCII (bits 2 and 1).
const FORMAT_ASCII_LEFT: u8 = 0x82;
/// No length goes into the block (bits 8 to 5), and the block has eight bytes (bits 4 to 1).
const BLOCK_OF_EIGHT: u8 = 0x08;
/// No length goes into the command.
const NO_LENGTH: u8 = 0x00;
/// The entry ends when the person presses the key that says so.
const VALIDATION_KEY: u8 = 0x02;
/// One message, the first one, in the reader's display where it has one.
const ONE_MESSAGE: u8 = 0x01;
const FIRST_MESSAGE: u8 = 0x00;
/// French (France); readers without that language show their own.
const LANGUAGE: u16 = 0x040C;
/// Protocol bytes of T=1 that the driver fills in itself.
const PROLOGUE: [u8; 3] = [0; 3];

/// PIN_VERIFY (section 2.5.2) for a VERIFY of eight bytes padded with FF, as SP 800-73-4 part 2
/// section 2.4.3 has it. Numbers are little endian.
pub(crate) fn pin_verify(logical_channel: u8, key_reference: u8) -> Result<Vec<u8>, Error> {
    let class = class_of_channel(logical_channel);
    let mut command = vec![class, INS_VERIFY, 0x00, key_reference, PIN_DIGITS_MAX];
    command.extend([0xFF; 8]);
    let length = u32::try_from(command.len()).map_err(|_| Error::CommandTooLong {
        bytes_max: usize::from(u16::MAX),
    })?;
    let mut structure = vec![
        TIME_LIMIT_SECONDS,
        TIME_LIMIT_SECONDS,
        FORMAT_ASCII_LEFT,
        BLOCK_OF_EIGHT,
        NO_LENGTH,
    ];
    // wPINMaxExtraDigit: the fewest digits in the high byte, the most in the low one.
    structure.extend(u16::from_be_bytes([PIN_DIGITS_MIN, PIN_DIGITS_MAX]).to_le_bytes());
    structure.extend([VALIDATION_KEY, ONE_MESSAGE]);
    structure.extend(LANGUAGE.to_le_bytes());
    structure.push(FIRST_MESSAGE);
    structure.extend(PROLOGUE);
    structure.extend(length.to_le_bytes());
    structure.extend(command);
    Ok(structure)
}

/// The control code of a feature in the answer to GET_FEATURE_REQUEST: elements of tag, length 4
/// and a code in big endian (section 2.2). Anything malformed ends the list.
pub(crate) fn feature_code(answer: &[u8], feature: u8) -> Option<u32> {
    answer
        .chunks_exact(6)
        .map_while(|element| match *element {
            [tag, 4, a, b, c, d] => Some((tag, u32::from_be_bytes([a, b, c, d]))),
            _ => None,
        })
        .find(|(tag, _)| *tag == feature)
        .map(|(_, code)| code)
}

/// What the reader itself says instead of a card's status word (section 2.5.2). No try was used.
pub(crate) fn reader_refusal(status: StatusWord) -> Option<Error> {
    match status {
        StatusWord(0x6400) => Some(Error::PinEntryTimedOut),
        StatusWord(0x6401) => Some(Error::PinEntryCancelled),
        // Too few or too many digits.
        StatusWord(0x6403) => Some(Error::PinMalformed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_is_that_of_part_10_to_the_letter() {
        let structure = pin_verify(0, 0x80).unwrap();
        let expected = [
            30, 30, // bTimeOut, bTimeOut2
            0x82, 0x08, 0x00, // bmFormatString, bmPINBlockString, bmPINLengthFormat
            0x08, 0x04, // wPINMaxExtraDigit
            0x02, 0x01, // bEntryValidationCondition, bNumberMessage
            0x0C, 0x04, // wLangId
            0x00, // bMsgIndex
            0x00, 0x00, 0x00, // bTeoPrologue
            13, 0, 0, 0, // ulDataLength
            0x00, 0x20, 0x00, 0x80, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        ];
        assert_eq!(structure, expected);
        assert_eq!(pin_verify(2, 0x80).unwrap()[19], 0x02);
    }

    #[test]
    fn features_are_found_by_their_tag() {
        let answer = [
            0x07, 4, 0x42, 0x33, 0, 0x07, 0x06, 4, 0x42, 0x33, 0, 0x06, 0x12, 4, 0, 0, 0, 1,
        ];
        let found = |answer: &[u8]| feature_code(answer, FEATURE_VERIFY_PIN_DIRECT);
        assert_eq!(found(&answer), Some(0x4233_0006));
        assert_eq!(found(&answer[..6]), None);
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[0x06, 4, 0x42]), None, "cut short");
        assert_eq!(found(&[0x06, 3, 1, 2, 3, 4]), None, "another length");
    }

    #[test]
    fn a_readers_own_refusals_are_told_from_the_cards() {
        let code = |status| reader_refusal(StatusWord(status)).map(|error| error.code());
        assert_eq!(code(0x6400), Some("card.pin_entry_timed_out"));
        assert_eq!(code(0x6401), Some("card.pin_entry_cancelled"));
        assert_eq!(code(0x6403), Some("card.pin_malformed"));
        for of_card in [0x9000, 0x63C2, 0x6983, 0x6982] {
            assert_eq!(code(of_card), None);
        }
    }
}
