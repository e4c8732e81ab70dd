//! "This was not me": what a person says of a line of her log, or of a notice.
//!
//! It opens an incident, one at a time for each line, and ends her sessions: all but the one in
//! which she says it, which goes too where the line is of that very session or where she wants it.
//! From there she may suspend a card, or take the workstation of the line out, where she is known.
//! Nobody has to be called for any of it.

mod at_account;

use cardea_jose::sha256_base64url;
use cardea_storage::Transaction;
use cardea_storage::agent_instance::AgentInstance;
use cardea_storage::event::EventRecord;
use cardea_storage::refused_use::RefusedUse;
use cardea_storage::session::{self, Session};
use cardea_storage::{incident, not_me};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

pub use at_account::{NotMe, NotMeCard, NotMeThen, NotMeWorkstation};

use crate::event::{Event, NoticeEvent};
use crate::incident::{IncidentBy, IncidentKind, OpenIncident};
use crate::session::{EndReason, EndedInTransaction, EndedSession};
use crate::{Error, Provider};

/// Incidents of one person in a day; a further line belongs to the last of them.
const INCIDENTS_OF_DAY_MAX: i64 = 20;
/// Lines in a day.
const LINES_OF_DAY_MAX: i64 = 200;

/// What came of it on the way of a login.
#[derive(Debug)]
pub struct NotMeSaid {
    /// The incident's id; empty where so many wait already that none was opened.
    pub incident: String,
    /// How many of her sessions ended.
    pub sessions_ended: usize,
    /// Those, for whoever tells agents and portals.
    pub ended: Vec<EndedSession>,
    /// Whether this login is over, too.
    pub is_over: bool,
    /// The client's display name.
    pub client_name: String,
}

/// The line that she means, and what it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Tells it from every other of hers.
    name: String,
    event_id: Option<String>,
    session_id: Option<String>,
    client_id: Option<String>,
    card_sha256: Option<String>,
}

impl Line {
    /// An event, and the session that it belongs to.
    fn of_event(event: &EventRecord, session: Option<&Session>) -> Self {
        Self {
            name: event.id.clone(),
            event_id: Some(event.id.clone()),
            session_id: event.session_id.clone(),
            client_id: event.client_id.clone(),
            card_sha256: session.map(|session| session.card_sha256.clone()),
        }
    }

    /// Refused uses that one page has shown. A further one makes another line of them: what was
    /// said of those before it is not said of this one.
    pub(crate) fn of_refused_uses(uses: &[RefusedUse]) -> Self {
        let first = uses.first();
        Self {
            name: first.map_or_else(String::new, |it| format!("refused:{}:{}", it.id, it.uses)),
            ..Self::default()
        }
    }

    /// Workstations that are new, as one page has shown them: one more makes another line.
    pub(crate) fn of_workstations(news: &[AgentInstance]) -> Self {
        let mut shown = String::new();
        for own in news {
            shown.push_str(&own.instance_jkt);
            shown.push_str(&format!(":{}\n", own.first_seen_at.unix_timestamp()));
        }
        Self {
            name: format!("workstations:{}", sha256_base64url(shown.as_bytes())),
            ..Self::default()
        }
    }
}

impl Provider {
    /// Opens the incident of a line of hers, on record, or finds the one that it has, unless that
    /// is closed: nobody would look into what she says now.
    pub(crate) async fn report_not_me(
        &self,
        transaction: &mut Transaction,
        (session_id, sub): (&str, &str),
        line: &Line,
        sessions_ended: usize,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        let said = not_me::count_since(transaction, sub, now - Duration::DAY).await?;
        let hers = (sub, line.name.as_str());
        let found = not_me::find_incident(transaction, sub, &line.name).await?;
        if let Some(incident) = &found
            && !is_closed(transaction, incident).await?
        {
            return Ok(incident.clone());
        }
        if said >= LINES_OF_DAY_MAX {
            return Err(Error::NotMeTooMany);
        }
        let is_taken_up = match &found {
            Some(closed) => not_me::claim_anew(transaction, hers, closed, now).await?,
            None => not_me::claim(transaction, hers, now).await?,
        };
        if !is_taken_up {
            let found = not_me::find_incident(transaction, sub, &line.name).await?;
            return Ok(found.unwrap_or_default());
        }
        let incident = self.open_or_join(transaction, sub, line, said, now).await?;
        not_me::set_incident(transaction, hers, &incident).await?;
        let kind = NoticeEvent::NotMe {
            line: line.name.clone(),
            incident: incident.clone(),
            sessions_ended: u64::try_from(sessions_ended).unwrap_or(u64::MAX),
        };
        let event = Event::new(kind, now).of_session(session_id, sub);
        self.record(transaction, event).await?;
        Ok(incident)
    }

    /// Opens the incident of a line, or has it join the last one that somebody looks into: where
    /// she has said it of so many that day, and where so many wait already.
    async fn open_or_join(
        &self,
        transaction: &mut Transaction,
        sub: &str,
        line: &Line,
        said: i64,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        if said >= INCIDENTS_OF_DAY_MAX
            && let Some(earlier) = not_me::find_newest_unclosed(transaction, sub).await?
        {
            return Ok(earlier);
        }
        let open = OpenIncident {
            sub: Some(sub.to_owned()),
            session_id: line.session_id.clone(),
            card_sha256: line.card_sha256.clone(),
            event_id: line.event_id.clone(),
            client_id: line.client_id.clone(),
            ..OpenIncident::new(IncidentKind::NotMe, IncidentBy::Person)
        };
        match self.open_incident(transaction, open, now).await {
            // Her sessions end, and the operator is alerted, whether there is room or not.
            Err(Error::IncidentsTooMany) => {
                let earlier = not_me::find_newest_unclosed(transaction, sub).await?;
                Ok(earlier.unwrap_or_default())
            }
            opened => opened,
        }
    }

    /// Ends every session of a person but one.
    pub(crate) async fn end_all_but(
        &self,
        transaction: &mut Transaction,
        sub: &str,
        kept: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Vec<EndedInTransaction>, Error> {
        let mut ended = Vec::new();
        for session in &session::list_of_person(transaction, sub).await? {
            if kept != Some(session.id.as_str()) {
                let reason = EndReason::NotMe;
                ended.extend(self.end_in(transaction, session, reason, now).await?);
            }
        }
        Ok(ended)
    }
}

/// Whether an incident is over. Where none was opened none is.
async fn is_closed(transaction: &mut Transaction, id: &str) -> Result<bool, Error> {
    let found = incident::find(transaction, id).await?;
    Ok(found.is_some_and(|it| it.state == incident::CLOSED))
}

/// The workstation that an event names.
fn workstation_of(event: &EventRecord) -> Option<String> {
    let details: Value = serde_json::from_str(&event.details).ok()?;
    let jkt = details.get("instance_jkt")?.as_str()?;
    Some(jkt.to_owned())
}
