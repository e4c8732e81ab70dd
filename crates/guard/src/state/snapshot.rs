//! The file that survives a restart: written beside the old one, whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openssl::sha::Sha256;

use super::layout::layout;
use crate::account::Carried;
use crate::{Decider, Error};

const MAGIC: &[u8; 16] = b"cardea-guard-st1";
/// One subject's accounts at most.
const ENTRY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The whole file at most: a million accounts at their usual size take a third.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
const DIGEST_BYTES: usize = 32;

/// Where a decider's accounts are written down.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    file: PathBuf,
    /// Whose accounts: those of another issuer or API are not taken over.
    owner: u64,
}

/// What came of reading a snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// So many subjects are known again.
    Subjects(usize),
    /// There was none.
    Nothing,
    /// It can't be used, for this reason, and was put aside.
    PutAside(&'static str),
}

impl Snapshot {
    pub(super) fn new(file: PathBuf, owner: u64) -> Self {
        Self { file, owner }
    }

    fn head(&self) -> Vec<u8> {
        let numbers = [self.owner.to_le_bytes(), layout().to_le_bytes()];
        [MAGIC.as_slice(), numbers.as_flattened()].concat()
    }

    /// Writes everything, in a task of its own: deciders answer meanwhile.
    pub(super) async fn write(&self, decider: Arc<Decider>) -> Result<(), Error> {
        let this = self.clone();
        let written = tokio::task::spawn_blocking(move || this.write_now(&decider)).await;
        let result = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        result.map_err(|source| Error::SnapshotFailed {
            file: self.file.clone(),
            source,
        })
    }

    pub(super) fn write_now(&self, decider: &Decider) -> std::io::Result<()> {
        let new = self.file.with_extension("new");
        // One that a crash left behind may have other rights.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        let mut output = BufWriter::new(file);
        let mut digest = Sha256::new();
        let head = self.head();
        digest.update(&head);
        output.write_all(&head)?;
        let mut bytes = head.len();
        let mut put = |block: &[u8]| {
            bytes += block.len();
            digest.update(block);
            output.write_all(block)
        };
        // A loss is doubted for a day, whatever is begun anew meanwhile.
        put(&decider.doubted_until().to_le_bytes())?;
        let mut shards = 0..;
        while let Some(subjects) = shards.next().and_then(|index| decider.carry_shard(index)) {
            for subject in subjects {
                let entry = postcard::to_allocvec(&subject).map_err(std::io::Error::other)?;
                let length = u32::try_from(entry.len()).map_err(std::io::Error::other)?;
                put(&length.to_le_bytes())?;
                put(&entry)?;
            }
        }
        put(&0_u32.to_le_bytes())?;
        if u64::try_from(bytes).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        output.write_all(&digest.finish())?;
        output.into_inner()?.sync_all()?;
        std::fs::rename(&new, &self.file)?;
        let folder = self.file.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Takes over what is written down. What can't be used is put aside, never written over.
    pub(super) fn read(&self, decider: &Decider) -> Result<Found, Error> {
        let failed = |source| Error::SnapshotFailed {
            file: self.file.clone(),
            source,
        };
        let file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Found::Nothing);
            }
            Err(error) => return Err(failed(error)),
        };
        // Twice: nothing is taken over from a file that is not whole.
        let checked = self.walk(&file, |_, _| {});
        let reason = match checked {
            Ok(_) => {
                let file = File::open(&self.file).map_err(failed)?;
                match self.walk(&file, |subject, all| decider.carry_in(&subject, all)) {
                    Ok((subjects, doubted_until)) => {
                        decider.doubt_until(doubted_until);
                        return Ok(Found::Subjects(subjects));
                    }
                    Err(reason) => reason,
                }
            }
            Err(reason) => reason,
        };
        std::fs::rename(&self.file, self.file.with_extension("unusable")).map_err(failed)?;
        Ok(Found::PutAside(reason))
    }

    /// How many subjects there are, and until when accounts that are not among them are doubted.
    fn walk(
        &self,
        file: &File,
        mut take: impl FnMut(String, Vec<Carried>),
    ) -> Result<(usize, i64), &'static str> {
        const BROKEN: &str = "it is cut off or damaged";
        let length = file.metadata().map_err(|_| BROKEN)?.len();
        if length > FILE_BYTES_MAX {
            return Err("it has more than 4 GiB");
        }
        let mut input = BufReader::new(file);
        let mut digest = Sha256::new();
        let mut get = |length: usize| {
            let mut block = vec![0; length];
            input.read_exact(&mut block).map_err(|_| BROKEN)?;
            Ok::<_, &'static str>(block)
        };
        let head = get(MAGIC.len() + 16)?;
        let ours = self.head();
        let (magic, owner) = (MAGIC.len(), MAGIC.len() + 8);
        if head.get(..magic) != ours.get(..magic) {
            return Err("it is no snapshot of a guard");
        }
        if head.get(magic..owner) != ours.get(magic..owner) {
            return Err("it is of another issuer or API");
        }
        if head != ours {
            return Err("it is of another version of the guard");
        }
        digest.update(&head);
        let doubted = get(8)?;
        digest.update(&doubted);
        let doubted_until = i64::from_le_bytes(doubted.try_into().map_err(|_| BROKEN)?);
        let mut subjects = 0;
        loop {
            let prefix = get(4)?;
            digest.update(&prefix);
            let prefix = prefix.try_into().map_err(|_| BROKEN)?;
            let length = usize::try_from(u32::from_le_bytes(prefix)).map_err(|_| BROKEN)?;
            if length == 0 {
                break;
            }
            if length > ENTRY_BYTES_MAX {
                return Err(BROKEN);
            }
            let entry = get(length)?;
            digest.update(&entry);
            let (subject, accounts) = postcard::from_bytes(&entry).map_err(|_| BROKEN)?;
            take(subject, accounts);
            subjects += 1;
        }
        if get(DIGEST_BYTES)? != digest.finish() {
            return Err(BROKEN);
        }
        Ok((subjects, doubted_until))
    }
}
