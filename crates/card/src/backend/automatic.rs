//! A card of either kind: spoken to as a PIV card, and through an installed module when it is none.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing::debug;

use crate::pkcs11::{Pkcs11Card, Pkcs11Module};
use crate::{
    Card, CardCertificate, Error, Insertion, KeyReference, PcscTransport, PinAfter, PinChange,
    PinMeans, PinStatus, PivCard, PukStatus, SignRequest, Signature, Unblocking,
};

/// Where installers put the module of the French health professionals' cards (the Cryptolib CPS of
/// the Agence du Numérique en Santé).
const KNOWN_MODULES: [&str; 8] = [
    "/usr/lib/x86_64-linux-gnu/libcps3_pkcs11_lux.so",
    "/usr/lib64/libcps3_pkcs11_lux.so",
    "/usr/lib/libcps3_pkcs11_lux.so",
    "/usr/local/lib64/libcps3_pkcs11_lux.so",
    "/usr/local/lib/libcps3_pkcs11_lux.so",
    "/usr/local/lib/libcps3_pkcs11_osx.dylib",
    "C:\\Windows\\System32\\cps3_pkcs11_w64.dll",
    "C:\\Windows\\SysWOW64\\cps3_pkcs11_w32.dll",
];

/// What a card lacks that is no PIV card.
const PIV_APPLICATION: &str = "the PIV application";
/// Most insertions that are remembered as no PIV card.
const REMEMBERED_MAX: usize = 16;

/// The insertions whose card is reached through a module, the newest last: a later conversation
/// with the same card does not ask for the PIV application again.
static THROUGH_MODULE: Mutex<Vec<Insertion>> = Mutex::new(Vec::new());

/// The modules of `KNOWN_MODULES` that are installed here.
#[must_use]
pub fn known_modules() -> Vec<PathBuf> {
    KNOWN_MODULES
        .iter()
        .map(PathBuf::from)
        .filter(|module| module.is_file())
        .collect()
}

/// The card of one insertion.
pub(super) struct AutomaticCard {
    /// Also what proves that the module's card is this one: the connection ends with the insertion.
    piv: PivCard<PcscTransport>,
    through_module: Option<Pkcs11Card>,
    insertion: Insertion,
    modules: Vec<PathBuf>,
}

impl AutomaticCard {
    /// Opens the card of an insertion.
    pub(super) fn open(insertion: &Insertion, modules: &[PathBuf]) -> Result<Self, Error> {
        let mut card = Self {
            piv: PivCard::new(PcscTransport::connect_to_insertion(insertion)?),
            through_module: None,
            insertion: insertion.clone(),
            modules: modules.to_vec(),
        };
        if remembered().contains(insertion) {
            card.through_module = Some(card.open_through_module()?);
        }
        Ok(card)
    }

    /// Does it with the PIV card, and where there is none, with the token of the first module that
    /// knows the card.
    fn with<R>(&mut self, work: impl Fn(&mut dyn Card) -> Result<R, Error>) -> Result<R, Error> {
        if let Some(card) = &mut self.through_module {
            return work(card);
        }
        match work(&mut self.piv) {
            Err(Error::Unsupported { missing }) if missing == PIV_APPLICATION => {
                let card = self.open_through_module()?;
                work(self.through_module.insert(card))
            }
            done => done,
        }
    }

    fn open_through_module(&self) -> Result<Pkcs11Card, Error> {
        // What to say when no module is installed, or none knows the card.
        let mut refusal = Error::Unsupported {
            missing: PIV_APPLICATION,
        };
        for module in &self.modules {
            match open_in_slot(module, self.insertion.reader()) {
                Ok(card) => {
                    // The token may be one that took this card's place.
                    PcscTransport::connect_to_insertion(&self.insertion)?;
                    remember(&self.insertion);
                    return Ok(card);
                }
                Err(Error::NoReader | Error::NoCard) => {}
                Err(error) => {
                    debug!(code = error.code(), %error, "a module does not open the card");
                    refusal = error;
                }
            }
        }
        Err(refusal)
    }
}

fn open_in_slot(module: &Path, reader: &str) -> Result<Pkcs11Card, Error> {
    Pkcs11Module::load(module)?.open_in_reader(reader)
}

impl Card for AutomaticCard {
    fn card_name(&self) -> String {
        match &self.through_module {
            Some(card) => card.card_name(),
            None => self.piv.card_name(),
        }
    }

    fn serial(&mut self) -> Result<String, Error> {
        self.with(|card| card.serial())
    }

    fn certificates(&mut self) -> Result<Vec<CardCertificate>, Error> {
        self.with(|card| card.certificates())
    }

    fn pin_status(&mut self) -> Result<PinStatus, Error> {
        self.with(|card| card.pin_status())
    }

    fn pin_means(&mut self) -> Result<PinMeans, Error> {
        self.with(|card| card.pin_means())
    }

    fn sign(&mut self, request: &SignRequest<'_>) -> Result<Signature, Error> {
        // The certificate knows which of the two it was read through.
        if matches!(request.certificate.key(), KeyReference::Pkcs11(_))
            && self.through_module.is_none()
        {
            self.through_module = Some(self.open_through_module()?);
        }
        self.with(|card| card.sign(request))
    }

    fn clear_pin(&mut self) -> Result<PinAfter, Error> {
        self.with(|card| card.clear_pin())
    }

    fn puk_status(&mut self) -> Result<PukStatus, Error> {
        self.with(|card| card.puk_status())
    }

    fn change_pin(&mut self, change: &PinChange<'_>) -> Result<PinAfter, Error> {
        self.with(|card| card.change_pin(change))
    }

    fn unblock(&mut self, unblocking: &Unblocking<'_>) -> Result<PinAfter, Error> {
        self.with(|card| card.unblock(unblocking))
    }
}

fn remembered() -> std::sync::MutexGuard<'static, Vec<Insertion>> {
    THROUGH_MODULE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

fn remember(insertion: &Insertion) {
    let mut insertions = remembered();
    if !insertions.contains(insertion) {
        insertions.push(insertion.clone());
        if insertions.len() > REMEMBERED_MAX {
            insertions.remove(0);
        }
    }
}
