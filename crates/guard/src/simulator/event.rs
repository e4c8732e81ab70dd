//! What the simulator makes: accounts, and look-ups in their order.

use super::random::scrambled;

/// One account at the service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// The account's name.
    pub subject: String,
    /// What its owner is.
    pub profession: String,
    /// Where she looks patients up.
    pub service: String,
    /// Whether it is a service without a person: it has no card to sign with.
    pub unattended: bool,
}

/// One look-up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// Milliseconds since 1970.
    pub at: i64,
    /// Which of the traffic's accounts.
    pub account: u32,
    /// The patient's number, before it becomes a pseudonym.
    pub patient: u64,
    /// Whether the portal states that the patient's own card was read.
    pub present: bool,
    /// The session's number.
    pub session: u64,
    /// The workstation's number.
    pub source: u32,
    /// Who asked; no guard ever sees it.
    pub author: Author,
    /// Whether the portal's adapter says that the number follows the one before.
    pub sequence: bool,
}

/// Who asks for a patient.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Author {
    /// The account's owner, or those who rightly work beside her.
    Person,
    /// A robot.
    Robot,
}

impl Event {
    /// The patient's pseudonym: nothing of the number's order is left in it.
    #[must_use]
    pub fn pseudonym(&self) -> String {
        format!("p{:016x}", scrambled(self.patient ^ 0x00c0_ffee))
    }

    /// The session's name.
    #[must_use]
    pub fn session_name(&self) -> String {
        format!("s{:016x}", scrambled(self.session ^ 0x5e55))
    }

    /// The workstation's name.
    #[must_use]
    pub fn source_name(&self) -> String {
        format!("w{:08x}", scrambled(u64::from(self.source)) >> 32)
    }
}
