//! Reports that the issuer will never take: out of the way of the others, and not lost.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{Error, SpooledRecord};

pub(super) const FILE: &str = "refused.jsonl";
/// What is being sent again out of it.
pub(super) const RESENT_FILE: &str = "refused.resent.jsonl";
/// Room for some ten thousand; what comes after it waits in the spool until an operator has looked
/// into them and moved the file.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file beside the segments, a report a line, with its id and the issuer's code.
pub(super) struct SetAside {
    path: PathBuf,
    count: u64,
}

impl SetAside {
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let count = match File::open(&path) {
            Ok(file) => BufReader::new(file)
                .split(b'\n')
                .map_while(Result::ok)
                .count(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(failed(&path, &error)),
        };
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        Ok(Self { path, count })
    }

    /// How many stood there when it was opened.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Writes reports down, each with its code, and comes back when the disk holds them.
    ///
    /// # Errors
    /// [`Error::SpoolFailed`], also where the file is full: nothing may leave the spool then.
    pub(super) fn keep(&self, refused: &[(SpooledRecord, String)]) -> Result<(), Error> {
        let failed = |error: std::io::Error| failed(&self.path, &error);
        let mut options = OpenOptions::new();
        let options = options.create(true).append(true).mode(0o600);
        let mut file = options.open(&self.path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() >= BYTES_MAX {
            let reason = format!("{} is full: move it away", self.path.display());
            return Err(Error::SpoolFailed { reason });
        }
        let mut lines = Vec::new();
        for (spooled, code) in refused {
            let report: Value = serde_json::from_slice(&spooled.record)
                .unwrap_or_else(|_| String::from_utf8_lossy(&spooled.record).into());
            let line = json!({"event_id": spooled.event_id, "code": code, "report": report});
            lines.extend_from_slice(line.to_string().as_bytes());
            lines.push(b'\n');
        }
        file.write_all(&lines).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        Ok(())
    }
}

pub(super) fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::SpoolFailed {
        reason: format!("{}: {error}", path.display()),
    }
}
