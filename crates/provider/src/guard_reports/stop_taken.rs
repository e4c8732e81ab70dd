//! What a guard's stop brings about: the session ends, the account is stopped at this service and
//! its guards are told, and the person will be.

use cardea_jose::random_base64url;
use cardea_storage::Transaction;
use cardea_storage::account_stop::{self, AccountStop, find_last_lift, list_open_of};
use cardea_storage::guard_notice::{self, GuardNotice};
use cardea_storage::guard_report::GuardReport;
use time::{Duration, OffsetDateTime};

use super::Reported;
use super::request::StopAsked;
use crate::event::{Event, GuardEvent};
use crate::secret::RANDOM_BYTES;
use crate::session::{EndReason, EndedInTransaction};
use crate::{Error, Provider};

/// A guard hears of a lift within a second, and clocks differ: what it refused so soon after the
/// lift it refused for the stop that was lifted.
const LIFT_HEARD_WITHIN: Duration = Duration::seconds(10);

/// What became of a stop that a guard asks for.
enum Stopped {
    /// The account is stopped now.
    Newly(AccountStop),
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
                    Stopped::Newly(stop) => (true, Some(stop.id)),
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
        // Another guard of the same API may have been quicker.
        let open = list_open_of(transaction, &given.sub, &given.service).await?;
        if let Some(open) = open.iter().find(|it| it.is_at(&about.audience)) {
            return Ok(Stopped::Before(open.stopped_at));
        }
        let lifted_at = find_last_lift(transaction, &given.sub, &given.service).await?;
        let is_late = |lifted_at: OffsetDateTime| {
            let heard_by = (lifted_at + LIFT_HEARD_WITHIN).unix_timestamp();
            given.at <= heard_by.saturating_mul(1_000)
        };
        if lifted_at.is_some_and(is_late) {
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
            reasons: report.reasons.clone(),
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
        let event = Event::new(kind, now);
        let event = match session {
            Some(session) => event.of_session(&session.id, &session.sub),
            None => event.of_client(&given.client_id),
        };
        self.record(transaction, event).await?;
        Ok(Stopped::Newly(stop))
    }
}
