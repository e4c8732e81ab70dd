//! Reports on record in the log: their ids and digests stand in an event of the transaction that
//! stores them, many in one, so that a look-up is neither changed nor taken out unseen.
//!
//! Such an event names nobody: it has no person, no session and no patient, and the digests are
//! under a salt that goes with each report. It stays after its reports are forgotten, and says
//! nothing about anybody then.

mod check;

use cardea_jose::random_base64url;
use cardea_ledger::{CheckpointSigner, ErasedWhat, sign_erasure};
use cardea_storage::guard_report::{self, GuardReport, ReportOnRecord};
use time::OffsetDateTime;

pub use check::{LookUpFinding, LookUpsChecked, LookUpsOnRecord};

use crate::event::{Event, GuardEvent, RecordedReport};
use crate::{Error, Records};

/// Reports of one event: some six kilobytes.
const REPORTS_OF_EVENT_MAX: usize = 64;
const SALT_BYTES: usize = 16;
/// Reports that are erased in one transaction, and named by one event.
const ERASED_AT_ONCE: u32 = 100;

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
    /// nothing about anybody.
    ///
    /// # Errors
    /// [`Error::Ledger`], [`Error::Storage`]: what went before stays erased, and on record.
    pub async fn erase_person(
        records: &Records,
        sub: &str,
        signer: &dyn CheckpointSigner,
    ) -> Result<u64, Error> {
        let mut count = 0_u64;
        loop {
            let mut transaction = records.store.begin().await?;
            let erased = guard_report::delete_of_person(&mut transaction, sub, ERASED_AT_ONCE);
            let reports = erased.await?;
            if reports.is_empty() {
                return Ok(count);
            }
            count = count.saturating_add(u64::try_from(reports.len()).unwrap_or(u64::MAX));
            let by = records.author.clone();
            let what = ErasedWhat::LookUps(&reports);
            let record = sign_erasure(signer, what, records.now())?;
            let kind = GuardEvent::LookUpsErased {
                by,
                reports,
                record,
            };
            let event = Event::new(kind, records.now());
            records.append(&mut transaction, &event).await?;
            transaction.commit().await?;
        }
    }
}
