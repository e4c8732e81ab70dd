//! The key-encryption key: what token keys are encrypted with before the database sees them.
//!
//! AES-256-GCM with a random nonce. What is encrypted is tied to the key's id and algorithm and to
//! the key-encryption key: a row that was given another one's content does not open.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cardea_jose::{Algorithm, SigningKey, base64url, parse_base64url, sha256_base64url};
use cardea_storage::signing_key::{SealedKey, SigningKeyRecord};
use openssl::rand::rand_bytes;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use zeroize::Zeroizing;

use crate::config::EncryptionConfig;
use crate::environment_secret;
use crate::error::Error;
use crate::key_file::{read_private, unusable};
use crate::pkcs11::Token;

const KEY_BYTES: usize = 32;
pub(crate) const NONCE_BYTES: usize = 12;
pub(crate) const TAG_BYTES: usize = 16;
/// Characters of a key's id: enough to tell one from another, and nothing that helps to find it.
const ID_CHARACTERS: usize = 22;
pub(crate) const FILE_NAME: &str = "key-encryption.key";
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
const CREDENTIAL_BYTES_MAX: u64 = 4096;

/// A key-encryption key.
pub(crate) struct KeyEncryption {
    id: String,
    held: Held,
}

enum Held {
    /// Off the stack, where moves would leave copies.
    Here(Box<Zeroizing<[u8; KEY_BYTES]>>),
    InToken {
        token: Arc<Token>,
        label: String,
    },
}

/// What is to be done where the key is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Make it: nothing is encrypted with it.
    Make,
    /// Refuse: a new one would open nothing.
    Refuse,
}

impl KeyEncryption {
    /// Reads the key from where the configuration has it.
    ///
    /// # Errors
    /// `server.key_encryption_key_missing`, `server.key_encryption_key_malformed`, those of
    /// [`read_private`] and of the token.
    pub(crate) fn load(
        config: &EncryptionConfig,
        folder: &Path,
        token: Option<&Arc<Token>>,
        absent: Absent,
    ) -> Result<Self, Error> {
        let missing = |place: String| Error::KeyEncryptionKeyMissing { place };
        if let Some(name) = &config.credential {
            let text = read_credential(name)?;
            return Self::from_text(&text, &format!("credential {name}"));
        }
        if let Some(name) = &config.environment {
            let place = format!("environment variable {name}");
            let text = environment_secret::read(name).ok_or_else(|| missing(place.clone()))?;
            return Self::from_text(&text, &place);
        }
        if let Some(label) = &config.pkcs11_key {
            let token = token.ok_or_else(|| missing("token of [keys.pkcs11]".to_owned()))?;
            if !token.has_encryption_key(label)? {
                if absent == Absent::Refuse {
                    return Err(missing(format!("AES key {label} of the token")));
                }
                token.make_encryption_key(label)?;
                tracing::info!(label, "made the key-encryption key in the token");
            }
            return Ok(Self {
                id: format!("pkcs11:{label}"),
                held: Held::InToken {
                    token: Arc::clone(token),
                    label: label.clone(),
                },
            });
        }
        let default = || folder.join(FILE_NAME);
        let file = config.file.clone().unwrap_or_else(default);
        if !file.exists() {
            if absent == Absent::Refuse {
                return Err(missing(format!("file {}", file.display())));
            }
            create(&file)?;
            let shown = file.display();
            tracing::info!(file = %shown, "made the key-encryption key: keep a copy of it");
        }
        let content = read_private(&file)?;
        let place = format!("file {}", file.display());
        let text = std::str::from_utf8(&content).map_err(|_| Error::KeyEncryptionKeyMalformed {
            place: place.clone(),
        })?;
        Self::from_text(text, &place)
    }

    fn from_text(text: &str, place: &str) -> Result<Self, Error> {
        // `basenc --base64url` writes padding.
        let text = text.trim();
        let bytes = parse_base64url(text.strip_suffix('=').unwrap_or(text));
        let bytes = bytes.map(Zeroizing::new).ok();
        let bytes = bytes.filter(|it| it.len() == KEY_BYTES);
        let bytes = bytes.ok_or_else(|| Error::KeyEncryptionKeyMalformed {
            place: place.to_owned(),
        })?;
        let mut key = Box::new(Zeroizing::new([0; KEY_BYTES]));
        key.copy_from_slice(&bytes);
        Ok(Self::from_key(key))
    }

    fn from_key(key: Box<Zeroizing<[u8; KEY_BYTES]>>) -> Self {
        const PREFIX: &[u8] = b"cardea key-encryption key 1";
        // Full size at once: growing would leave a copy behind.
        let mut named = Zeroizing::new(Vec::with_capacity(PREFIX.len() + KEY_BYTES));
        named.extend_from_slice(PREFIX);
        named.extend_from_slice(key.as_slice());
        let mut id = sha256_base64url(&named);
        id.truncate(ID_CHARACTERS);
        Self {
            id,
            held: Held::Here(key),
        }
    }

    /// Which key this is.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Encrypts a key.
    ///
    /// # Errors
    /// `server.key_unusable`, and those of the token.
    pub(crate) fn seal(&self, key: &SigningKey) -> Result<SealedKey, Error> {
        let failed = |source| Error::TokenKeyUnusable {
            kid: key.kid().to_owned(),
            source,
        };
        let der = key.to_der().map_err(failed)?;
        let bound = self.bound_to(key.kid(), key.algorithm().as_str());
        let mut nonce = [0; NONCE_BYTES];
        rand_bytes(&mut nonce).map_err(|error| failed(error.into()))?;
        let encrypted = match &self.held {
            Held::Here(secret) => {
                let mut tag = [0; TAG_BYTES];
                let cipher = Cipher::aes_256_gcm();
                let nonce = Some(nonce.as_slice());
                let secret = secret.as_slice();
                let mut text = encrypt_aead(cipher, secret, nonce, &bound, &der, &mut tag)
                    .map_err(|error| failed(error.into()))?;
                text.extend_from_slice(&tag);
                text
            }
            Held::InToken { token, label } => token.encrypt(label, &nonce, &bound, &der)?,
        };
        let mut sealed = nonce.to_vec();
        sealed.extend(encrypted);
        Ok(SealedKey {
            sealed: base64url(&sealed),
            encryption_key_id: self.id.clone(),
        })
    }

    /// Decrypts the key of a record.
    ///
    /// # Errors
    /// `server.token_key_unreadable`, and those of the token.
    pub(crate) fn open(&self, record: &SigningKeyRecord) -> Result<SigningKey, Error> {
        let unreadable = || Error::TokenKeyUnreadable {
            kid: record.kid.clone(),
        };
        let sealed = record.sealed.as_ref().ok_or_else(unreadable)?;
        let bytes = parse_base64url(&sealed.sealed).map_err(|_| unreadable())?;
        let (nonce, text) = bytes.split_at_checked(NONCE_BYTES).ok_or_else(unreadable)?;
        let bound = self.bound_to(&record.kid, &record.algorithm);
        let der = match &self.held {
            Held::Here(secret) => {
                let end = text.len().checked_sub(TAG_BYTES).ok_or_else(unreadable)?;
                let (text, tag) = text.split_at_checked(end).ok_or_else(unreadable)?;
                let cipher = Cipher::aes_256_gcm();
                decrypt_aead(cipher, secret.as_slice(), Some(nonce), &bound, text, tag)
                    .map_err(|_| unreadable())?
            }
            Held::InToken { token, label } => token
                .decrypt(label, nonce, &bound, text)?
                .ok_or_else(unreadable)?,
        };
        let der = Zeroizing::new(der);
        let algorithm = algorithm_of(record).ok_or_else(unreadable)?;
        let key = SigningKey::from_der(algorithm, &der).map_err(|_| unreadable())?;
        if key.kid() == record.kid {
            Ok(key)
        } else {
            Err(unreadable())
        }
    }

    /// What a key's encryption is tied to: nothing that changes with its state.
    fn bound_to(&self, kid: &str, algorithm: &str) -> Vec<u8> {
        format!("cardea signing key 1\n{}\n{algorithm}\n{kid}\n", self.id).into_bytes()
    }
}

/// Whether a text holds a key-encryption key.
///
/// # Errors
/// `server.key_encryption_key_malformed`.
pub(crate) fn check_text(text: &str, place: &str) -> Result<(), Error> {
    KeyEncryption::from_text(text, place).map(drop)
}

/// The algorithm of a record's key.
pub(crate) fn algorithm_of(record: &SigningKeyRecord) -> Option<Algorithm> {
    let mut all = Algorithm::GENERAL.into_iter();
    all.find(|it| it.as_str() == record.algorithm)
}

/// A credential of the service manager (systemd.exec(5), `LoadCredential=`): it sees to it that
/// nobody else reads the file.
///
/// # Errors
/// `server.key_encryption_key_missing`, `server.file_unusable`.
pub(crate) fn read_credential(name: &str) -> Result<Zeroizing<String>, Error> {
    let missing = || Error::KeyEncryptionKeyMissing {
        place: format!("credential {name}"),
    };
    let is_plain = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
    let folder = std::env::var_os(CREDENTIALS).map(PathBuf::from);
    let folder = folder.filter(|folder| folder.is_absolute() && is_plain);
    let file = folder.ok_or_else(missing)?.join(name);
    if !file.exists() {
        return Err(missing());
    }
    let unreadable = |source| unusable(&file, "the credential cannot be read", source);
    let opened = std::fs::File::open(&file).map_err(unreadable)?;
    let mut text = Zeroizing::new(String::with_capacity(4096));
    io::Read::read_to_string(&mut io::Read::take(opened, CREDENTIAL_BYTES_MAX), &mut text)
        .map_err(unreadable)?;
    Ok(text)
}

/// Makes a key in a new file, which is there whole or not at all.
fn create(file: &Path) -> Result<(), Error> {
    let failed = |source| unusable(file, "the key-encryption key cannot be written", source);
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    rand_bytes(key.as_mut_slice()).map_err(|error| failed(io::Error::other(error)))?;
    let text = Zeroizing::new(format!("{}\n", base64url(key.as_slice())));
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    let beside = file.with_extension(format!("new-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written = options.open(&beside).and_then(|mut opened| {
        opened.write_all(text.as_bytes())?;
        opened.sync_all()
    });
    // Not over one that another process has made meanwhile.
    let linked = written.and_then(|()| std::fs::hard_link(&beside, file));
    let _ = std::fs::remove_file(&beside);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(()) => std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed),
    }
}

impl std::fmt::Debug for KeyEncryption {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KeyEncryption")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
