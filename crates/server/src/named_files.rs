//! The files that a configuration names: what the server needs beside its database, and what has
//! to be kept apart from a backup.

use std::path::{Path, PathBuf};

use crate::config::{Config, EncryptionConfig, TlsConfig};
use crate::key_encryption::FILE_NAME;

/// A file, and the key that names it.
#[derive(Debug)]
pub(crate) struct NamedFile {
    pub(crate) key: String,
    pub(crate) path: PathBuf,
    /// Whether everybody may know what is in it. A digest of anything else would let whoever holds
    /// it try out a short secret.
    pub(crate) is_public: bool,
}

/// Every file whose loss would be missed, the configuration itself first, under the key of an empty
/// name. PINs and tokens are not among them: their owners make others.
pub(crate) fn named_files(config: &Config) -> Vec<NamedFile> {
    let mut files = Vec::new();
    let mut add = |key: String, path: &Path, is_public: bool| {
        files.push(NamedFile {
            key,
            path: path.to_owned(),
            is_public,
        });
    };
    // Clients' secrets and the database's password may stand in these two.
    add(String::new(), &config.file, false);
    for (index, file) in config.clients_file.iter().enumerate() {
        add(format!("clients_file[{index}]"), file, false);
    }
    let keys = &config.keys;
    add("keys.challenge_key".to_owned(), &keys.challenge_key, false);
    for (index, file) in keys.other_challenge_keys.iter().enumerate() {
        add(format!("keys.other_challenge_keys[{index}]"), file, false);
    }
    add("keys.challenge_list".to_owned(), &keys.challenge_list, true);
    if let Some(file) = &keys.enrolment {
        add("keys.enrolment".to_owned(), file, true);
    }
    if let Some(file) = encryption_file(&keys.encryption, &keys.dir) {
        add("keys.encryption.file".to_owned(), &file, false);
    }
    for (table, tls) in listeners(config) {
        add(format!("{table}.certificate"), &tls.certificate, true);
        add(format!("{table}.key"), &tls.key, false);
    }
    for (index, anchor) in config.trust_anchor.iter().enumerate() {
        add(
            format!("trust_anchor[{index}].anchors"),
            &anchor.anchors,
            true,
        );
        if let Some(file) = &anchor.intermediates {
            add(format!("trust_anchor[{index}].intermediates"), file, true);
        }
        if anchor.profile.contains('/') {
            let key = format!("trust_anchor[{index}].profile");
            add(key, Path::new(&anchor.profile), true);
        }
    }
    let of_clients = config.mtls.iter().flat_map(|mtls| &mtls.trust_anchor);
    for (index, anchor) in of_clients.enumerate() {
        let key = format!("mtls.trust_anchor[{index}]");
        add(format!("{key}.anchors"), &anchor.anchors, true);
        if let Some(file) = &anchor.intermediates {
            add(format!("{key}.intermediates"), file, true);
        }
    }
    files
}

/// The certificates of every listener, and the tables that name them.
pub(crate) fn listeners(config: &Config) -> Vec<(&'static str, &TlsConfig)> {
    let tables = [
        ("tls", config.tls.as_ref()),
        (
            "mtls.tls",
            config.mtls.as_ref().and_then(|it| it.tls.as_ref()),
        ),
        (
            "agentless.tls",
            config.agentless.as_ref().and_then(|it| it.tls.as_ref()),
        ),
    ];
    tables
        .into_iter()
        .filter_map(|(table, tls)| Some((table, tls?)))
        .collect()
}

/// The file of the key-encryption key, where it is kept in one.
fn encryption_file(encryption: &EncryptionConfig, folder: &Path) -> Option<PathBuf> {
    let is_elsewhere = encryption.credential.is_some()
        || encryption.environment.is_some()
        || encryption.pkcs11_key.is_some();
    let default = || folder.join(FILE_NAME);
    (!is_elsewhere).then(|| encryption.file.clone().unwrap_or_else(default))
}
