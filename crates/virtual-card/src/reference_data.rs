//! PIN and PUK: the values, their retry counters, and where they are kept.

use std::fmt;

use cardea_card::StatusWord;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::Error;

/// Tries before PIN or PUK block; the model cards allow three.
pub const TRIES_MAX: u8 = 3;

/// Bytes of reference data in a command: the value, then FF (SP 800-73-4 part 2 section 2.4.3).
pub(crate) const REFERENCE_DATA_BYTES: usize = 8;

/// A PIN or PUK of 4 to 8 characters, padded with FF to eight bytes.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ReferenceData([u8; REFERENCE_DATA_BYTES]);

impl fmt::Debug for ReferenceData {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ReferenceData(…)")
    }
}

impl ReferenceData {
    /// A PIN or PUK as typed.
    ///
    /// # Errors
    /// [`Error::ReferenceDataMalformed`] unless it has 4 to 8 ASCII digits.
    pub fn parse(digits: &str) -> Result<Self, Error> {
        let mut padded = [0xff; REFERENCE_DATA_BYTES];
        if digits.len() > padded.len() {
            return Err(Error::ReferenceDataMalformed);
        }
        for (place, byte) in padded.iter_mut().zip(digits.bytes()) {
            *place = byte;
        }
        Self::from_padded(&padded).ok_or(Error::ReferenceDataMalformed)
    }

    /// Takes what a command carries; `None` unless it is 4 to 8 digits followed by FF.
    ///
    /// PIV wants six digits at least. The model's PINs have four.
    pub(crate) fn from_padded(bytes: &[u8]) -> Option<Self> {
        let bytes = <[u8; REFERENCE_DATA_BYTES]>::try_from(bytes).ok()?;
        let digits = bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let padding = bytes.iter().rev().take_while(|byte| **byte == 0xff).count();
        (digits >= 4 && digits + padding == bytes.len()).then_some(Self(bytes))
    }

    /// The digits without padding, for the card's own memory file.
    pub(crate) fn digits(&self) -> String {
        self.0
            .iter()
            .filter(|byte| **byte != 0xff)
            .map(|byte| char::from(*byte))
            .collect()
    }

    fn matches(&self, other: &Self) -> bool {
        openssl::memcmp::eq(&self.0, &other.0)
    }
}

/// One value with its counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The value.
    pub value: ReferenceData,
    /// Wrong entries still allowed; 0 is blocked.
    pub tries_left: u8,
}

impl Counted {
    /// A value with all its tries.
    #[must_use]
    pub fn new(value: ReferenceData) -> Self {
        Self {
            value,
            tries_left: TRIES_MAX,
        }
    }
}

/// What a card remembers without power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardMemory {
    /// The cardholder's PIN.
    pub pin: Counted,
    /// The PIN unblocking key.
    pub puk: Counted,
}

/// Where the memory is kept.
pub trait MemoryStore: Send {
    /// Reads the memory: another process may have changed it.
    ///
    /// # Errors
    /// [`Error`] when it cannot be read.
    fn load(&mut self) -> Result<CardMemory, Error>;

    /// Writes the memory.
    ///
    /// # Errors
    /// [`Error`] when it cannot be written.
    fn save(&mut self, memory: &CardMemory) -> Result<(), Error>;
}

/// A memory that lives as long as the process.
#[derive(Debug)]
pub struct VolatileMemory(pub CardMemory);

impl MemoryStore for VolatileMemory {
    fn load(&mut self) -> Result<CardMemory, Error> {
        Ok(self.0.clone())
    }

    fn save(&mut self, memory: &CardMemory) -> Result<(), Error> {
        self.0.clone_from(memory);
        Ok(())
    }
}

/// Which of the two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    Pin,
    Puk,
}

impl CardMemory {
    pub(crate) fn counted(&self, reference: Reference) -> &Counted {
        match reference {
            Reference::Pin => &self.pin,
            Reference::Puk => &self.puk,
        }
    }

    pub(crate) fn counted_mut(&mut self, reference: Reference) -> &mut Counted {
        match reference {
            Reference::Pin => &mut self.pin,
            Reference::Puk => &mut self.puk,
        }
    }
}

/// Compares `entered` with the stored value. The counter is written down before the comparison, so
/// that pulling the power does not give the try back.
pub(crate) fn compare(
    store: &mut dyn MemoryStore,
    reference: Reference,
    entered: &ReferenceData,
) -> Result<(), StatusWord> {
    let mut memory = store.load().map_err(|_| MEMORY_FAILURE)?;
    let counted = memory.counted_mut(reference);
    if counted.tries_left == 0 {
        return Err(StatusWord::AUTHENTICATION_METHOD_BLOCKED);
    }
    counted.tries_left -= 1;
    let tries_left = counted.tries_left;
    store.save(&memory).map_err(|_| MEMORY_FAILURE)?;
    let counted = memory.counted_mut(reference);
    if !counted.value.matches(entered) {
        return Err(StatusWord(0x63c0 | u16::from(tries_left)));
    }
    counted.tries_left = TRIES_MAX;
    store.save(&memory).map_err(|_| MEMORY_FAILURE)
}

/// Stores a new value with all its tries.
pub(crate) fn replace(
    store: &mut dyn MemoryStore,
    reference: Reference,
    value: ReferenceData,
) -> Result<(), StatusWord> {
    let mut memory = store.load().map_err(|_| MEMORY_FAILURE)?;
    *memory.counted_mut(reference) = Counted::new(value);
    store.save(&memory).map_err(|_| MEMORY_FAILURE)
}

/// Memory failure, ISO/IEC 7816-4 table 6.
pub(crate) const MEMORY_FAILURE: StatusWord = StatusWord(0x6581);

#[cfg(test)]
mod tests {
    use super::ReferenceData;

    #[test]
    fn four_to_eight_digits_and_padding_are_reference_data() {
        for digits in ["1234", "123456", "12345678"] {
            assert_eq!(ReferenceData::parse(digits).unwrap().digits(), digits);
        }
        for digits in ["", "123", "123456789", "12a4", "12 4"] {
            assert!(ReferenceData::parse(digits).is_err(), "{digits:?}");
        }
        let hole = [b'1', b'2', b'3', b'4', 0xff, b'5', 0xff, 0xff];
        assert!(ReferenceData::from_padded(&hole).is_none());
        assert!(ReferenceData::from_padded(&[0xff; 8]).is_none());
    }

    #[test]
    fn debug_output_shows_no_digit() {
        let shown = format!("{:?}", ReferenceData::parse("1234").unwrap());
        assert_eq!(shown, "ReferenceData(…)");
    }
}
