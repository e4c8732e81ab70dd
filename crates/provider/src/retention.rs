//! How long what is personal in the log is kept, by groups of kinds (docs/privacy.md), and its
//! erasure when that time is over.
//!
//! The log is walked in the order of its places, each group from where it was left, a batch a
//! transaction: whoever signs in has the writer in between. The transaction first moves the group's
//! mark on, so that of two nodes one erases a batch. An erasure is on record in its transaction as
//! one on request is, and what an unclosed incident is about stays until that is closed.

mod group;

use cardea_ledger::{ERASURE_PLACES_MAX, SignedErasure};
use cardea_storage::Transaction;
use cardea_storage::ledger::{PlacedEntry, list_entries, list_entries_at, load_state};
use cardea_storage::retention::{
    Held, UnclosedIncidents, advance, hold, let_go, list_held, may_be_forgotten, next_place,
    unclosed_incidents,
};
use time::{Duration, OffsetDateTime};

pub use group::{EventGroup, PERMANENT_KINDS};

use crate::event::{Event, LedgerEvent};
use crate::{Error, Provider};

/// Places that are looked at in one go.
const WINDOW: u32 = 1_000;
/// Entries that are held back are seen to so often.
const HELD_LOOKED_AT_EVERY: Duration = Duration::hours(1);
/// What is of a time to come by more than this was written while a clock was wrong.
const CLOCKS_DIFFER: Duration = Duration::days(1);

/// How long what is kept for its own sake is kept; what ends by a protocol's rules is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptFor {
    /// Refusals that concern no person and no session: long enough to look into an attack.
    pub refusals_of_nobody: Duration,
    /// What is personal in entries of logins and sessions.
    pub logins: Duration,
    /// The same of guards' decisions.
    pub guard: Duration,
    /// The same of what operators do.
    pub operators: Duration,
    /// The same of incidents, and incidents themselves after they were closed.
    pub incidents: Duration,
    /// Look-ups, with the patients' pseudonyms, and stops that were lifted.
    pub look_ups: Duration,
    /// What people were told of refused uses and of guards' stops.
    pub notices: Duration,
}

impl Default for KeptFor {
    fn default() -> Self {
        Self {
            refusals_of_nobody: Duration::days(30),
            logins: Duration::days(365),
            guard: Duration::days(365),
            operators: Duration::days(3 * 365),
            incidents: Duration::days(3 * 365),
            look_ups: Duration::days(180),
            notices: Duration::days(180),
        }
    }
}

impl KeptFor {
    /// How long what is personal in a group's entries is kept.
    #[must_use]
    pub fn of(&self, group: EventGroup) -> Duration {
        match group {
            EventGroup::Logins => self.logins,
            EventGroup::Guard => self.guard,
            EventGroup::Operators => self.operators,
            EventGroup::Incidents => self.incidents,
        }
    }
}

/// What is due of a window.
#[derive(Default)]
struct Due {
    /// Where the next window begins.
    next: u64,
    /// Whether there may be more at once.
    is_more: bool,
    erased: Vec<PlacedEntry>,
    held: Vec<u64>,
}

impl Provider {
    /// Erases a batch of each group, and of what was held back; says how many entries it was, or
    /// one where nothing was due and there is more to go through.
    pub(crate) async fn erase_aged(&self, now: OffsetDateTime) -> Result<u64, Error> {
        let mut count = 0;
        for group in EventGroup::ALL {
            count += self.erase_aged_of(group, now).await?;
        }
        Ok(count + self.erase_released(now).await?)
    }

    async fn erase_aged_of(&self, group: EventGroup, now: OffsetDateTime) -> Result<u64, Error> {
        let before = now - self.lifetimes.kept_for.of(group);
        let mut reading = self.store.begin_read().await?;
        let from = next_place(&mut reading, group.as_str()).await?;
        let rows = list_entries(&mut reading, from, WINDOW).await?;
        let incidents = unclosed_incidents(&mut reading).await?;
        let ahead_from = match rows.iter().any(|it| is_since(it, now + CLOCKS_DIFFER)) {
            true => ahead_from(&mut reading, now).await?,
            false => None,
        };
        drop(reading);
        let due = due_of(group, from, rows, (before, ahead_from), &incidents);
        if due.next == from {
            return Ok(0);
        }
        let erasure = self.signed_erasure(due.erased, now)?;
        let mut transaction = self.store.begin().await?;
        if !advance(&mut transaction, group.as_str(), from, due.next).await? {
            return Ok(0);
        }
        for place in &due.held {
            let held = Held {
                place: *place,
                group: group.as_str().to_owned(),
            };
            hold(&mut transaction, &held, now).await?;
        }
        if !due.held.is_empty() {
            let kind = LedgerEvent::ErasureHeld { places: due.held };
            self.record(&mut transaction, Event::new(kind, now)).await?;
        }
        let mut count = 0;
        if let Some(erasure) = erasure {
            let erased = self.carry_out(&mut transaction, &erasure, group.as_str(), now);
            let Some(erased) = erased.await? else {
                return Ok(0);
            };
            count = erased;
        }
        transaction.commit().await?;
        Ok(count.max(u64::from(due.is_more)))
    }

    /// Whether the time of an entry's kind is over.
    fn is_over(&self, row: &PlacedEntry, now: OffsetDateTime) -> bool {
        row.entry.as_ref().is_some_and(|entry| {
            let group = EventGroup::of(&entry.event.kind);
            let kept_for = group.map(|it| self.lifetimes.kept_for.of(it));
            kept_for.is_some_and(|it| entry.event.occurred_at < now - it)
        })
    }

    /// Has the log sign the erasure of these entries, before a transaction is open.
    fn signed_erasure(
        &self,
        rows: Vec<PlacedEntry>,
        now: OffsetDateTime,
    ) -> Result<Option<SignedErasure>, Error> {
        if rows.is_empty() {
            return Ok(None);
        }
        let signer = self.log_signer.get().ok_or(Error::LogKeyClosed)?;
        Ok(SignedErasure::of(rows, &**signer, now)?)
    }

    /// Erases, on record, and says how many entries it was; none where somebody else has erased
    /// some of them meanwhile: then the transaction is given up, and the next look sees what is
    /// left.
    async fn carry_out(
        &self,
        transaction: &mut Transaction,
        erasure: &SignedErasure,
        retention: &'static str,
        now: OffsetDateTime,
    ) -> Result<Option<u64>, Error> {
        if !erasure.carry_out(transaction).await? {
            return Ok(None);
        }
        let kind = LedgerEvent::PersonalDataAged {
            retention,
            places: erasure.places().to_vec(),
            record: erasure.record().to_owned(),
        };
        self.record(transaction, Event::new(kind, now)).await?;
        let count = u64::try_from(erasure.places().len());
        Ok(Some(count.unwrap_or(u64::MAX)))
    }

    /// Erases what was held back and is not any more.
    async fn erase_released(&self, now: OffsetDateTime) -> Result<u64, Error> {
        let mut reading = self.store.begin_read().await?;
        let not_seen_to = (now - HELD_LOOKED_AT_EVERY, now + CLOCKS_DIFFER);
        let count_max = u32::try_from(ERASURE_PLACES_MAX).unwrap_or(1);
        let held = list_held(&mut reading, not_seen_to, count_max).await?;
        if held.is_empty() {
            return Ok(0);
        }
        let places: Vec<u64> = held.iter().map(|it| it.place).collect();
        let rows = list_entries_at(&mut reading, &places).await?;
        let incidents = unclosed_incidents(&mut reading).await?;
        drop(reading);
        let is_held = |place: u64| {
            let mut rows = rows.iter().filter(|row| row.leaf.index == place);
            // Whoever writes into the database can say of any entry that it was held back.
            rows.any(|row| is_needed(row, &incidents) || !self.is_over(row, now))
        };
        let (needed, released): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|it| is_held(it.place));
        let due = rows.iter().filter(|it| !is_held(it.leaf.index));
        let erasure = self.signed_erasure(due.cloned().collect(), now)?;
        let mut transaction = self.store.begin().await?;
        for it in &needed {
            hold(&mut transaction, it, now).await?;
        }
        for it in &released {
            if !let_go(&mut transaction, it.place).await? {
                // Another node has seen to it.
                return Ok(0);
            }
        }
        let mut count = 0;
        if let Some(erasure) = erasure {
            let erased = self.carry_out(&mut transaction, &erasure, "released", now);
            let Some(erased) = erased.await? else {
                return Ok(0);
            };
            count = erased;
        }
        transaction.commit().await?;
        Ok(count)
    }
}

/// The moment from which on entries are of a time to come, where the newest of the log is not: then
/// a clock ran ahead for a while and is right again. None where that may be wrong now.
async fn ahead_from(
    reading: &mut Transaction,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, Error> {
    let size = load_state(reading).await?.map_or(0, |it| it.size);
    let newest = list_entries_at(reading, &[size.saturating_sub(1)]).await?;
    let ahead_from = now + CLOCKS_DIFFER;
    let is_right = newest.iter().any(|it| !is_since(it, ahead_from));
    Ok(is_right.then_some(ahead_from))
}

/// Whether an entry is of this moment or a later one.
fn is_since(row: &PlacedEntry, moment: OffsetDateTime) -> bool {
    let entry = row.entry.as_ref();
    entry.is_some_and(|it| it.event.occurred_at >= moment)
}

/// What of these entries is due: they come in the order of their places, which is nearly that of
/// time, so that the first one that is too young ends it. One of a time to come is held back until
/// that has come and gone: all that stands behind it would wait as long.
fn due_of(
    group: EventGroup,
    from: u64,
    rows: Vec<PlacedEntry>,
    (before, ahead_from): (OffsetDateTime, Option<OffsetDateTime>),
    incidents: &UnclosedIncidents,
) -> Due {
    let is_whole = u32::try_from(rows.len()).is_ok_and(|count| count == WINDOW);
    let mut due = Due {
        next: from,
        is_more: is_whole,
        ..Due::default()
    };
    for row in rows {
        let is_ahead = ahead_from.is_some_and(|it| is_since(&row, it));
        if !is_ahead && is_since(&row, before) {
            due.is_more = false;
            break;
        }
        if due.erased.len() == ERASURE_PLACES_MAX || due.held.len() == ERASURE_PLACES_MAX {
            due.is_more = true;
            break;
        }
        due.next = row.leaf.index + 1;
        let Some(entry) = &row.entry else { continue };
        let is_due = EventGroup::of(&entry.event.kind) == Some(group)
            && entry.salt.is_some()
            // Its row goes, and sooner.
            && !may_be_forgotten(&entry.event);
        if is_due && (is_ahead || is_needed(&row, incidents)) {
            due.held.push(row.leaf.index);
        } else if is_due {
            due.erased.push(row);
        }
    }
    due
}

/// Whether an unclosed incident is about an entry.
fn is_needed(row: &PlacedEntry, incidents: &UnclosedIncidents) -> bool {
    row.entry.as_ref().is_some_and(|entry| {
        let event = &entry.event;
        incidents.need(&event.id, event.sub.as_deref(), event.session_id.as_deref())
    })
}

#[cfg(test)]
mod tests;
