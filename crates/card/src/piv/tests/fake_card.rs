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
    pub(super) verified: bool,
    pub(super) takes_extended: bool,
    pub(super) knows_reset: bool,
    pub(super) knows_card_manager: bool,
    pub(super) objects: Vec<([u8; 3], Vec<u8>)>,
    pub(super) fault: Fault,
    pub(super) log: Log,
    chained: Vec<u8>,
    pending: Vec<u8>,
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
    match (command[0], command[1], command[2], command.len()) {
        (_, 0xA4, ..) => "select",
        (_, 0x20, 0xFF, _) => "clear",
        (_, 0x20, _, 4) => "status",
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
            verified: false,
            takes_extended: false,
            knows_reset: true,
            knows_card_manager: true,
            objects: Vec::new(),
            fault: Box::new(|_, _| None),
            log: Log::default(),
            chained: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// Announces and takes extended length.
    pub(super) fn with_extended_length(mut self) -> Self {
        self.atr = vec![0x3B, 0x05, 0x80, 0x73, 0xC0, 0x21, 0xC0];
        self.takes_extended = true;
        self
    }

    fn answer(&mut self, command: &[u8]) -> Vec<u8> {
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
            "select" => self.select(data),
            "status" => self.pin_state(),
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
            "sign" => self.sign(command[2], data, is_extended),
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

    fn sign(&mut self, algorithm: u8, data: &[u8], is_extended: bool) -> Vec<u8> {
        let mut template = std::mem::take(&mut self.chained);
        template.extend_from_slice(data);
        if !self.verified {
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
        work(self)
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
        self.log.0.lock().unwrap().verified = self.verified;
        answer
    }
}
