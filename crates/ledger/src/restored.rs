//! Restores that the log tells of, and whether one of them is why a checkpoint does not fit.

use cardea_storage::Transaction;
use cardea_storage::ledger::list_details_behind;
use cardea_transparency::{Checkpoint, Frontier, Note, RestoreRecord, VerifierKey};
use serde::Deserialize;

use crate::Error;

/// The kind of the event that tells of a restore.
pub const RESTORE_KIND: &str = "database.restored";
/// Restores that are looked at.
const RESTORES_MAX: u32 = 1_000;

/// The part of such an event's details that is looked at here.
#[derive(Deserialize)]
struct Details {
    log: Option<Log>,
    #[serde(default)]
    earlier: Vec<String>,
}

#[derive(Deserialize)]
struct Log {
    record: String,
}

/// The signed records in the details of an event that tells of a restore, its own first.
#[must_use]
pub fn restore_records(details: &str) -> Vec<String> {
    let Ok(Details { log, earlier }) = serde_json::from_str(details) else {
        return Vec::new();
    };
    log.map(|it| it.record).into_iter().chain(earlier).collect()
}

/// Records of the log's key, and what a walk has found of each.
pub(crate) struct Restores(Vec<Restore>);

struct Restore {
    record: RestoreRecord,
    /// Whether the log begins with what it says that it went on from.
    is_begun_with: bool,
    /// Whether an event that is in the log, or waits for its place, tells of it.
    is_on_record: bool,
}

impl Restores {
    /// Those that the database tells of, whatever it is worth.
    pub(crate) async fn read(
        transaction: &mut Transaction,
        key: &VerifierKey,
    ) -> Result<Self, Error> {
        let told = list_details_behind(transaction, RESTORE_KIND, 0, RESTORES_MAX).await?;
        let mut restores: Vec<Restore> = Vec::new();
        for text in told.iter().flat_map(|it| restore_records(it)) {
            if let Some(record) = read(&text, key)
                && !restores.iter().any(|it| it.record == record)
            {
                restores.push(Restore {
                    is_begun_with: record.after().size() == 0,
                    record,
                    is_on_record: false,
                });
            }
        }
        Ok(Self(restores))
    }

    /// Compares the tree as it stands, at each of its sizes.
    pub(crate) fn compare(&mut self, tree: &Frontier) {
        for restore in &mut self.0 {
            let after = restore.record.after();
            if after.size() == tree.size() {
                restore.is_begun_with = after.root() == tree.root();
            }
        }
    }

    /// An event tells of it: one of the tree, or one that waits.
    pub(crate) fn note(&mut self, kind: &str, details: &str, key: &VerifierKey) {
        if kind != RESTORE_KIND {
            return;
        }
        for record in restore_records(details)
            .iter()
            .filter_map(|it| read(it, key))
        {
            let mut known = self.0.iter_mut();
            if let Some(restore) = known.find(|it| it.record == record) {
                restore.is_on_record = true;
            }
        }
    }

    /// Whether any could explain this checkpoint, whatever else is found.
    pub(crate) fn may_explain(&self, seen: &Checkpoint, seen_at: u64) -> bool {
        let mut all = self.0.iter();
        all.any(|it| it.record.explains(seen, seen_at).is_ok())
    }

    /// The restore that explains a checkpoint, after the walk.
    pub(crate) fn explaining(&self, seen: &Checkpoint, seen_at: u64) -> Option<&RestoreRecord> {
        let mut all = self.0.iter();
        let found = all.find(|it| it.record.explains(seen, seen_at).is_ok() && self.leads_here(it));
        found.map(|it| &it.record)
    }

    /// Whether the log goes on from what a restore went on from, or left that behind by a later
    /// one. Each of those went on from less, so that no ring is possible.
    fn leads_here(&self, restore: &Restore) -> bool {
        let (after, at) = (restore.record.after(), restore.record.at());
        restore.is_on_record
            && (restore.is_begun_with
                || self.0.iter().any(|later| {
                    later.record.after().size() < after.size()
                        && later.record.explains(after, at).is_ok()
                        && self.leads_here(later)
                }))
    }
}

fn read(text: &str, key: &VerifierKey) -> Option<RestoreRecord> {
    let note = Note::parse(text.as_bytes()).ok()?;
    RestoreRecord::verify(&note, key).ok()
}
