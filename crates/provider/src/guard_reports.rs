//! What guards report: each answer once, and what it brings about, in one transaction.
//!
//! A guard speaks of sessions alone in which a token was issued for a resource server that it is,
//! by the names in that token. Whatever else it says is refused and changes nothing: who takes a
//! guard over can end sessions at its own service, and no others.
//!
//! What a guard could not deliver in time is about a token that is forgotten here by now: it is
//! kept as the guard says it, marked as unproven, and changes nothing.

mod notices;
mod on_record;
mod request;
mod stop_taken;
mod stops;

use std::collections::BTreeMap;

use cardea_storage::access_grant::{self, AccessGrant};
use cardea_storage::guard_report::{
    self, GuardReport, ReportPart, ReportPlace, SaidNames, count_unproven_since, is_known,
    report_id,
};
use cardea_storage::session::Session;
use cardea_storage::{Transaction, account_stop, client_session, session, session_card};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::client_authentication::ClientCredentials;
use crate::session::{EndedInTransaction, EndedSession};
use crate::step_up::SignatureWanted;
use crate::{Client, Error, Provider, TokenError};

pub use notices::{GuardStopNotice, StoppedThing};
pub use on_record::{LookUpFinding, LookUpsChecked, LookUpsOnRecord};
pub use request::GuardReports;
pub use stops::{AccountStops, STOPS_MAX};
pub(crate) use stops::{check_reason, lift_in};

use on_record::Entries;
use request::GivenReport;

/// Unproven reports of a day, of one guard and of all: whoever has taken a guard over could write
/// them without end.
const UNPROVEN_A_DAY_MAX: i64 = 200_000;
const UNPROVEN_A_DAY_OF_ALL_MAX: i64 = 1_000_000;
/// A guard's clock may be wrong by so much where it is asked whether a token can be forgotten.
const CLOCKS_DIFFER: Duration = Duration::hours(1);

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

/// What is known of the token that a report names.
enum Checked {
    /// It was issued for this guard's resource server, by these names.
    Proven(Box<About>),
    /// It is forgotten, and nothing that is still known speaks against the report.
    Unproven,
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
        let stopped: Vec<_> = reports.stopped_accounts().collect();
        account_stop::lock(&mut transaction, &stopped).await?;
        let mut entries = Entries::new(&guard.client_id, now)?;
        let mut taken = ReportsTaken {
            accepted: 0,
            refused: BTreeMap::new(),
            ended: Vec::new(),
        };
        for given in reports.list() {
            let taken_one = self.take_one(&mut transaction, guard, given, &mut entries);
            match taken_one.await {
                Ok((is_new, ended)) => {
                    taken.accepted += usize::from(is_new);
                    taken.ended.extend(ended.map(EndedInTransaction::announce));
                }
                Err(error @ (Error::GuardReportForeign | Error::GuardReportsUnprovenTooMany)) => {
                    tracing::warn!(
                        code = error.code(),
                        client_id = guard.client_id,
                        "a guard's report is refused"
                    );
                    taken.refused.insert(given.event_id.clone(), error.code());
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(event) = entries.close()? {
            self.record(&mut transaction, event).await?;
        }
        transaction.commit().await?;
        Ok(taken)
    }

    async fn take_one(
        &self,
        transaction: &mut Transaction,
        guard: &Client,
        given: &GivenReport,
        entries: &mut Entries,
    ) -> Result<(bool, Option<EndedInTransaction>), Error> {
        let now = entries.now();
        let checked = self.check_report(transaction, guard, given, now).await?;
        let mut report = record_of(guard, given, &checked, now);
        if matches!(checked, Checked::Unproven) && !is_known(transaction, &report.id).await? {
            let room = match entries.unproven_room {
                Some(room) => room,
                None => unproven_room(transaction, guard, now).await?,
            };
            if room <= 0 {
                return Err(Error::GuardReportsUnprovenTooMany);
            }
            entries.unproven_room = Some(room - 1);
        }
        report.place = place_of(transaction, &checked).await?;
        report.on_record = Some(entries.name()?);
        if !guard_report::insert(transaction, &report).await? {
            return Ok((false, None));
        }
        if let Some(event) = entries.add(&report)? {
            self.record(transaction, event).await?;
        }
        let Checked::Proven(about) = checked else {
            tracing::warn!(
                client_id = guard.client_id,
                "a guard's report is kept unproven: its token is forgotten"
            );
            return Ok((true, None));
        };
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
                refused_at_ms: given.at,
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
        now: OffsetDateTime,
    ) -> Result<Checked, Error> {
        let Some(grant) = access_grant::find(transaction, &given.jti).await? else {
            return self.check_forgotten(transaction, guard, given, now).await;
        };
        let is_of_token = grant.client_id == given.client_id && grant.sid == given.sid;
        let audience = self.own_audience(guard, &grant)?;
        if !is_of_token || audience.is_empty() {
            return Err(Error::GuardReportForeign);
        }
        let Some(sid) = &grant.sid else {
            // A service's own token names the service.
            return match given.sub == grant.client_id {
                true => Ok(Checked::Proven(Box::new(About {
                    session: None,
                    audience,
                }))),
                false => Err(Error::GuardReportForeign),
            };
        };
        let session = match client_session::find(transaction, sid).await? {
            Some(part) => session::find(transaction, &part.session_id).await?,
            None => None,
        };
        let client = self.client_of_login(&grant.client_id);
        let (Some(session), Some(client)) = (session, client) else {
            return Ok(Checked::Unproven);
        };
        let name = self.known_subject(transaction, &client, &session.sub);
        if name.await?.as_deref() != Some(given.sub.as_str()) {
            return Err(Error::GuardReportForeign);
        }
        Ok(Checked::Proven(Box::new(About {
            session: Some(session),
            audience,
        })))
    }

    /// Whether a report that names no token we know of can be about one that is forgotten: it is
    /// old enough for that, no older than what is kept, and what is known of its client and its
    /// session agrees.
    async fn check_forgotten(
        &self,
        transaction: &mut Transaction,
        guard: &Client,
        given: &GivenReport,
        now: OffsetDateTime,
    ) -> Result<Checked, Error> {
        let is_before = |at: OffsetDateTime| given.at <= at.unix_timestamp().saturating_mul(1_000);
        // A token that lived then is known for so long at least.
        let forgotten = now - (self.lifetimes.retention - CLOCKS_DIFFER).max(Duration::ZERO);
        let is_of_time = is_before(forgotten) && !is_before(now - self.lifetimes.kept_for.look_ups);
        let own = self.resources_of(guard);
        let client = self.client_of_login(&given.client_id);
        let is_own = own.iter().any(|it| {
            let known = client.as_ref();
            it.is_empty() || known.is_none_or(|client| client.resources.contains(it))
        });
        let part = match &given.sid {
            Some(sid) => client_session::find(transaction, sid).await?,
            None => None,
        };
        let is_of_client = part.is_none_or(|part| part.client_id == given.client_id);
        if is_of_time && is_own && is_of_client {
            Ok(Checked::Unproven)
        } else {
            Err(Error::GuardReportForeign)
        }
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

/// How many unproven reports may come yet, of this guard and of all.
async fn unproven_room(
    transaction: &mut Transaction,
    guard: &Client,
    now: OffsetDateTime,
) -> Result<i64, Error> {
    let since = now - Duration::days(1);
    let own = count_unproven_since(transaction, Some(&guard.client_id), since).await?;
    let all = count_unproven_since(transaction, None, since).await?;
    Ok((UNPROVEN_A_DAY_MAX - own).min(UNPROVEN_A_DAY_OF_ALL_MAX - all))
}

fn record_of(
    guard: &Client,
    given: &GivenReport,
    checked: &Checked,
    now: OffsetDateTime,
) -> GuardReport {
    let (session, unproven) = match checked {
        Checked::Proven(about) => (about.session.as_ref(), None),
        Checked::Unproven => {
            let said = SaidNames {
                sub: given.sub.clone(),
                sid: given.sid.clone(),
            };
            (None, Some(said))
        }
    };
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
        unproven,
        place: None,
        on_record: None,
        occurred_at: given.at,
        received_at: now,
    }
}

/// From where somebody looked something up.
async fn place_of(
    transaction: &mut Transaction,
    checked: &Checked,
) -> Result<Option<ReportPlace>, Error> {
    let Checked::Proven(about) = checked else {
        return Ok(None);
    };
    let Some(session) = &about.session else {
        return Ok(None);
    };
    Ok(Some(ReportPlace {
        card_id: session_card::card_of(transaction, &session.id).await?,
        card_sha256: Some(session.card_sha256.clone()),
        instance_jkt: Some(session.instance_jkt.clone()),
    }))
}
