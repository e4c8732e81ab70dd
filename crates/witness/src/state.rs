//! What the witness cosigned last of each log, on the disk: one file a log, which holds the
//! checkpoint with the log's signature and the witness's own cosignature.
//!
//! A file that is missing or not the witness's own keeps the program from starting: taken for
//! "nothing known yet" it would let a log begin a second history.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use cardea_transparency::{Checkpoint, Hash, NOTE_BYTES_MAX, Note, VerifierKey};
use openssl::sha::sha256;
use rustix::fs::{FlockOperation, flock};

use crate::Error;

/// What was cosigned last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    /// When; a later cosignature never says an earlier time.
    pub(crate) timestamp: u64,
}

/// The folder, which is this process's alone while this lives.
#[derive(Debug)]
pub(crate) struct StateFolder {
    path: PathBuf,
    _lock: File,
}

impl StateFolder {
    /// Takes the folder, which is made if it is not there.
    pub(crate) fn take(path: &Path) -> Result<Self, Error> {
        let lock = path.join("lock");
        let unwritable = |source| Error::StateUnwritable {
            file: lock.clone(),
            source,
        };
        let mut folder = DirBuilder::new();
        let made = folder.recursive(true).mode(0o700).create(path);
        made.map_err(unwritable)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let opened = options.open(&lock).map_err(unwritable)?;
        flock(&opened, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            if error == rustix::io::Errno::WOULDBLOCK {
                Error::StateLocked {
                    folder: path.to_path_buf(),
                }
            } else {
                unwritable(error.into())
            }
        })?;
        Ok(Self {
            path: path.to_path_buf(),
            _lock: opened,
        })
    }

    /// The file of a log; an origin may have characters that no file's name has.
    pub(crate) fn file(&self, origin: &str) -> PathBuf {
        let digest = sha256(origin.as_bytes());
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.path.join(name).with_extension("checkpoint")
    }

    /// What was cosigned last of a log.
    pub(crate) fn read(&self, origin: &str, own: &VerifierKey) -> Result<Known, Error> {
        let file = self.file(origin);
        let damaged = |reason: String| Error::StateDamaged {
            file: file.clone(),
            reason,
        };
        let mut bytes = Vec::new();
        let bound = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
        let read = File::open(&file).and_then(|opened| opened.take(bound).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let origin = origin.to_owned();
                return Err(Error::StateMissing { origin, file });
            }
            Err(source) => return Err(Error::FileUnreadable { file, source }),
            Ok(_) => {}
        }
        let note = Note::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
        let verified = note.verify(std::slice::from_ref(own));
        let verified = verified.map_err(|error| damaged(error.to_string()))?;
        let timestamp = verified.iter().find_map(|it| it.timestamp);
        let timestamp = timestamp.ok_or_else(|| damaged("it has no time".to_owned()))?;
        let checkpoint = Checkpoint::parse(note.text());
        let checkpoint = checkpoint.map_err(|error| damaged(error.to_string()))?;
        if checkpoint.origin() != origin {
            return Err(damaged("it is another log's".to_owned()));
        }
        Ok(Known {
            size: checkpoint.size(),
            root: checkpoint.root(),
            timestamp,
        })
    }

    /// Copies what is known of a log beside it, where it stays. On return it outlives the machine.
    pub(crate) fn put_by(&self, origin: &str, unix_seconds: u64) -> Result<(), Error> {
        let file = self.file(origin);
        let by = file.with_extension(format!("before-{unix_seconds}"));
        let copied = std::fs::copy(&file, &by)
            .and_then(|_| File::open(&by)?.sync_all())
            .and_then(|()| File::open(&self.path)?.sync_all());
        copied.map_err(|source| Error::StateUnwritable { file: by, source })
    }

    /// Replaces what is known of a log, in one step: a crash leaves the old or the new. On return
    /// it outlives the machine.
    ///
    /// After [`Error::StateUnwritable`] the old is still there; after [`Error::StateUncertain`]
    /// only a restart can tell.
    pub(crate) fn write(&self, origin: &str, note: &Note) -> Result<(), Error> {
        let file = self.file(origin);
        let beside = file.with_extension("new");
        let prepare = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut written = options.open(&beside)?;
            written.write_all(note.to_string().as_bytes())?;
            written.sync_all()
        };
        prepare().map_err(|source| Error::StateUnwritable {
            file: beside.clone(),
            source,
        })?;
        std::fs::rename(&beside, &file)
            .and_then(|()| File::open(&self.path)?.sync_all())
            .map_err(|error| {
                tracing::error!(file = %file.display(), "can't replace a state: {error}");
                Error::StateUncertain {
                    origin: origin.to_owned(),
                }
            })
    }
}

#[cfg(test)]
mod tests;
