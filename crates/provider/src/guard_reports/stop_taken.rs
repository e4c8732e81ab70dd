//! What a guard's stop brings about: the session ends, the account is stopped at this service and
//! its guards are told, and the person will be.

use cardea_jose::random_base64url;
use cardea_storage::Transaction;
use cardea_storage::account_stop::{self, AccountStop, find_last_lift, is_lifted, list_open_of};
use cardea_storage::guard_notice::{self, GuardNotice};
use cardea_storage::guard_report::GuardReport;
use time::{Duration, OffsetDateTime};

use super::Reported;
use super::request::StopAsked;
use crate::event::{Event, GuardEvent};
use crate::incident::{IncidentBy, IncidentKind, OpenIncident};
use crate::secret::RANDOM_BYTES;
use crate::session::{EndReason, EndedInTransaction};
use crate::{Error, Provider};

/// A guard that does not say what its refusal rests on hears of a lift within a second, and clocks
/// differ: what it refused so soon after the lift it refused for the stop that was lifted.
const LIFT_HEARD_WITHIN: Duration = Duration::seconds(10);
/// Lifts are noted in whole seconds.
const LIFT_NOTED_WITHIN: Duration = Duration::seconds(1);

/// What became of a stop that a guard asks for.
enum Stopped {
    /// The account is stopped now, by the stop of this id.
    Newly(String),
    /// It was.
    Before(OffsetDateTime),
    /// An operator has lifted the stop that the guard still went by.
    LiftedMeanwhile,
}

impl Provider {
    /// Does what the answer of a report asks of us, and gives back the session that it ends.
    pub(super) async fn take_stop(
        &self,
        transaction: &mut Transaction,
        reported: &Reported<'_>,
        report: GuardReport,
        now: OffsetDateTime,
    ) -> Result<Option<EndedInTransaction>, Error> {
        let session = reported.about.session.as_ref();
        let (ends, stop_id) = match reported.given.stop() {
            None => (false, None),
            Some(StopAsked::Session) => (true, None),
            Some(StopAsked::Account) => {
                let stopped = self.stop_account(transaction, reported, &report, now);
                match stopped.await? {
                    Stopped::Newly(stop_id) => (true, Some(stop_id)),
                    // Who signs in later is refused at this service, and nowhere else.
                    Stopped::Before(at) => (
                        session.is_some_and(|session| session.authenticated_at < at),
                        None,
                    ),
                    Stopped::LiftedMeanwhile => (false, None),
                }
            }
        };
        let (Some(session), true) = (session, ends) else {
            return Ok(None);
        };
        let reason = EndReason::GuardStopped;
        let ended = self.end_in(transaction, session, reason, now).await?;
        if ended.is_some() {
            let kind = GuardEvent::SessionStopped {
                guard: reported.guard.client_id.clone(),
                service: reported.given.service.clone(),
                reasons: reported.given.codes(),
            };
            let event = Event::new(kind, now).of_session(&session.id, &session.sub);
            self.record(transaction, event).await?;
        }
        let is_told = reported.given.stop() == Some(StopAsked::Session) && ended.is_some();
        if is_told || stop_id.is_some() {
            let notice = GuardNotice {
                id: report.id,
                sub: session.sub.clone(),
                session_id: session.id.clone(),
                client_id: report.client_id,
                service: report.service,
                stop_id,
                occurred_at: now,
            };
            guard_notice::insert(transaction, &notice).await?;
        }
        Ok(ended)
    }

    async fn stop_account(
        &self,
        transaction: &mut Transaction,
        reported: &Reported<'_>,
        report: &GuardReport,
        now: OffsetDateTime,
    ) -> Result<Stopped, Error> {
        let (given, about) = (reported.given, reported.about);
        // Another guard of the same API may have been quicker. Where it is stopped at a part of the
        // audience alone, the guards of the rest have not heard of it.
        let open = list_open_of(transaction, &given.sub, &given.service).await?;
        if let Some(at) = stopped_at_all(&open, &about.audience) {
            return Ok(Stopped::Before(at));
        }
        if self.is_late(transaction, reported).await? {
            self.record_late(transaction, reported, now).await?;
            return Ok(Stopped::LiftedMeanwhile);
        }
        let session = about.session.as_ref();
        let stop = AccountStop {
            id: random_base64url(RANDOM_BYTES)?,
            sub: session.map(|it| it.sub.clone()),
            subject: given.sub.clone(),
            service: given.service.clone(),
            audience: about.audience.clone(),
            guard_client_id: reported.guard.client_id.clone(),
            client_id: given.client_id.clone(),
            report_id: report.id.clone(),
            reasons: given.reasons_told_as_json(),
            sequence: 0,
            stopped_at: now,
            lifted_at: None,
        };
        let Some(stop) = account_stop::stop(transaction, stop, now).await? else {
            return Ok(Stopped::Before(now));
        };
        let kind = GuardEvent::AccountStopped {
            stop: stop.id.clone(),
            guard: reported.guard.client_id.clone(),
            service: given.service.clone(),
            reasons: given.codes(),
        };
        self.record(transaction, about_account(reported, kind, now))
            .await?;
        self.open_stop_incident(transaction, reported, &stop, now)
            .await?;
        Ok(Stopped::Newly(stop.id))
    }

    /// Whether the guard goes by a stop that an operator has lifted: it has not heard of the lift,
    /// as happens while its stream is cut off and its reports are not.
    async fn is_late(
        &self,
        transaction: &mut Transaction,
        reported: &Reported<'_>,
    ) -> Result<bool, Error> {
        let given = reported.given;
        let account = (given.sub.as_str(), given.service.as_str());
        let named = given.rests_on.and_then(|it| it.stop_sequence);
        if let Some(sequence) = named
            && let Some(is_lifted) = is_lifted(transaction, account, sequence).await?
        {
            return Ok(is_lifted);
        }
        // It has stopped the account by itself. A lift that it has not heard of, and that came
        // after, is of that; one that it has heard of has freed the account there.
        let heard = given.rests_on.and_then(|it| it.lifted_sequence);
        let own = self.resources_of(reported.guard);
        let lifted_at =
            find_last_lift(transaction, account, &own, heard.unwrap_or_default()).await?;
        let (since, within) = match given.rests_on.and_then(|it| it.stopped_at_ms) {
            Some(stopped_at) => (stopped_at, LIFT_NOTED_WITHIN),
            None => (given.at, LIFT_HEARD_WITHIN),
        };
        let is_before = |at: OffsetDateTime| {
            let until = (at + within).unix_timestamp();
            since <= until.saturating_mul(1_000)
        };
        Ok(lifted_at.is_some_and(is_before))
    }

    /// An operator has to look why. Where as many incidents of the person wait already as anybody
    /// can look into, the stop stands without one of its own.
    async fn open_stop_incident(
        &self,
        transaction: &mut Transaction,
        reported: &Reported<'_>,
        stop: &AccountStop,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let session = reported.about.session.as_ref();
        let by = IncidentBy::Guard(reported.guard.client_id.clone());
        let open = OpenIncident {
            sub: stop.sub.clone(),
            session_id: session.map(|it| it.id.clone()),
            card_sha256: session.map(|it| it.card_sha256.clone()),
            client_id: Some(stop.client_id.clone()),
            stop_id: Some(stop.id.clone()),
            ..OpenIncident::new(IncidentKind::GuardStop, by)
        };
        match self.open_incident(transaction, open, now).await {
            Ok(_) => Ok(()),
            Err(error @ Error::IncidentsTooMany) => {
                tracing::warn!(
                    code = error.code(),
                    stop = stop.id,
                    "a guard's stop opens no incident of its own"
                );
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The guard holds an account that is free here: whoever looks for why finds it on record.
    async fn record_late(
        &self,
        transaction: &mut Transaction,
        reported: &Reported<'_>,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let given = reported.given;
        tracing::warn!(
            client_id = reported.guard.client_id,
            service = given.service,
            "a guard goes by a stop of an account that is lifted: it stays lifted"
        );
        let kind = GuardEvent::StopLate {
            guard: reported.guard.client_id.clone(),
            service: given.service.clone(),
            reasons: given.codes(),
        };
        self.record(transaction, about_account(reported, kind, now))
            .await
    }
}

fn about_account(reported: &Reported<'_>, kind: GuardEvent, now: OffsetDateTime) -> Event {
    let event = Event::new(kind, now);
    match &reported.about.session {
        Some(session) => event.of_session(&session.id, &session.sub),
        None => event.of_client(&reported.given.client_id),
    }
}

/// Since when an account is stopped at each of these resource servers; none where it is not at one.
fn stopped_at_all(open: &[AccountStop], audience: &[String]) -> Option<OffsetDateTime> {
    let at_one = |resource: &String| {
        let stops = open.iter().filter(|it| it.audience.contains(resource));
        stops.map(|it| it.stopped_at).min()
    };
    let all: Option<Vec<_>> = audience.iter().map(at_one).collect();
    all?.into_iter().max()
}
