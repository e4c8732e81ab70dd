//! One command and its whole response: chaining, GET RESPONSE, extended length, all bounded.

use crate::apdu::{Command, RESPONSE_BYTES_MAX, Response, class_of_channel};
use crate::{ApduChannel, Error, StatusWord};

/// Most GET RESPONSE commands for one answer: enough for [`RESPONSE_BYTES_MAX`] in full blocks.
const GET_RESPONSE_MAX: usize = 64;
pub(super) const INS_GET_RESPONSE: u8 = 0xC0;

/// Which length fields a card takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandLength {
    /// 255 bytes a block: every card.
    Short,
    /// One block whatever the length: cards that announce it, as long as it works.
    Extended,
}

/// The conversation of one transaction.
pub(super) struct Exchange<'a> {
    channel: &'a mut dyn ApduChannel,
    length: &'a mut CommandLength,
    /// The logical channel that commands go to; 0 is the basic one, which all programs share.
    logical_channel: u8,
    /// Whether the PIN stays verified after this conversation.
    pub(super) keeps_pin: Option<KeptPin>,
}

/// A PIN that stays verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeptPin {
    /// We verified it, and clear it one day.
    Ours,
    /// Another program had verified it before us on the same channel: it is not ours to clear.
    AlsoOthers,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(channel: &'a mut dyn ApduChannel, length: &'a mut CommandLength) -> Self {
        Self {
            channel,
            length,
            logical_channel: 0,
            keeps_pin: None,
        }
    }

    pub(super) fn logical_channel(&self) -> u8 {
        self.logical_channel
    }

    /// Sends what follows to another logical channel, which must be open.
    pub(super) fn use_logical_channel(&mut self, number: u8) {
        self.logical_channel = number;
    }

    /// Has the reader take the PIN and send it; counts as a VERIFY. Sent once, whatever comes.
    pub(super) fn verify_on_reader(&mut self, structure: &[u8]) -> Result<Response, Error> {
        Response::parse(self.channel.verify_on_reader(structure)?)
    }

    /// Sends a command and collects its whole response.
    ///
    /// Nothing with a PIN in it is ever sent twice: extended length, which may have to be given up
    /// for short blocks, is tried only for commands that expect a response, and VERIFY does not.
    pub(super) fn send(&mut self, command: &Command) -> Result<Response, Error> {
        let command = &command.on_channel(self.logical_channel);
        if *self.length == CommandLength::Extended && command.expects_response() {
            match self.send_extended(command) {
                Ok(response) if response.status != StatusWord::WRONG_LENGTH => return Ok(response),
                // The card or the reader announced more than it can do.
                Ok(_) | Err(Error::ReaderFault { .. }) => *self.length = CommandLength::Short,
                Err(error) => return Err(error),
            }
        }
        self.send_short(command)
    }

    fn send_extended(&mut self, command: &Command) -> Result<Response, Error> {
        let block = command.to_extended_block()?;
        let first = self.transmit(&block)?;
        self.collect(command, &block, first)
    }

    fn send_short(&mut self, command: &Command) -> Result<Response, Error> {
        let blocks = command.to_short_blocks();
        let Some((last, earlier)) = blocks.split_last() else {
            return Err(Error::ResponseMalformed {
                reason: "a command has no block",
            });
        };
        for block in earlier {
            let response = self.transmit(block)?;
            if !response.status.is_success() {
                let status = response.status;
                return Err(Error::UnexpectedStatus {
                    command: command.name(),
                    status,
                });
            }
        }
        let first = self.transmit(last)?;
        self.collect(command, last, first)
    }

    /// Follows `61xx` with GET RESPONSE and `6Cxx` with the exact length, within bounds: a card
    /// cannot keep the reader busy for ever.
    fn collect(
        &mut self,
        command: &Command,
        block: &[u8],
        first: Response,
    ) -> Result<Response, Error> {
        let mut response = first;
        if !command.expects_response() {
            // Bytes that wait for GET RESPONSE are no answer to it; above all, what follows them
            // must not be taken for "verified".
            return Ok(response);
        }
        if let Some(length) = response.status.exact_length() {
            let mut again = block.to_vec();
            if let Some(le) = again.last_mut() {
                *le = length;
            }
            response = self.transmit(&again)?;
        }
        for _ in 0..GET_RESPONSE_MAX {
            let Some(remaining) = response.status.bytes_remaining() else {
                return Ok(response);
            };
            let class = class_of_channel(self.logical_channel);
            let more = self.transmit(&[class, INS_GET_RESPONSE, 0x00, 0x00, remaining])?;
            if more.data.is_empty() && more.status.bytes_remaining().is_some() {
                return Err(Error::ResponseMalformed {
                    reason: "the card promises bytes it lacks",
                });
            }
            response.data.extend(more.data);
            response.status = more.status;
            if response.data.len() > RESPONSE_BYTES_MAX {
                break;
            }
        }
        Err(Error::ResponseTooLong {
            bytes_max: RESPONSE_BYTES_MAX,
        })
    }

    /// Sends one block as it is, and takes its answer as it is.
    pub(super) fn transmit(&mut self, block: &[u8]) -> Result<Response, Error> {
        Response::parse(self.channel.transmit(block)?)
    }
}
