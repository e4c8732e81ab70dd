//! Reports that the issuer will never take: out of the way of the others, and not lost.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
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
        let options = options.create(true).read(true).append(true).mode(0o600);
        let mut file = options.open(&self.path).map_err(failed)?;
        let before = file.metadata().map_err(failed)?.len();
        if before >= BYTES_MAX {
            let reason = format!("{} is full: move it away", self.path.display());
            return Err(Error::SpoolFailed { reason });
        }
        let mut lines = Vec::new();
        // A line that was being written when the power went spoils no other.
        if !is_whole(&file, before).map_err(failed)? {
            lines.push(b'\n');
        }
        for (spooled, code) in refused {
            let report: Value = serde_json::from_slice(&spooled.record)
                .unwrap_or_else(|_| String::from_utf8_lossy(&spooled.record).into());
            let line = json!({"event_id": spooled.event_id, "code": code, "report": report});
            lines.extend_from_slice(line.to_string().as_bytes());
            lines.push(b'\n');
        }
        let written = file.write_all(&lines).and_then(|()| file.sync_data());
        written.map_err(|error| {
            // Mostly a full disk: they wait in the spool, and come again.
            let _ = file.set_len(before);
            failed(error)
        })
    }
}

/// Whether a file ends with a line's end, where it has anything.
fn is_whole(file: &File, bytes: u64) -> std::io::Result<bool> {
    let mut last = [b'\n'];
    if let Some(place) = bytes.checked_sub(1) {
        file.read_exact_at(&mut last, place)?;
    }
    Ok(last == [b'\n'])
}

pub(super) fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::SpoolFailed {
        reason: format!("{}: {error}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{FILE, SetAside};
    use crate::SpooledRecord;

    #[test]
    fn a_line_that_is_half_written_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let half = "{\"event_id\":\"a\",\"code\":\"c\",\"rep";
        std::fs::write(&file, half).unwrap();
        let aside = SetAside::open(folder.path()).unwrap();
        for id in ["b", "c"] {
            let record = SpooledRecord {
                sequence: 1,
                event_id: id.to_owned(),
                record: b"{\"kind\":\"look_up\"}".to_vec(),
            };
            aside.keep(&[(record, "a_code".to_owned())]).unwrap();
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let ids = text.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            line["event_id"].as_str().unwrap_or_default().to_owned()
        });
        assert_eq!(ids.collect::<Vec<_>>(), ["", "b", "c"], "{text}");
    }
}
