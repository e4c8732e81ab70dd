//! The same signature by OpenSC's `pkcs11-tool`, on the same card in the same reader.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cardea_test_pki::KeyKind;
use cardea_virtual_card::DEFAULT_PIN;

use crate::Failure;
use crate::desk::Desk;

const MODULE: &str = "opensc-pkcs11.so";
const MODULE_FOLDERS: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/pkcs11",
    "/usr/lib64",
];

/// Logs in and signs once; tells how long the whole program took, and its commands to the card.
pub(crate) fn sign(desk: &Desk, key: KeyKind) -> Result<(Duration, usize), Failure> {
    let module = MODULE_FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(MODULE))
        .find(|path| path.exists())
        .ok_or("OpenSC is missing; on Debian: apt-get install opensc")?;
    let folder = tempfile::tempdir()?;
    let message = folder.path().join("message");
    std::fs::write(&message, b"the message that a card signs\n")?;
    let mechanism: &[&str] = match key {
        KeyKind::P256 => &["ECDSA-SHA256", "--signature-format", "openssl"],
        _ => &["SHA256-RSA-PKCS"],
    };
    let before = desk.card.command_headers().len();
    let begun = Instant::now();
    let output = Command::new("pkcs11-tool")
        .arg("--module")
        .arg(module)
        .args(["--login", "--pin", DEFAULT_PIN, "--sign", "--id", "01"])
        .arg("--mechanism")
        .args(mechanism)
        .arg("-i")
        .arg(&message)
        .arg("-o")
        .arg(folder.path().join("signature"))
        .env("HOME", folder.path())
        .output()?;
    let took = begun.elapsed();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("pkcs11-tool failed: {said}").into());
    }
    let commands = desk.card.command_headers().len().saturating_sub(before);
    Ok((took, commands))
}
