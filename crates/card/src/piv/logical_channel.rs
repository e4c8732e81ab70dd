//! A logical channel of our own (ISO/IEC 7816-4 section 7.1.2).
//!
//! The basic channel belongs to all programs at once: a SELECT there takes another program's file
//! away. A channel that MANAGE CHANNEL opens has a selected application and a PIN state of its own.
//! It is closed at the end of the conversation, on error paths and panics too, because many cards
//! let an application be selected on one channel only, and there are few channels.

use tracing::warn;

use super::exchange::Exchange;
use crate::apdu::{CHANNEL_MAX, Response};
use crate::{Error, StatusWord};

const INS_MANAGE_CHANNEL: u8 = 0x70;
const OPEN: u8 = 0x00;
const CLOSE: u8 = 0x80;

/// An open channel that commands go to.
pub(super) struct OwnChannel<'exchange, 'channel> {
    exchange: &'exchange mut Exchange<'channel>,
    stays_open: bool,
}

impl<'exchange, 'channel> OwnChannel<'exchange, 'channel> {
    /// Opens a channel; `None` when the card has none, or none left.
    pub(super) fn open(exchange: &'exchange mut Exchange<'channel>) -> Result<Option<Self>, Error> {
        // One byte is expected: the number, which the card assigns.
        let block = [0x00, INS_MANAGE_CHANNEL, OPEN, 0x00, 0x01];
        let Response { data, status } = exchange.transmit(&block)?;
        match (status, data.as_slice()) {
            (StatusWord::SUCCESS, [number @ 1..=CHANNEL_MAX]) => {
                exchange.use_logical_channel(*number);
                Ok(Some(Self::of_open(exchange)))
            }
            (StatusWord::SUCCESS, _) => Err(Error::ResponseMalformed {
                reason: "it names no logical channel",
            }),
            _ => Ok(None),
        }
    }

    /// The channel that commands go to already.
    pub(super) fn of_open(exchange: &'exchange mut Exchange<'channel>) -> Self {
        Self {
            exchange,
            stays_open: false,
        }
    }

    pub(super) fn exchange(&mut self) -> &mut Exchange<'channel> {
        self.exchange
    }

    /// Leaves the channel open.
    pub(super) fn stay_open(mut self) {
        self.stays_open = true;
    }
}

impl Drop for OwnChannel<'_, '_> {
    fn drop(&mut self) {
        if self.stays_open {
            return;
        }
        let number = self.exchange.logical_channel();
        self.exchange.use_logical_channel(0);
        let block = [0x00, INS_MANAGE_CHANNEL, CLOSE, number];
        let closed = self.exchange.transmit(&block);
        if !closed.is_ok_and(|response| response.status.is_success()) {
            warn!("the card did not close a logical channel");
        }
    }
}
