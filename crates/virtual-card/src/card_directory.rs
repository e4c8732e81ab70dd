//! A card as a folder: description, certificates, keys, and what it remembers without power.

use std::fs;
use std::path::{Path, PathBuf};

use cardea_card::PivSlot;
use cardea_test_pki::{AuthorityName, CardProfile, IssuedCard, IssuedCertificate};
use openssl::x509::X509;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::card_image::{CardImage, KeySlot};
use crate::error::Error;
use crate::folder_file::{
    Access, create_folder, malformed, read_certificate, read_json, read_key, replace, replace_json,
    replace_key,
};
use crate::pki_directory::PkiDirectory;
use crate::reference_data::{CardMemory, Counted, MemoryStore, ReferenceData};

const DESCRIPTION_FILE: &str = "card.json";
const MEMORY_FILE: &str = "memory.json";
const PROCESS_ID_FILE: &str = "inserted.pid";
/// Name of the files of the contactless key.
const CONTACTLESS: &str = "contactless";
const FORMAT: u32 = 1;

/// What a card's folder says about it. Every holder is invented.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardDescription {
    /// Version of the folder's layout.
    pub format: u32,
    /// Family: `cps`, `cpf`, `cpe` or `cpa`.
    pub family: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// National identifier with its type code, as in the certificates' CN.
    pub identifier: String,
    /// Label of the profession, as in the certificates' title.
    pub title: String,
    /// Card number.
    pub card_number: String,
    /// File name of the issuing authority.
    pub issuer: String,
    /// Serial number of the authentication certificate, in upper-case hexadecimal.
    pub authentication_serial: String,
    /// Serial number of the signature certificate, in upper-case hexadecimal.
    pub signature_serial: String,
}

impl CardDescription {
    /// Describes a card that was issued for a profile.
    ///
    /// # Errors
    /// [`Error::PkiRefused`] when the profession has no label.
    pub fn new(profile: &CardProfile, card: &IssuedCard) -> Result<Self, Error> {
        let title = match profile.profession {
            Some(profession) => profession.title()?,
            None => "Personnel santé ou social",
        };
        Ok(Self {
            format: FORMAT,
            family: profile.family.as_str().to_owned(),
            given_name: profile.given_name.clone(),
            family_name: profile.family_name.clone(),
            identifier: profile.identifier.common_name(),
            title: title.to_owned(),
            card_number: card.card_number.clone(),
            issuer: profile.family.issuer().file_name().to_owned(),
            authentication_serial: hexadecimal(&card.authentication.serial),
            signature_serial: hexadecimal(&card.signature.serial),
        })
    }
}

/// Upper-case hexadecimal, two digits a byte.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The folder of one card.
#[derive(Clone, Debug)]
pub struct CardDirectory {
    path: PathBuf,
    description: CardDescription,
}

impl CardDirectory {
    /// Writes a new card into a folder that holds none.
    ///
    /// # Errors
    /// [`Error::FolderTaken`] when a card is there already; [`Error::FileInaccessible`].
    pub fn create(
        path: &Path,
        profile: &CardProfile,
        card: &IssuedCard,
        (pin, puk): (ReferenceData, ReferenceData),
    ) -> Result<Self, Error> {
        Self::check_free(path)?;
        create_folder(path)?;
        for (slot, certificate) in [
            ("authentication", &card.authentication),
            ("signature", &card.signature),
        ] {
            let pem = certificate.pem();
            replace(
                &path.join(format!("{slot}.pem")),
                pem.as_bytes(),
                Access::Public,
            )?;
            replace_key(&path.join(format!("{slot}.key")), &certificate.key)?;
        }
        let memory = CardMemory {
            pin: Counted::new(pin),
            puk: Counted::new(puk),
        };
        DirectoryMemory::new(path).save(&memory)?;
        let description = CardDescription::new(profile, card)?;
        // Last, because its presence makes the folder a card.
        replace_json(&path.join(DESCRIPTION_FILE), &description, Access::Public)?;
        Ok(Self {
            path: path.to_owned(),
            description,
        })
    }

    /// Checks that a folder holds no card yet.
    ///
    /// # Errors
    /// [`Error::FolderTaken`] when it does.
    pub fn check_free(path: &Path) -> Result<(), Error> {
        if path.join(DESCRIPTION_FILE).exists() {
            return Err(Error::FolderTaken {
                path: path.to_owned(),
                what: "card",
            });
        }
        Ok(())
    }

    /// Opens the folder of a card.
    ///
    /// # Errors
    /// [`Error::FileInaccessible`] or [`Error::FileMalformed`] when it holds no card.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = path.join(DESCRIPTION_FILE);
        let description: CardDescription = read_json(&file)?;
        if description.format != FORMAT {
            return Err(malformed(
                &file,
                "the card was made by another version; issue it anew",
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            description,
        })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the folder says about the card.
    #[must_use]
    pub fn description(&self) -> &CardDescription {
        &self.description
    }

    /// The authority that issued the card.
    ///
    /// # Errors
    /// [`Error::FileMalformed`] when the folder names an unknown one.
    pub fn issuer(&self) -> Result<AuthorityName, Error> {
        let known = AuthorityName::find(&self.description.issuer);
        known.ok_or_else(|| malformed(&self.path.join(DESCRIPTION_FILE), "unknown issuer"))
    }

    /// Loads certificates and keys.
    ///
    /// # Errors
    /// [`Error::FileInaccessible`], [`Error::FileMalformed`] or [`Error::ImageMalformed`].
    pub fn image(&self) -> Result<CardImage, Error> {
        let mut image = CardImage::empty(&self.description.card_number)?;
        for (slot, name) in [
            (PivSlot::Authentication, "authentication"),
            (PivSlot::Signature, "signature"),
        ] {
            let certificate = read_certificate(&self.path.join(format!("{name}.pem")))?;
            let key = read_key(&self.path.join(format!("{name}.key")))?;
            image = image.with_slot(slot, KeySlot::new(certificate, key)?);
        }
        if self.has_contactless_key() {
            let certificate = read_certificate(&self.file(CONTACTLESS, "pem"))?;
            let key = read_key(&self.file(CONTACTLESS, "key"))?;
            let slot = KeySlot::new(certificate, key)?;
            image = image.with_slot(PivSlot::CardAuthentication, slot);
        }
        Ok(image)
    }

    /// Adds a key that signs without a PIN, with its certificate, for slot 9E.
    ///
    /// # Errors
    /// [`Error::FileInaccessible`].
    pub fn add_contactless_key(&self, certificate: &IssuedCertificate) -> Result<(), Error> {
        replace_key(&self.file(CONTACTLESS, "key"), &certificate.key)?;
        // Last, because its presence says that the key is there.
        let pem = certificate.pem();
        replace(
            &self.file(CONTACTLESS, "pem"),
            pem.as_bytes(),
            Access::Public,
        )
    }

    /// Whether the card has a key that signs without a PIN.
    #[must_use]
    pub fn has_contactless_key(&self) -> bool {
        self.file(CONTACTLESS, "pem").exists()
    }

    fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.path.join(format!("{name}.{extension}"))
    }

    /// The card's memory: PIN, PUK and their counters, kept in the folder.
    #[must_use]
    pub fn memory(&self) -> DirectoryMemory {
        DirectoryMemory::new(&self.path)
    }

    /// Revokes every certificate at its issuer.
    ///
    /// # Errors
    /// [`Error::FileMalformed`] when the PKI did not issue the card.
    pub fn revoke(&self, pki: &PkiDirectory, at: OffsetDateTime) -> Result<(), Error> {
        let issuer = self.issuer()?;
        pki.revoke(issuer, &self.description.authentication_serial, at)?;
        pki.revoke(issuer, &self.description.signature_serial, at)?;
        if self.has_contactless_key() {
            let file = self.file(CONTACTLESS, "pem");
            let certificate = X509::from_der(&read_certificate(&file)?)?;
            let serial = certificate.serial_number().to_bn()?.to_vec();
            pki.revoke(issuer, &hexadecimal(&serial), at)?;
        }
        Ok(())
    }

    /// The file that names the process which has the card inserted.
    #[must_use]
    pub fn process_id_file(&self) -> PathBuf {
        self.path.join(PROCESS_ID_FILE)
    }

    /// The process that the folder names as having the card inserted; it may be long gone.
    #[must_use]
    pub fn process_id(&self) -> Option<i32> {
        fs::read_to_string(self.process_id_file())
            .ok()?
            .trim()
            .parse()
            .ok()
    }
}

/// A memory in the card's folder. It is read anew for each use, so that another process may block
/// the card while it is inserted.
#[derive(Clone, Debug)]
pub struct DirectoryMemory {
    file: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct MemoryDocument {
    pin: String,
    pin_tries_left: u8,
    puk: String,
    puk_tries_left: u8,
}

impl DirectoryMemory {
    fn new(folder: &Path) -> Self {
        Self {
            file: folder.join(MEMORY_FILE),
        }
    }
}

impl MemoryStore for DirectoryMemory {
    fn load(&mut self) -> Result<CardMemory, Error> {
        let document: MemoryDocument = read_json(&self.file)?;
        let value = |digits: &str| {
            ReferenceData::parse(digits).map_err(|error| malformed(&self.file, error))
        };
        Ok(CardMemory {
            pin: Counted {
                value: value(&document.pin)?,
                tries_left: document.pin_tries_left,
            },
            puk: Counted {
                value: value(&document.puk)?,
                tries_left: document.puk_tries_left,
            },
        })
    }

    fn save(&mut self, memory: &CardMemory) -> Result<(), Error> {
        let document = MemoryDocument {
            pin: memory.pin.value.digits(),
            pin_tries_left: memory.pin.tries_left,
            puk: memory.puk.value.digits(),
            puk_tries_left: memory.puk.tries_left,
        };
        replace_json(&self.file, &document, Access::Owner)
    }
}
