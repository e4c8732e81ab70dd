//! The applet: takes command APDUs and answers them (NIST SP 800-73-4 part 2).

use cardea_card::{PivSlot, StatusWord};
use zeroize::Zeroizing;

use crate::card_image::CardImage;
use crate::command::Command;
use crate::file_system::{Application, FileSystem};
use crate::key_use;
use crate::logical_channel::{Chain, LogicalChannel, LogicalChannels};
use crate::reference_data::{
    MEMORY_FAILURE, MemoryStore, REFERENCE_DATA_BYTES, Reference, ReferenceData, compare, replace,
};
use crate::tlv::read;

/// Most bytes of a chained command.
const CHAIN_BYTES_MAX: usize = 4096;
/// Most data bytes of a response to a short command.
const SHORT_RESPONSE_BYTES_MAX: usize = 256;
const KEY_REFERENCE_PIN: u8 = 0x80;
const KEY_REFERENCE_PUK: u8 = 0x81;
/// The other application's own PIN.
const KEY_REFERENCE_OTHER_PIN: u8 = 0x01;
const CARD_HOLDER_UNIQUE_IDENTIFIER: [u8; 3] = [0x5f, 0xc1, 0x02];
const SLOT_SIGNATURE: u8 = 0x9c;
const SLOT_CARD_AUTHENTICATION: u8 = 0x9e;
/// What yubico-piv-tool is told, so that it asks for nothing newer.
const VERSION: [u8; 3] = [4, 3, 5];

/// The last command of a chain was expected (ISO/IEC 7816-4 table 6).
const LAST_COMMAND_OF_CHAIN_EXPECTED: StatusWord = StatusWord(0x6883);

type Answer = Result<Vec<u8>, StatusWord>;

/// A powered card.
pub struct Applet {
    files: FileSystem,
    memory: Box<dyn MemoryStore>,
    channels: LogicalChannels,
    /// The channel of the command that is being executed.
    at: LogicalChannel,
}

impl Applet {
    /// A card that has just been powered.
    #[must_use]
    pub fn new(image: CardImage, memory: Box<dyn MemoryStore>) -> Self {
        Self {
            channels: LogicalChannels::new(image.logical_channels),
            files: FileSystem::new(image),
            memory,
            at: LogicalChannel::default(),
        }
    }

    /// The answer to reset.
    #[must_use]
    pub fn atr(&self) -> &[u8] {
        &self.files.image().atr
    }

    /// Forgets everything that lives in powered memory: selection, PIN state, chains.
    pub fn reset(&mut self) {
        self.channels.reset();
        self.at = LogicalChannel::default();
    }

    /// Answers one command with its data and status word.
    pub fn process(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (data, status) = match Command::parse(bytes) {
            Ok(command) => self.answer_on_channel(command),
            Err(status) => (Vec::new(), status),
        };
        let mut response = data;
        response.extend(status.to_bytes());
        response
    }

    /// Answers with the selection and the PIN state of the command's channel at hand.
    fn answer_on_channel(&mut self, command: Command) -> (Vec<u8>, StatusWord) {
        let number = command.channel;
        if command.instruction == 0x70 {
            let taken = self.channels.take(number);
            let managed = taken.and_then(|channel| {
                self.channels.give_back(number, channel);
                self.channels.manage(number, command.p1, command.p2)
            });
            return match managed {
                Ok(data) => (data, StatusWord::SUCCESS),
                Err(status) => (Vec::new(), status),
            };
        }
        match self.channels.take(number) {
            Ok(channel) => self.at = channel,
            Err(status) => return (Vec::new(), status),
        }
        let answer = self.answer(command);
        let channel = std::mem::take(&mut self.at);
        self.channels.give_back(number, channel);
        answer
    }

    fn answer(&mut self, command: Command) -> (Vec<u8>, StatusWord) {
        let expected = command.expected_bytes_max;
        let answer = if command.instruction == 0xc0 {
            self.get_response()
        } else {
            self.at.remainder = Vec::new();
            self.collect_chain(command).and_then(|whole| match whole {
                Some(command) => self.execute(&command),
                None => Ok(Vec::new()),
            })
        };
        match answer {
            Ok(data) => self.hand_out(data, expected),
            Err(status) => (Vec::new(), status),
        }
    }

    /// Puts the blocks of a chained command together; `None` until the last one is there.
    fn collect_chain(&mut self, mut command: Command) -> Result<Option<Command>, StatusWord> {
        let header = [command.instruction, command.p1, command.p2];
        let mut data = match self.at.chain.take() {
            Some(chain) if chain.header == header => chain.data,
            Some(_) => return Err(LAST_COMMAND_OF_CHAIN_EXPECTED),
            None => Zeroizing::new(Vec::new()),
        };
        if data.len() + command.data.len() > CHAIN_BYTES_MAX {
            return Err(StatusWord::WRONG_LENGTH);
        }
        data.extend_from_slice(&command.data);
        if command.chained {
            self.at.chain = Some(Chain { header, data });
            return Ok(None);
        }
        command.data = data;
        Ok(Some(command))
    }

    /// Cuts an answer to what the reader takes and keeps the rest for GET RESPONSE.
    fn hand_out(&mut self, mut data: Vec<u8>, expected: Option<usize>) -> (Vec<u8>, StatusWord) {
        // Without Le a card owes nothing, but cards in the field answer as if it were 00, and
        // yubico-piv-tool selects without Le and counts on that.
        let taken = expected.unwrap_or(SHORT_RESPONSE_BYTES_MAX).min(data.len());
        let rest = data.split_off(taken);
        if rest.is_empty() {
            return (data, StatusWord::SUCCESS);
        }
        // 00 stands for 256 or more.
        let remaining = u8::try_from(rest.len()).unwrap_or(0);
        self.at.remainder = rest;
        (data, StatusWord::from_bytes(0x61, remaining))
    }

    fn get_response(&mut self) -> Answer {
        if self.at.remainder.is_empty() {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        Ok(std::mem::take(&mut self.at.remainder))
    }

    fn execute(&mut self, command: &Command) -> Answer {
        match (command.instruction, self.at.selected) {
            (0xa4, _) => self.select(command),
            (0xb0, Some(Application::Other)) => self.read_binary(command),
            (0xcb, Some(Application::Piv)) => self.get_data(command),
            // The PIN never travels through the air.
            (0x20 | 0x24 | 0x2c, Some(Application::Piv)) if self.files.image().contactless => {
                Err(StatusWord::SECURITY_STATUS_NOT_SATISFIED)
            }
            (0x20, Some(Application::Piv)) => self.verify(command),
            (0x20, Some(Application::Other)) => self.verify_other(command),
            (0x24, Some(Application::Piv)) => self.change_reference_data(command),
            (0x2c, Some(Application::Piv)) => self.reset_retry_counter(command),
            (0x87, Some(Application::Piv)) => self.general_authenticate(command),
            (0xfd, Some(Application::Piv)) => Ok(VERSION.to_vec()),
            // Without its application selected, a command that it knows is out of place.
            (0xb0 | 0xcb | 0x20 | 0x24 | 0x2c | 0x87 | 0xfd, _) => {
                Err(StatusWord::CONDITIONS_NOT_SATISFIED)
            }
            _ => Err(StatusWord::INSTRUCTION_NOT_SUPPORTED),
        }
    }

    /// SELECT (part 2 section 3.1.1). Selecting PIV again changes no security status; selecting
    /// another application takes it away; an unknown identifier changes nothing at all.
    fn select(&mut self, command: &Command) -> Answer {
        match (command.p1, command.p2) {
            (0x04, 0x00 | 0x0c) => {
                let found = self.files.find_application(&command.data);
                let application = found.ok_or(StatusWord::NOT_FOUND)?;
                if self.at.selected != Some(application) {
                    self.at.security.clear();
                    self.at.other_file_selected = false;
                    self.at.other_pin_verified = false;
                }
                self.at.selected = Some(application);
                Ok(self.files.select_response(application))
            }
            (0x00 | 0x02, _) if self.at.selected == Some(Application::Other) => {
                self.at.other_file_selected = self.files.has_other_file(&command.data);
                if self.at.other_file_selected {
                    Ok(Vec::new())
                } else {
                    Err(StatusWord::NOT_FOUND)
                }
            }
            _ => Err(StatusWord::NOT_FOUND),
        }
    }

    /// READ BINARY in the other application's file; P1-P2 is the offset.
    fn read_binary(&mut self, command: &Command) -> Answer {
        if !self.at.other_file_selected {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        let offset = usize::from(u16::from_be_bytes([command.p1, command.p2]));
        let rest = self.files.image().other_file.get(offset..);
        let rest = rest.filter(|rest| !rest.is_empty());
        // 6B00: the offset is outside the file.
        let mut data = rest.ok_or(StatusWord(0x6b00))?.to_vec();
        data.truncate(command.expected_bytes_max.unwrap_or(data.len()));
        Ok(data)
    }

    /// VERIFY of the other application's own PIN, which has no counter: its state lasts until
    /// another application is selected in its place.
    fn verify_other(&mut self, command: &Command) -> Answer {
        if (command.p1, command.p2) != (0x00, KEY_REFERENCE_OTHER_PIN) {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        if !command.data.is_empty() {
            self.at.other_pin_verified = command.data.as_slice() == CardImage::OTHER_PIN;
        }
        if self.at.other_pin_verified {
            Ok(Vec::new())
        } else {
            Err(StatusWord::SECURITY_STATUS_NOT_SATISFIED)
        }
    }

    /// GET DATA (part 2 section 3.1.2): `5C` names the object.
    fn get_data(&mut self, command: &Command) -> Answer {
        if (command.p1, command.p2) != (0x3f, 0xff) {
            return Err(StatusWord::INCORRECT_P1_P2);
        }
        match read(&command.data) {
            Some((0x5c, tag, [])) if self.is_out_of_reach(tag) => {
                Err(StatusWord::SECURITY_STATUS_NOT_SATISFIED)
            }
            Some((0x5c, tag, [])) => self.files.data_object(tag).ok_or(StatusWord::NOT_FOUND),
            _ => Err(StatusWord::INCORRECT_DATA),
        }
    }

    /// Without contact and without a secure session, most objects are closed (part 1 table 2).
    fn is_out_of_reach(&self, tag: &[u8]) -> bool {
        let discovery = [0x7e];
        let open = [
            &discovery[..],
            &CARD_HOLDER_UNIQUE_IDENTIFIER,
            &PivSlot::CardAuthentication.certificate_tag(),
        ];
        self.files.image().contactless && !open.contains(&tag)
    }

    /// VERIFY (part 2 section 3.2.1): compare, ask for the state (no data), or clear it (P1 = FF).
    fn verify(&mut self, command: &Command) -> Answer {
        if command.p2 != KEY_REFERENCE_PIN {
            return Err(StatusWord::REFERENCED_DATA_NOT_FOUND);
        }
        match (command.p1, command.data.is_empty()) {
            (0xff, true) => {
                self.at.security.clear();
                Ok(Vec::new())
            }
            (0x00, true) => self.verification_state(),
            (0x00, false) => {
                // A malformed PIN is no try and changes nothing.
                let entered = ReferenceData::from_padded(&command.data);
                let entered = entered.ok_or(StatusWord::INCORRECT_DATA)?;
                self.at.security.clear();
                compare(self.memory.as_mut(), Reference::Pin, &entered)?;
                self.at.security.set_verified();
                Ok(Vec::new())
            }
            _ => Err(StatusWord::INCORRECT_P1_P2),
        }
    }

    fn verification_state(&mut self) -> Answer {
        if self.at.security.is_verified() {
            return Ok(Vec::new());
        }
        let memory = self.memory.load().map_err(|_| MEMORY_FAILURE)?;
        match memory.counted(Reference::Pin).tries_left {
            0 => Err(StatusWord::AUTHENTICATION_METHOD_BLOCKED),
            tries => Err(StatusWord(0x63c0 | u16::from(tries))),
        }
    }

    /// CHANGE REFERENCE DATA (part 2 section 3.2.2): old value, then new one.
    fn change_reference_data(&mut self, command: &Command) -> Answer {
        let reference = match (command.p1, command.p2) {
            (0x00, KEY_REFERENCE_PIN) => Reference::Pin,
            (0x00, KEY_REFERENCE_PUK) => Reference::Puk,
            (0x00, _) => return Err(StatusWord::REFERENCED_DATA_NOT_FOUND),
            _ => return Err(StatusWord::INCORRECT_P1_P2),
        };
        let (old, new) = two_values(&command.data)?;
        if reference == Reference::Pin {
            self.at.security.clear();
        }
        compare(self.memory.as_mut(), reference, &old)?;
        replace(self.memory.as_mut(), reference, new)?;
        if reference == Reference::Pin {
            self.at.security.set_verified();
        }
        Ok(Vec::new())
    }

    /// RESET RETRY COUNTER (part 2 section 3.2.3): the PUK, then a new PIN.
    fn reset_retry_counter(&mut self, command: &Command) -> Answer {
        match (command.p1, command.p2) {
            (0x00, KEY_REFERENCE_PIN) => {}
            (0x00, _) => return Err(StatusWord::REFERENCED_DATA_NOT_FOUND),
            _ => return Err(StatusWord::INCORRECT_P1_P2),
        }
        let (puk, new_pin) = two_values(&command.data)?;
        compare(self.memory.as_mut(), Reference::Puk, &puk)?;
        replace(self.memory.as_mut(), Reference::Pin, new_pin)?;
        Ok(Vec::new())
    }

    fn general_authenticate(&mut self, command: &Command) -> Answer {
        // Whatever comes of it, the next signature with 9C wants the PIN again.
        let fresh = self.at.security.take_fresh();
        let slot = self.files.image().slots.get(&command.p2);
        let slot = slot.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let allowed = match command.p2 {
            SLOT_CARD_AUTHENTICATION => true,
            SLOT_SIGNATURE => fresh,
            _ => self.at.security.is_verified(),
        };
        if !allowed {
            return Err(StatusWord::SECURITY_STATUS_NOT_SATISFIED);
        }
        key_use::sign(slot, command.p1, &command.data)
    }
}

/// Two padded values, each of eight bytes.
fn two_values(data: &[u8]) -> Result<(ReferenceData, ReferenceData), StatusWord> {
    let (first, second) = data
        .split_at_checked(REFERENCE_DATA_BYTES)
        .ok_or(StatusWord::WRONG_LENGTH)?;
    if second.len() != REFERENCE_DATA_BYTES {
        return Err(StatusWord::WRONG_LENGTH);
    }
    match (
        ReferenceData::from_padded(first),
        ReferenceData::from_padded(second),
    ) {
        (Some(first), Some(second)) => Ok((first, second)),
        _ => Err(StatusWord::INCORRECT_DATA),
    }
}

#[cfg(test)]
mod tests;
