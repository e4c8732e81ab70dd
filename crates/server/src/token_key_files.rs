//! Token keys in files, as servers before the database held them: taken in once.
//!
//! `token-<algorithm>.pem` signed, `retired-*.pem` verified; a retired RSA key was one for PS256 if
//! its name says so, such as `retired-token-ps256-2026.pem`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use cardea_jose::{Algorithm, SigningKey};

use crate::error::Error;
use crate::key_file::{load_key_for, unusable};

const TOKEN_KEYS: [(&str, Algorithm); 4] = [
    ("token-rs256.pem", Algorithm::Rs256),
    ("token-es256.pem", Algorithm::Es256),
    ("token-ps256.pem", Algorithm::Ps256),
    ("token-eddsa.pem", Algorithm::EdDsa),
];
const RETIRED_KEYS_MAX: usize = 8;

/// A key from a file.
#[derive(Debug)]
pub(crate) struct KeyOfFile {
    pub(crate) key: SigningKey,
    pub(crate) is_retired: bool,
}

/// Reads the keys of a folder, those that sign first.
///
/// # Errors
/// Those of [`load_key_for`]; `server.key_unusable` where a key is there twice.
pub(crate) fn read(folder: &Path) -> Result<Vec<KeyOfFile>, Error> {
    let mut keys = Vec::new();
    if !folder.exists() {
        return Ok(keys);
    }
    for (name, algorithm) in TOKEN_KEYS {
        let file = folder.join(name);
        if file.exists() {
            keys.push(KeyOfFile {
                key: load_key_for(&file, Some(algorithm))?,
                is_retired: false,
            });
        }
    }
    for file in retired_keys(folder)? {
        keys.push(KeyOfFile {
            key: load_key_for(&file, named_algorithm(&file))?,
            is_retired: true,
        });
    }
    check_distinct(&keys, folder)?;
    Ok(keys)
}

/// Renames what [`read`] reads, so that nobody does again. Where that fails the log says so.
pub(crate) fn put_by(folder: &Path) {
    let named = TOKEN_KEYS.iter().map(|(name, _)| folder.join(name));
    let retired = retired_keys(folder).unwrap_or_default();
    let mut renamed = 0_usize;
    for file in named.filter(|file| file.exists()).chain(retired) {
        let mut by = file.as_os_str().to_owned();
        by.push(".imported");
        match fs::rename(&file, &by) {
            Ok(()) => renamed += 1,
            Err(error) => tracing::error!(
                file = %file.display(),
                reason = %error,
                code = "server.file_unusable",
                "the file of an old token key stays: another database would take it in again"
            ),
        }
    }
    if renamed == 0 {
        return;
    }
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    tracing::warn!(
        files = renamed,
        folder = %folder.display(),
        is_durable = synced.is_ok(),
        "files of old token keys are called .imported now, and no database takes them in again; \
         delete them"
    );
}

fn retired_keys(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| unusable(folder, "the folder cannot be read", source);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.starts_with("retired-") && name.ends_with(".pem") && files.len() < RETIRED_KEYS_MAX
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The algorithm that the name of a file holds as a word.
fn named_algorithm(file: &Path) -> Option<Algorithm> {
    let name = file.file_stem()?.to_str()?.to_ascii_lowercase();
    let mut words = name.split(|character: char| !character.is_ascii_alphanumeric());
    words.find_map(|word| {
        let mut known = TOKEN_KEYS.iter().map(|(_, algorithm)| *algorithm);
        known.find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(word))
    })
}

/// One key with two algorithms would be two keys with one id, and nobody could tell which is meant.
fn check_distinct(keys: &[KeyOfFile], folder: &Path) -> Result<(), Error> {
    let mut ids = HashSet::new();
    if keys.iter().all(|it| ids.insert(it.key.kid())) {
        return Ok(());
    }
    Err(Error::KeyUnusable {
        file: folder.to_owned(),
        source: cardea_jose::Error::KeyInvalid {
            reason: "the folder holds one token key twice",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_file::create_key;

    #[test]
    fn keys_are_read_in_the_algorithm_of_their_name_and_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&folder.path().join("none")).unwrap().is_empty());
        let at = |name: &str| folder.path().join(name);
        create_key(&at("token-es256.pem"), Algorithm::Es256).unwrap();
        create_key(&at("retired-token-ps256-2026.pem"), Algorithm::Ps256).unwrap();
        create_key(&at("retired-2026.pem"), Algorithm::Rs256).unwrap();
        let read_all = || {
            let keys = read(folder.path())?;
            let all = keys.iter().map(|it| (it.key.algorithm(), it.is_retired));
            Ok::<_, Error>(all.collect::<Vec<_>>())
        };
        let expected = [
            (Algorithm::Es256, false),
            (Algorithm::Rs256, true),
            (Algorithm::Ps256, true),
        ];
        assert_eq!(read_all().unwrap(), expected);
        fs::copy(at("token-es256.pem"), at("retired-again.pem")).unwrap();
        assert_eq!(read_all().unwrap_err().code(), "server.key_unusable");
    }
}
