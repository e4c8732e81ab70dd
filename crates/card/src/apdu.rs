//! Command and response APDUs (ISO/IEC 7816-4 section 5): building, chaining, reading.

use zeroize::Zeroizing;

use crate::{Error, StatusWord};

/// Most bytes in the data field of a short command.
const SHORT_DATA_BYTES_MAX: usize = 255;
/// Most bytes in the data field of an extended command that this crate sends.
const EXTENDED_DATA_BYTES_MAX: usize = 65_535;
/// Bit 5 of the class byte: more blocks of the same command follow.
const CLASS_CHAINING: u8 = 0x10;

/// The last of the logical channels that the first form of the class byte names.
const FIRST_FORM_CHANNEL_MAX: u8 = 3;
/// Bit 7 of the class byte: the further form, for channels 4 to 19.
const CLASS_FURTHER_FORM: u8 = 0x40;
/// The last logical channel there is.
pub(crate) const CHANNEL_MAX: u8 = 19;

/// The class byte of interindustry commands on a logical channel (ISO/IEC 7816-4 section 5.4.1).
pub(crate) fn class_of_channel(channel: u8) -> u8 {
    match channel.checked_sub(FIRST_FORM_CHANNEL_MAX + 1) {
        None => channel,
        Some(further) => CLASS_FURTHER_FORM | further,
    }
}

/// Most bytes that one response may have, status word included.
///
/// The longest object that a login reads is a certificate of about 2.3 kB; nothing a card has to
/// say comes near this, so more is a fault or an attack.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024;

/// A command before it is put into blocks.
///
/// The data field and every block made of it are wiped on drop, because a PIN may be inside.
#[derive(Clone)]
pub struct Command {
    /// Short constant name for error messages, such as `VERIFY`. Never holds data.
    name: &'static str,
    class: u8,
    instruction: u8,
    p1: u8,
    p2: u8,
    data: Zeroizing<Vec<u8>>,
    response_expected: bool,
}

impl Command {
    /// A command of class 00 without data and without an expected response.
    pub fn new(name: &'static str, instruction: u8, p1: u8, p2: u8) -> Self {
        let data = Zeroizing::new(Vec::new());
        Self {
            name,
            class: 0,
            instruction,
            p1,
            p2,
            data,
            response_expected: false,
        }
    }

    /// Sets the data field. The bytes are copied, then wiped on drop.
    #[must_use]
    pub fn with_data(mut self, data: &[u8]) -> Self {
        self.data = Zeroizing::new(data.to_vec());
        self
    }

    /// The same command on a logical channel.
    #[must_use]
    pub(crate) fn on_channel(&self, channel: u8) -> Self {
        let mut command = self.clone();
        command.class |= class_of_channel(channel);
        command
    }

    /// Asks for as many response bytes as there are (Le = 00).
    #[must_use]
    pub fn expecting_response(mut self) -> Self {
        self.response_expected = true;
        self
    }

    /// The name for messages.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether response bytes are asked for.
    pub fn expects_response(&self) -> bool {
        self.response_expected
    }

    /// The command as short blocks, chained when the data is longer than 255 bytes
    /// (ISO/IEC 7816-4 section 5.3.3).
    pub fn to_short_blocks(&self) -> Vec<Zeroizing<Vec<u8>>> {
        let mut chunks: Vec<&[u8]> = self.data.chunks(SHORT_DATA_BYTES_MAX).collect();
        let last = chunks.pop().unwrap_or_default();
        let mut blocks = Vec::with_capacity(chunks.len() + 1);
        for chunk in chunks {
            blocks.push(self.short_block(CLASS_CHAINING, chunk, false));
        }
        blocks.push(self.short_block(0, last, self.response_expected));
        blocks
    }

    /// The command as one extended-length block (ISO/IEC 7816-4 section 5.2).
    ///
    /// # Errors
    /// [`Error::CommandTooLong`] when the data does not fit.
    pub fn to_extended_block(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let length = u16::try_from(self.data.len()).map_err(|_| Error::CommandTooLong {
            bytes_max: EXTENDED_DATA_BYTES_MAX,
        })?;
        let mut block = Zeroizing::new(Vec::with_capacity(self.data.len() + 9));
        block.extend([self.class, self.instruction, self.p1, self.p2]);
        if length > 0 {
            block.push(0);
            block.extend(length.to_be_bytes());
            block.extend_from_slice(&self.data);
        }
        if self.response_expected {
            if length == 0 {
                block.push(0);
            }
            block.extend([0, 0]);
        }
        Ok(block)
    }

    fn short_block(&self, class_bits: u8, data: &[u8], le: bool) -> Zeroizing<Vec<u8>> {
        let mut block = Zeroizing::new(Vec::with_capacity(data.len() + 6));
        block.extend([self.class | class_bits, self.instruction, self.p1, self.p2]);
        // A chunk has at most 255 bytes, so the conversion cannot fail; 0 would mean "no data".
        let length = u8::try_from(data.len()).unwrap_or(0);
        if length > 0 {
            block.push(length);
            block.extend_from_slice(data);
        }
        if le {
            block.push(0);
        }
        block
    }
}

impl std::fmt::Debug for Command {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The data field may hold a PIN and is never shown.
        formatter
            .debug_struct("Command")
            .field("name", &self.name)
            .field("data_bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// A response: data and status word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The data field.
    pub data: Vec<u8>,
    /// The status word.
    pub status: StatusWord,
}

impl Response {
    /// Splits the bytes of a response.
    ///
    /// # Errors
    /// [`Error::CardRemoved`] under two bytes: that is how PC/SC shows a card that died in the
    /// middle of a command. [`Error::ResponseTooLong`] above [`RESPONSE_BYTES_MAX`].
    pub fn parse(mut bytes: Vec<u8>) -> Result<Self, Error> {
        if bytes.len() > RESPONSE_BYTES_MAX {
            return Err(Error::ResponseTooLong {
                bytes_max: RESPONSE_BYTES_MAX,
            });
        }
        match (bytes.pop(), bytes.pop()) {
            (Some(sw2), Some(sw1)) => Ok(Self {
                data: bytes,
                status: StatusWord::from_bytes(sw1, sw2),
            }),
            _ => Err(Error::CardRemoved),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_bytes_name_channels_in_two_forms() {
        let classes = [0, 1, 3, 4, 5, 19].map(class_of_channel);
        assert_eq!(classes, [0x00, 0x01, 0x03, 0x40, 0x41, 0x4F]);
        let command = Command::new("X", 0x87, 7, 0x9A).with_data(&[5; 266]);
        let blocks = blocks(&command.on_channel(4));
        assert_eq!((blocks[0][0], blocks[1][0]), (0x50, 0x40));
    }

    fn blocks(command: &Command) -> Vec<Vec<u8>> {
        command
            .to_short_blocks()
            .iter()
            .map(|block| block.to_vec())
            .collect()
    }

    #[test]
    fn short_commands_have_the_four_cases() {
        let bare = Command::new("X", 0x20, 0, 0x80);
        assert_eq!(blocks(&bare), [vec![0, 0x20, 0, 0x80]]);
        let le = bare.clone().expecting_response();
        assert_eq!(blocks(&le), [vec![0, 0x20, 0, 0x80, 0]]);
        let data = bare.clone().with_data(&[1, 2]);
        assert_eq!(blocks(&data), [vec![0, 0x20, 0, 0x80, 2, 1, 2]]);
        let both = data.expecting_response();
        assert_eq!(blocks(&both), [vec![0, 0x20, 0, 0x80, 2, 1, 2, 0]]);
    }

    #[test]
    fn long_data_is_chained_and_only_the_last_block_expects_a_response() {
        let command = Command::new("X", 0x87, 7, 0x9A)
            .with_data(&[5; 266])
            .expecting_response();
        let blocks = blocks(&command);
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0][..5], [0x10, 0x87, 7, 0x9A, 255]);
        assert_eq!(blocks[0].len(), 5 + 255);
        assert_eq!(blocks[1][..5], [0x00, 0x87, 7, 0x9A, 11]);
        assert_eq!(blocks[1].len(), 5 + 11 + 1);
    }

    #[test]
    fn data_of_exactly_one_block_is_not_chained() {
        let command = Command::new("X", 0x87, 7, 0x9A).with_data(&[5; 255]);
        assert_eq!(blocks(&command).len(), 1);
    }

    #[test]
    fn extended_commands_have_three_length_bytes() {
        let bare = Command::new("X", 0xCB, 0x3F, 0xFF);
        let le = bare
            .clone()
            .expecting_response()
            .to_extended_block()
            .unwrap();
        assert_eq!(le.to_vec(), [0, 0xCB, 0x3F, 0xFF, 0, 0, 0]);
        let both = bare
            .with_data(&[9; 300])
            .expecting_response()
            .to_extended_block()
            .unwrap();
        assert_eq!(both[..7], [0, 0xCB, 0x3F, 0xFF, 0, 1, 44]);
        assert_eq!(both.len(), 7 + 300 + 2);
        let long = Command::new("X", 0, 0, 0).with_data(&vec![0; 65_536]);
        assert_eq!(
            long.to_extended_block().unwrap_err().code(),
            "card.command_too_long"
        );
    }

    #[test]
    fn responses_under_two_bytes_are_a_lost_card() {
        for bytes in [vec![], vec![0x90]] {
            assert_eq!(Response::parse(bytes).unwrap_err().code(), "card.removed");
        }
        let response = Response::parse(vec![1, 2, 0x61, 8]).unwrap();
        assert_eq!(response.data, [1, 2]);
        assert_eq!(response.status.bytes_remaining(), Some(8));
    }

    #[test]
    fn a_response_of_64_kib_is_refused() {
        let error = Response::parse(vec![0; 65_538]).unwrap_err();
        assert_eq!(error.code(), "card.response_too_long");
    }

    #[test]
    fn debug_shows_no_data() {
        let command = Command::new("VERIFY", 0x20, 0, 0x80).with_data(b"98765432");
        let shown = format!("{command:?}");
        assert!(
            !shown.contains("57") && !shown.contains("98765432"),
            "{shown}"
        );
    }
}
