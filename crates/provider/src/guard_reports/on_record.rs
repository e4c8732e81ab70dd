//! Reports on record in the log: their ids and digests stand in an event of the transaction that
//! stores them, many in one, so that a look-up is neither changed nor taken out unseen.
//!
//! Such an event names nobody: it has no person, no session and no patient, and the digests are
//! under a salt that goes with each report. It stays after its reports are forgotten, and says
//! nothing about anybody then.

mod check;

use std::collections::{BTreeSet, HashSet};

use cardea_jose::random_base64url;
use cardea_ledger::{CheckpointSigner, ErasedWhat, sign_erasure};
use cardea_storage::Transaction;
use cardea_storage::guard_report::{self, GuardReport, ReportOnRecord};
use time::OffsetDateTime;

pub use check::{LookUpFinding, LookUpsChecked, LookUpsOnRecord};

use crate::event::{Event, GuardEvent, LOOK_UPS_REPORTED, RecordedReport};
use crate::{Error, Records};

/// Reports of one event: some six kilobytes.
const REPORTS_OF_EVENT_MAX: usize = 64;
const SALT_BYTES: usize = 16;
/// Reports that are erased in one transaction, and named by one event.
const ERASED_AT_ONCE: u32 = 100;
/// How often a batch is signed anew that somebody else erased some of meanwhile.
const TRIES_MAX: u32 = 20;

/// The events of a batch, made while its reports are stored.
pub(super) struct Entries {
    guard: String,
    now: OffsetDateTime,
    event_id: String,
    reports: Vec<RecordedReport>,
    /// How many unproven reports may come yet; none before it was counted.
    pub(super) unproven_room: Option<i64>,
}

impl Entries {
    pub(super) fn new(guard: &str, now: OffsetDateTime) -> Result<Self, Error> {
        Ok(Self {
            guard: guard.to_owned(),
            now,
            event_id: Event::name(now)?,
            reports: Vec::new(),
            unproven_room: None,
        })
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.now
    }

    /// How the next report is on record.
    pub(super) fn name(&self) -> Result<ReportOnRecord, Error> {
        Ok(ReportOnRecord {
            event_id: self.event_id.clone(),
            salt: random_base64url(SALT_BYTES)?,
        })
    }

    /// Adds a report that is stored now, and gives the event where it is full.
    pub(super) fn add(&mut self, report: &GuardReport) -> Result<Option<Event>, Error> {
        self.reports.push(RecordedReport {
            id: report.id.clone(),
            sha256: report.digest().unwrap_or_default(),
        });
        match self.reports.len() {
            REPORTS_OF_EVENT_MAX.. => self.close(),
            _ => Ok(None),
        }
    }

    /// The event of what was added since the last one; none where nothing was.
    pub(super) fn close(&mut self) -> Result<Option<Event>, Error> {
        if self.reports.is_empty() {
            return Ok(None);
        }
        let kind = GuardEvent::LookUpsReported {
            guard: self.guard.clone(),
            reports: std::mem::take(&mut self.reports),
        };
        let next = Event::name(self.now)?;
        let mut event = Event::new(kind, self.now);
        event.id = Some(std::mem::replace(&mut self.event_id, next));
        Ok(Some(event))
    }
}

impl LookUpsOnRecord {
    /// Erases every look-up of a person before its time, batch by batch, on record, and says how
    /// many there were, each batch signed by the log. The log's entries of them stay, and say
    /// nothing about anybody. One that is not what the log has on record stays, for it is evidence:
    /// whoever has the database could write this person's name into another's look-ups, and have
    /// them erased over the log's own signature.
    ///
    /// # Errors
    /// [`Error::Ledger`], [`Error::ErasureOvertaken`], [`Error::Storage`]: what went before stays
    /// erased, and on record.
    pub async fn erase_person(
        records: &Records,
        sub: &str,
        signer: &dyn CheckpointSigner,
    ) -> Result<u64, Error> {
        let (mut after, mut count, mut tries) = (String::new(), 0_u64, 0);
        loop {
            let mut reading = records.store.begin_read().await?;
            let page = guard_report::list_of_person(&mut reading, sub, &after, ERASED_AT_ONCE);
            let page = page.await?;
            let Some(last) = page.last().map(|it| it.id.clone()) else {
                return Ok(count);
            };
            let due = as_recorded(&mut reading, &page).await?;
            drop(reading);
            if erase(records, &due, signer).await? {
                count = count.saturating_add(u64::try_from(due.len()).unwrap_or(u64::MAX));
                (after, tries) = (last, 0);
                continue;
            }
            tries += 1;
            if tries == TRIES_MAX {
                return Err(Error::ErasureOvertaken);
            }
        }
    }
}

/// Those of these reports that are what the log has on record, each with its digest there; also
/// those that it has not, of an older program.
async fn as_recorded(
    reading: &mut Transaction,
    page: &[GuardReport],
) -> Result<Vec<(String, String)>, Error> {
    let on_record = page.iter().filter_map(|it| it.on_record.as_ref());
    let events: BTreeSet<&str> = on_record.map(|it| it.event_id.as_str()).collect();
    let events: Vec<&str> = events.into_iter().collect();
    let details = guard_report::details_of_events(reading, &events).await?;
    let mut recorded: HashSet<(&str, String, String)> = HashSet::new();
    for (event, details) in &details {
        let reports = LookUpsOnRecord::recorded_in(LOOK_UPS_REPORTED, details);
        recorded.extend(
            reports
                .into_iter()
                .map(|it| (event.as_str(), it.id, it.sha256)),
        );
    }
    let as_recorded = |report: &GuardReport| {
        let id = report.id.clone();
        let Some(on_record) = &report.on_record else {
            return Some((id, String::new()));
        };
        let digest = report.digest()?;
        let named = (on_record.event_id.as_str(), id, digest);
        recorded.contains(&named).then_some((named.1, named.2))
    };
    Ok(page.iter().filter_map(as_recorded).collect())
}

/// Erases a batch over the log's signature, made before the transaction. False where somebody else
/// has erased some of it meanwhile: then nothing was.
async fn erase(
    records: &Records,
    due: &[(String, String)],
    signer: &dyn CheckpointSigner,
) -> Result<bool, Error> {
    if due.is_empty() {
        return Ok(true);
    }
    let record = sign_erasure(signer, ErasedWhat::LookUps(due), records.now())?;
    let (reports, digests): (Vec<_>, Vec<_>) = due.iter().cloned().unzip();
    let mut transaction = records.store.begin().await?;
    if guard_report::delete_by_ids(&mut transaction, &reports).await? != due.len() {
        return Ok(false);
    }
    let kind = GuardEvent::LookUpsErased {
        by: records.author.clone(),
        reports,
        digests,
        record,
    };
    let event = Event::new(kind, records.now());
    records.append(&mut transaction, &event).await?;
    transaction.commit().await?;
    Ok(true)
}
