//! A card in this process: what a program has connected to, without a reader between.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use cardea_card::{ApduChannel, CardTransport, Error as CardError};
use zeroize::Zeroizing;

use crate::card_image::CardImage;
use crate::dispatch::Applet;
use crate::error::Error;
use crate::fault::{Fault, FaultPlan, Trigger};
use crate::reference_data::{CardMemory, Counted, MemoryStore, ReferenceData, VolatileMemory};

/// PIN of a virtual card unless another is given.
pub const DEFAULT_PIN: &str = "1234";
/// PUK of a virtual card unless another is given.
pub const DEFAULT_PUK: &str = "12345678";

/// How long a transaction waits for another program's to end. PC/SC waits for ever; a test should
/// not.
const TRANSACTION_WAIT: Duration = Duration::from_secs(10);
const TRANSACTION_POLL: Duration = Duration::from_millis(1);

/// One program's connection to a card in this process.
///
/// [`VirtualCard::connect`] gives a further program its own connection to the same card: it sees
/// the same PIN state, and waits while another holds a transaction.
///
/// ```
/// use cardea_card::{Card, CardTransport, Pin, PivCard, SignRequest, authentication_certificate};
/// use cardea_test_pki::{CardProfile, KeyKind, TestPki};
/// use cardea_virtual_card::{CardImage, Fault, Trigger, VirtualCard};
///
/// let pki = TestPki::shared().unwrap();
/// let issued = pki.issue_card(&CardProfile::pharmacist().with_key(KeyKind::P256)).unwrap();
/// let reader = VirtualCard::insert(CardImage::from_issued(&issued).unwrap()).unwrap();
/// let mut card = PivCard::new(reader.connect());
/// let certificates = card.certificates().unwrap();
/// let certificate = authentication_certificate(&certificates).unwrap();
/// let pin = Pin::parse("1234").unwrap();
/// card.sign(&SignRequest::new(certificate, &pin, b"message")).unwrap();
///
/// reader.inject(Trigger::GeneralAuthenticate, Fault::RemovedMidCommand);
/// let error = card.sign(&SignRequest::new(certificate, &pin, b"message")).unwrap_err();
/// assert_eq!(error.code(), "card.removed");
/// ```
pub struct VirtualCard {
    reader: Arc<Reader>,
    atr: Vec<u8>,
    /// The insertion that this connection belongs to; a removal ends it for good.
    insertion: u64,
}

struct Reader {
    transaction: Mutex<()>,
    state: Mutex<State>,
}

/// What a person does on the keys of the reader, where it has some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keypad {
    /// Types these digits and confirms.
    Types(String),
    /// Lets the reader's time run out (PC/SC part 10: 6400).
    WaitsTooLong,
    /// Presses the cancel key (6401).
    Cancels,
    /// Confirms too few digits (6403).
    TypesTooFew,
}

struct State {
    applet: Applet,
    faults: FaultPlan,
    delay: Duration,
    keypad: Option<Keypad>,
    has_company: bool,
    present: bool,
    insertion: u64,
    commands: Vec<[u8; 4]>,
}

impl VirtualCard {
    /// Inserts a card with the default PIN and PUK and connects to it.
    ///
    /// # Errors
    /// [`Error::ReferenceDataMalformed`] never in practice.
    pub fn insert(image: CardImage) -> Result<Self, Error> {
        Self::insert_with_pin(image, DEFAULT_PIN)
    }

    /// Inserts a card with another PIN and connects to it.
    ///
    /// # Errors
    /// [`Error::ReferenceDataMalformed`] unless the PIN has 4 to 8 digits.
    pub fn insert_with_pin(image: CardImage, pin: &str) -> Result<Self, Error> {
        let memory = CardMemory {
            pin: Counted::new(ReferenceData::parse(pin)?),
            puk: Counted::new(ReferenceData::parse(DEFAULT_PUK)?),
        };
        Ok(Self::insert_with_memory(
            image,
            Box::new(VolatileMemory(memory)),
        ))
    }

    /// Inserts a card whose PIN and counters are kept elsewhere, and connects to it.
    #[must_use]
    pub fn insert_with_memory(image: CardImage, memory: Box<dyn MemoryStore>) -> Self {
        let atr = image.atr.clone();
        let state = State {
            applet: Applet::new(image, memory),
            faults: FaultPlan::default(),
            delay: Duration::ZERO,
            keypad: None,
            has_company: true,
            present: true,
            insertion: 0,
            commands: Vec::new(),
        };
        let reader = Reader {
            transaction: Mutex::new(()),
            state: Mutex::new(state),
        };
        Self {
            reader: Arc::new(reader),
            atr,
            insertion: 0,
        }
    }

    /// A further connection to the card as it is now, as another program would make it.
    #[must_use]
    pub fn connect(&self) -> Self {
        let insertion = self.state().insertion;
        Self {
            reader: Arc::clone(&self.reader),
            atr: self.atr.clone(),
            insertion,
        }
    }

    /// Makes the card fail once when `trigger` fires, after the faults that already wait.
    pub fn inject(&self, trigger: Trigger, fault: Fault) {
        self.state().faults.push(trigger, fault);
    }

    /// Forgets the faults that wait.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Whether every injected fault was met.
    #[must_use]
    pub fn faults_are_spent(&self) -> bool {
        self.state().faults.is_empty()
    }

    /// Makes every command take this long, as a real card's would.
    pub fn set_delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// Gives the reader keys of its own, and a person who uses them; `None` takes them away.
    pub fn set_keypad(&self, keypad: Option<Keypad>) {
        self.state().keypad = keypad;
    }

    /// Says whether other programs may be at the card; without a word, they may.
    pub fn set_company(&self, has_company: bool) {
        self.state().has_company = has_company;
    }

    /// Pulls the card. Every connection made so far is lost for good, as in PC/SC.
    pub fn remove(&self) {
        self.state().remove();
    }

    /// Puts the card back: its PIN state is gone, its retry counter is not. Connections made from
    /// now on reach it.
    pub fn reinsert(&self) {
        let mut state = self.state();
        state.remove();
        state.present = true;
    }

    /// The headers (CLA INS P1 P2) of the commands that the card has seen, oldest first.
    #[must_use]
    pub fn command_headers(&self) -> Vec<[u8; 4]> {
        self.state().commands.clone()
    }

    /// Sends one command outside any transaction, as a program may that does not use them.
    ///
    /// # Errors
    /// As a transaction's channel would.
    pub fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError> {
        let _held = self.lock_transaction()?;
        Channel { card: self }.transmit(command)
    }

    /// Cuts the power and gives it back: selection and PIN state are gone, connections stay.
    pub fn power_cycle(&self) {
        self.state().applet.reset();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic inside the card leaves a state that is still a card's.
        self.reader
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_transaction(&self) -> Result<MutexGuard<'_, ()>, CardError> {
        let polls = TRANSACTION_WAIT.as_millis() / TRANSACTION_POLL.as_millis();
        for _ in 0..polls {
            match self.reader.transaction.try_lock() {
                Ok(guard) => return Ok(guard),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => thread::sleep(TRANSACTION_POLL),
            }
        }
        Err(CardError::Busy)
    }
}

impl State {
    fn remove(&mut self) {
        self.present = false;
        self.insertion += 1;
        self.applet.reset();
    }
}

impl CardTransport for VirtualCard {
    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn transaction(
        &mut self,
        work: &mut dyn FnMut(&mut dyn ApduChannel) -> Result<(), CardError>,
    ) -> Result<(), CardError> {
        let _held = self.lock_transaction()?;
        {
            let mut state = self.state();
            if !state.present || state.insertion != self.insertion {
                return Err(CardError::CardRemoved);
            }
            match state.faults.take_for_transaction() {
                Some(Fault::Busy) => return Err(CardError::Busy),
                Some(Fault::ResetByOther) => {
                    state.applet.reset();
                    return Err(CardError::CardReset);
                }
                Some(_) => {
                    state.remove();
                    return Err(CardError::CardRemoved);
                }
                None => {}
            }
        }
        work(&mut Channel { card: self })
    }

    fn has_pin_pad(&mut self) -> bool {
        self.state().keypad.is_some()
    }
}

struct Channel<'a> {
    card: &'a VirtualCard,
}

impl ApduChannel for Channel<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError> {
        let (fault, delay) = {
            let mut state = self.card.state();
            if !state.present || state.insertion != self.card.insertion {
                return Err(CardError::CardRemoved);
            }
            (state.faults.take_for_command(command), state.delay)
        };
        let wait = match fault {
            Some(Fault::Slow(time)) => time,
            _ => delay,
        };
        if !wait.is_zero() {
            thread::sleep(wait);
        }
        let mut state = self.card.state();
        if !state.present || state.insertion != self.card.insertion {
            // Pulled while the card was at work.
            return Ok(Vec::new());
        }
        state.execute(command, fault)
    }

    fn verify_on_reader(&mut self, structure: &[u8]) -> Result<Vec<u8>, CardError> {
        let keypad = self.card.state().keypad.clone();
        match keypad.ok_or(CardError::PinPadMissing)? {
            Keypad::Types(digits) => {
                // 6B80: the reader does not understand the structure.
                match with_digits(structure, digits.as_bytes()) {
                    Some(command) => self.transmit(&command),
                    None => Ok(vec![0x6b, 0x80]),
                }
            }
            Keypad::WaitsTooLong => Ok(vec![0x64, 0x00]),
            Keypad::Cancels => Ok(vec![0x64, 0x01]),
            Keypad::TypesTooFew => Ok(vec![0x64, 0x03]),
        }
    }

    fn has_company(&self) -> bool {
        self.card.state().has_company
    }
}

/// What a reader makes of PIN_VERIFY (PC/SC part 10 section 2.5.2): the digits in ASCII at the
/// beginning of the data field. Only the structure that a PIV card needs is understood.
fn with_digits(structure: &[u8], digits: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const HEADER_BYTES: usize = 19;
    let (header, command) = structure.split_at_checked(HEADER_BYTES)?;
    let length = u32::from_le_bytes(*header.last_chunk()?);
    let format = header.get(2..5)?;
    if usize::try_from(length).ok()? != command.len() || format != [0x82, 0x08, 0x00] {
        return None;
    }
    let mut command = Zeroizing::new(command.to_vec());
    let data = command.get_mut(5..)?;
    for (place, digit) in data.iter_mut().zip(digits) {
        *place = *digit;
    }
    Some(command)
}

impl State {
    fn execute(&mut self, command: &[u8], fault: Option<Fault>) -> Result<Vec<u8>, CardError> {
        if let Some((header, _)) = command.split_first_chunk::<4>() {
            self.commands.push(*header);
        }
        match fault {
            None | Some(Fault::Slow(_)) => Ok(self.applet.process(command)),
            Some(Fault::Answer(status)) => Ok(status.to_bytes().to_vec()),
            Some(Fault::Truncated { bytes }) => {
                let mut response = self.applet.process(command);
                response.truncate(bytes);
                Ok(response)
            }
            Some(Fault::Garbage) => {
                self.applet.process(command);
                Ok(vec![0xff, 0xff, 0xff, 0x00, 0x90, 0x00])
            }
            Some(Fault::RemovedMidCommand) => {
                self.applet.process(command);
                self.remove();
                Ok(Vec::new())
            }
            Some(Fault::RemovedBefore) => {
                self.remove();
                Err(CardError::CardRemoved)
            }
            Some(Fault::ResetByOther) => {
                self.applet.reset();
                Err(CardError::CardReset)
            }
            Some(Fault::Busy) => Err(CardError::Busy),
        }
    }
}
