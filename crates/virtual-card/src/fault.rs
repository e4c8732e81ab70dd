//! Faults that a virtual card can be told to show, each once.

use std::collections::VecDeque;
use std::time::Duration;

use cardea_card::StatusWord;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The card leaves the reader before it sees the command.
    RemovedBefore,
    /// The card executes the command and leaves before it answers: PC/SC shows an empty answer.
    RemovedMidCommand,
    /// The card does not execute the command and answers this status word instead.
    Answer(StatusWord),
    /// The card executes the command and only so many bytes of the answer arrive.
    Truncated {
        /// Bytes that arrive.
        bytes: usize,
    },
    /// The card answers after this time.
    Slow(Duration),
    /// Another program resets the card: selection and PIN state are gone.
    ResetByOther,
    /// Another program holds the card: no transaction begins.
    Busy,
    /// Bytes that are no answer to anything, before a good status word.
    Garbage,
}

impl Fault {
    /// The PIN counts as wrong, whatever it is.
    #[must_use]
    pub fn wrong_pin(tries_left: u8) -> Self {
        Self::Answer(StatusWord(0x63c0 | u16::from(tries_left & 0x0f)))
    }

    /// The PIN is blocked.
    #[must_use]
    pub fn blocked() -> Self {
        Self::Answer(StatusWord::AUTHENTICATION_METHOD_BLOCKED)
    }
}

/// Which command meets a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// The next command of any kind.
    NextCommand,
    /// After this many more commands.
    AfterCommands(u32),
    /// The next MANAGE CHANNEL.
    ManageChannel,
    /// The next SELECT.
    Select,
    /// The next GET DATA.
    GetData,
    /// The next VERIFY with a PIN in it.
    Verify,
    /// The next VERIFY that only asks for the state.
    VerifyState,
    /// The next CHANGE REFERENCE DATA.
    ChangeReferenceData,
    /// The next RESET RETRY COUNTER.
    ResetRetryCounter,
    /// The next last block of a GENERAL AUTHENTICATE.
    GeneralAuthenticate,
    /// The beginning of the next transaction, for [`Fault::Busy`].
    Transaction,
}

impl Trigger {
    fn fires(&mut self, command: &[u8]) -> bool {
        let head = command
            .split_first_chunk::<4>()
            .map(|(head, body)| (*head, body.is_empty()));
        match (self, head) {
            (Self::NextCommand, _) => true,
            (Self::AfterCommands(left), _) => match left.checked_sub(1) {
                Some(fewer) => {
                    *left = fewer;
                    false
                }
                None => true,
            },
            (Self::Select, Some(([_, 0xa4, ..], _))) => true,
            (Self::GetData, Some(([_, 0xcb, ..], _))) => true,
            (Self::Verify, Some(([_, 0x20, ..], bare))) => !bare,
            (Self::VerifyState, Some(([_, 0x20, 0x00, _], bare))) => bare,
            (Self::GeneralAuthenticate, Some(([class, 0x87, ..], _))) => class & 0x10 == 0,
            (Self::ChangeReferenceData, Some(([_, 0x24, ..], _))) => true,
            (Self::ResetRetryCounter, Some(([_, 0x2c, ..], _))) => true,
            (Self::ManageChannel, Some(([_, 0x70, ..], _))) => true,
            _ => false,
        }
    }
}

/// The faults still to come, in order: only the first waits for its trigger.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    pending: VecDeque<(Trigger, Fault)>,
}

impl FaultPlan {
    /// Adds a fault behind those that wait.
    pub fn push(&mut self, trigger: Trigger, fault: Fault) {
        self.pending.push_back((trigger, fault));
    }

    /// Forgets every fault that waits.
    pub fn clear(&mut self) {
        self.pending.clear();
    }

    /// Whether every fault has been shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The fault that `command` meets, if any; it is used up.
    pub(crate) fn take_for_command(&mut self, command: &[u8]) -> Option<Fault> {
        let (trigger, _) = self.pending.front_mut()?;
        if !trigger.fires(command) {
            return None;
        }
        self.pending.pop_front().map(|(_, fault)| fault)
    }

    /// The fault that the beginning of a transaction meets, if any; it is used up.
    pub(crate) fn take_for_transaction(&mut self) -> Option<Fault> {
        let (trigger, _) = self.pending.front()?;
        if *trigger != Trigger::Transaction {
            return None;
        }
        self.pending.pop_front().map(|(_, fault)| fault)
    }
}
