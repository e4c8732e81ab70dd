//! The file of one enrolled issuer, beside the configuration: the command writes it whole and
//! takes it away whole, and never touches what a person wrote.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use cardea_assertion::{EnrolledLog, root_fingerprint};
use cardea_jose::{Jwk, sha256_base64url};
use serde::Serialize;

use crate::Error;
use crate::config::issuer_files;
use crate::enrolment::Enrolment;
use crate::log_memory::KnownLog;
use crate::protected_file;

#[derive(Serialize)]
struct Content<'a> {
    issuer: &'a str,
    name: &'a str,
    origins: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<String>,
    signed_at: i64,
    roots: &'a [Jwk],
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<EnrolledLog>,
}

/// Writes the file of an issuer, by its document of that time: whole or not at all. Returns its
/// place.
pub(super) fn write(
    config: &Path,
    enrolment: &Enrolment,
    signed_at: i64,
) -> Result<PathBuf, Error> {
    let folder = issuer_files::folder_of(config);
    let unusable = |error: &dyn std::fmt::Display| Error::StateUnusable {
        path: folder.clone(),
        reason: error.to_string(),
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| unusable(&error))?;
    protected_file::check_folder(&folder)?;
    let path = folder.join(format!("{}.toml", stem(enrolment)));
    let authority = path.with_extension("ca.pem");
    if let Some(pem) = &enrolment.ca_pem {
        protected_file::replace(&authority, pem)?;
        open_like_folder(&authority, &folder)?;
    }
    let content = Content {
        issuer: enrolment.issuer.as_str(),
        name: &enrolment.name,
        origins: enrolment.origins.iter().map(|it| it.as_str()).collect(),
        ca_file: enrolment.ca_pem.as_ref().map(|_| {
            let name = authority.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        }),
        signed_at,
        roots: &enrolment.roots,
        log: enrolment.log.as_ref().map(KnownLog::to_enrolled),
    };
    let table = toml::to_string(&content).map_err(|error| unusable(&error))?;
    let mut text =
        "# Written by `cardea-agent enrol`. The fingerprints that were compared:\n".to_owned();
    for root in &enrolment.roots {
        text.push_str(&format!("# {}\n", root_fingerprint(root)));
    }
    text.push_str(&table);
    protected_file::replace(&path, text.as_bytes())?;
    open_like_folder(&path, &folder)?;
    Ok(path)
}

/// Whoever may read the folder may read the file: an administrator enrols for everybody who works
/// at the workstation, and nothing in it is secret.
fn open_like_folder(path: &Path, folder: &Path) -> Result<(), Error> {
    let change = || {
        let readers = std::fs::metadata(folder)?.permissions().mode() & 0o044;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600 | readers))
    };
    change().map_err(|error| Error::StateUnusable {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Takes the file of an issuer away.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let authority = path.with_extension("ca.pem");
    for file in [path, &authority] {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::StateUnusable {
                    path: file.to_owned(),
                    reason: error.to_string(),
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// A file name that says whose it is: the host, and what tells issuers of one host apart.
fn stem(enrolment: &Enrolment) -> String {
    let host: String = enrolment
        .issuer
        .host()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let issuer = enrolment.issuer.as_str();
    if issuer == format!("https://{host}") {
        return host;
    }
    let digest = sha256_base64url(issuer.as_bytes());
    let short: String = digest.chars().take(8).collect();
    format!("{host}-{short}")
}
