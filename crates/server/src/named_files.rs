//! The files that a configuration names: what the server needs beside its database.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{Config, TlsConfig};

/// A file, and the key that names it.
#[derive(Debug)]
pub(crate) struct NamedFile {
    pub(crate) key: String,
    pub(crate) path: PathBuf,
}

/// Every file that is named, the configuration itself first, under the key of an empty name.
pub(crate) fn named_files(config: &Config) -> Vec<NamedFile> {
    let mut files = Vec::new();
    let mut add = |key: String, path: &Path| {
        let path = path.to_owned();
        files.push(NamedFile { key, path });
    };
    add(String::new(), &config.file);
    for (index, file) in config.clients_file.iter().enumerate() {
        add(format!("clients_file[{index}]"), file);
    }
    let keys = &config.keys;
    add("keys.challenge_key".to_owned(), &keys.challenge_key);
    for (index, file) in keys.other_challenge_keys.iter().enumerate() {
        add(format!("keys.other_challenge_keys[{index}]"), file);
    }
    add("keys.challenge_list".to_owned(), &keys.challenge_list);
    if let Some(file) = &keys.enrolment {
        add("keys.enrolment".to_owned(), file);
    }
    if let Some(file) = &keys.encryption.file {
        add("keys.encryption.file".to_owned(), file);
    }
    for file in files_in(&keys.dir) {
        add("keys.dir".to_owned(), &file);
    }
    for (table, tls) in listeners(config) {
        add(format!("{table}.certificate"), &tls.certificate);
        add(format!("{table}.key"), &tls.key);
    }
    for (index, anchor) in config.trust_anchor.iter().enumerate() {
        add(format!("trust_anchor[{index}].anchors"), &anchor.anchors);
        if let Some(file) = &anchor.intermediates {
            add(format!("trust_anchor[{index}].intermediates"), file);
        }
        if anchor.profile.contains('/') {
            let key = format!("trust_anchor[{index}].profile");
            add(key, Path::new(&anchor.profile));
        }
    }
    let of_clients = config.mtls.iter().flat_map(|mtls| &mtls.trust_anchor);
    for (index, anchor) in of_clients.enumerate() {
        let key = format!("mtls.trust_anchor[{index}]");
        add(format!("{key}.anchors"), &anchor.anchors);
        if let Some(file) = &anchor.intermediates {
            add(format!("{key}.intermediates"), file);
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

/// What is in the folder of keys by now; none where it was not made yet.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}
