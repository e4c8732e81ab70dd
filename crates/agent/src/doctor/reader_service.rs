//! The smart-card service: is it there, does it run, may this account use it, does it answer?

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use cardea_card::{Error, Reader};

use super::Surroundings;
use super::cause::Cause;
use super::finding::Finding;

/// Where the service listens unless `PCSCLITE_CSOCK_NAME` names another socket.
const SOCKET: &str = "/run/pcscd/pcscd.comm";
/// Where systems have the program.
const PROGRAMS: [&str; 4] = [
    "usr/sbin/pcscd",
    "usr/bin/pcscd",
    "sbin/pcscd",
    "usr/local/sbin/pcscd",
];
/// `SCARD_W_SECURITY_VIOLATION`: polkit said no.
pub(super) const SECURITY_VIOLATION: u32 = 0x8010_006A;

/// The service's socket.
pub(super) fn socket() -> PathBuf {
    std::env::var_os("PCSCLITE_CSOCK_NAME").map_or_else(|| SOCKET.into(), PathBuf::from)
}

/// Whether something takes connections there.
pub(super) fn knock(socket: &Path, surroundings: &Surroundings) -> Result<(), Finding> {
    let error = match UnixStream::connect(socket) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let socket = socket.display().to_string();
    Err(match error.kind() {
        ErrorKind::PermissionDenied => forbidden(
            &socket,
            (
                format!("Le système refuse l’accès à {socket}."),
                format!("The system denies access to {socket}."),
            ),
        ),
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            let is_installed = PROGRAMS
                .iter()
                .any(|program| surroundings.root.join(program).exists());
            let cause = if is_installed {
                Cause::ReaderServiceStopped
            } else {
                Cause::ReaderServiceMissing
            };
            Finding::new(cause).with("socket", socket)
        }
        _ => silent(&error.to_string()),
    })
}

/// What it means that the service takes connections and its readers are not to be had.
pub(super) fn failure(error: &Error) -> Finding {
    let socket = socket().display().to_string();
    match error {
        // It closed the connection that it had taken: that is how it turns an account away.
        Error::ReaderServiceUnavailable => forbidden(
            &socket,
            (
                "Le service accepte la connexion et la ferme aussitôt : polkit refuse ce compte."
                    .to_owned(),
                "The service takes the connection and closes it at once: polkit refuses this \
                 account."
                    .to_owned(),
            ),
        ),
        Error::ReaderFault { status, .. } if *status == SECURITY_VIOLATION => denied_card(),
        error => silent(&error.to_string()),
    }
}

/// The service lets this account see readers and not use a card.
pub(super) fn denied_card() -> Finding {
    let socket = socket().display().to_string();
    forbidden(
        &socket,
        (
            "Le service refuse l’accès à la carte (polkit, access_card).".to_owned(),
            "The service denies access to the card (polkit, access_card).".to_owned(),
        ),
    )
}

/// It took longer than a probe may.
pub(super) fn timed_out() -> Finding {
    Finding::new(Cause::ReaderServiceSilent).with_words(
        "reason",
        ("pas de réponse dans le délai", "no answer in time"),
    )
}

fn silent(reason: &str) -> Finding {
    let french = format!("message technique, en anglais : {reason}");
    Finding::new(Cause::ReaderServiceSilent).with_words("reason", (french, reason.to_owned()))
}

fn forbidden(socket: &str, reason: (String, String)) -> Finding {
    Finding::new(Cause::ReaderServiceForbidden)
        .with("socket", socket)
        .with_words("reason", reason)
}

/// No reader at all.
pub(super) fn check_any(readers: &[Reader]) -> Result<(), Finding> {
    match readers {
        [] => Err(Finding::new(Cause::ReaderMissing)),
        _ => Ok(()),
    }
}
