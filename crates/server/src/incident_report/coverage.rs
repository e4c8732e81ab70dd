//! Whether the log has a look-up on record as it stands, under a checkpoint that bears the log's
//! signature.

use std::collections::{BTreeSet, HashMap};

use cardea_ledger::{ProvenEntry, SignedCheckpoint, inclusions};
use cardea_provider::LookUpsOnRecord;
use cardea_provider::event::RecordedReport;
use cardea_storage::Store;
use cardea_storage::guard_report::GuardReport;
use cardea_storage::ledger::newest_checkpoint;
use cardea_transparency::{Rest, VerifierKey, verify_inclusion};
use serde::Serialize;

use crate::error::Error;
use crate::ledger::key::find_verifier;

/// What the log says of a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// It is what the log has on record, at this place.
    Verified(u64),
    /// Its entry has no place under a checkpoint yet: a second later it has.
    Waiting,
    /// It is not what its entry has on record, or the entry does not fit the log.
    Changed,
    /// No entry names it: an older program took it.
    Unrecorded,
    /// It says that the log has it, and the entry is not there.
    Missing,
    /// There is no checkpoint to compare with.
    Unchecked,
}

/// How many look-ups of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CoverageCount {
    /// As the log has them.
    pub(crate) verified: u64,
    /// Without a place yet.
    pub(crate) waiting: u64,
    /// Not as the log has them.
    pub(crate) changed: u64,
    /// Named by no entry.
    pub(crate) unrecorded: u64,
    /// Whose entry is gone.
    pub(crate) missing: u64,
    /// With nothing to compare with.
    pub(crate) unchecked: u64,
}

/// The checkpoint that look-ups are compared with: one for a whole report.
pub(crate) struct LogCheck {
    origin: String,
    key: Option<VerifierKey>,
    checkpoint: Option<SignedCheckpoint>,
}

impl Coverage {
    /// Its word in files.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Verified(_) => "verified",
            Self::Waiting => "waiting",
            Self::Changed => "changed",
            Self::Unrecorded => "unrecorded",
            Self::Missing => "missing",
            Self::Unchecked => "unchecked",
        }
    }
}

impl CoverageCount {
    pub(crate) fn add(&mut self, coverage: Coverage) {
        let count = match coverage {
            Coverage::Verified(_) => &mut self.verified,
            Coverage::Waiting => &mut self.waiting,
            Coverage::Changed => &mut self.changed,
            Coverage::Unrecorded => &mut self.unrecorded,
            Coverage::Missing => &mut self.missing,
            Coverage::Unchecked => &mut self.unchecked,
        };
        *count += 1;
    }

    /// Whether somebody has written into the database.
    pub(crate) fn is_tampered(&self) -> bool {
        self.changed > 0 || self.missing > 0
    }

    pub(crate) fn looked_at(&self) -> u64 {
        let Self {
            verified,
            waiting,
            changed,
            unrecorded,
            missing,
            unchecked,
        } = self;
        verified + waiting + changed + unrecorded + missing + unchecked
    }
}

impl LogCheck {
    /// Takes the newest checkpoint, which must bear the signature of the log's key: of this one, or
    /// else of the one in the database.
    ///
    /// # Errors
    /// Those of the database; `ledger.checkpoint_unsigned` where it bears no such signature.
    pub(crate) async fn begin(
        store: &Store,
        origin: &str,
        key: Option<&VerifierKey>,
    ) -> Result<Self, Error> {
        let unavailable = |source| Error::DatabaseUnavailable { source };
        let key = match key {
            Some(key) => Some(key.clone()),
            None => find_verifier(store, origin).await?,
        };
        let mut reading = store.begin_read().await.map_err(unavailable)?;
        let newest = newest_checkpoint(&mut reading).await.map_err(unavailable)?;
        drop(reading);
        let checkpoint = match (newest, &key) {
            (Some(newest), Some(key)) => {
                let signed = SignedCheckpoint::read(&newest.note, origin, key);
                let size = newest.size;
                let finding = cardea_ledger::Finding::CheckpointUnsigned { size };
                Some(signed.map_err(|_| Error::LedgerTampered { finding })?)
            }
            _ => None,
        };
        Ok(Self {
            origin: origin.to_owned(),
            key,
            checkpoint,
        })
    }

    /// A log that nobody has signed yet.
    #[cfg(test)]
    pub(crate) fn unsigned(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            key: None,
            checkpoint: None,
        }
    }

    /// The log's name.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The key that signed.
    pub(crate) fn key(&self) -> Option<&VerifierKey> {
        self.key.as_ref()
    }

    /// The checkpoint.
    pub(crate) fn checkpoint(&self) -> Option<&SignedCheckpoint> {
        self.checkpoint.as_ref()
    }

    /// What the log says of each of these look-ups, in their order.
    ///
    /// # Errors
    /// Those of the database and of the log.
    pub(crate) async fn look_at(
        &self,
        store: &Store,
        reports: &[GuardReport],
    ) -> Result<Vec<Coverage>, Error> {
        let Some(checkpoint) = &self.checkpoint else {
            let unchecked = |it: &GuardReport| match it.on_record {
                Some(_) => Coverage::Unchecked,
                None => Coverage::Unrecorded,
            };
            return Ok(reports.iter().map(unchecked).collect());
        };
        let ids: BTreeSet<&str> = reports
            .iter()
            .filter_map(|it| Some(it.on_record.as_ref()?.event_id.as_str()))
            .collect();
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        let unavailable = |source| Error::LedgerUnavailable { source };
        let database = |source| Error::DatabaseUnavailable { source };
        let mut reading = store.begin_read().await.map_err(database)?;
        let proven = inclusions(&mut reading, &ids, checkpoint.size).await;
        let proven = proven.map_err(unavailable)?;
        let waiting = waiting_of(&mut reading, &ids, &proven).await;
        let waiting = waiting.map_err(database)?;
        drop(reading);
        let entries: HashMap<String, Entry> = proven
            .iter()
            .map(|it| (id_of(it), Entry::of(it, checkpoint)))
            .collect();
        let judge = |report: &GuardReport| {
            let Some(on_record) = &report.on_record else {
                return Coverage::Unrecorded;
            };
            match entries.get(&on_record.event_id) {
                Some(entry) => entry.judge(report),
                None if waiting.contains(&on_record.event_id) => Coverage::Waiting,
                None => Coverage::Missing,
            }
        };
        Ok(reports.iter().map(judge).collect())
    }
}

/// Events that are there and that the checkpoint does not cover yet.
async fn waiting_of(
    reading: &mut cardea_storage::Transaction,
    ids: &[String],
    proven: &[ProvenEntry],
) -> Result<BTreeSet<String>, cardea_storage::Error> {
    let proven: BTreeSet<String> = proven.iter().map(id_of).collect();
    let missing: Vec<String> = ids
        .iter()
        .filter(|it| !proven.contains(*it))
        .cloned()
        .collect();
    let there = cardea_storage::incident::list_existing_events(reading, &missing).await?;
    Ok(there.into_iter().collect())
}

/// An entry of the log that has look-ups on record.
struct Entry {
    /// None where it does not fit the log.
    index: Option<u64>,
    reports: HashMap<String, RecordedReport>,
}

impl Entry {
    fn of(proven: &ProvenEntry, checkpoint: &SignedCheckpoint) -> Self {
        let entry = &proven.entry;
        let is_in_tree = entry.leaf().hash() == entry.hash
            && verify_inclusion(
                &entry.hash,
                entry.index,
                checkpoint.size,
                &proven.proof,
                &checkpoint.root,
            )
            .is_ok();
        let reports = match &entry.rest {
            Rest::Whole(public, _, personal) => {
                LookUpsOnRecord::recorded_in(&public.kind, &personal.details)
            }
            _ => Vec::new(),
        };
        Self {
            index: is_in_tree.then_some(entry.index),
            reports: reports.into_iter().map(|it| (it.id.clone(), it)).collect(),
        }
    }

    fn judge(&self, report: &GuardReport) -> Coverage {
        let recorded = self.reports.get(&report.id);
        let is_same = recorded.is_some_and(|it| report.digest().as_ref() == Some(&it.sha256));
        match self.index {
            Some(index) if is_same => Coverage::Verified(index),
            _ => Coverage::Changed,
        }
    }
}

fn id_of(proven: &ProvenEntry) -> String {
    match &proven.entry.rest {
        Rest::Whole(public, ..) | Rest::Erased(public, _) => public.id.clone(),
        Rest::Forgotten(_) => String::new(),
    }
}
