//! Whether every look-up that the log has on record is there, as it was.

use std::collections::{HashMap, HashSet};

use cardea_ledger::{ErasedWhat, VerifierKey, erasures_signed_from, is_erasure_signed};
use cardea_storage::guard_report::{
    self, GuardReport, count_recorded_before, count_unrecorded, list_events_of_kind,
};
use cardea_storage::ledger::list_entries_by_id;
use cardea_storage::{Store, Transaction, event::EventRecord};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use crate::event::{LOOK_UPS_ERASED, LOOK_UPS_REPORTED, RecordedReport};
use crate::{Error, KeptFor};

/// Events that are looked at at once.
const PAGE: u32 = 20;
/// Erasures that are kept in memory: of more, a look-up that is gone is not found.
const ERASED_MAX: usize = 1_000_000;
/// Whatever clock the sweep goes by.
const CLOCKS_DIFFER: Duration = Duration::hours(1);

/// Checks the look-ups of a database against its log, which must have been verified before: what
/// an event says is believed here.
#[derive(Clone, Copy, Debug)]
pub struct LookUpsOnRecord;

/// What there is of them, where nothing is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookUpsChecked {
    /// Reports that are as the log has them.
    pub sound: u64,
    /// Reports that the log names and that went at their time.
    pub forgotten: u64,
    /// Reports that were erased before, on record.
    pub erased: u64,
    /// Reports that no entry names: an older program took them.
    pub unrecorded: u64,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookUpFinding {
    /// A report is not what the log's digest was made of.
    #[error("the look-up {report} is not the one that the event {event} has on record")]
    Changed {
        /// The report.
        report: String,
        /// The event.
        event: String,
    },
    /// A report is gone before its time.
    #[error("the look-up {report}, which the event {event} has on record, is gone before its time")]
    Removed {
        /// The report.
        report: String,
        /// The event.
        event: String,
    },
    /// Reports say that the log has them, and it has not.
    #[error("{count} look-ups say that the log has them, and no event of it names them")]
    Added {
        /// How many.
        count: i64,
    },
}

/// What an event of the log says about reports.
#[derive(Deserialize)]
struct Reported {
    reports: Vec<RecordedReport>,
}

#[derive(Deserialize)]
struct Erasure {
    reports: Vec<String>,
    #[serde(default)]
    digests: Vec<String>,
    record: Option<String>,
}

/// What was erased before its time.
#[derive(Default)]
struct Erased {
    /// Reports with their digests, over the log's signature: what somebody made of them before they
    /// were erased is no excuse for what the log has on record.
    signed: HashSet<(String, String)>,
    /// Reports that an older program erased.
    unsigned: HashSet<String>,
}

impl LookUpsOnRecord {
    /// The reports that an event of the log has on record, by its kind and details; none where it
    /// is no such event.
    #[must_use]
    pub fn recorded_in(kind: &str, details: &str) -> Vec<RecordedReport> {
        let details = match kind {
            LOOK_UPS_REPORTED => serde_json::from_str::<Reported>(details).ok(),
            _ => None,
        };
        details.map(|it| it.reports).unwrap_or_default()
    }

    /// The same where look-ups are kept as long as by default.
    ///
    /// # Errors
    /// As [`LookUpsOnRecord::check_kept`].
    pub async fn check(
        store: &Store,
        key: &VerifierKey,
        now: OffsetDateTime,
    ) -> Result<Result<LookUpsChecked, LookUpFinding>, Error> {
        Self::check_kept(store, key, KeptFor::default().look_ups, now).await
    }

    /// Walks over the log's entries of look-ups, and over the look-ups, which are kept for so long.
    /// An erasure counts where this key, the log's, has signed it.
    ///
    /// # Errors
    /// [`Error::Storage`]. What is wrong with the look-ups is no error of this function, but its
    /// [`LookUpFinding`].
    pub async fn check_kept(
        store: &Store,
        key: &VerifierKey,
        kept: Duration,
        now: OffsetDateTime,
    ) -> Result<Result<LookUpsChecked, LookUpFinding>, Error> {
        let due = now - kept + CLOCKS_DIFFER;
        let mut erased = erased_reports(store, key).await?;
        let mut checked = LookUpsChecked::default();
        let mut found_before = 0_i64;
        let mut after = String::new();
        loop {
            let mut reading = store.begin_read().await?;
            let page = list_events_of_kind(&mut reading, LOOK_UPS_REPORTED, &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            let recorded: Vec<_> = page
                .iter()
                .map(|event| (event, Self::recorded_in(&event.kind, &event.details)))
                .collect();
            let ids = recorded.iter().flat_map(|(_, reports)| reports);
            let ids: Vec<String> = ids.map(|it| it.id.clone()).collect();
            let reports = guard_report::list_by_ids(&mut reading, &ids).await?;
            drop(reading);
            let reports: HashMap<&str, &GuardReport> =
                reports.iter().map(|it| (it.id.as_str(), it)).collect();
            for (event, recorded) in &recorded {
                for one in recorded {
                    let report = reports.get(one.id.as_str()).copied();
                    let mut judged = judge(event, one, report, &erased, due);
                    if matches!(judged, Err(LookUpFinding::Removed { .. })) {
                        // It may have been erased since the walk began.
                        erased = erased_reports(store, key).await?;
                        judged = judge(event, one, report, &erased, due);
                    }
                    match judged {
                        Ok(Standing::Sound) => {
                            checked.sound += 1;
                            found_before += i64::from(event.occurred_at < now);
                        }
                        Ok(Standing::Forgotten) => checked.forgotten += 1,
                        Ok(Standing::Erased) => checked.erased += 1,
                        Err(finding) => return Ok(Err(finding)),
                    }
                }
            }
        }
        let mut reading = store.begin_read().await?;
        let count = count_recorded_before(&mut reading, now).await? - found_before;
        if count > 0 {
            return Ok(Err(LookUpFinding::Added { count }));
        }
        let unrecorded = count_unrecorded(&mut reading).await?;
        checked.unrecorded = u64::try_from(unrecorded).unwrap_or_default();
        Ok(Ok(checked))
    }
}

enum Standing {
    Sound,
    Forgotten,
    Erased,
}

fn judge(
    event: &EventRecord,
    recorded: &RecordedReport,
    report: Option<&GuardReport>,
    erased: &Erased,
    due: OffsetDateTime,
) -> Result<Standing, LookUpFinding> {
    if report.is_some_and(|it| is_as_recorded(it, event, recorded)) {
        return Ok(Standing::Sound);
    }
    // A guard may send a report again that was erased: that one is on record anew.
    if erased
        .signed
        .contains(&(recorded.id.clone(), recorded.sha256.clone()))
    {
        return Ok(Standing::Erased);
    }
    let (id, event_id) = (recorded.id.clone(), event.id.clone());
    if report.is_some() {
        let (report, event) = (id, event_id);
        return Err(LookUpFinding::Changed { report, event });
    }
    if erased.unsigned.contains(&id) {
        return Ok(Standing::Erased);
    }
    if event.occurred_at < due {
        return Ok(Standing::Forgotten);
    }
    let (report, event) = (id, event_id);
    Err(LookUpFinding::Removed { report, event })
}

/// Whether a report is what an event's digest was made of.
fn is_as_recorded(report: &GuardReport, event: &EventRecord, recorded: &RecordedReport) -> bool {
    let names_it = report
        .on_record
        .as_ref()
        .is_some_and(|it| it.event_id == event.id);
    names_it && report.digest().as_deref() == Some(recorded.sha256.as_str())
}

async fn erased_reports(store: &Store, key: &VerifierKey) -> Result<Erased, Error> {
    let (mut erased, mut after) = (Erased::default(), String::new());
    let mut reading = store.begin_read().await?;
    let signed_from = erasures_signed_from(&mut reading, key).await?;
    drop(reading);
    loop {
        let mut reading = store.begin_read().await?;
        let page = list_events_of_kind(&mut reading, LOOK_UPS_ERASED, &after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for event in &page {
            let Ok(erasure) = serde_json::from_str::<Erasure>(&event.details) else {
                continue;
            };
            match &erasure.record {
                Some(record) => erased.signed.extend(signed_reports(record, &erasure, key)),
                None if is_of_older_program(&mut reading, event, signed_from).await? => {
                    erased.unsigned.extend(erasure.reports);
                }
                None => {}
            }
        }
        if erased.signed.len() + erased.unsigned.len() > ERASED_MAX {
            break;
        }
    }
    Ok(erased)
}

/// The reports of an erasure, where the log's key has signed all of them; else none.
fn signed_reports(record: &str, erasure: &Erasure, key: &VerifierKey) -> Vec<(String, String)> {
    if erasure.reports.len() != erasure.digests.len() {
        return Vec::new();
    }
    let both = erasure.reports.iter().zip(&erasure.digests);
    let reports: Vec<_> = both
        .map(|(id, digest)| (id.clone(), digest.clone()))
        .collect();
    match is_erasure_signed(record, ErasedWhat::LookUps(&reports), key) {
        true => reports,
        false => Vec::new(),
    }
}

/// Whether an event stands where erasures were not signed yet.
async fn is_of_older_program(
    reading: &mut Transaction,
    event: &EventRecord,
    signed_from: Option<u64>,
) -> Result<bool, Error> {
    let Some(signed_from) = signed_from else {
        return Ok(true);
    };
    let placed = list_entries_by_id(reading, std::slice::from_ref(&event.id)).await?;
    Ok(placed.iter().any(|it| it.leaf.index < signed_from))
}
