//! A person's history, newest first, page by page.

use std::collections::HashMap;

use cardea_storage::agent_instance::AgentInstance;
use cardea_storage::event::EventRecord;
use cardea_storage::event::history::{
    self, Selection, list_clients_of_person, list_of_person, list_of_person_forward,
    list_of_sessions, list_stretches, look_ups_by_client,
};
use cardea_storage::event::search::find_newest_reasons;
use cardea_storage::guard_report::{self, DayOfLookUps};
use cardea_storage::{Transaction, agent_instance, session};
use time::{Duration, OffsetDateTime};

use super::{ActivityKind, ActivityWeight, Place};
use crate::console::budget_of_day;
use crate::event::{Event, EventKind};
use crate::{AccountSession, Error, Provider};

/// Events of one page at most.
pub const HISTORY_PAGE_MAX: u32 = 50;
/// Events of one file of hers at most.
pub const EXPORTED_MAX: u32 = 1_000;
/// Files that her log is listed in at most.
pub const OWN_FILES_MAX: u32 = 200;
/// What deserves attention stands apart for so long.
const ATTENTION_FOR: Duration = Duration::days(30);
/// Entries that stand apart at most.
const ATTENTION_MAX: usize = 20;
/// Looks at her events for them, each of a page: what is settled is left out after a look.
const ATTENTION_LOOKS_MAX: usize = 20;
/// Workstations whose present names are looked up for events of before names stood in them.
const NAMES_MAX: u32 = 200;
/// No session lasts longer, so that its login is looked for no earlier.
const SESSION_LASTS: Duration = Duration::days(2);
/// Events that open a session, and say where.
pub(super) const LOGINS: [ActivityKind; 3] = [
    ActivityKind::LoginAccepted,
    ActivityKind::AgentlessLoginAccepted,
    ActivityKind::CardGrantAccepted,
];
/// Behind every id.
pub(super) const ID_END: &str = "g";

/// What a page of her history is to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryQuestion {
    /// From when on.
    pub from: Option<OffsetDateTime>,
    /// Until before when.
    pub until: Option<OffsetDateTime>,
    /// One portal's events alone.
    pub client_id: Option<String>,
    /// How programs went on as well.
    pub with_details: bool,
    /// The cursor: events that are older than this one.
    pub before: Option<String>,
}

/// An event of hers, with what its sentence needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The event as it is on record.
    pub event: EventRecord,
    /// Its kind; none for one that is newer than this program.
    pub kind: Option<ActivityKind>,
    /// The portal's name, or its id where it is not registered any more.
    pub portal: Option<String>,
    /// Where: as the event says, or the login of its session.
    pub place: Place,
    /// Whether it tells of a workstation that she has confirmed since, or that was her first one.
    pub is_settled: bool,
}

impl HistoryEntry {
    /// An event with what it says itself, and its portal's name.
    #[must_use]
    pub fn alone(event: EventRecord, portal: Option<String>) -> Self {
        Self {
            kind: ActivityKind::find(&event.kind),
            place: Place::of(&event),
            is_settled: false,
            portal,
            event,
        }
    }
}

/// Some of her history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// Newest first.
    pub entries: Vec<HistoryEntry>,
    /// The cursor of the next page; none on the last one.
    pub next: Option<String>,
}

/// Which of her events one file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnEvents {
    /// Oldest first.
    pub entries: Vec<HistoryEntry>,
    /// Behind which event the next file goes on; none where this is all.
    pub next: Option<String>,
}

/// One of the files that hold a person's events between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnFile {
    /// Behind which event it begins; none for the first one.
    pub after: Option<String>,
    /// How many entries are in it.
    pub entries: u64,
    /// When the first one happened.
    pub first_at: OffsetDateTime,
    /// When the last one happened.
    pub last_at: OffsetDateTime,
}

/// What a person was shown, as guards have reported it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnLookUps {
    /// Each day, also those without any; the oldest first.
    pub days: Vec<DayOfLookUps>,
    /// The same by portal.
    pub by_portal: Vec<LookUpsOfPortal>,
    /// Patients of a day beyond which a guard does not let her go on at once, as one has last named
    /// it; none where it never had to.
    pub budget: Option<u64>,
}

/// What a person was shown through one portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUpsOfPortal {
    /// Its name.
    pub portal: String,
    /// Look-ups.
    pub look_ups: i64,
    /// Patients, each once.
    pub patients: i64,
}

impl Provider {
    /// A page of a person's history.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn own_history(
        &self,
        account: &AccountSession,
        question: &HistoryQuestion,
    ) -> Result<HistoryPage, Error> {
        let mut kinds = Vec::new();
        if !question.with_details {
            kinds.extend(ActivityKind::names_of(ActivityWeight::Marked));
            kinds.extend(ActivityKind::names_of(ActivityWeight::Shown));
        }
        let from_id = question.from.map(id_at).unwrap_or_default();
        let end = question.until.map_or_else(|| ID_END.to_owned(), id_at);
        let before_id = match &question.before {
            Some(before) if *before < end => before.clone(),
            _ => end,
        };
        let selection = Selection {
            sub: &account.sub,
            from_id: &from_id,
            before_id: &before_id,
            client_id: question.client_id.as_deref(),
            kinds: &kinds,
        };
        let mut transaction = self.store.begin_read().await?;
        let mut events = list_of_person(&mut transaction, selection, HISTORY_PAGE_MAX + 1).await?;
        let next = cut(&mut events, HISTORY_PAGE_MAX);
        let entries = self.placed(&mut transaction, account, events).await?;
        Ok(HistoryPage { entries, next })
    }

    /// What deserves a person's attention, of the last thirty days, the newest first. A workstation
    /// that she has confirmed since, or that was her first one, does not any more, and hides
    /// nothing that does. There is a next page where there may be more than is shown.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn own_attention(&self, account: &AccountSession) -> Result<HistoryPage, Error> {
        let from_id = id_at(self.now() - ATTENTION_FOR);
        let kinds = ActivityKind::names_of(ActivityWeight::Marked);
        let mut transaction = self.store.begin_read().await?;
        let mut page = HistoryPage {
            entries: Vec::new(),
            next: Some(ID_END.to_owned()),
        };
        for _ in 0..ATTENTION_LOOKS_MAX {
            let Some(before_id) = page.next.take() else {
                break;
            };
            let selection = Selection {
                sub: &account.sub,
                from_id: &from_id,
                before_id: &before_id,
                client_id: None,
                kinds: &kinds,
            };
            let mut events =
                list_of_person(&mut transaction, selection, HISTORY_PAGE_MAX + 1).await?;
            page.next = cut(&mut events, HISTORY_PAGE_MAX);
            let placed = self.placed(&mut transaction, account, events).await?;
            let unsettled = placed.into_iter().filter(|entry| !entry.is_settled);
            page.entries.extend(unsettled);
            if page.entries.len() > ATTENTION_MAX {
                page.entries.truncate(ATTENTION_MAX);
                page.next = page.entries.last().map(|it| it.event.id.clone());
                break;
            }
        }
        Ok(page)
    }

    /// The portals that a person's history names: each with its id and its name.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn own_portals(
        &self,
        account: &AccountSession,
    ) -> Result<Vec<(String, String)>, Error> {
        let mut transaction = self.store.begin_read().await?;
        let ids = list_clients_of_person(&mut transaction, &account.sub).await?;
        let named = |id: String| {
            let name = self.portal_of(&id);
            (id, name)
        };
        Ok(ids.into_iter().map(named).collect())
    }

    /// A person's events between two moments, behind a cursor: everything that is on record about
    /// her, [`EXPORTED_MAX`] at a time.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn own_events(
        &self,
        account: &AccountSession,
        (from, until): (Option<OffsetDateTime>, Option<OffsetDateTime>),
        after: Option<&str>,
    ) -> Result<OwnEvents, Error> {
        // An id and one character are behind that id, and before every other one.
        let after = after.map(|id| format!("{id}!")).unwrap_or_default();
        let from_id = from.map(id_at).unwrap_or_default().max(after);
        let before_id = until.map_or_else(|| ID_END.to_owned(), id_at);
        let selection = Selection {
            sub: &account.sub,
            from_id: &from_id,
            before_id: &before_id,
            client_id: None,
            kinds: &[],
        };
        let mut transaction = self.store.begin_read().await?;
        let mut events =
            list_of_person_forward(&mut transaction, selection, EXPORTED_MAX + 1).await?;
        let next = cut(&mut events, EXPORTED_MAX);
        let entries = self.placed(&mut transaction, account, events).await?;
        Ok(OwnEvents { entries, next })
    }

    /// The files that hold a person's events between two moments, [`EXPORTED_MAX`] in each, the
    /// oldest first; up to [`OWN_FILES_MAX`].
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn own_files(
        &self,
        account: &AccountSession,
        (from, until): (Option<OffsetDateTime>, Option<OffsetDateTime>),
    ) -> Result<Vec<OwnFile>, Error> {
        let from_id = from.map(id_at).unwrap_or_default();
        let before_id = until.map_or_else(|| ID_END.to_owned(), id_at);
        let span = (from_id.as_str(), before_id.as_str());
        let mut transaction = self.store.begin_read().await?;
        let sub = &account.sub;
        let parted = list_stretches(&mut transaction, sub, span, EXPORTED_MAX, OWN_FILES_MAX);
        let mut after = None;
        let files = parted.await?.into_iter().map(|it| OwnFile {
            after: after.replace(it.last_id),
            entries: u64::try_from(it.events).unwrap_or_default(),
            first_at: it.first_at,
            last_at: it.last_at,
        });
        Ok(files.collect())
    }

    /// Puts on record that a person took events of hers away in a file: also for her, if it was
    /// somebody else.
    ///
    /// # Errors
    /// [`Error::SessionEnded`], [`Error::Storage`].
    pub async fn record_own_export(
        &self,
        account: &AccountSession,
        form: &'static str,
        entries: usize,
    ) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        // She did something: the session counts as used, or is over by now.
        if !session::record_use(&mut transaction, &account.session_id, now).await? {
            return Err(Error::SessionEnded);
        }
        let entries = u64::try_from(entries).unwrap_or(u64::MAX);
        let kind = EventKind::AccountExported { form, entries };
        let event = Event::new(kind, now).of_session(&account.session_id, &account.sub);
        self.record(&mut transaction, event).await?;
        Ok(transaction.commit().await?)
    }

    /// A person's look-ups on each of some days: their beginnings, in order, and the end of the
    /// last one.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn own_look_ups(
        &self,
        account: &AccountSession,
        days: &[OffsetDateTime],
    ) -> Result<OwnLookUps, Error> {
        let (Some(first), Some(end)) = (days.first(), days.last()) else {
            return Ok(OwnLookUps::default());
        };
        let sub = &account.sub;
        let mut transaction = self.store.begin_read().await?;
        let counted = guard_report::by_day(&mut transaction, sub, days).await?;
        let by_portal = look_ups_by_client(&mut transaction, sub, (*first, *end)).await?;
        let reasons = find_newest_reasons(&mut transaction, sub).await?;
        Ok(OwnLookUps {
            days: counted,
            by_portal: by_portal
                .into_iter()
                .map(|it| LookUpsOfPortal {
                    portal: self.portal_of(&it.client_id),
                    look_ups: it.look_ups,
                    patients: it.patients,
                })
                .collect(),
            budget: reasons.as_deref().and_then(budget_of_day),
        })
    }

    /// What people call a portal.
    pub(super) fn portal_of(&self, client_id: &str) -> String {
        let client = self.client_of_login(client_id);
        client.map_or_else(|| client_id.to_owned(), |client| client.name.clone())
    }

    /// Puts beside each event where it was. What an event does not say itself, the login of its
    /// session says; and where that was written before names stood in it, the workstation's
    /// present name stands in, as long as there is one.
    async fn placed(
        &self,
        transaction: &mut Transaction,
        account: &AccountSession,
        events: Vec<EventRecord>,
    ) -> Result<Vec<HistoryEntry>, Error> {
        let logins = logins_of(transaction, account, &events).await?;
        let sub = &account.sub;
        let known = agent_instance::list_of_person(transaction, sub, NAMES_MAX).await?;
        let name_of = |jkt: &str| {
            let mut known = known.iter().filter(|it| it.instance_jkt == jkt);
            known.find_map(|it| it.name.clone())
        };
        let entry = |event: EventRecord| {
            let own = Place::of(&event);
            let login = event.session_id.as_ref().and_then(|id| logins.get(id));
            // What tells of another workstation was not done there.
            let is_there = |login: &&Place| {
                own.instance_jkt.is_none() || own.instance_jkt == login.instance_jkt
            };
            let mut place = login.filter(is_there).cloned().unwrap_or(own);
            let kind = ActivityKind::find(&event.kind);
            let is_first = kind == Some(ActivityKind::InstanceFirstUsed);
            let jkt = place.instance_jkt.as_deref();
            let is_settled = is_first && known.iter().any(|it| is_settled(it, jkt));
            if place.workstation.is_none() {
                place.workstation = place.instance_jkt.as_deref().and_then(name_of);
            }
            HistoryEntry {
                kind,
                is_settled,
                portal: event.client_id.as_deref().map(|id| self.portal_of(id)),
                place,
                event,
            }
        };
        Ok(events.into_iter().map(entry).collect())
    }
}

/// Whether a workstation is this one, and hers for good.
fn is_settled(own: &AgentInstance, jkt: Option<&str>) -> bool {
    let is_hers = own.acknowledged_at.is_some() && own.revoked_at.is_none();
    is_hers && jkt == Some(own.instance_jkt.as_str())
}

/// Where the sessions of some events were opened.
async fn logins_of(
    transaction: &mut Transaction,
    account: &AccountSession,
    events: &[EventRecord],
) -> Result<HashMap<String, Place>, Error> {
    let moments = events.iter().map(|it| it.occurred_at);
    let (Some(oldest), Some(newest)) = (moments.clone().min(), moments.max()) else {
        return Ok(HashMap::new());
    };
    let span = (
        id_at(oldest - SESSION_LASTS),
        id_at(newest + Duration::seconds(1)),
    );
    let mut ids: Vec<_> = events
        .iter()
        .filter_map(|it| it.session_id.as_deref())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let kinds = LOGINS.map(ActivityKind::name);
    let mut logins = HashMap::new();
    for ids in ids.chunks(history::SESSIONS_ASKED_MAX) {
        let span = (span.0.as_str(), span.1.as_str());
        for login in list_of_sessions(transaction, &account.sub, span, ids, &kinds).await? {
            let place = Place::of(&login);
            if let Some(id) = login.session_id {
                logins.insert(id, place);
            }
        }
    }
    Ok(logins)
}

/// The beginning of the ids of a moment, as [`crate::StoredEvents`] makes them.
pub(super) fn id_at(moment: OffsetDateTime) -> String {
    let nanoseconds = u64::try_from(moment.unix_timestamp_nanos()).unwrap_or(0);
    format!("{nanoseconds:016x}")
}

/// Keeps so many of them, and gives the id of the last one where there were more.
fn cut(events: &mut Vec<EventRecord>, count_max: u32) -> Option<String> {
    let count_max = usize::try_from(count_max).unwrap_or(usize::MAX);
    let is_more = events.len() > count_max;
    events.truncate(count_max);
    let last = events.last().map(|it| it.id.clone());
    last.filter(|_| is_more)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::{ID_END, id_at};

    #[test]
    fn ids_of_moments_stand_in_their_order() {
        let earlier = id_at(datetime!(2026-11-30 08:00 UTC));
        let later = id_at(datetime!(2026-11-30 08:00:01 UTC));
        assert!(earlier < later && later.as_str() < ID_END);
        let id = format!("{earlier}-00000001-abc");
        assert!(earlier < id && id < later);
        assert!(format!("{id}!") > id);
    }
}
