//! The choice between PC/SC and PKCS#11, and what it opens.

#[cfg(feature = "pkcs11")]
use std::path::PathBuf;

use crate::{Card, Error, Insertion, ReaderMonitor};

#[cfg(all(feature = "pcsc", feature = "pkcs11"))]
mod automatic;

#[cfg(all(feature = "pcsc", feature = "pkcs11"))]
pub use automatic::known_modules;

/// How cards are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// PIV cards through the PC/SC service.
    #[cfg(feature = "pcsc")]
    Pcsc,
    /// Any card through a vendor's PKCS#11 module.
    #[cfg(feature = "pkcs11")]
    Pkcs11 {
        /// The module's shared library.
        module: PathBuf,
    },
    /// PIV cards through the PC/SC service, and any other card in a PC/SC reader through the first
    /// of these modules that knows it.
    #[cfg(all(feature = "pcsc", feature = "pkcs11"))]
    Automatic {
        /// The modules' shared libraries; [`known_modules`] finds the usual ones.
        modules: Vec<PathBuf>,
    },
}

impl Backend {
    /// A new monitor of this backend's readers.
    ///
    /// # Errors
    /// [`Error::ModuleMissing`] or [`Error::ModuleFault`] when the module cannot be used.
    pub fn monitor(&self) -> Result<Box<dyn ReaderMonitor>, Error> {
        match self {
            #[cfg(feature = "pcsc")]
            Self::Pcsc => Ok(Box::new(crate::pcsc::PcscMonitor::new())),
            #[cfg(all(feature = "pcsc", feature = "pkcs11"))]
            Self::Automatic { .. } => Ok(Box::new(crate::pcsc::PcscMonitor::new())),
            #[cfg(feature = "pkcs11")]
            Self::Pkcs11 { module } => {
                let module = crate::Pkcs11Module::load(module)?;
                Ok(Box::new(crate::pkcs11::Pkcs11Monitor::new(module)))
            }
        }
    }

    /// Opens the card in a reader. A card that takes its place later is never spoken to.
    ///
    /// # Errors
    /// [`Error::NoReader`], [`Error::NoCard`], [`Error::Busy`] and the other failures of reaching a
    /// card.
    pub fn open(&self, reader: &str) -> Result<Box<dyn Card>, Error> {
        match self {
            #[cfg(feature = "pcsc")]
            Self::Pcsc => {
                let transport = crate::PcscTransport::connect(reader)?;
                Ok(Box::new(crate::PivCard::new(transport)))
            }
            #[cfg(feature = "pkcs11")]
            Self::Pkcs11 { module } => {
                Ok(Box::new(crate::Pkcs11Module::load(module)?.open(reader)?))
            }
            #[cfg(all(feature = "pcsc", feature = "pkcs11"))]
            Self::Automatic { .. } => {
                let insertion = crate::pcsc::insertion_in(reader)?;
                self.open_insertion(&insertion)
            }
        }
    }

    /// Opens the card of one insertion: not whatever is in the reader by now. Use it wherever
    /// something about the card, or a PIN, was learned earlier.
    ///
    /// # Errors
    /// As for [`Backend::open`], and [`Error::CardRemoved`] when that card is gone.
    pub fn open_insertion(&self, insertion: &Insertion) -> Result<Box<dyn Card>, Error> {
        match self {
            #[cfg(feature = "pcsc")]
            Self::Pcsc => {
                let transport = crate::PcscTransport::connect_to_insertion(insertion)?;
                Ok(Box::new(crate::PivCard::new(transport)))
            }
            #[cfg(feature = "pkcs11")]
            Self::Pkcs11 { module } => Ok(Box::new(
                crate::Pkcs11Module::load(module)?.open_insertion(insertion)?,
            )),
            #[cfg(all(feature = "pcsc", feature = "pkcs11"))]
            Self::Automatic { modules } => Ok(Box::new(automatic::AutomaticCard::open(
                insertion, modules,
            )?)),
        }
    }
}
