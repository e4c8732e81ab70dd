//! The incident report in its forms: as JSON, CSV and PDF, with what the log says of each look-up
//! (docs/incidents.md).
//!
//! Look-ups are read page by page, each in a short transaction of its own, so that a report of
//! any length takes as much memory as a page, and keeps nobody from the database.

pub(crate) mod coverage;
pub(crate) mod csv;
pub(crate) mod document;
pub(crate) mod file;
pub(crate) mod in_words;
pub(crate) mod view;

use cardea_provider::incident::{Incidents, ReportScope};
use cardea_storage::guard_report::{GuardReport, Part, Position};

use self::coverage::{Coverage, LogCheck};
use crate::error::Error;
use crate::state::AppState;

/// Look-ups that are read at once: each names 500 patients at most.
const PAGE: u32 = 200;

/// A look-up with what the log says of it.
pub(crate) struct ReportRow {
    pub(crate) part: Part,
    pub(crate) report: GuardReport,
    pub(crate) coverage: Coverage,
}

/// The look-ups of a report, page by page: first those about tokens that were known.
pub(crate) struct Pages {
    incidents: Incidents,
    scope: ReportScope,
    log: LogCheck,
    part: Option<Part>,
    after: Option<Position>,
}

impl Pages {
    pub(crate) fn new(incidents: Incidents, scope: ReportScope, log: LogCheck) -> Self {
        Self {
            incidents,
            scope,
            log,
            part: Some(Part::Proven),
            after: None,
        }
    }

    /// The pages of a report of this server's own log.
    ///
    /// # Errors
    /// Those of the database; `ledger.checkpoint_unsigned`.
    pub(crate) async fn begin(
        state: &AppState,
        incidents: &Incidents,
        scope: &ReportScope,
    ) -> Result<Self, Error> {
        let origin = state.log_keeper().origin();
        let log = LogCheck::begin(incidents.store(), origin, None).await?;
        Ok(Self::new(incidents.clone(), scope.clone(), log))
    }

    /// The next page; none after the last.
    ///
    /// # Errors
    /// Those of the database and of the log.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<ReportRow>>, Error> {
        while let Some(part) = self.part {
            let after = self.after.as_ref();
            // A report says on record whom it shows; of a long one only the files show all.
            let page = self.incidents.show_look_ups(&self.scope, part, after, PAGE);
            let page = page.await.map_err(refused)?;
            let Some(last) = page.last() else {
                self.after = None;
                self.part = match part {
                    Part::Proven => Some(Part::Unproven),
                    Part::Unproven => None,
                };
                continue;
            };
            self.after = Some(Position {
                occurred_at: last.occurred_at,
                id: last.id.clone(),
            });
            let covered = self.log.look_at(self.incidents.store(), &page).await?;
            let rows = page.into_iter().zip(covered);
            let row = |(report, coverage)| ReportRow {
                part,
                report,
                coverage,
            };
            return Ok(Some(rows.map(row).collect()));
        }
        Ok(None)
    }

    /// What the pages were checked against.
    pub(crate) fn log(&self) -> &LogCheck {
        &self.log
    }
}

/// The provider's refusal, as an operator's command has it.
pub(crate) fn refused(source: cardea_provider::Error) -> Error {
    Error::ProviderRefused { source }
}

/// Milliseconds as RFC 3339 writes them.
pub(crate) fn written(milliseconds: i64) -> String {
    let seconds = milliseconds.div_euclid(1_000);
    let rest = milliseconds.rem_euclid(1_000);
    let moment = time::OffsetDateTime::from_unix_timestamp(seconds);
    let Ok(moment) = moment else {
        return milliseconds.to_string();
    };
    let (date, time) = (moment.date(), moment.time());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{rest:03}Z")
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn a_moment_has_its_milliseconds_also_before_1970() {
        assert_eq!(written(1_800_000_000_123), "2027-01-15T08:00:00.123Z");
        assert_eq!(written(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(written(i64::MAX), i64::MAX.to_string());
    }
}
