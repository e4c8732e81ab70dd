//! The issuer's offline roots, its challenge key and the signed list of challenge keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::system::addresses::Addresses;
use crate::{process, workspace};

/// Makes everything with `cardea keys` and gives the JWK Set of the two roots.
pub(super) fn make_keys(folder: &Path, addresses: &Addresses) -> Result<String> {
    let keys = keys_folder(folder);
    fs::create_dir_all(&keys).context("can't make the folder for keys")?;
    let program = workspace::binary("cardea")?;
    let run = |arguments: &[&str]| {
        process::capture(
            Command::new(&program)
                .arg("keys")
                .args(arguments)
                .current_dir(&keys),
        )
    };
    let first = run(&["new-root", "--out", "root-1.pem"])?;
    let second = run(&["new-root", "--out", "root-2.pem"])?;
    run(&["new-challenge-key", "--out", "challenge-key.pem"])?;
    let issuer = addresses.issuer();
    run(&[
        "challenge-list",
        "sign",
        "--root",
        "root-1.pem",
        "--issuer",
        &issuer,
        "--version",
        "1",
        "--key",
        "challenge-key.pem",
        "--out",
        "challenge-keys.jws",
    ])?;
    fs::write(keys.join("root-2.jwk"), &second).context("can't write the second root's key")?;
    run(&[
        "sign-enrolment",
        "--root",
        "root-1.pem",
        "--second-root",
        "root-2.jwk",
        "--issuer",
        &issuer,
        "--name",
        "Cardea (démonstration)",
        "--out",
        "enrolment.jws",
    ])?;
    Ok(format!(
        "{{\"keys\":[{},{}]}}\n",
        first.trim(),
        second.trim()
    ))
}

pub(super) fn keys_folder(folder: &Path) -> PathBuf {
    folder.join("keys")
}
