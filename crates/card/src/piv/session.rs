//! One conversation after another with the PIV application, and what stays between two of them.

use super::exchange::{CommandLength, Exchange, KeptPin};
use super::logical_channel::OwnChannel;
use super::{INS_SELECT, unexpected, verified_pin};
use crate::apdu::Command;
use crate::{ApduChannel, Error, PinAfter, StatusWord};

/// The PIV card application without its version (SP 800-73-4 part 1 section 2.2).
const PIV_APPLICATION: [u8; 9] = [0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00];

/// What is remembered from one conversation to the next.
pub(super) struct Session {
    pub(super) length: CommandLength,
    channels: Channels,
    kept: Option<Kept>,
}

/// Whether logical channels are worth an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channels {
    /// The card has them, or has not said.
    Possible,
    /// The card has none.
    None,
}

/// A PIN that stays verified, and the channel where it is.
#[derive(Debug, Clone, Copy)]
struct Kept {
    logical_channel: u8,
    pin: KeptPin,
}

/// Where a conversation is to take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Where a kept PIN is; else on a channel of our own if another program is at the card.
    Anywhere,
    /// On a channel of our own wherever the card has them: a PIN is to be kept there.
    OwnChannel,
    /// On the basic channel, to see what other programs see.
    Basic,
}

impl Session {
    pub(super) fn new(length: CommandLength, channels: Channels) -> Self {
        Self {
            length,
            channels,
            kept: None,
        }
    }

    pub(super) fn keeps_pin(&self) -> bool {
        self.kept.is_some()
    }

    /// Runs `work` with the PIV application selected.
    pub(super) fn converse<R>(
        &mut self,
        channel: &mut dyn ApduChannel,
        place: Place,
        work: &mut dyn FnMut(&mut Exchange<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        if channel.was_reset() {
            self.kept = None;
        }
        if let (Some(kept), Place::Anywhere) = (self.kept, place) {
            return self.converse_where_kept(channel, kept, work);
        }
        let is_own = match place {
            Place::Anywhere => channel.has_company(),
            Place::OwnChannel => true,
            Place::Basic => false,
        };
        let mut exchange = Exchange::new(channel, &mut self.length);
        if is_own && self.channels == Channels::Possible {
            match OwnChannel::open(&mut exchange)? {
                Some(mut own) => {
                    if is_selected(own.exchange())? {
                        return finish(own, &mut self.kept, work);
                    }
                    // An application that can be selected on one channel only is selected on
                    // another: on the basic one, most likely, where selecting it changes nothing.
                }
                None => self.channels = Channels::None,
            }
        }
        finish_on_basic(exchange, &mut self.kept, work)
    }

    /// On the channel of the kept PIN, where our application is selected still.
    fn converse_where_kept<R>(
        &mut self,
        channel: &mut dyn ApduChannel,
        kept: Kept,
        work: &mut dyn FnMut(&mut Exchange<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.kept = None;
        let mut exchange = Exchange::new(channel, &mut self.length);
        exchange.keeps_pin = Some(kept.pin);
        if kept.logical_channel != 0 {
            exchange.use_logical_channel(kept.logical_channel);
            return finish(OwnChannel::of_open(&mut exchange), &mut self.kept, work);
        }
        finish_on_basic(exchange, &mut self.kept, work)
    }

    /// Ends what is kept. Without anything kept, nothing is sent.
    pub(super) fn clear_kept(&mut self, channel: &mut dyn ApduChannel) -> Result<PinAfter, Error> {
        let Some(kept) = self.kept.filter(|_| !channel.was_reset()) else {
            self.kept = None;
            return Ok(PinAfter::Cleared);
        };
        self.converse_where_kept(channel, kept, &mut |exchange| {
            exchange.keeps_pin = None;
            Ok(match kept.pin {
                KeptPin::Ours => verified_pin::clear(exchange),
                KeptPin::AlsoOthers => PinAfter::KeptForOther,
            })
        })
    }
}

/// Selects our application on the basic channel and runs `work`: there is nothing to close.
fn finish_on_basic<R>(
    mut exchange: Exchange<'_>,
    kept: &mut Option<Kept>,
    work: &mut dyn FnMut(&mut Exchange<'_>) -> Result<R, Error>,
) -> Result<R, Error> {
    select(&mut exchange)?;
    let result = work(&mut exchange);
    *kept = exchange.keeps_pin.map(|pin| Kept {
        logical_channel: 0,
        pin,
    });
    result
}

/// Runs `work` on an own channel, and closes it unless a PIN stays verified there.
fn finish<R>(
    mut own: OwnChannel<'_, '_>,
    kept: &mut Option<Kept>,
    work: &mut dyn FnMut(&mut Exchange<'_>) -> Result<R, Error>,
) -> Result<R, Error> {
    *kept = None;
    let result = work(own.exchange());
    let logical_channel = own.exchange().logical_channel();
    let channel_is_gone = matches!(
        result,
        Err(Error::UnexpectedStatus {
            status: StatusWord::LOGICAL_CHANNEL_NOT_SUPPORTED,
            ..
        })
    );
    if let (Some(pin), false) = (own.exchange().keeps_pin, channel_is_gone) {
        *kept = Some(Kept {
            logical_channel,
            pin,
        });
        own.stay_open();
    }
    result
}

/// SELECT (SP 800-73-4 part 2 section 3.1.1). Selecting an application that is selected already
/// keeps its PIN state, so another program's verified PIN survives.
fn select(exchange: &mut Exchange<'_>) -> Result<(), Error> {
    let command = select_command();
    match exchange.send(&command)?.status {
        StatusWord::SUCCESS => Ok(()),
        StatusWord::NOT_FOUND | StatusWord::FUNCTION_NOT_SUPPORTED => Err(Error::Unsupported {
            missing: "the PIV application",
        }),
        status => Err(unexpected(&command, status)),
    }
}

/// SELECT on a channel of our own, which cards may refuse for reasons of their own.
fn is_selected(exchange: &mut Exchange<'_>) -> Result<bool, Error> {
    Ok(exchange.send(&select_command())?.status.is_success())
}

fn select_command() -> Command {
    Command::new("SELECT", INS_SELECT, 0x04, 0x00)
        .with_data(&PIV_APPLICATION)
        .expecting_response()
}
