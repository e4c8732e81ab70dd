//! A PKCS#11 module: loading it, its slots, opening a token.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::slot::{Slot, TokenInfo};

use super::Pkcs11Card;
use super::fault::from_pkcs11;
#[cfg(feature = "pcsc")]
use crate::pcsc::event_counts;
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
        let slots = self.slots()?;
        let event_counts = event_counts();
        Ok(slots
            .into_iter()
            .map(|slot| {
                let event_count = event_counts.get(&slot.description).copied();
                slot.reader(event_count)
            })
            .collect())
    }

    /// What the module calls its slots. Most modules give the name of the PC/SC reader.
    pub(super) fn slot_descriptions(&self) -> Vec<String> {
        let slots = self.context.get_all_slots().unwrap_or_default();
        slots
            .into_iter()
            .take(SLOTS_MAX)
            .filter_map(|slot| self.context.get_slot_info(slot).ok())
            .map(|slot| slot.slot_description().trim().to_owned())
            .collect()
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

    /// Opens the token in the slot that is this PC/SC reader.
    ///
    /// # Errors
    /// As for [`Pkcs11Module::open`].
    #[cfg(feature = "pcsc")]
    pub(crate) fn open_in_reader(&self, reader: &str) -> Result<Pkcs11Card, Error> {
        let slots = self.slots()?.into_iter();
        let slot = slots
            .filter(|slot| is_reader(&slot.description, reader))
            .max_by_key(|slot| slot.token.is_some());
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
    fn reader(self, event_count: Option<u32>) -> Reader {
        let token = self.token.as_ref();
        let event_count = token.map_or(0, |token| fingerprint(token, event_count));
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

/// Whether a slot of this description is the PC/SC reader of this name. Descriptions end at 64
/// bytes (PKCS #11 2.40 section 3.2), and a reader's name may be longer.
#[cfg(feature = "pcsc")]
fn is_reader(description: &str, reader: &str) -> bool {
    const DESCRIPTION_BYTES: usize = 64;
    description == reader.trim()
        || (description.len() >= DESCRIPTION_BYTES - 1 && reader.starts_with(description))
}

/// PKCS#11 has no event counter. A number made of the token's names tells one token from another;
/// where the slot is a PC/SC reader, that reader's counter in it tells a token that was pulled and
/// put back from one that stayed. Elsewhere the session is dead then, and says so.
fn fingerprint(token: &TokenInfo, event_count: Option<u32>) -> u32 {
    let names = [
        token.label(),
        token.serial_number(),
        token.manufacturer_id(),
        token.model(),
    ];
    let counted = event_count.map(|count| count.to_string());
    let text = [&names.join("\0"), counted.as_deref().unwrap_or_default()].join("\0");
    let [a, b, c, d, ..] = openssl::sha::sha256(text.as_bytes());
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(not(feature = "pcsc"))]
fn event_counts() -> BTreeMap<String, u32> {
    BTreeMap::new()
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
