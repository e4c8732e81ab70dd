//! The incident report: who was looked up, when and from where, for a person, a session, a card or
//! a span of time. Whoever asks is on record.

use cardea_jose::sha256_base64url;
use cardea_storage::Transaction;
use cardea_storage::event::EventRecord;
use cardea_storage::guard_report::{
    self, FoundPatient, FoundSession, GuardReport, Part, Position, Scope, Totals,
};
use cardea_storage::incident::{
    find_person, list_events_of_person, list_events_of_session, list_person_ids,
};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::look::{seen_in_look_ups, seen_in_report};
use super::named::{NAME_BYTES_MAX, check_report};
use super::{Incidents, TIMELINE_MAX};
use crate::Error;
use crate::console::{look, record_looks};
use crate::event::{ConsoleView, Event, IncidentEvent};

/// Places that a report lists: a session at a service through a portal each.
pub const PLACES_MAX: u32 = 2_000;
/// Sessions whose events a timeline without a person has.
const TIMELINE_SESSIONS_MAX: usize = 50;

/// What a report is asked about. What is named must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReportScope {
    /// The person's pseudonym.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The card, as operators name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card_id: Option<String>,
    /// From this moment on, by the guards' clocks.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub from: Option<OffsetDateTime>,
    /// Before this moment.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub to: Option<OffsetDateTime>,
}

/// What a report begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentReport {
    /// What it is about.
    pub scope: ReportScope,
    /// When it was made.
    pub made_at: OffsetDateTime,
    /// What there is of it.
    pub proven: Totals,
    /// What guards say of tokens that were forgotten here when they said it: their word alone.
    pub unproven: Totals,
    /// From where; [`PLACES_MAX`] at most, the unproven ones last.
    pub places: Vec<(Part, FoundSession)>,
    /// The person's, or her sessions', events; [`TIMELINE_MAX`] at most, the oldest first.
    pub events: Vec<EventRecord>,
    /// Whether there are more places or events than are listed.
    pub has_more: bool,
}

impl ReportScope {
    /// Whether a report can be made of it.
    ///
    /// # Errors
    /// [`Error::IncidentScopeMissing`], [`Error::IncidentScopeInvalid`].
    pub fn check(&self) -> Result<(), Error> {
        let names = [&self.sub, &self.session_id, &self.card_id];
        let is_named = names.iter().any(|it| it.is_some());
        if !is_named && (self.from.is_none() || self.to.is_none()) {
            return Err(Error::IncidentScopeMissing);
        }
        let is_short = |it: &&String| !it.is_empty() && it.len() <= NAME_BYTES_MAX;
        let are_short = names.into_iter().flatten().all(|it| is_short(&it));
        let is_span = self.from.zip(self.to).is_none_or(|(from, to)| from < to);
        match are_short && is_span {
            true => Ok(()),
            false => Err(Error::IncidentScopeInvalid),
        }
    }

    /// As the storage asks for it.
    #[must_use]
    pub fn stored(&self) -> Scope<'_> {
        Scope {
            sub: self.sub.as_deref(),
            session_id: self.session_id.as_deref(),
            card_id: self.card_id.as_deref(),
            from: self.from,
            to: self.to,
        }
    }

    pub(super) fn digest(&self) -> Result<String, Error> {
        let text = serde_json::to_string(self).map_err(Error::StoredValueUnreadable)?;
        Ok(sha256_base64url(text.as_bytes()))
    }
}

impl Incidents {
    /// The pseudonym of the person with a number, written `scheme:number` as `rpps:899700000001`.
    ///
    /// # Errors
    /// [`Error::IncidentPersonUnknown`], [`Error::Storage`].
    pub async fn find_person(&self, subject_id: &str) -> Result<String, Error> {
        let named = subject_id.rsplit_once(':');
        let (scheme, value) = named.ok_or(Error::IncidentPersonUnknown)?;
        let mut reading = self.records.store.begin_read().await?;
        let found = find_person(&mut reading, scheme, value).await?;
        found.ok_or(Error::IncidentPersonUnknown)
    }

    /// Makes a report's beginning, and puts on record who asked, of everybody in it, too. `form` is
    /// `json`, `csv` or `pdf`.
    ///
    /// # Errors
    /// [`Error::IncidentScopeMissing`], [`Error::IncidentScopeInvalid`],
    /// [`Error::IncidentNameUnknown`], [`Error::Storage`].
    pub async fn report(
        &self,
        scope: ReportScope,
        form: &'static str,
    ) -> Result<IncidentReport, Error> {
        scope.check()?;
        let made_at = self.records.now();
        let mut reading = self.records.store.begin_read().await?;
        check_report(&mut reading, &scope).await?;
        let report = read_report(&mut reading, scope, made_at).await?;
        let seen = seen_in_report(&mut reading, &report).await?;
        drop(reading);
        let look_ups = report
            .proven
            .reports
            .saturating_add(report.unproven.reports);
        let kind = IncidentEvent::Reported {
            by: self.records.author.clone(),
            scope_sha256: report.scope.digest()?,
            look_ups: u64::try_from(look_ups).unwrap_or_default(),
            form,
        };
        let mut transaction = self.records.store.begin().await?;
        for sub in &seen {
            let view = ConsoleView::IncidentReport;
            let event = look(&self.records, view, sub, made_at);
            self.records.append(&mut transaction, &event).await?;
        }
        let mut event = Event::new(kind, made_at);
        // Where it is about one person it is an event of hers.
        let mut people = seen.into_iter();
        event.sub = people.next().filter(|_| people.next().is_none());
        self.records.append(&mut transaction, &event).await?;
        transaction.commit().await?;
        Ok(report)
    }

    /// A page of the look-ups of a report, from behind a position on.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn report_page(
        &self,
        scope: &ReportScope,
        part: Part,
        after: Option<&Position>,
        count_max: u32,
    ) -> Result<Vec<GuardReport>, Error> {
        let mut reading = self.records.store.begin_read().await?;
        let scope = scope.stored();
        Ok(guard_report::list_reports(&mut reading, part, &scope, after, count_max).await?)
    }

    /// The same for an operator's screen, once it is on record of everybody in it that somebody
    /// looks.
    ///
    /// # Errors
    /// [`Error::IncidentScopeMissing`], [`Error::IncidentScopeInvalid`], [`Error::Storage`].
    pub async fn show_look_ups(
        &self,
        scope: &ReportScope,
        part: Part,
        after: Option<&Position>,
        count_max: u32,
    ) -> Result<Vec<GuardReport>, Error> {
        scope.check()?;
        let page = self.report_page(scope, part, after, count_max).await?;
        let mut reading = self.records.store.begin_read().await?;
        let seen = seen_in_look_ups(&mut reading, &page).await?;
        drop(reading);
        record_looks(&self.records, ConsoleView::IncidentReport, &seen).await?;
        Ok(page)
    }

    /// A page of the patients of a report, in the order of their pseudonyms from behind one on.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn report_patients(
        &self,
        scope: &ReportScope,
        part: Part,
        after: &str,
        count_max: u32,
    ) -> Result<Vec<FoundPatient>, Error> {
        let mut reading = self.records.store.begin_read().await?;
        let scope = scope.stored();
        Ok(guard_report::list_patients(&mut reading, part, &scope, after, count_max).await?)
    }

    /// The numbers by which registers know people, of those that have one: `scheme:number` by
    /// pseudonym. For the operator who must tell them.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn person_ids(&self, subs: &[String]) -> Result<Vec<(String, String)>, Error> {
        let mut reading = self.records.store.begin_read().await?;
        Ok(list_person_ids(&mut reading, subs).await?)
    }

    /// The database that the reports are made of.
    #[must_use]
    pub fn store(&self) -> &cardea_storage::Store {
        &self.records.store
    }
}

async fn read_report(
    reading: &mut Transaction,
    scope: ReportScope,
    made_at: OffsetDateTime,
) -> Result<IncidentReport, Error> {
    let asked = scope.stored();
    let proven = guard_report::totals(reading, Part::Proven, &asked).await?;
    let unproven = guard_report::totals(reading, Part::Unproven, &asked).await?;
    let mut places = Vec::new();
    for part in [Part::Proven, Part::Unproven] {
        let found = guard_report::list_sessions(reading, part, &asked, PLACES_MAX + 1).await?;
        places.extend(found.into_iter().map(|it| (part, it)));
    }
    let places_max = usize::try_from(PLACES_MAX).unwrap_or(usize::MAX);
    let mut has_more = places.len() > places_max;
    places.truncate(places_max);
    let mut events = timeline(reading, &scope, &proven, &places).await?;
    let events_max = usize::try_from(TIMELINE_MAX).unwrap_or(usize::MAX);
    has_more |= events.len() > events_max;
    events.truncate(events_max);
    Ok(IncidentReport {
        scope,
        made_at,
        proven,
        unproven,
        places,
        events,
        has_more,
    })
}

async fn timeline(
    reading: &mut Transaction,
    scope: &ReportScope,
    totals: &Totals,
    places: &[(Part, FoundSession)],
) -> Result<Vec<EventRecord>, Error> {
    let count_max = TIMELINE_MAX + 1;
    if let Some(session_id) = &scope.session_id {
        return Ok(list_events_of_session(reading, session_id, count_max).await?);
    }
    if let Some(sub) = &scope.sub {
        let from = scope.from.or_else(|| totals.first_at.and_then(moment));
        let to = scope.to.or_else(|| totals.last_at.and_then(moment));
        let day = Duration::days(1);
        let from = from.map_or(OffsetDateTime::UNIX_EPOCH, |it| it.saturating_sub(day));
        let to = to.map_or(OffsetDateTime::UNIX_EPOCH, |it| it.saturating_add(day));
        return Ok(list_events_of_person(reading, sub, (from, to), count_max).await?);
    }
    let mut sessions: Vec<&str> = Vec::new();
    for (part, place) in places {
        let session_id = place
            .session_id
            .as_deref()
            .filter(|_| *part == Part::Proven);
        sessions.extend(session_id.filter(|it| !sessions.contains(it)));
        if sessions.len() >= TIMELINE_SESSIONS_MAX {
            break;
        }
    }
    let mut events = Vec::new();
    for session_id in sessions {
        events.extend(list_events_of_session(reading, session_id, count_max).await?);
    }
    events.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(events)
}

/// A moment out of milliseconds.
fn moment(milliseconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(milliseconds.div_euclid(1_000)).ok()
}
