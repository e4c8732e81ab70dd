//! Status words: the two bytes that end every response (ISO/IEC 7816-4 section 5.6).

use std::fmt;

/// The status word SW1-SW2 of a response.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusWord(pub u16);

impl StatusWord {
    /// Normal processing.
    pub const SUCCESS: Self = Self(0x9000);
    /// Wrong length (Lc or Le).
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// Logical channel not supported, or not open.
    pub const LOGICAL_CHANNEL_NOT_SUPPORTED: Self = Self(0x6881);
    /// Security status not satisfied: the key wants a verified PIN.
    pub const SECURITY_STATUS_NOT_SATISFIED: Self = Self(0x6982);
    /// Authentication method blocked: no tries are left.
    pub const AUTHENTICATION_METHOD_BLOCKED: Self = Self(0x6983);
    /// Conditions of use not satisfied.
    pub const CONDITIONS_NOT_SATISFIED: Self = Self(0x6985);
    /// Incorrect parameters in the data field.
    pub const INCORRECT_DATA: Self = Self(0x6A80);
    /// Function not supported.
    pub const FUNCTION_NOT_SUPPORTED: Self = Self(0x6A81);
    /// File, application or data object not found.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// Incorrect P1-P2.
    pub const INCORRECT_P1_P2: Self = Self(0x6A86);
    /// Referenced data (here: the key or PIN) not found.
    pub const REFERENCED_DATA_NOT_FOUND: Self = Self(0x6A88);
    /// Instruction not supported.
    pub const INSTRUCTION_NOT_SUPPORTED: Self = Self(0x6D00);
    /// Class not supported.
    pub const CLASS_NOT_SUPPORTED: Self = Self(0x6E00);

    /// The status word of two bytes.
    pub fn from_bytes(sw1: u8, sw2: u8) -> Self {
        Self(u16::from_be_bytes([sw1, sw2]))
    }

    /// The two bytes as a card sends them.
    pub fn to_bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    /// Whether this is `9000`.
    pub fn is_success(self) -> bool {
        self == Self::SUCCESS
    }

    /// `61xx`: so many more bytes wait for GET RESPONSE (0 stands for 256 or more).
    pub fn bytes_remaining(self) -> Option<u8> {
        let [sw1, sw2] = self.to_bytes();
        (sw1 == 0x61).then_some(sw2)
    }

    /// `6Cxx`: the command must be sent again with this Le.
    pub fn exact_length(self) -> Option<u8> {
        let [sw1, sw2] = self.to_bytes();
        (sw1 == 0x6C).then_some(sw2)
    }

    /// `63Cx`: so many tries are left.
    pub fn tries_left(self) -> Option<u8> {
        let [sw1, sw2] = self.to_bytes();
        (sw1 == 0x63 && sw2 & 0xF0 == 0xC0).then_some(sw2 & 0x0F)
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04X}", self.0)
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StatusWord({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words_tell_counters_and_lengths() {
        assert_eq!(StatusWord(0x63C2).tries_left(), Some(2));
        assert_eq!(StatusWord(0x63C0).tries_left(), Some(0));
        assert_eq!(StatusWord(0x6300).tries_left(), None);
        assert_eq!(StatusWord(0x6982).tries_left(), None);
        assert_eq!(StatusWord(0x6108).bytes_remaining(), Some(8));
        assert_eq!(StatusWord(0x9000).bytes_remaining(), None);
        assert_eq!(StatusWord(0x6C10).exact_length(), Some(0x10));
        assert_eq!(StatusWord::from_bytes(0x90, 0x00), StatusWord::SUCCESS);
        assert_eq!(StatusWord::SUCCESS.to_string(), "9000");
    }
}
