//! A smart card in software: a PIV card (NIST SP 800-73-4) with certificates of the test PKI.
//!
//! It answers APDUs in process behind [`cardea_card::CardTransport`], where it can be told to fail
//! ([`Fault`]), and through the vpcd driver of a real pcscd, where any PC/SC program takes it for a
//! card. Its PIN blocks after three wrong tries and stays blocked.
//!
//! It follows NIST SP 800-73-4 part 2 except where the model cards differ: a PIN has four digits or
//! more. It is no security device: keys and PIN lie in a folder. It neither personalises itself
//! (no PUT DATA, no key generation) nor speaks secure messaging.
//!
//! [`VirtualCard`] shows a complete use.

mod card_directory;
mod card_image;
mod command;
mod condition;
mod deck;
mod dispatch;
mod error;
mod fault;
mod file_system;
mod folder_file;
mod in_process;
mod index;
mod key_use;
mod logical_channel;
pub mod own_process;
mod pki_directory;
pub mod pki_server;
pub mod private_pcscd;
mod reference_data;
mod security_state;
mod tlv;
pub mod vpcd;

pub use card_directory::{CardDescription, CardDirectory};
pub use card_image::{
    ATR_CONTACTLESS, ATR_EXTENDED_LENGTH, ATR_EXTENDED_LENGTH_AND_CHANNELS, ATR_PIV, CardImage,
    KeySlot,
};
pub use condition::{Condition, Outcome};
pub use deck::{DeckCard, deck};
pub use dispatch::Applet;
pub use error::Error;
pub use fault::{Fault, FaultPlan, Trigger};
pub use in_process::{DEFAULT_PIN, DEFAULT_PUK, Keypad, VirtualCard};
pub use pki_directory::{PkiDirectory, settings_for};
pub use reference_data::{
    CardMemory, Counted, MemoryStore, ReferenceData, TRIES_MAX, VolatileMemory,
};
