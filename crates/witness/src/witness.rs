//! The decision whether a checkpoint is cosigned (C2SP tlog-witness), and its one effect.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cardea_transparency::{
    AddCheckpoint, Checkpoint, Hash, NoteSignature, NoteSigner, VerifierKey, verify_consistency,
};

use crate::state::{Known, StateFolder};
use crate::{Config, Error, key_file};

/// A witness with what it knows.
#[derive(Debug)]
pub struct Witness {
    signer: NoteSigner,
    folder: StateFolder,
    logs: HashMap<String, Log>,
}

#[derive(Debug)]
struct Log {
    keys: Vec<VerifierKey>,
    /// `None` once a write broke off: nobody knows then which of two states a restart would find.
    known: Mutex<Option<Known>>,
}

impl Witness {
    /// Takes up what was known when the program last ended.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`], [`Error::StateLocked`], [`Error::StateMissing`],
    /// [`Error::StateDamaged`], [`Error::FileUnreadable`].
    pub fn open(config: &Config) -> Result<Self, Error> {
        let signer = key_file::read(config)?;
        let folder = StateFolder::take(&config.state_folder)?;
        let mut logs = HashMap::new();
        for log in &config.logs {
            let known = folder.read(&log.origin, signer.verifier())?;
            let known = Mutex::new(Some(known));
            let keys = log.keys.clone();
            logs.insert(log.origin.clone(), Log { keys, known });
        }
        Ok(Self {
            signer,
            folder,
            logs,
        })
    }

    /// Says that a log begins: nothing was cosigned of it yet. A person says so once, so that a
    /// state that was lost is never taken for a beginning.
    ///
    /// # Errors
    /// [`Error::LogUnknown`], [`Error::StateExists`], [`Error::StateLocked`],
    /// [`Error::StateUnwritable`], [`Error::KeyUnusable`], [`Error::FileUnreadable`].
    pub fn begin(config: &Config, origin: &str, unix_seconds: u64) -> Result<(), Error> {
        if config.log(origin).is_none() {
            let origin = origin.to_owned();
            return Err(Error::LogUnknown { origin });
        }
        let signer = key_file::read(config)?;
        let folder = StateFolder::take(&config.state_folder)?;
        let file = folder.file(origin);
        // A file that cannot be looked at is not one that is not there.
        let is_there = file.try_exists();
        let is_there = is_there.map_err(|source| Error::FileUnreadable {
            file: file.clone(),
            source,
        })?;
        if is_there {
            let origin = origin.to_owned();
            return Err(Error::StateExists { origin, file });
        }
        let mut note = Checkpoint::new(origin, 0, Hash::EMPTY_ROOT)
            .and_then(|checkpoint| checkpoint.to_note())
            .map_err(Error::RequestMalformed)?;
        let cosigned = signer
            .sign(&note, unix_seconds)
            .and_then(|signature| note.add(signature));
        cosigned.map_err(Error::SigningFailed)?;
        folder.write(origin, &note)
    }

    /// The public half of its key.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        self.signer.verifier()
    }

    /// Judges the body of a request, and cosigns. Blocks on the disk: the cosignature is given
    /// back only when what it says would outlive the machine. One origin's requests come one after
    /// the other, so that none is judged by what another is about to replace. Whoever calls has to
    /// let this come to its end, even if nobody waits for the answer any more.
    ///
    /// # Errors
    /// In this order: [`Error::RequestMalformed`], [`Error::LogUnknown`],
    /// [`Error::CheckpointUnsigned`], [`Error::StateUncertain`], [`Error::SizeConflict`],
    /// [`Error::RootConflict`], [`Error::GrowthUnproven`], [`Error::StateUnwritable`].
    pub fn cosign(&self, body: &[u8], unix_seconds: u64) -> Result<NoteSignature, Error> {
        let request = AddCheckpoint::parse(body).map_err(Error::RequestMalformed)?;
        let origin = request.checkpoint().origin();
        let log = self.logs.get(origin).ok_or_else(|| Error::LogUnknown {
            origin: origin.to_owned(),
        })?;
        let signed = request.note().verify(&log.keys);
        signed.map_err(Error::CheckpointUnsigned)?;
        // Should a thread have died in here, it had not stored `Some` again: uncertain, as below.
        let mut slot = log.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slot.ok_or_else(|| Error::StateUncertain {
            origin: origin.to_owned(),
        })?;
        check_growth(&known, &request)?;
        let timestamp = unix_seconds.max(known.timestamp);
        let cosignature = self.signer.sign(request.note(), timestamp);
        let cosignature = cosignature.map_err(Error::SigningFailed)?;
        // Only what was verified is kept: a stranger's line under the note, say one that claims to
        // be this witness's, would otherwise spoil the file.
        let mut note = request.note().only(&log.keys);
        let added = note.add(cosignature.clone());
        added.map_err(Error::SigningFailed)?;
        *slot = None;
        let stored = self.folder.write(origin, &note);
        *slot = match &stored {
            Ok(()) => Some(Known {
                size: request.checkpoint().size(),
                root: request.checkpoint().root(),
                timestamp,
            }),
            Err(Error::StateUnwritable { .. }) => Some(known),
            Err(_) => None,
        };
        stored.map(|()| cosignature)
    }
}

/// Whether the checkpoint's tree is the known one, or begins with it.
fn check_growth(known: &Known, request: &AddCheckpoint) -> Result<(), Error> {
    let (old_size, new) = (request.old_size(), request.checkpoint());
    if old_size != known.size {
        return Err(Error::SizeConflict {
            old_size,
            known: known.size,
        });
    }
    if new.size() == known.size && new.root() != known.root {
        return Err(Error::RootConflict { size: known.size });
    }
    let (size, root) = (new.size(), new.root());
    verify_consistency(known.size, &known.root, size, &root, request.proof())
        .map_err(Error::GrowthUnproven)
}
