//! What guards report: each answer once, and what it brings about, in one transaction.
//!
//! A guard speaks of sessions alone in which a token was issued for a resource server that it is,
//! by the names in that token. Whatever else it says is refused and changes nothing: who takes a
//! guard over can end sessions at its own service, and no others.

mod request;
mod stops;

use std::collections::BTreeMap;

use cardea_jose::random_base64url;
use cardea_storage::access_grant::{self, AccessGrant};
use cardea_storage::guard_report::{self, AccountStop, GuardReport, report_id};
use cardea_storage::session::Session;
use cardea_storage::{Transaction, client_session, session};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::client_authentication::ClientCredentials;
use crate::event::{Event, GuardEvent};
use crate::secret::RANDOM_BYTES;
use crate::session::{EndReason, EndedInTransaction, EndedSession};
use crate::{Client, Error, Provider, TokenError};

pub use request::GuardReports;
pub use stops::{AccountStops, STOPS_MAX};

use request::{GivenReport, StopAsked};

/// How long it is known which patients a session has looked up.
pub(crate) const KEPT: Duration = Duration::days(180);

/// What became of a batch.
#[derive(Debug, Serialize)]
pub struct ReportsTaken {
    /// How many stand in the record now that did not before.
    accepted: usize,
    /// Which of them were refused, with the code; to send them again changes nothing.
    refused: BTreeMap<String, &'static str>,
    /// Sessions that ended: their agents are to be told.
    #[serde(skip)]
    pub ended: Vec<EndedSession>,
}

impl ReportsTaken {
    /// How many stand in the record now that did not before.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted
    }

    /// Which were refused, and why.
    #[must_use]
    pub fn refused(&self) -> &BTreeMap<String, &'static str> {
        &self.refused
    }
}

/// What a report is about, as we know it.
struct About {
    session: Option<Session>,
}

impl Provider {
    /// Takes a guard's reports, all in one transaction; what was taken before is taken once.
    ///
    /// # Errors
    /// [`TokenError`] when the caller does not prove itself, or is no guard.
    pub async fn take_guard_reports(
        &self,
        credentials: &ClientCredentials,
        reports: &GuardReports,
    ) -> Result<ReportsTaken, TokenError> {
        let now = self.now();
        let guard = self.authenticate_caller(credentials, now).await?;
        if !guard.guard || !guard.is_confidential() {
            let error = Error::GuardReportsNotAllowed;
            return Err(self.refuse_lookup(Some(&guard), error, now).await);
        }
        Ok(self.take_proven(&guard, reports, now).await?)
    }

    async fn take_proven(
        &self,
        guard: &Client,
        reports: &GuardReports,
        now: OffsetDateTime,
    ) -> Result<ReportsTaken, Error> {
        let mut transaction = self.store.begin().await?;
        let mut taken = ReportsTaken {
            accepted: 0,
            refused: BTreeMap::new(),
            ended: Vec::new(),
        };
        for given in reports.list() {
            match self.take_one(&mut transaction, guard, given, now).await {
                Ok((is_new, ended)) => {
                    taken.accepted += usize::from(is_new);
                    taken.ended.extend(ended.map(EndedInTransaction::announce));
                }
                Err(error @ Error::GuardReportForeign) => {
                    tracing::warn!(
                        code = error.code(),
                        client_id = guard.client_id,
                        "a guard reports of a token that is none of its own"
                    );
                    taken.refused.insert(given.event_id.clone(), error.code());
                }
                Err(error) => return Err(error),
            }
        }
        transaction.commit().await?;
        Ok(taken)
    }

    async fn take_one(
        &self,
        transaction: &mut Transaction,
        guard: &Client,
        given: &GivenReport,
        now: OffsetDateTime,
    ) -> Result<(bool, Option<EndedInTransaction>), Error> {
        let about = self.check_report(transaction, guard, given).await?;
        let report = record_of(guard, given, about.session.as_ref(), now);
        if !guard_report::insert(transaction, &report).await? {
            return Ok((false, None));
        }
        let (Some(stop), Some(session)) = (given.stop(), &about.session) else {
            return Ok((true, None));
        };
        if stop == StopAsked::Account {
            self.stop_account(transaction, guard, (given, &report), session, now)
                .await?;
        }
        let ended = self
            .end_in(transaction, session, EndReason::GuardStopped, now)
            .await?;
        if ended.is_some() {
            let kind = GuardEvent::SessionStopped {
                guard: guard.client_id.clone(),
                service: given.service.clone(),
                reasons: given.codes(),
            };
            let event = Event::new(kind, now).of_session(&session.id, &session.sub);
            self.record(transaction, event).await?;
        }
        Ok((true, ended))
    }

    /// Whether a report speaks of a token that was issued for this guard's resource server, by the
    /// names that stand in it.
    async fn check_report(
        &self,
        transaction: &mut Transaction,
        guard: &Client,
        given: &GivenReport,
    ) -> Result<About, Error> {
        let grant = access_grant::find(transaction, &given.jti).await?;
        let grant = grant.ok_or(Error::GuardReportForeign)?;
        let is_of_token = grant.client_id == given.client_id && grant.sid == given.sid;
        if !is_of_token || !self.is_for(guard, &grant)? {
            return Err(Error::GuardReportForeign);
        }
        let Some(sid) = &grant.sid else {
            return Ok(About { session: None });
        };
        let part = client_session::find(transaction, sid).await?;
        let Some(part) = part else {
            return Err(Error::GuardReportForeign);
        };
        let session = session::find(transaction, &part.session_id).await?;
        let session = session.ok_or(Error::GuardReportForeign)?;
        let client = self.client_of_login(&grant.client_id);
        let name = match client {
            Some(client) => {
                self.known_subject(transaction, &client, &session.sub)
                    .await?
            }
            None => None,
        };
        if name.as_deref() != Some(given.sub.as_str()) {
            return Err(Error::GuardReportForeign);
        }
        Ok(About {
            session: Some(session),
        })
    }

    fn is_for(&self, guard: &Client, grant: &AccessGrant) -> Result<bool, Error> {
        let corrupt = |_| cardea_storage::Error::Corrupt {
            column: "access_grant.audience".to_owned(),
        };
        let audience: Vec<String> = serde_json::from_str(&grant.audience).map_err(corrupt)?;
        let own = self.resources_of(guard);
        Ok(match audience.as_slice() {
            [] => own.iter().any(String::is_empty),
            named => named.iter().any(|it| own.contains(it)),
        })
    }

    async fn stop_account(
        &self,
        transaction: &mut Transaction,
        guard: &Client,
        (given, report): (&GivenReport, &GuardReport),
        session: &Session,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let stop = AccountStop {
            id: random_base64url(RANDOM_BYTES)?,
            sub: session.sub.clone(),
            service: given.service.clone(),
            guard_client_id: guard.client_id.clone(),
            client_id: given.client_id.clone(),
            report_id: report.id.clone(),
            reasons: report.reasons.clone(),
            stopped_at: now,
            lifted_at: None,
        };
        if !guard_report::stop(transaction, &stop).await? {
            return Ok(());
        }
        let kind = GuardEvent::AccountStopped {
            stop: stop.id,
            guard: guard.client_id.clone(),
            service: given.service.clone(),
            reasons: given.codes(),
        };
        let event = Event::new(kind, now).of_session(&session.id, &session.sub);
        self.record(transaction, event).await
    }
}

fn record_of(
    guard: &Client,
    given: &GivenReport,
    session: Option<&Session>,
    now: OffsetDateTime,
) -> GuardReport {
    GuardReport {
        id: report_id(&guard.client_id, &given.event_id),
        guard_client_id: guard.client_id.clone(),
        sub: session.map(|it| it.sub.clone()),
        session_id: session.map(|it| it.id.clone()),
        client_id: given.client_id.clone(),
        token_jti: given.jti.clone(),
        service: given.service.clone(),
        kind: given.kind.as_str().to_owned(),
        answer: given.answer.as_str().to_owned(),
        reasons: given.reasons_as_json(),
        patient_present: given.patient_present,
        patients: given.patients.iter().cloned().collect(),
        occurred_at: given.at,
        received_at: now,
    }
}
