//! Having the log's checkpoints cosigned by its witnesses: in the background, and nobody's login
//! waits for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use cardea_assertion::WatchShown;
use cardea_provider::LogWatch;
use cardea_storage::Store;
use cardea_storage::ledger::{
    Checkpoint, find_checkpoint, keep_cosigned, newest_checkpoint, newest_cosigned,
};
use cardea_transparency::{Note, NoteSignature, VerifierKey};
use futures_util::future::join_all;
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::witness::{RENEWED_EVERY, Refusal, Witness};
use crate::config::LedgerConfig;
use crate::error::Error;
use crate::http_client::HttpClient;

/// How long enough witnesses may be silent before an operator is told.
const LATE: Duration = Duration::from_secs(5 * 60);
/// What witnesses have cosigned counts for so long, by the times that they put under it: agents
/// take those for the times at which they last saw the log. A log in which nothing happens is
/// cosigned anew within it, and a witness whose clock is off by more counts as silent.
const COUNTS_FOR: Duration = RENEWED_EVERY.saturating_mul(2);
/// Of the checkpoints of so long a time the last cosigned one stays.
const KEPT_EVERY_SECONDS: i64 = 3600;

/// The witnesses of a log.
pub(crate) struct Cosigning {
    http: HttpClient,
    every: Duration,
    quorum: u32,
    is_waived: bool,
    log_watch: LogWatch,
    keys: Vec<VerifierKey>,
    witnesses: Mutex<Vec<Witness>>,
    /// When enough of them had cosigned all that there was to cosign.
    covered_at: SyncMutex<Instant>,
    /// The size of the newest checkpoint that enough of them have cosigned.
    covered: AtomicU64,
    is_refused: AtomicBool,
}

impl Cosigning {
    /// `is_waived`: whether the log ought to have witnesses and has none.
    pub(crate) fn new(http: HttpClient, config: &LedgerConfig, is_waived: bool) -> Self {
        let keys = config.witness.iter().map(|it| it.verifier_key.key());
        let log_watch = LogWatch {
            witnesses: keys.clone().map(ToString::to_string).collect(),
            quorum: config.quorum(),
            is_waived,
        };
        Self {
            http,
            every: Duration::from_secs(u64::from(config.witness_seconds)),
            quorum: config.quorum(),
            is_waived,
            log_watch,
            keys: keys.cloned().collect(),
            witnesses: Mutex::new(config.witness.iter().map(Witness::new).collect()),
            covered_at: SyncMutex::new(Instant::now()),
            covered: AtomicU64::new(0),
            is_refused: AtomicBool::new(false),
        }
    }

    /// Whether there is anybody to ask.
    pub(super) fn has_witnesses(&self) -> bool {
        !self.keys.is_empty()
    }

    pub(super) fn every(&self) -> Duration {
        self.every
    }

    /// How many must have cosigned what is shown.
    pub(super) fn quorum(&self) -> u32 {
        self.quorum
    }

    /// Whether nobody watches this log who ought to, or those who do have been silent for long.
    pub(crate) fn is_unwitnessed(&self) -> bool {
        self.is_waived || self.silent_seconds() > LATE.max(self.every * 3).as_secs()
    }

    /// Whether a witness says that this is not the log that it knows.
    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }

    /// For how long enough witnesses have not cosigned all that there is; zero without any.
    pub(crate) fn silent_seconds(&self) -> u64 {
        if !self.has_witnesses() {
            return 0;
        }
        let covered_at = self.covered_at.lock();
        let covered_at = *covered_at.unwrap_or_else(PoisonError::into_inner);
        covered_at.elapsed().as_secs()
    }

    /// The size of the newest checkpoint that enough witnesses have cosigned.
    pub(crate) fn covered(&self) -> u64 {
        self.covered.load(Ordering::Relaxed)
    }

    /// Looks how far the log is cosigned, and where `is_asking`, has witnesses cosign its newest
    /// checkpoint. What fails is tried again.
    ///
    /// # Errors
    /// Those of the database, and `ledger.…` where what it holds is no note.
    pub(super) async fn look(
        &self,
        store: &Store,
        is_asking: bool,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let looked = self.look_at(store, is_asking, now).await;
        looked.map_err(|source| Error::LedgerUnavailable { source })
    }

    async fn look_at(
        &self,
        store: &Store,
        is_asking: bool,
        now: OffsetDateTime,
    ) -> Result<(), cardea_ledger::Error> {
        let mut reading = store.begin_read().await?;
        let newest = newest_checkpoint(&mut reading).await?;
        drop(reading);
        let Some(newest) = newest else {
            self.note_covered(0);
            return Ok(());
        };
        let note = Note::parse(newest.note.as_bytes())?;
        if is_asking {
            let lines = self.ask_all(store, (newest.size, &note), now).await;
            if !lines.is_empty() {
                self.keep(store, &newest, lines).await?;
            }
        }
        let mut reading = store.begin_read().await?;
        let cosigned = newest_cosigned(&mut reading, self.quorum).await?;
        drop(reading);
        let Some(cosigned) = cosigned else {
            return Ok(());
        };
        // Others may have been the witnesses then.
        let cosigned_at = self.cosigned_at(&Note::parse(cosigned.note.as_bytes())?);
        let Some(cosigned_at) = cosigned_at else {
            return Ok(());
        };
        self.covered.store(cosigned.size, Ordering::Relaxed);
        let now = now.unix_timestamp();
        let counts = now.abs_diff(cosigned_at) <= COUNTS_FOR.as_secs();
        // Another node may be the one that asks, and the log grows while it does.
        let age = now.saturating_sub(cosigned.made_at);
        let is_fresh = u64::try_from(age).is_ok_and(|age| age <= self.every.as_secs() * 2);
        if counts && (cosigned.size >= newest.size || is_fresh) {
            self.note_covered(cosigned.size);
        }
        Ok(())
    }

    /// When enough of these witnesses had cosigned a note, by their own clocks; none where they
    /// have not.
    pub(super) fn cosigned_at(&self, note: &Note) -> Option<i64> {
        let cosigned = note.verify(&self.keys).ok()?;
        let mut times: Vec<u64> = cosigned.iter().filter_map(|it| it.timestamp).collect();
        times.sort_unstable_by(|one, other| other.cmp(one));
        let last = usize::try_from(self.quorum).ok()?.checked_sub(1)?;
        let at = times.get(last)?;
        Some(i64::try_from(*at).unwrap_or(i64::MAX))
    }

    fn note_covered(&self, size: u64) {
        let covered_at = self.covered_at.lock();
        *covered_at.unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.covered.store(size, Ordering::Relaxed);
    }

    /// Who watches the log, as agents are told.
    pub(super) fn watch(&self) -> WatchShown {
        WatchShown {
            witnesses: self.log_watch.witnesses.clone(),
            quorum: self.quorum,
        }
    }

    /// How many are asked.
    pub(super) fn witnesses_count(&self) -> u32 {
        u32::try_from(self.keys.len()).unwrap_or(u32::MAX)
    }

    /// Those whose keys have these ids, as verifier keys write them: `name+id+key`.
    pub(super) fn named(&self, ids: &[String]) -> Vec<VerifierKey> {
        let is_named = |key: &&VerifierKey| {
            let key = key.to_string();
            let id = key.split('+').nth(1);
            ids.iter().any(|it| Some(it.as_str()) == id)
        };
        self.keys.iter().filter(is_named).cloned().collect()
    }

    /// The same, as the log is told.
    pub(super) fn log_watch(&self) -> &LogWatch {
        &self.log_watch
    }

    /// How many witnesses have no line under a note.
    fn missing(&self, note: &Note) -> usize {
        let signatures = note.signatures();
        let lacks = |key: &&VerifierKey| !signatures.iter().any(|it| it.is_of(key));
        self.keys.iter().filter(lacks).count()
    }

    /// Asks those that have no line under the note yet, or an old one, all at once.
    async fn ask_all(
        &self,
        store: &Store,
        (size, note): (u64, &Note),
        now: OffsetDateTime,
    ) -> Vec<NoteSignature> {
        let mut witnesses = self.witnesses.lock().await;
        let begun = Instant::now();
        let asked = witnesses.iter_mut().filter(|it| {
            let mut signatures = note.signatures().iter();
            let has_signed = signatures.any(|signature| signature.is_of(it.key()));
            it.is_due(begun) && (!has_signed || it.is_to_renew(begun))
        });
        let asking = asked.map(|witness| async {
            let cosigned = witness.cosign((&self.http, store), size, note).await;
            let cosigned = match cosigned {
                Err(Refusal::Ahead { known, .. }) if is_grown(store, known).await => return None,
                cosigned => cosigned,
            };
            witness.note(cosigned.as_ref().map(drop), Instant::now());
            let (line, at) = cosigned.ok()?;
            witness.note_clock(at, now.unix_timestamp());
            Some(line)
        });
        let lines = join_all(asking).await.into_iter().flatten().collect();
        let is_refused = witnesses.iter().any(Witness::has_refused);
        self.is_refused.store(is_refused, Ordering::Relaxed);
        lines
    }

    /// Puts lines under the checkpoint that they are of, and keeps it, however far the log has
    /// grown meanwhile.
    async fn keep(
        &self,
        store: &Store,
        asked: &Checkpoint,
        lines: Vec<NoteSignature>,
    ) -> Result<(), cardea_ledger::Error> {
        let mut transaction = store.begin().await?;
        // Another node may have put other lines there.
        let stored = find_checkpoint(&mut transaction, asked.size).await?;
        let mut checkpoint = stored.unwrap_or_else(|| asked.clone());
        let stored = Note::parse(checkpoint.note.as_bytes())?;
        if stored.text() != Note::parse(asked.note.as_bytes())?.text() {
            return Err(cardea_ledger::Error::HistoryChanged {
                what: "a checkpoint was exchanged while witnesses cosigned it",
            });
        }
        let note = renewed(&stored, lines, &self.keys)?;
        checkpoint.note = note.to_string();
        let cosignatures = self.keys.len().saturating_sub(self.missing(&note));
        let cosignatures = u32::try_from(cosignatures).unwrap_or(u32::MAX);
        let since = asked.made_at - asked.made_at.rem_euclid(KEPT_EVERY_SECONDS);
        keep_cosigned(&mut transaction, &checkpoint, cosignatures, since).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// A note with these lines in the place of those that the same witnesses had put there.
fn renewed(
    stored: &Note,
    lines: Vec<NoteSignature>,
    keys: &[VerifierKey],
) -> Result<Note, cardea_ledger::Error> {
    let mut note = stored.only(&[]);
    let is_replaced = |old: &NoteSignature| {
        let mut keys = keys.iter().filter(|key| old.is_of(key));
        keys.any(|key| lines.iter().any(|new| new.is_of(key)))
    };
    for signature in stored.signatures().iter().filter(|it| !is_replaced(it)) {
        note.add(signature.clone())?;
    }
    for line in lines {
        note.add(line)?;
    }
    Ok(note)
}

/// Whether the log has so many entries by now: another node had more of it cosigned.
async fn is_grown(store: &Store, known: u64) -> bool {
    let newest = async {
        let mut reading = store.begin_read().await?;
        newest_checkpoint(&mut reading).await
    };
    matches!(newest.await, Ok(Some(newest)) if newest.size >= known)
}

impl std::fmt::Debug for Cosigning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cosigning").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use cardea_transparency::{Checkpoint, Hash, KeyName, NoteSigner, SignatureKind};
    use openssl::pkey::PKey;

    use super::renewed;

    fn signer(name: &str, kind: SignatureKind) -> NoteSigner {
        let key = PKey::generate_ed25519().unwrap();
        NoteSigner::new(KeyName::new(name).unwrap(), kind, key).unwrap()
    }

    #[test]
    fn a_fresh_line_takes_the_place_of_the_same_witness_s_old_one() {
        let log = signer("id.example/log", SignatureKind::Ed25519);
        let one = signer("one.example", SignatureKind::Cosignature);
        let other = signer("other.example", SignatureKind::Cosignature);
        let head = Checkpoint::new("id.example/log", 3, Hash([7; 32])).unwrap();
        let mut note = head.to_note().unwrap();
        note.add(log.sign(&note, 0).unwrap()).unwrap();
        note.add(one.sign(&note, 10).unwrap()).unwrap();
        note.add(other.sign(&note, 10).unwrap()).unwrap();
        let keys = [one.verifier().clone(), other.verifier().clone()];
        let lines = vec![one.sign(&note, 99).unwrap()];
        let renewed = renewed(&note, lines, &keys).unwrap();
        let time_of = |key| {
            let verified = renewed.verify(std::slice::from_ref(key)).unwrap();
            verified[0].timestamp
        };
        assert_eq!(time_of(one.verifier()), Some(99));
        assert_eq!(time_of(other.verifier()), Some(10));
        assert_eq!(time_of(log.verifier()), None);
        assert_eq!(renewed.signatures().len(), 3);
        assert_eq!(renewed.text(), note.text());
    }
}
