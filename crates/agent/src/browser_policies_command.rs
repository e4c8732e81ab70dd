//! `cardea-agent browser-policies`: lets the workstation's browsers reach the agent on the login
//! pages of the issuers that the workstation is enrolled with, and the extension on no others.
//!
//! Chromium, Chrome and Edge read every file of a folder; of a policy that stands in two of them
//! the last file's counts. Ours comes early, so that what an administrator wrote stands. Firefox
//! has one file for all policies, which is nobody's to overwrite; it needs none of these.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::config::Config;
use crate::enrolment::Enrolment;
use crate::native_host::CHROMIUM_ID;
use crate::{Error, config_place, protected_file};

/// Where each browser looks.
const FOLDERS: [&str; 3] = [
    "etc/chromium/policies/managed",
    "etc/opt/chrome/policies/managed",
    "etc/opt/edge/policies/managed",
];
/// The file in each.
pub const FILE: &str = "10-cardea-agent.json";

/// What is to be done.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Take the policies away instead.
    #[arg(long)]
    pub remove: bool,
    /// Another root folder, such as that of a system's image.
    #[arg(long, value_name = "FOLDER", default_value = "/")]
    pub root: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            remove: false,
            root: "/".into(),
        }
    }
}

/// Writes the policies of the issuers that the workstation's configuration enrols, or takes them
/// away where there is none; says what was done, a line a file, and whether there was an issuer or
/// they were to go.
///
/// # Errors
/// Those of the configuration; [`Error::StateUnusable`] when a file cannot be written.
pub fn run(config: Option<&Path>, options: &Options) -> Result<(String, bool), Error> {
    let workstation = options
        .root
        .join(config_place::OF_WORKSTATION.trim_start_matches('/'));
    let file_read = config.unwrap_or(&workstation);
    let origins = if options.remove {
        BTreeSet::new()
    } else {
        origins(&Config::enrolments(file_read)?)
    };
    let mut said = String::new();
    for folder in FOLDERS {
        let file = options.root.join(folder).join(FILE);
        if origins.is_empty() {
            if remove(&file)? {
                said.push_str(&format!("removed: {}\n", file.display()));
            }
        } else {
            write(&file, &format!("{:#}\n", policies(&origins)))?;
            said.push_str(&format!("written: {}\n", file.display()));
        }
    }
    let is_done = options.remove || !origins.is_empty();
    if !is_done {
        said.push_str(&format!(
            "no issuer is enrolled in {}: there is nothing to allow.\n\
             Enrol one for everybody at this workstation, which writes the policies, too: sudo \
             cardea-agent enrol https://…\n\
             An issuer that one person alone has enrolled does not count here.\n",
            file_read.display()
        ));
    }
    Ok((said, is_done))
}

/// The login pages' origins.
fn origins(enrolments: &[Enrolment]) -> BTreeSet<String> {
    let origins = enrolments.iter().flat_map(|enrolment| &enrolment.origins);
    origins.map(|origin| origin.as_str().to_owned()).collect()
}

fn policies(origins: &BTreeSet<String>) -> Value {
    // The patterns of hosts know no ports.
    let hosts: BTreeSet<&str> = origins.iter().map(|origin| without_port(origin)).collect();
    json!({
        "LocalNetworkAccessAllowedForUrls": origins,
        "LoopbackNetworkAllowedForUrls": origins,
        "ExtensionSettings": {
            CHROMIUM_ID: {
                "installation_mode": "allowed",
                "runtime_blocked_hosts": ["*://*"],
                "runtime_allowed_hosts": hosts,
            }
        }
    })
}

fn without_port(origin: &str) -> &str {
    match origin.rsplit_once(':') {
        Some((before, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => before,
        _ => origin,
    }
}

/// Browsers of all users read it.
fn write(file: &Path, text: &str) -> Result<(), Error> {
    let unusable = |path: &Path, error: &std::io::Error| Error::StateUnusable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    }
    protected_file::replace(file, text.as_bytes())?;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644))
        .map_err(|error| unusable(file, &error))
}

/// Takes the file away, and the two folders above it where nothing else is in them.
fn remove(file: &Path) -> Result<bool, Error> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => {
            return Err(Error::StateUnusable {
                path: file.to_owned(),
                reason: error.to_string(),
            });
        }
        Ok(()) => {}
    }
    for folder in file.ancestors().skip(1).take(2) {
        // One that is not empty is somebody else's, too.
        if std::fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
