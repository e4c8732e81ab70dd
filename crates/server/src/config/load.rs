//! Reading the files, and saying where a mistake is.

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use cardea_jose::JwkSet;
use cardea_provider::PushAuthorization;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::{ClientConfig, Config, DatabaseUrl, check, profile};
use crate::error::Error;

/// A configuration larger than this is not one.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Some sixteen large keys.
const KEYS_BYTES_MAX: u64 = 64 * 1024;

/// A file of `[[client]]` tables alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientsFile {
    #[serde(default)]
    client: Vec<ClientConfig>,
}

/// Texts that stand in for files.
pub(super) type Texts = HashMap<PathBuf, String>;

pub(super) fn load(file: &Path) -> Result<Config, Error> {
    load_with(file, &Texts::new())
}

/// Loads a configuration, with other texts than those of some of its TOML files.
pub(super) fn load_with(file: &Path, texts: &Texts) -> Result<Config, Error> {
    let mut config: Config = read_toml(file, texts)?;
    file.clone_into(&mut config.file);
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    make_paths_absolute(&mut config, folder);
    complete_clients(file, &mut config.client)?;
    let rules = config.profile.rules();
    check::check_clients(file, &config.client, &rules)?;
    for clients_file in &config.clients_file {
        let more = load_clients_with(clients_file, texts)?;
        check::check_clients(clients_file, &more, &rules)?;
        config.client.extend(more);
    }
    check::check_whole(file, &config)?;
    for (index, anchor) in config.trust_anchor.iter().enumerate() {
        profile::check_profile(file, index, anchor)?;
    }
    profile::check_operators(file, &config)?;
    Ok(config)
}

/// The `[[client]]` tables of a file that has nothing else, before they are checked.
pub(crate) fn load_clients(file: &Path) -> Result<Vec<ClientConfig>, Error> {
    load_clients_with(file, &Texts::new())
}

fn load_clients_with(file: &Path, texts: &Texts) -> Result<Vec<ClientConfig>, Error> {
    let mut clients = read_toml::<ClientsFile>(file, texts)?.client;
    complete_clients(file, &mut clients)?;
    Ok(clients)
}

/// Notes the file of each table, and puts what its `jwks_file` holds into `jwks`; that path is
/// relative to the file that names it.
fn complete_clients(file: &Path, clients: &mut [ClientConfig]) -> Result<(), Error> {
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    for (index, client) in clients.iter_mut().enumerate() {
        client.file = Some(file.to_owned());
        complete_event_push(file, index, client)?;
        let Some(path) = client.jwks_file.take() else {
            continue;
        };
        let wrong = |reason: String| {
            let key = format!("client[{index}].jwks_file");
            invalid(file, None, &key, reason)
        };
        if client.jwks.is_some() {
            return Err(wrong("must not stand beside jwks".to_owned()));
        }
        client.jwks = Some(read_keys(&folder.join(path)).map_err(wrong)?);
    }
    Ok(())
}

/// Puts what `event_push_authorization_file` holds beside the address that it goes with.
fn complete_event_push(file: &Path, index: usize, client: &mut ClientConfig) -> Result<(), Error> {
    let Some(path) = client.event_push_authorization_file.take() else {
        return Ok(());
    };
    let wrong = |reason: String| {
        let key = format!("client[{index}].event_push_authorization_file");
        Err(invalid(file, None, &key, reason))
    };
    if client.event_push_uri.is_none() {
        return wrong("says nothing without event_push_uri".to_owned());
    }
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    match read_push_authorization(&folder.join(path)) {
        Ok(value) => client.event_push_authorization = Some(value),
        Err(reason) => return wrong(reason),
    }
    Ok(())
}

/// Reads the one line of a file as the value of a header.
fn read_push_authorization(file: &Path) -> Result<PushAuthorization, String> {
    let about = |reason: &dyn std::fmt::Display| format!("{}: {reason}", file.display());
    let opened = fs::File::open(file).map_err(|error| about(&error))?;
    let mut text = Zeroizing::new(String::new());
    opened
        .take(KEYS_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| about(&error))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    PushAuthorization::parse(Zeroizing::new(line.to_owned())).map_err(|reason| about(&reason))
}

/// Reads a JWK Set of public keys.
pub(crate) fn read_keys(file: &Path) -> Result<JwkSet, String> {
    let about = |reason: &dyn std::fmt::Display| format!("{}: {reason}", file.display());
    let opened = fs::File::open(file).map_err(|error| about(&error))?;
    let mut text = String::new();
    opened
        .take(KEYS_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| about(&error))?;
    serde_json::from_str(&text).map_err(|error| about(&error))
}

fn read_toml<T: DeserializeOwned>(file: &Path, texts: &Texts) -> Result<T, Error> {
    let text = match texts.get(file) {
        Some(text) => text.clone(),
        None => read_text(file)?,
    };
    let parser = toml::Deserializer::parse(&text).map_err(|error| at(file, &text, "", &error))?;
    serde_path_to_error::deserialize(parser).map_err(|error| {
        let key = error.path().to_string();
        at(file, &text, &key, error.inner())
    })
}

/// The text of a configuration file.
pub(super) fn read_text(file: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::ConfigUnreadable {
        file: file.to_owned(),
        source,
    };
    // What a device gives has no end.
    let opened = fs::File::open(file).map_err(unreadable)?;
    let mut text = String::new();
    opened
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(invalid(
            file,
            None,
            "",
            format!("is larger than {FILE_BYTES_MAX} bytes"),
        ));
    }
    Ok(text)
}

/// The error's own rendering would quote the line, which may hold a secret; so only its reason
/// and place are taken.
fn at(file: &Path, text: &str, key: &str, error: &toml::de::Error) -> Error {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map(|before| before.matches('\n').count().saturating_add(1));
    let key = if key == "." { "" } else { key };
    invalid(file, line, key, error.message().replace('\n', " "))
}

pub(super) fn invalid(
    file: &Path,
    line: Option<usize>,
    key: &str,
    reason: impl Into<String>,
) -> Error {
    Error::ConfigInvalid {
        file: file.to_owned(),
        line,
        key: key.to_owned(),
        reason: reason.into(),
    }
}

fn make_paths_absolute(config: &mut Config, folder: &Path) {
    let absolute = |path: &mut PathBuf| *path = folder.join(&*path);
    config.clients_file.iter_mut().for_each(absolute);
    absolute(&mut config.revocation.dir);
    config.keys.make_paths_absolute(folder);
    config.ledger.restore_records.iter_mut().for_each(absolute);
    let agentless = config.agentless.as_mut();
    let of_agentless = agentless.and_then(|agentless| agentless.tls.as_mut());
    for tls in config.tls.as_mut().into_iter().chain(of_agentless) {
        absolute(&mut tls.certificate);
        absolute(&mut tls.key);
    }
    let operations = &mut config.operations;
    for path in [
        &mut operations.bearer_token_file,
        &mut operations.backup_dir,
        &mut config.ledger.last_signed_file,
    ] {
        path.iter_mut().for_each(absolute);
    }
    if let Some(mtls) = &mut config.mtls {
        mtls.make_paths_absolute(folder);
    }
    if let DatabaseUrl::Sqlite(path) = &mut config.database.url {
        absolute(path);
    }
    for output in &mut config.siem {
        output.make_paths_absolute(folder);
    }
    for anchor in &mut config.trust_anchor {
        absolute(&mut anchor.anchors);
        anchor.intermediates.iter_mut().for_each(absolute);
        if profile::is_file(&anchor.profile) {
            let path = folder.join(&anchor.profile);
            anchor.profile = path.to_string_lossy().into_owned();
        }
    }
}
