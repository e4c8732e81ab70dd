//! Cards through the PC/SC service.
//!
//! Connections are always shared. Two traps of the interface are closed here: the `pcsc` crate
//! resets the card when a connection is dropped, which throws every other program out, so a
//! connection is left explicitly on every way out; and a card that dies in the middle of a command
//! shows as a *successful* transmission of too few bytes.

use std::borrow::Cow;
use std::ffi::CString;

use pcsc::{Context, Disposition, Protocol, Protocols, Scope, ShareMode};
use zeroize::Zeroizing;

use crate::apdu::RESPONSE_BYTES_MAX;
use crate::{ApduChannel, CardTransport, Error, Insertion};

mod company;
mod epoch;
mod fault;
mod monitor;
mod pin_pad;
mod programs;

use company::Company;
use fault::from_pcsc;
pub(crate) use monitor::PcscMonitor;
#[cfg(feature = "pkcs11")]
pub(crate) use monitor::event_counts;
use pin_pad::PinPad;
pub use programs::{ProgramAtReader, programs_at_reader_service};

/// The insertion in a reader now.
///
/// # Errors
/// [`Error::NoReader`], [`Error::NoCard`], [`Error::ReaderServiceUnavailable`].
#[cfg(feature = "pkcs11")]
pub(crate) fn insertion_in(reader: &str) -> Result<Insertion, Error> {
    let context = Context::establish(Scope::User).map_err(from_pcsc)?;
    let now = monitor::look_at(&context, reader)?;
    now.insertion().ok_or(Error::NoCard)
}

/// A card in a PC/SC reader.
pub struct PcscTransport {
    connection: Connection,
    atr: Vec<u8>,
    protocol: Protocol,
    company: Company,
    /// Looked for once: it is the same reader as long as this connection stands.
    pin_pad: Option<Option<PinPad>>,
}

impl PcscTransport {
    /// Connects to the card in a reader, shared with other programs.
    ///
    /// # Errors
    /// [`Error::NoReader`], [`Error::NoCard`], [`Error::Unresponsive`], [`Error::Busy`] when
    /// another program holds it exclusively, [`Error::ReaderServiceUnavailable`],
    /// [`Error::ReaderFault`].
    pub fn connect(reader: &str) -> Result<Self, Error> {
        let context = Context::establish(Scope::User).map_err(from_pcsc)?;
        Self::connect_in(&context, reader)
    }

    /// Connects to the card of one insertion, never to one that took its place.
    ///
    /// # Errors
    /// As for [`PcscTransport::connect`], and [`Error::CardRemoved`] when it is not there any more.
    pub fn connect_to_insertion(insertion: &Insertion) -> Result<Self, Error> {
        let context = Context::establish(Scope::User).map_err(from_pcsc)?;
        let transport = Self::connect_in(&context, insertion.reader())?;
        // Connect first, look after: the connection is bound to the card it met, so an unchanged
        // event counter now proves which card that was.
        let now = monitor::look_at(&context, insertion.reader())?;
        if now.insertion().as_ref() == Some(insertion) {
            Ok(transport)
        } else {
            Err(Error::CardRemoved)
        }
    }

    fn connect_in(context: &Context, reader: &str) -> Result<Self, Error> {
        let reader = CString::new(reader).map_err(|_| Error::NoReader)?;
        let company = Company::look(context, &reader);
        let card = context
            .connect(&reader, ShareMode::Shared, Protocols::ANY)
            .map_err(from_pcsc)?;
        let mut connection = Connection(Some(card));
        let status = connection.card()?.status2_owned().map_err(from_pcsc)?;
        let protocol = status.protocol2().ok_or(Error::Unsupported {
            missing: "a protocol to speak to it (T=0 or T=1)",
        })?;
        Ok(Self {
            atr: status.atr().to_vec(),
            protocol,
            connection,
            company,
            pin_pad: None,
        })
    }

    fn pin_pad(&mut self) -> Result<Option<PinPad>, Error> {
        match self.pin_pad {
            Some(known) => Ok(known),
            None => {
                let found = PinPad::find(self.connection.card()?);
                Ok(*self.pin_pad.insert(found))
            }
        }
    }
}

impl CardTransport for PcscTransport {
    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn transaction(
        &mut self,
        work: &mut dyn FnMut(&mut dyn ApduChannel) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let protocol = self.protocol;
        let pin_pad = self.pin_pad.flatten();
        let mut was_reset = false;
        let card = self.connection.card()?;
        let transaction = match card.transaction2() {
            Ok(transaction) => transaction,
            // Another program reset the card: it is the same card still, and every transaction
            // begins with SELECT and asks the PIN state anew.
            Err((card, pcsc::Error::ResetCard)) => {
                was_reset = true;
                card.reconnect(ShareMode::Shared, Protocols::ANY, Disposition::LeaveCard)
                    .map_err(from_pcsc)?;
                card.transaction().map_err(from_pcsc)?
            }
            Err((_, error)) => return Err(from_pcsc(error)),
        };
        let mut channel = PcscChannel {
            card: &transaction,
            protocol,
            buffer: response_buffer(),
            pin_pad,
            // Asked only now that nobody else can begin anything.
            has_company: self.company.may_be_there(),
            was_reset,
        };
        let outcome = work(&mut channel);
        drop(channel);
        // On a panic in `work` the transaction's own drop ends it the same way.
        match transaction.end(Disposition::LeaveCard) {
            Ok(()) => outcome,
            Err((_, error)) => outcome.and(Err(from_pcsc(error))),
        }
    }

    fn has_pin_pad(&mut self) -> bool {
        self.pin_pad().is_ok_and(|found| found.is_some())
    }
}

/// A connection that leaves the card as it is when it goes, whatever the way out.
struct Connection(Option<pcsc::Card>);

impl Connection {
    fn card(&mut self) -> Result<&mut pcsc::Card, Error> {
        self.0.as_mut().ok_or(Error::CardRemoved)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(card) = self.0.take() else { return };
        if let Err((card, _)) = card.disconnect(Disposition::LeaveCard) {
            // The drop of `pcsc::Card` would try again with a reset. A connection that cannot be
            // closed is dead already; the service drops what is left of it with this process.
            std::mem::forget(card);
        }
    }
}

fn response_buffer() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![0; RESPONSE_BYTES_MAX])
}

struct PcscChannel<'a> {
    card: &'a pcsc::Card,
    protocol: Protocol,
    buffer: Zeroizing<Vec<u8>>,
    pin_pad: Option<PinPad>,
    has_company: bool,
    was_reset: bool,
}

impl ApduChannel for PcscChannel<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        let command = match self.protocol {
            Protocol::T0 => for_t0(command),
            Protocol::T1 | Protocol::RAW => Cow::Borrowed(command),
        };
        let response = self
            .card
            .transmit(&command, &mut self.buffer)
            .map_err(from_pcsc)?;
        if response.len() < 2 {
            return Err(Error::CardRemoved);
        }
        Ok(response.to_vec())
    }

    fn verify_on_reader(&mut self, structure: &[u8]) -> Result<Vec<u8>, Error> {
        let found = self.pin_pad.or_else(|| PinPad::find(self.card));
        let pin_pad = found.ok_or(Error::PinPadMissing)?;
        pin_pad.verify(self.card, structure)
    }

    fn has_company(&self) -> bool {
        self.has_company
    }

    fn was_reset(&self) -> bool {
        self.was_reset
    }
}

/// Puts a short command into the form of T=0 (ISO/IEC 7816-3 section 12.2): five header bytes
/// always, and no Le after data, because the card announces its answer with 61xx.
fn for_t0(command: &[u8]) -> Cow<'_, [u8]> {
    if command.len() == 4 {
        return Cow::Owned([command, &[0]].concat());
    }
    let data_bytes = command.get(4).map_or(0, |length| usize::from(*length));
    match command.get(..5 + data_bytes) {
        Some(without_le) if data_bytes > 0 => Cow::Borrowed(without_le),
        _ => Cow::Borrowed(command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t0_commands_have_five_header_bytes_and_no_le_after_data() {
        let cases: [(&[u8], &[u8]); 6] = [
            (&[0, 0x70, 0, 0, 1], &[0, 0x70, 0, 0, 1]),
            (&[0, 0x70, 0x80, 2], &[0, 0x70, 0x80, 2, 0]),
            (&[0, 0x20, 0, 0x80], &[0, 0x20, 0, 0x80, 0]),
            (&[0, 0xC0, 0, 0, 8], &[0, 0xC0, 0, 0, 8]),
            (&[0, 0x20, 0, 0x80, 2, 1, 2], &[0, 0x20, 0, 0x80, 2, 1, 2]),
            (&[0, 0xCB, 0, 0, 2, 1, 2, 0], &[0, 0xCB, 0, 0, 2, 1, 2]),
        ];
        for (command, expected) in cases {
            assert_eq!(&*for_t0(command), expected);
        }
    }
}
