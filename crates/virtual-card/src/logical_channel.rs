//! Logical channels: what each of them has selected and has been shown (ISO/IEC 7816-4 section
//! 5.4.1 and 7.1.2).

use std::collections::BTreeMap;

use cardea_card::StatusWord;
use zeroize::Zeroizing;

use crate::file_system::Application;
use crate::security_state::SecurityState;

/// The basic channel, which is always open.
pub(crate) const BASIC: u8 = 0;
/// Channels besides the basic one: 1 to 3.
const FURTHER_CHANNEL_MAX: u8 = 3;

/// What belongs to one channel alone. A PIN verified on one is not verified on another: the status
/// belongs to the selected application, and each channel selects its own.
#[derive(Default)]
pub(crate) struct LogicalChannel {
    pub(crate) selected: Option<Application>,
    pub(crate) other_file_selected: bool,
    /// Whether the other application has had its own PIN since it was selected.
    pub(crate) other_pin_verified: bool,
    pub(crate) security: SecurityState,
    pub(crate) chain: Option<Chain>,
    /// What GET RESPONSE still has to hand out.
    pub(crate) remainder: Vec<u8>,
}

/// The blocks of a chained command so far.
pub(crate) struct Chain {
    pub(crate) header: [u8; 3],
    pub(crate) data: Zeroizing<Vec<u8>>,
}

/// The open channels.
pub(crate) struct LogicalChannels {
    open: BTreeMap<u8, LogicalChannel>,
    has_further: bool,
}

impl LogicalChannels {
    /// The channels of a card that has just been powered.
    pub(crate) fn new(has_further: bool) -> Self {
        let open = BTreeMap::from([(BASIC, LogicalChannel::default())]);
        Self { open, has_further }
    }

    /// Forgets everything, as a reset does.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.has_further);
    }

    /// Takes a channel for the time of a command; [`LogicalChannels::give_back`] returns it.
    pub(crate) fn take(&mut self, number: u8) -> Result<LogicalChannel, StatusWord> {
        self.open
            .remove(&number)
            .ok_or(StatusWord::LOGICAL_CHANNEL_NOT_SUPPORTED)
    }

    /// Puts a channel back after its command.
    pub(crate) fn give_back(&mut self, number: u8, channel: LogicalChannel) {
        self.open.insert(number, channel);
    }

    /// MANAGE CHANNEL (section 7.1.2), sent on channel `from`, which is open. A new channel has
    /// nothing selected; a closed one has forgotten its PIN.
    pub(crate) fn manage(&mut self, from: u8, p1: u8, p2: u8) -> Result<Vec<u8>, StatusWord> {
        if !self.has_further {
            return Err(StatusWord::INSTRUCTION_NOT_SUPPORTED);
        }
        match (p1, p2) {
            (0x00, BASIC) => {
                let free = (1..=FURTHER_CHANNEL_MAX).find(|number| !self.open.contains_key(number));
                let number = free.ok_or(StatusWord::FUNCTION_NOT_SUPPORTED)?;
                self.open.insert(number, LogicalChannel::default());
                Ok(vec![number])
            }
            (0x00, 1..=FURTHER_CHANNEL_MAX) if !self.open.contains_key(&p2) => {
                self.open.insert(p2, LogicalChannel::default());
                Ok(Vec::new())
            }
            (0x80, _) => {
                let number = if p2 == BASIC { from } else { p2 };
                match (number, self.open.contains_key(&number)) {
                    // The basic channel is never closed.
                    (BASIC, _) => Err(StatusWord::FUNCTION_NOT_SUPPORTED),
                    (_, false) => Err(StatusWord::LOGICAL_CHANNEL_NOT_SUPPORTED),
                    (_, true) => {
                        self.open.remove(&number);
                        Ok(Vec::new())
                    }
                }
            }
            _ => Err(StatusWord::INCORRECT_P1_P2),
        }
    }
}

#[cfg(test)]
mod tests;
