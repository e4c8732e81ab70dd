//! A command APDU as the card reads it (ISO/IEC 7816-4 section 5.1).

use cardea_card::StatusWord;
use zeroize::Zeroizing;

/// Bit 5 of the class byte: more blocks of the same command follow (section 5.3.3).
const CLASS_CHAINING: u8 = 0x10;

/// Bit 7: the further form of the class byte, for channels 4 to 19 (section 5.4.1).
const CLASS_FURTHER_FORM: u8 = 0x40;
/// The channel number of the first form.
const CLASS_CHANNEL: u8 = 0x03;

/// A command that was read. The data field may hold a PIN and is wiped on drop.
pub(crate) struct Command {
    pub(crate) chained: bool,
    /// The logical channel that it was sent on.
    pub(crate) channel: u8,
    pub(crate) instruction: u8,
    pub(crate) p1: u8,
    pub(crate) p2: u8,
    pub(crate) data: Zeroizing<Vec<u8>>,
    /// Most response bytes that the reader takes; `None` when it expects none.
    pub(crate) expected_bytes_max: Option<usize>,
}

impl Command {
    /// Reads a short or extended command; anything else has a wrong length or class.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, StatusWord> {
        let wrong = StatusWord::WRONG_LENGTH;
        let (header, body) = bytes.split_first_chunk::<4>().ok_or(wrong)?;
        let [class, instruction, p1, p2] = *header;
        // This card's channels all have numbers of the first form.
        if class & CLASS_FURTHER_FORM != 0 && class & 0xa0 == 0 {
            return Err(StatusWord::LOGICAL_CHANNEL_NOT_SUPPORTED);
        }
        if class & !(CLASS_CHAINING | CLASS_CHANNEL) != 0 {
            return Err(StatusWord::CLASS_NOT_SUPPORTED);
        }
        let (data, expected_bytes_max) = body_parts(body).ok_or(wrong)?;
        Ok(Self {
            chained: class & CLASS_CHAINING != 0,
            channel: class & CLASS_CHANNEL,
            instruction,
            p1,
            p2,
            data: Zeroizing::new(data.to_vec()),
            expected_bytes_max,
        })
    }
}

/// The data field and Le of the four cases, short and extended.
fn body_parts(body: &[u8]) -> Option<(&[u8], Option<usize>)> {
    match body {
        [] => Some((&[], None)),
        [le] => Some((&[], Some(short_le(*le)))),
        [0, high, low] => Some((&[], Some(extended_le(*high, *low)))),
        [0, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (data, le) = rest.split_at_checked(length)?;
            match le {
                [] => Some((data, None)),
                [high, low] => Some((data, Some(extended_le(*high, *low)))),
                _ => None,
            }
        }
        [length, rest @ ..] => {
            let (data, le) = rest.split_at_checked(usize::from(*length))?;
            match le {
                [] if *length != 0 => Some((data, None)),
                [le] if *length != 0 => Some((data, Some(short_le(*le)))),
                _ => None,
            }
        }
    }
}

/// Le of one byte: 0 means 256.
fn short_le(le: u8) -> usize {
    if le == 0 { 256 } else { usize::from(le) }
}

/// Le of two bytes: 0 means 65 536.
fn extended_le(high: u8, low: u8) -> usize {
    match u16::from_be_bytes([high, low]) {
        0 => 65_536,
        le => usize::from(le),
    }
}

#[cfg(test)]
mod tests {
    use super::Command;
    use cardea_card::StatusWord;

    #[test]
    fn the_four_cases_are_told_apart_short_and_extended() {
        let cases: [(&[u8], usize, Option<usize>); 9] = [
            (&[0, 0x20, 0, 0x80], 0, None),
            (&[0, 0xca, 0, 0, 8], 0, Some(8)),
            (&[0, 0xca, 0, 0, 0], 0, Some(256)),
            (&[0, 0xa4, 4, 0, 2, 1, 2], 2, None),
            (&[0, 0xa4, 4, 0, 2, 1, 2, 0], 2, Some(256)),
            (&[0, 0xcb, 0, 0, 0, 1, 0], 0, Some(256)),
            (&[0, 0xcb, 0, 0, 0, 0, 0], 0, Some(65_536)),
            (&[0, 0xcb, 0, 0, 0, 0, 2, 7, 7], 2, None),
            (&[0, 0xcb, 0, 0, 0, 0, 2, 7, 7, 1, 0], 2, Some(256)),
        ];
        for (bytes, data, expected) in cases {
            let command = Command::parse(bytes).expect("a good command");
            assert_eq!(command.data.len(), data, "{bytes:02x?}");
            assert_eq!(command.expected_bytes_max, expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        let cases: [&[u8]; 5] = [
            &[0, 0x20, 0],
            &[0, 0x20, 0, 0x80, 3, 1, 2],
            &[0, 0x20, 0, 0x80, 1, 1, 2, 3],
            &[0, 0xcb, 0, 0, 0, 0, 9, 7, 7],
            &[0, 0xcb, 0, 0, 0, 0, 1, 7, 7],
        ];
        for bytes in cases {
            assert_eq!(
                Command::parse(bytes).err(),
                Some(StatusWord::WRONG_LENGTH),
                "{bytes:02x?}"
            );
        }
    }

    #[test]
    fn secure_messaging_and_other_classes_are_refused() {
        for class in [0x0c, 0x80, 0x84, 0x60, 0xff] {
            let error = Command::parse(&[class, 0x20, 0, 0x80]).err();
            assert_eq!(error, Some(StatusWord::CLASS_NOT_SUPPORTED));
        }
        let further = Command::parse(&[0x41, 0x20, 0, 0x80]).err();
        assert_eq!(further, Some(StatusWord::LOGICAL_CHANNEL_NOT_SUPPORTED));
        let on_two = Command::parse(&[0x12, 0x87, 7, 0x9a, 1, 1]).expect("channel 2");
        assert_eq!((on_two.chained, on_two.channel), (true, 2));
        assert!(
            Command::parse(&[0x10, 0x87, 7, 0x9a, 1, 1])
                .expect("chained")
                .chained
        );
    }
}
