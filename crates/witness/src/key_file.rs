//! The witness's private key: PKCS#8 in PEM, in a file that only its owner can read.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use cardea_transparency::{NoteSigner, SignatureKind, VerifierKey};
use openssl::pkey::PKey;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::{Config, Error};

const FILE_BYTES_MAX: u64 = 16 * 1024;

/// Makes the key that the configuration names, and gives its public half. A key that is there is
/// never written over.
///
/// # Errors
/// [`Error::KeyUnusable`].
pub fn make(config: &Config) -> Result<VerifierKey, Error> {
    let file = &config.key_file;
    let unusable = |reason: String| unusable(file, reason);
    let key = PKey::generate_ed25519().map_err(|error| unusable(error.to_string()))?;
    let text = key.private_key_to_pem_pkcs8();
    let text = Zeroizing::new(text.map_err(|error| unusable(error.to_string()))?);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let write = || -> std::io::Result<()> {
        let mut written = options.open(file)?;
        written.write_all(&text)?;
        written.sync_all()?;
        let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| unusable(error.to_string()))?;
    public(config)
}

/// The public half of the key that the configuration names, as logs configure it.
///
/// # Errors
/// [`Error::KeyUnusable`].
pub fn public(config: &Config) -> Result<VerifierKey, Error> {
    Ok(read(config)?.verifier().clone())
}

/// Reads the key.
pub(crate) fn read(config: &Config) -> Result<NoteSigner, Error> {
    let file = &config.key_file;
    let unusable = |reason: String| unusable(file, reason);
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(nofollow);
    let opened = options.open(file);
    let opened = opened.map_err(|error| unusable(error.to_string()))?;
    let metadata = opened.metadata();
    let metadata = metadata.map_err(|error| unusable(error.to_string()))?;
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own && metadata.uid() != 0 {
        return Err(unusable("it belongs to another user".to_owned()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(unusable(
            "others can read it; set its mode to 0600".to_owned(),
        ));
    }
    let mut text = Zeroizing::new(Vec::new());
    let read = opened.take(FILE_BYTES_MAX).read_to_end(&mut text);
    read.map_err(|error| unusable(error.to_string()))?;
    // Without a callback OpenSSL would ask the terminal for the passphrase of an encrypted key.
    let key = PKey::private_key_from_pem_callback(&text, |_| Ok(0));
    let key = key.map_err(|_| unusable("it is no private key in PEM without passphrase".into()))?;
    NoteSigner::new(config.name.clone(), SignatureKind::Cosignature, key)
        .map_err(|error| unusable(error.to_string()))
}

fn unusable(file: &Path, reason: String) -> Error {
    Error::KeyUnusable {
        file: file.to_path_buf(),
        reason,
    }
}
