//! A PIV card small enough to be checked by eye. Its faults are scripted.

use std::sync::{Arc, Mutex};

use openssl::ec::EcKey;
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Padding;

use crate::tlv::{element_bytes, find};
use crate::{ApduChannel, CardTransport, Error};

/// What the card answers instead, for a command with a running number.
pub(super) type Fault = Box<dyn FnMut(usize, &[u8]) -> Option<Result<Vec<u8>, Error>> + Send>;

pub(super) struct FakeCard {
    pub(super) atr: Vec<u8>,
    pub(super) key: PKey<Private>,
    pub(super) pin: [u8; 8],
    pub(super) tries: u8,
    pub(super) puk_tries: u8,
    /// Whether VERIFY tells the counter of the unblocking code, too.
    pub(super) tells_puk_tries: bool,
    pub(super) verified: bool,
    pub(super) takes_extended: bool,
    pub(super) knows_reset: bool,
    pub(super) knows_card_manager: bool,
    pub(super) objects: Vec<([u8; 3], Vec<u8>)>,
    pub(super) fault: Fault,
    /// The command that is executed, and whose answer does not arrive.
    pub(super) lost_answer: Option<usize>,
    /// Whether transactions end with an error.
    pub(super) ends_badly: bool,
    pub(super) log: Log,
    /// Whether MANAGE CHANNEL opens channel 1.
    pub(super) has_channel: bool,
    /// Whether PIV can be selected on one channel only, and is selected on the basic one.
    pub(super) selects_once: bool,
    /// Whether all channels share one PIN state.
    pub(super) shares_pin_state: bool,
    /// Whether another program is connected.
    pub(super) has_company: bool,
    /// Whether the next transaction finds the card reset.
    pub(super) was_reset: bool,
    /// Whether certificates of slots with a PIN, and the PIN itself, are refused.
    pub(super) is_contactless: bool,
    /// What the person does on the reader's keys.
    pub(super) keypad: Option<Keypad>,
    own: Option<OwnChannel>,
    chained: Vec<u8>,
    pending: Vec<u8>,
}

/// What a person does on a reader's keys.
#[derive(Clone, Copy)]
pub(super) enum Keypad {
    /// Types these digits and confirms.
    Types(&'static [u8]),
    /// The reader answers this by itself.
    Answers([u8; 2]),
}

/// Channel 1 while it is open.
#[derive(Default)]
struct OwnChannel {
    is_selected: bool,
    verified: bool,
}

/// What happened to the card, readable after it has moved.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<LogContent>>);

#[derive(Default)]
struct LogContent {
    commands: Vec<Vec<u8>>,
    transactions_begun: usize,
    transactions_ended: usize,
    verified: bool,
}

impl Log {
    pub(super) fn commands(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().commands.clone()
    }

    /// The instruction bytes of all commands in order, with P1 for VERIFY.
    pub(super) fn steps(&self) -> Vec<&'static str> {
        self.commands()
            .iter()
            .map(|command| step(command))
            .collect()
    }

    /// Commands that carried a PIN.
    pub(super) fn pins_sent(&self) -> usize {
        self.steps()
            .iter()
            .filter(|step| **step == "verify")
            .count()
    }

    pub(super) fn transactions(&self) -> (usize, usize) {
        let content = self.0.lock().unwrap();
        (content.transactions_begun, content.transactions_ended)
    }

    pub(super) fn is_verified(&self) -> bool {
        self.0.lock().unwrap().verified
    }
}

fn step(command: &[u8]) -> &'static str {
    match (command[0] & 0x10, command[1], command[2], command.len()) {
        (_, 0x70, 0x00, _) => "open",
        (_, 0x70, ..) => "close",
        (_, 0xA4, ..) => "select",
        (_, 0x20, 0xFF, _) => "clear",
        (_, 0x20, _, 4) if command[3] == 0x81 => "puk-status",
        (_, 0x20, _, 4) => "status",
        (_, 0x24, ..) => "change",
        (_, 0x2C, ..) => "unblock",
        (_, 0x20, ..) => "verify",
        (0x10, 0x87, ..) => "sign-part",
        (_, 0x87, ..) => "sign",
        (_, 0xC0, ..) => "get-response",
        (_, 0xCB, ..) => "get-data",
        _ => "other",
    }
}

impl FakeCard {
    pub(super) fn new(key: PKey<Private>) -> Self {
        Self {
            atr: vec![0x3B, 0x80, 0x80, 0x01, 0x01],
            key,
            pin: *b"1234\xFF\xFF\xFF\xFF",
            tries: 3,
            puk_tries: 3,
            tells_puk_tries: false,
            verified: false,
            takes_extended: false,
            knows_reset: true,
            knows_card_manager: true,
            objects: Vec::new(),
            fault: Box::new(|_, _| None),
            lost_answer: None,
            ends_badly: false,
            log: Log::default(),
            has_channel: false,
            selects_once: false,
            shares_pin_state: false,
            has_company: false,
            was_reset: false,
            is_contactless: false,
            keypad: None,
            own: None,
            chained: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// Has logical channels, and another program beside us.
    pub(super) fn with_channel(mut self) -> Self {
        self.has_channel = true;
        self.has_company = true;
        self
    }

    /// Announces and takes extended length.
    pub(super) fn with_extended_length(mut self) -> Self {
        self.atr = vec![0x3B, 0x05, 0x80, 0x73, 0xC0, 0x21, 0xC0];
        self.takes_extended = true;
        self
    }

    fn answer(&mut self, command: &[u8]) -> Vec<u8> {
        match (command[0] & 0x0F, &self.own) {
            (0, _) => self.answer_on_channel(command),
            (1, Some(own)) if own.is_selected || command[1] == 0xA4 => {
                // The state of this channel takes the place of the basic one's for a while.
                let basic = std::mem::replace(&mut self.verified, own.verified);
                let answer = self.answer_on_channel(command);
                let own = std::mem::replace(&mut self.verified, basic);
                if let Some(channel) = &mut self.own {
                    channel.verified = own;
                }
                if self.shares_pin_state {
                    self.verified = own;
                }
                answer
            }
            (1, Some(_)) => vec![0x69, 0x85],
            _ => vec![0x68, 0x81],
        }
    }

    fn manage_channel(&mut self, command: &[u8]) -> Vec<u8> {
        match (command[2], command[3], &self.own) {
            (0x00, 0, None) if self.has_channel => {
                let verified = self.shares_pin_state && self.verified;
                self.own = Some(OwnChannel {
                    is_selected: false,
                    verified,
                });
                vec![0x01, 0x90, 0x00]
            }
            (0x80, 1, Some(_)) => {
                self.own = None;
                vec![0x90, 0x00]
            }
            _ => vec![0x68, 0x81],
        }
    }

    fn answer_on_channel(&mut self, command: &[u8]) -> Vec<u8> {
        let is_extended = command.len() > 7 && command[4] == 0;
        if is_extended && !self.takes_extended {
            return vec![0x67, 0x00];
        }
        let data = match command.len() {
            0..=5 => &[][..],
            _ if is_extended => {
                &command[7..7 + usize::from(command[6]) + 256 * usize::from(command[5])]
            }
            _ => &command[5..5 + usize::from(command[4])],
        };
        match step(command) {
            "open" | "close" => self.manage_channel(command),
            "select" if command[0] & 0x0F == 1 && self.selects_once => vec![0x69, 0x85],
            "select" => {
                let answer = self.select(data);
                if let (Some(own), 1) = (&mut self.own, command[0] & 0x0F) {
                    own.is_selected = true;
                }
                answer
            }
            "status" | "verify" | "clear" | "change" | "unblock" if self.is_contactless => {
                vec![0x69, 0x82]
            }
            "get-data" if self.is_contactless && !data.ends_with(&[0xC1, 0x01]) => {
                vec![0x69, 0x82]
            }
            "status" => self.pin_state(),
            "puk-status" => self.puk_state(),
            "change" => self.change(data),
            "unblock" => self.unblock(data),
            "clear" if !self.knows_reset => vec![0x6A, 0x86],
            "clear" => {
                self.verified = false;
                vec![0x90, 0x00]
            }
            "verify" => self.verify(data),
            "sign-part" => {
                self.chained.extend_from_slice(data);
                vec![0x90, 0x00]
            }
            "sign" => {
                let needs_pin = command[3] != 0x9E;
                self.sign(command[2], data, is_extended, needs_pin)
            }
            "get-data" => self.get_data(data, is_extended),
            "get-response" => self.next_part(false),
            _ => vec![0x6D, 0x00],
        }
    }

    fn select(&mut self, aid: &[u8]) -> Vec<u8> {
        match aid.get(..5) {
            Some([0xA0, 0, 0, 3, 8]) => vec![0x61, 0x00, 0x90, 0x00],
            Some([0xA0, 0, 0, 1, 0x51]) if self.knows_card_manager => {
                self.verified = false;
                vec![0x90, 0x00]
            }
            _ => vec![0x6A, 0x82],
        }
    }

    fn pin_state(&self) -> Vec<u8> {
        match (self.verified, self.tries) {
            (true, _) => vec![0x90, 0x00],
            (false, 0) => vec![0x69, 0x83],
            (false, tries) => vec![0x63, 0xC0 | tries],
        }
    }

    fn puk_state(&self) -> Vec<u8> {
        match (self.tells_puk_tries, self.puk_tries) {
            (false, _) => vec![0x6A, 0x88],
            (true, 0) => vec![0x69, 0x83],
            (true, tries) => vec![0x63, 0xC0 | tries],
        }
    }

    fn change(&mut self, data: &[u8]) -> Vec<u8> {
        let (old, new) = data.split_at(8);
        if self.refuses(new) {
            return vec![0x6A, 0x80];
        }
        let answer = self.verify(old);
        if self.verified {
            self.pin.copy_from_slice(new);
        }
        answer
    }

    fn unblock(&mut self, data: &[u8]) -> Vec<u8> {
        let (puk, new) = data.split_at(8);
        match (self.puk_tries, puk == b"12345678") {
            _ if self.refuses(new) => vec![0x6A, 0x80],
            (0, _) => vec![0x69, 0x83],
            (_, true) => {
                self.pin.copy_from_slice(new);
                (self.tries, self.puk_tries) = (3, 3);
                vec![0x90, 0x00]
            }
            (_, false) => {
                self.puk_tries -= 1;
                vec![0x63, 0xC0 | self.puk_tries]
            }
        }
    }

    /// Its own rule: no PIN begins with 00.
    fn refuses(&self, new: &[u8]) -> bool {
        new.starts_with(b"00")
    }

    fn verify(&mut self, pin: &[u8]) -> Vec<u8> {
        if self.tries == 0 {
            return vec![0x69, 0x83];
        }
        self.verified = pin == self.pin;
        self.tries = if self.verified { 3 } else { self.tries - 1 };
        if self.verified {
            vec![0x90, 0x00]
        } else {
            vec![0x63, 0xC0 | self.tries]
        }
    }

    fn sign(&mut self, algorithm: u8, data: &[u8], is_extended: bool, needs_pin: bool) -> Vec<u8> {
        let mut template = std::mem::take(&mut self.chained);
        template.extend_from_slice(data);
        if needs_pin && !self.verified {
            return vec![0x69, 0x82];
        }
        let Ok(Some(block)) = find(&template, &[0x7C, 0x81]) else {
            return vec![0x6A, 0x80];
        };
        let signature = match algorithm {
            0x07 => {
                let mut signature = vec![0; 256];
                let key = self.key.rsa().unwrap();
                key.private_encrypt(block, &mut signature, Padding::NONE)
                    .unwrap();
                signature
            }
            _ => {
                let key: EcKey<Private> = self.key.ec_key().unwrap();
                EcdsaSig::sign(block, &key).unwrap().to_der().unwrap()
            }
        };
        let inner = element_bytes(0x82, &signature).unwrap();
        self.pending = element_bytes(0x7C, &inner).unwrap();
        self.next_part(is_extended)
    }

    fn get_data(&mut self, data: &[u8], is_extended: bool) -> Vec<u8> {
        let found = self.objects.iter().find(|(tag, _)| data.ends_with(tag));
        let Some((_, object)) = found else {
            return vec![0x6A, 0x82];
        };
        self.pending = object.clone();
        self.next_part(is_extended)
    }

    fn next_part(&mut self, whole: bool) -> Vec<u8> {
        let count = if whole {
            self.pending.len()
        } else {
            self.pending.len().min(256)
        };
        let rest = self.pending.split_off(count);
        let mut answer = std::mem::replace(&mut self.pending, rest);
        let remaining = u8::try_from(self.pending.len()).unwrap_or(0);
        answer.extend(if self.pending.is_empty() {
            [0x90, 0x00]
        } else {
            [0x61, remaining]
        });
        answer
    }
}

impl CardTransport for FakeCard {
    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn transaction(
        &mut self,
        work: &mut dyn FnMut(&mut dyn ApduChannel) -> Result<(), Error>,
    ) -> Result<(), Error> {
        /// Counts the end on every way out, as real transports do.
        struct Ending(Log);
        impl Drop for Ending {
            fn drop(&mut self) {
                self.0.0.lock().unwrap().transactions_ended += 1;
            }
        }
        self.log.0.lock().unwrap().transactions_begun += 1;
        let _ending = Ending(self.log.clone());
        if self.was_reset {
            (self.verified, self.own) = (false, None);
        }
        let outcome = work(self);
        self.was_reset = false;
        if self.ends_badly {
            return outcome.and(Err(Error::CardRemoved));
        }
        outcome
    }

    fn has_pin_pad(&mut self) -> bool {
        self.keypad.is_some()
    }
}

impl ApduChannel for FakeCard {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        let number = {
            let mut content = self.log.0.lock().unwrap();
            content.commands.push(command.to_vec());
            content.commands.len() - 1
        };
        let scripted = (self.fault)(number, command);
        let answer = scripted.unwrap_or_else(|| Ok(self.answer(command)));
        let own_is_verified = self.own.as_ref().is_some_and(|own| own.verified);
        self.log.0.lock().unwrap().verified = self.verified || own_is_verified;
        if self.lost_answer == Some(number) {
            return Ok(Vec::new());
        }
        answer
    }

    /// The reader puts the digits where PIN_VERIFY says, and sends the command.
    fn verify_on_reader(&mut self, structure: &[u8]) -> Result<Vec<u8>, Error> {
        match self.keypad.ok_or(Error::PinPadMissing)? {
            Keypad::Answers(status) => Ok(status.to_vec()),
            Keypad::Types(digits) => {
                let mut command = structure[19..].to_vec();
                command[5..5 + digits.len()].copy_from_slice(digits);
                self.transmit(&command)
            }
        }
    }

    fn has_company(&self) -> bool {
        self.has_company
    }

    fn was_reset(&self) -> bool {
        self.was_reset
    }
}
