//! Cards through a vendor's PKCS#11 module (OASIS PKCS #11 2.40).
//!
//! The module decides how it talks to the card; this backend keeps to what the standard promises.
//! Certificates are read before login; private keys are looked for only after it, because they are
//! invisible before. A login state belongs to the whole process, so it is given up after each
//! signature, and when somebody else in the process holds it nothing is signed: the module would
//! not check the PIN.

mod card;
mod card_state;
mod fault;
mod module;
mod monitor;
mod pin_change;

pub use card::Pkcs11Card;
pub use module::Pkcs11Module;
pub(crate) use monitor::Pkcs11Monitor;
