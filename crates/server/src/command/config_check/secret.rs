//! Secrets that a configuration names: keys that encrypt, PINs, tokens.
//!
//! What the service manager hands to the server (a credential, a variable of the environment) is
//! looked at where it is there: a check from a shell does not have it.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::config::{Config, DatabaseUrl, EncryptionConfig, Mistake, Pkcs11Config};
use crate::error::Error;
use crate::key_encryption::{check_text, read_credential};
use crate::key_file::{read_private, unusable};
use crate::operations::OperationsToken;

use super::named::mistake;

const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

pub(super) fn find_mistakes(config: &Config) -> Vec<Mistake> {
    let keys = &config.keys;
    let mut found = Vec::new();
    let previous = keys.previous_encryption.as_ref();
    let sources = [
        ("keys.encryption", Some(&keys.encryption), Needed::MayBeMade),
        ("keys.previous_encryption", previous, Needed::Now),
    ];
    for (table, source, needed) in sources {
        let checked = source.map(|source| check_encryption(&keys.dir, source, needed));
        if let Some(Err((key, error))) = checked {
            found.push(mistake(config, &format!("{table}.{key}"), &error));
        }
    }
    if let Some(Err((key, error))) = keys.pkcs11.as_ref().map(check_pkcs11) {
        found.push(mistake(config, &format!("keys.pkcs11.{key}"), &error));
    }
    if let Err(error) = OperationsToken::load(&config.operations) {
        found.push(mistake(config, "operations.bearer_token_file", &error));
    }
    if let DatabaseUrl::Sqlite(file) = &config.database.url
        && let Err(error) = check_database_file(file)
    {
        found.push(mistake(config, "database.url", &error));
    }
    let backups = config.operations.backup_dir.as_deref();
    if let Some(Err(error)) = backups.map(check_folder) {
        found.push(mistake(config, "operations.backup_dir", &error));
    }
    found
}

/// Whether a key-encryption key must be there before the start.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needed {
    Now,
    MayBeMade,
}

fn check_encryption(
    folder: &Path,
    source: &EncryptionConfig,
    needed: Needed,
) -> Result<(), (&'static str, Error)> {
    if let Some(name) = &source.credential {
        let checked = in_credentials(name, |text| check_text(text, &format!("credential {name}")));
        return checked.map_err(|error| ("credential", error));
    }
    if let Some(name) = &source.environment {
        let place = format!("environment variable {name}");
        return match crate::environment_secret::read(name) {
            Some(text) => check_text(&text, &place).map_err(|error| ("environment", error)),
            None => Ok(()),
        };
    }
    if source.pkcs11_key.is_some() {
        return Ok(());
    }
    let file = source.file.clone();
    let file = file.unwrap_or_else(|| folder.join(crate::key_encryption::FILE_NAME));
    check_file(folder, &file, needed).map_err(|error| ("file", error))
}

fn check_file(folder: &Path, file: &Path, needed: Needed) -> Result<(), Error> {
    if !file.exists() && needed == Needed::MayBeMade {
        // The start makes the folder of the keys, and no other.
        return match file.parent() {
            None => Ok(()),
            Some(parent) if parent == folder || parent == Path::new("") => Ok(()),
            Some(parent) => check_folder(parent),
        };
    }
    let place = format!("file {}", file.display());
    let content = read_private(file)?;
    check_text(std::str::from_utf8(&content).unwrap_or_default(), &place)
}

fn check_pkcs11(config: &Pkcs11Config) -> Result<(), (&'static str, Error)> {
    // It is not loaded: whatever it does is done by the server alone.
    let opened = std::fs::File::open(&config.module);
    opened.map_err(|source| {
        let error = unusable(&config.module, "the PKCS#11 module cannot be read", source);
        ("module", error)
    })?;
    if let Some(file) = &config.pin_file {
        read_private(file).map_err(|error| ("pin_file", error))?;
    }
    let pin = config.pin_credential.as_deref();
    let checked = pin.map(|name| in_credentials(name, |_| Ok(())));
    checked
        .unwrap_or(Ok(()))
        .map_err(|error| ("pin_credential", error))
}

fn in_credentials(name: &str, check: impl Fn(&str) -> Result<(), Error>) -> Result<(), Error> {
    match std::env::var_os(CREDENTIALS) {
        Some(_) => check(&read_credential(name)?),
        None => Ok(()),
    }
}

/// The file may be missing, for the start makes it; its folder not. Nobody else may read it.
fn check_database_file(file: &Path) -> Result<(), Error> {
    match std::fs::metadata(file) {
        Ok(metadata) if metadata.mode() & 0o077 == 0 => Ok(()),
        Ok(_) => {
            let reason = "other users can read it; run `chmod 600` on it";
            let source = std::io::Error::other(reason);
            Err(unusable(file, "the database is not a private file", source))
        }
        Err(_) => match file.parent() {
            None => Ok(()),
            Some(folder) if folder == Path::new("") => Ok(()),
            Some(folder) => check_folder(folder),
        },
    }
}

/// What the service manager hands to the server alone, and is not there where this runs: told, and
/// no mistake.
pub(super) fn not_seen(config: &Config) -> Vec<String> {
    let keys = &config.keys;
    let mut names = Vec::new();
    let previous = keys.previous_encryption.as_ref();
    let tables = [
        ("keys.encryption", Some(&keys.encryption)),
        ("keys.previous_encryption", previous),
    ];
    let has_credentials = std::env::var_os(CREDENTIALS).is_some();
    for (table, source) in tables {
        let Some(source) = source else { continue };
        if source.credential.is_some() && !has_credentials {
            names.push(format!("{table}.credential"));
        }
        let variable = source.environment.as_deref();
        if variable.is_some_and(|name| std::env::var_os(name).is_none()) {
            names.push(format!("{table}.environment"));
        }
    }
    let pin = keys.pkcs11.as_ref().map(|it| it.pin_credential.is_some());
    if pin == Some(true) && !has_credentials {
        names.push("keys.pkcs11.pin_credential".to_owned());
    }
    names
}

fn check_folder(folder: &Path) -> Result<(), Error> {
    let entries = std::fs::read_dir(folder);
    entries
        .map(drop)
        .map_err(|source| unusable(folder, "the folder cannot be read", source))
}
