//! What guards report: each answer once, and what it brings about, in one transaction.
//!
//! A guard speaks of sessions alone in which a token was issued for a resource server that it is,
//! by the names in that token. Whatever else it says is refused and changes nothing: who takes a
//! guard over can end sessions at its own service, and no others.

mod notices;
mod request;
mod stop_taken;
mod stops;

use std::collections::BTreeMap;

use cardea_storage::access_grant::{self, AccessGrant};
use cardea_storage::guard_report::{self, GuardReport, ReportPart, report_id};
use cardea_storage::session::Session;
use cardea_storage::{Transaction, client_session, session};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::client_authentication::ClientCredentials;
use crate::session::{EndedInTransaction, EndedSession};
use crate::step_up::SignatureWanted;
use crate::{Client, Error, Provider, TokenError};

pub use notices::{GuardStopNotice, StoppedThing};
pub use request::GuardReports;
pub use stops::{AccountStops, STOPS_MAX};

use request::GivenReport;

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
    /// The resource servers of the token that the guard is.
    audience: Vec<String>,
}

/// A report whose token is the guard's own to speak of.
struct Reported<'a> {
    guard: &'a Client,
    given: &'a GivenReport,
    about: &'a About,
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
        if !given.has_effect() {
            return Ok((true, None));
        }
        if let (Some(session), true, Some(sid)) =
            (&about.session, given.wants_signature(now), &given.sid)
        {
            let wanted = SignatureWanted {
                guard,
                client_id: &given.client_id,
                sid,
                service: &given.service,
                patients: given.patients_counted(),
            };
            self.ask_step_up(transaction, session, &wanted, now).await?;
        }
        let reported = Reported {
            guard,
            given,
            about: &about,
        };
        let ended = self.take_stop(transaction, &reported, report, now).await?;
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
        let audience = self.own_audience(guard, &grant)?;
        if !is_of_token || audience.is_empty() {
            return Err(Error::GuardReportForeign);
        }
        let Some(sid) = &grant.sid else {
            // A service's own token names the service.
            return match given.sub == grant.client_id {
                true => Ok(About {
                    session: None,
                    audience,
                }),
                false => Err(Error::GuardReportForeign),
            };
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
            audience,
        })
    }

    /// The resource servers that a token is for and the guard is; an empty text stands for the
    /// issuer, as in the guard's streams.
    fn own_audience(&self, guard: &Client, grant: &AccessGrant) -> Result<Vec<String>, Error> {
        let corrupt = |_| cardea_storage::Error::Corrupt {
            column: "access_grant.audience".to_owned(),
        };
        let mut audience: Vec<String> = serde_json::from_str(&grant.audience).map_err(corrupt)?;
        if audience.is_empty() {
            audience.push(String::new());
        }
        let own = self.resources_of(guard);
        audience.retain(|it| own.contains(it));
        audience.sort();
        Ok(audience)
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
        part: given.part.as_ref().map(|it| ReportPart {
            of: it.of.clone(),
            number: it.number,
        }),
        occurred_at: given.at,
        received_at: now,
    }
}
