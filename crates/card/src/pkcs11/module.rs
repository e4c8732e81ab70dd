//! A PKCS#11 module: loading it, its slots, opening a token.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::slot::{Slot, TokenInfo};

use super::Pkcs11Card;
use super::fault::from_pkcs11;
use crate::{CardPresence, Error, Insertion, Reader};

/// Every module that this process has loaded. A module stays loaded and initialised until the
/// process ends: finalising it would cut off whoever else uses it.
static LOADED: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// Most slots that are looked at.
const SLOTS_MAX: usize = 64;

/// A loaded PKCS#11 module.
#[derive(Clone)]
pub struct Pkcs11Module {
    context: Pkcs11,
}

impl Pkcs11Module {
    /// Loads and initialises a module, once a process.
    ///
    /// # Errors
    /// [`Error::ModuleMissing`], with a hint how to install well-known ones;
    /// [`Error::ModuleFault`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(context) = loaded.get(path) {
            return Ok(Self {
                context: context.clone(),
            });
        }
        let context = Pkcs11::new(path).map_err(|error| missing(path, &error))?;
        match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Another part of the process was first.
            Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(from_pkcs11(error)),
        }
        loaded.insert(path.to_owned(), context.clone());
        Ok(Self { context })
    }

    /// The module's slots as readers.
    ///
    /// # Errors
    /// [`Error::ModuleFault`].
    pub fn readers(&self) -> Result<Vec<Reader>, Error> {
        Ok(self
            .slots()?
            .into_iter()
            .map(|slot| slot.reader())
            .collect())
    }

    /// Opens the token in a slot by the slot's name.
    ///
    /// # Errors
    /// [`Error::NoReader`], [`Error::NoCard`], [`Error::ModuleFault`].
    pub fn open(&self, reader: &str) -> Result<Pkcs11Card, Error> {
        let slot = self.slots()?.into_iter().find(|slot| slot.name == reader);
        let slot = slot.ok_or(Error::NoReader)?;
        let token = slot.token.ok_or(Error::NoCard)?;
        Pkcs11Card::open(self.context.clone(), slot.slot, slot.description, &token)
    }

    /// Opens the token of one insertion.
    ///
    /// # Errors
    /// As for [`Pkcs11Module::open`], and [`Error::CardRemoved`] when another token is there.
    pub fn open_insertion(&self, insertion: &Insertion) -> Result<Pkcs11Card, Error> {
        let card = self.open(insertion.reader())?;
        let now = self.readers()?.into_iter().find_map(|reader| {
            reader
                .insertion()
                .filter(|now| now.reader() == insertion.reader())
        });
        if now.as_ref() == Some(insertion) {
            Ok(card)
        } else {
            Err(Error::CardRemoved)
        }
    }

    fn slots(&self) -> Result<Vec<NamedSlot>, Error> {
        let slots = self.context.get_all_slots().map_err(from_pkcs11)?;
        let mut named: Vec<NamedSlot> = Vec::new();
        for slot in slots.into_iter().take(SLOTS_MAX) {
            let description = match self.context.get_slot_info(slot) {
                Ok(info) => info.slot_description().trim().to_owned(),
                Err(Pkcs11Error::Pkcs11(RvError::SlotIdInvalid, _)) => continue,
                Err(error) => return Err(from_pkcs11(error)),
            };
            // A token that cannot be described is as good as none.
            let token = self.context.get_token_info(slot).ok();
            let token = token.filter(TokenInfo::token_initialized);
            // Some modules show one reader as several slots; the slot number tells them apart.
            let name = if named.iter().any(|other| other.name == description) {
                format!("{description} #{slot}")
            } else {
                description.clone()
            };
            named.push(NamedSlot {
                name,
                description,
                slot,
                token,
            });
        }
        Ok(named)
    }
}

struct NamedSlot {
    name: String,
    /// The module's own text, which with most modules is the PC/SC reader's name.
    description: String,
    slot: Slot,
    token: Option<TokenInfo>,
}

impl NamedSlot {
    fn reader(self) -> Reader {
        let event_count = self.token.as_ref().map_or(0, fingerprint);
        let card = match self.token {
            Some(_) => CardPresence::Present {
                atr: Vec::new(),
                exclusive: false,
            },
            None => CardPresence::Absent,
        };
        Reader {
            name: self.name,
            card,
            event_count,
        }
    }
}

/// PKCS#11 has no event counter. A number made of the token's names tells one token from another,
/// though not a token from itself after it was pulled and put back between two looks; the session
/// is then dead, and says so.
fn fingerprint(token: &TokenInfo) -> u32 {
    let names = [
        token.label(),
        token.serial_number(),
        token.manufacturer_id(),
        token.model(),
    ];
    let [a, b, c, d, ..] = openssl::sha::sha256(names.join("\0").as_bytes());
    u32::from_be_bytes([a, b, c, d])
}

fn missing(path: &Path, error: &Pkcs11Error) -> Error {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let packages = [
        ("libsofthsm2", "on Debian: apt-get install softhsm2"),
        ("opensc-pkcs11", "on Debian: apt-get install opensc-pkcs11"),
        ("libykcs11", "on Debian: apt-get install ykcs11"),
        (
            "libcps3_pkcs11",
            "it comes with the Cryptolib CPS of the Agence du Numérique en Santé",
        ),
    ];
    let hint = packages.iter().find(|(module, _)| name.starts_with(module));
    Error::ModuleMissing {
        path: path.to_owned(),
        reason: error.to_string(),
        hint: hint.map(|(_, hint)| *hint),
    }
}
