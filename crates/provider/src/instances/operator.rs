//! What an operator does about workstations: looks at them, trusts them, takes them out.

use std::collections::BTreeMap;

use cardea_storage::instance_standing::{self, DecidedStanding, InstanceDecision, SeenInstance};
use cardea_storage::session;
use time::OffsetDateTime;

use crate::authentication::is_id;
use crate::event::{Event, InstanceEvent};
use crate::session::{EndReason, EndedInTransaction, EndedSession, end_rows};
use crate::{Error, OperatorProven, Provider, Records};

/// Bytes of an operator's note.
pub const INSTANCE_NOTE_BYTES_MAX: usize = 500;
/// Bytes of the name that an operator gives a workstation.
const NAME_BYTES_MAX: usize = 64;
/// Workstations that operators may have decided about, and that are listed at once.
pub const INSTANCES_MAX: u32 = 10_000;

/// What an operator has said of a workstation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorDecision {
    /// What was decided.
    pub standing: DecidedStanding,
    /// What the operator calls it.
    pub name: Option<String>,
    /// The operator's note.
    pub note: Option<String>,
    /// When.
    pub decided_at: OffsetDateTime,
}

/// A workstation as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceReport {
    /// The thumbprint of its key.
    pub instance_jkt: String,
    /// What an operator has said.
    pub decision: Option<OperatorDecision>,
    /// What it calls itself, which proves nothing.
    pub own_name: Option<String>,
    /// How many people have used it.
    pub people: i64,
    /// The first and the last use.
    pub seen_at: Option<(OffsetDateTime, OffsetDateTime)>,
}

/// The workstations of a database, in an operator's name.
#[derive(Clone, Debug)]
pub struct TrustedInstances {
    records: Records,
}

impl Provider {
    /// The workstations, for an operator who has signed in.
    #[must_use]
    pub fn trusted_instances(&self, operator: &OperatorProven) -> TrustedInstances {
        TrustedInstances::new(self.records(operator.author()))
    }
}

impl TrustedInstances {
    /// Looks after the workstations of a database.
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// Lists what was decided, and where people have signed in lately; up to [`INSTANCES_MAX`] of
    /// each, those that were used last first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self) -> Result<Vec<InstanceReport>, Error> {
        let mut transaction = self.records.store.begin_read().await?;
        let decided = instance_standing::list(&mut transaction, INSTANCES_MAX).await?;
        let seen = instance_standing::list_seen(&mut transaction, INSTANCES_MAX).await?;
        let mut by_jkt: BTreeMap<String, InstanceReport> = BTreeMap::new();
        for seen in seen {
            let jkt = seen.instance_jkt.clone();
            by_jkt.insert(jkt.clone(), report(jkt, Some(seen), None));
        }
        for decision in decided {
            let jkt = decision.instance_jkt.clone();
            let known = by_jkt.entry(jkt.clone());
            known.or_insert_with(|| report(jkt, None, None)).decision = Some(said(decision));
        }
        let mut reports: Vec<_> = by_jkt.into_values().collect();
        reports.sort_by_key(|it| std::cmp::Reverse(it.seen_at.map(|(_, last)| last)));
        Ok(reports)
    }

    /// Refuses a workstation that no person has used and no operator has decided about: whoever
    /// mistypes a thumbprint must not believe that a workstation was taken out.
    ///
    /// # Errors
    /// [`Error::InstanceThumbprintMalformed`], [`Error::InstanceUnseen`], [`Error::Storage`].
    pub async fn check_seen(&self, instance_jkt: &str) -> Result<(), Error> {
        if !is_id(instance_jkt) {
            return Err(Error::InstanceThumbprintMalformed);
        }
        let mut transaction = self.records.store.begin_read().await?;
        let seen = instance_standing::find_seen(&mut transaction, instance_jkt).await?;
        let decided = instance_standing::find(&mut transaction, instance_jkt).await?;
        match seen.is_some() || decided.is_some() {
            true => Ok(()),
            false => Err(Error::InstanceUnseen),
        }
    }

    /// Trusts a workstation by the thumbprint of its key, for everybody; also one that was revoked.
    ///
    /// # Errors
    /// [`Error::InstanceThumbprintMalformed`], [`Error::InstanceTextInvalid`],
    /// [`Error::InstanceLimitReached`], [`Error::Storage`].
    pub async fn trust(
        &self,
        instance_jkt: &str,
        name: &str,
        note: Option<&str>,
    ) -> Result<InstanceReport, Error> {
        let now = self.records.now();
        let decision = decision(
            instance_jkt,
            DecidedStanding::Managed,
            Some(name),
            note,
            now,
        )?;
        let mut transaction = self.records.store.begin().await?;
        check_room(&mut transaction, instance_jkt).await?;
        instance_standing::decide(&mut transaction, &decision).await?;
        let kind = InstanceEvent::Trusted {
            instance_jkt: instance_jkt.to_owned(),
            by: self.records.author.clone(),
            name: name.to_owned(),
        };
        self.records
            .append(&mut transaction, &Event::new(kind, now))
            .await?;
        let seen = instance_standing::find_seen(&mut transaction, instance_jkt).await?;
        transaction.commit().await?;
        Ok(report(instance_jkt.to_owned(), seen, Some(decision)))
    }

    /// Takes a workstation out for everybody, with every session there.
    ///
    /// # Errors
    /// As [`TrustedInstances::trust`].
    pub async fn revoke(
        &self,
        instance_jkt: &str,
        note: Option<&str>,
    ) -> Result<(InstanceReport, Vec<EndedSession>), Error> {
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        let before = instance_standing::find(&mut transaction, instance_jkt).await?;
        let name = before.and_then(|it| it.name);
        let standing = DecidedStanding::Revoked;
        let decision = decision(instance_jkt, standing, name.as_deref(), note, now)?;
        check_room(&mut transaction, instance_jkt).await?;
        instance_standing::decide(&mut transaction, &decision).await?;
        let mut ended = Vec::new();
        // A login that is not committed yet is none of these: it is looked at once more when its
        // presence key answers.
        for session in session::list_of_instance(&mut transaction, instance_jkt).await? {
            let reason = EndReason::WorkstationRevoked;
            let Some(rows) = end_rows(&mut transaction, &session, reason, now).await? else {
                continue;
            };
            rows.queue_blindly(&mut transaction, now).await?;
            self.records.append(&mut transaction, &rows.event).await?;
            ended.push(EndedInTransaction { session, reason });
        }
        let kind = InstanceEvent::RevokedByOperator {
            instance_jkt: instance_jkt.to_owned(),
            by: self.records.author.clone(),
            sessions_ended: u64::try_from(ended.len()).unwrap_or(u64::MAX),
        };
        self.records
            .append(&mut transaction, &Event::new(kind, now))
            .await?;
        let seen = instance_standing::find_seen(&mut transaction, instance_jkt).await?;
        transaction.commit().await?;
        let ended = ended.into_iter().map(EndedInTransaction::announce);
        let report = report(instance_jkt.to_owned(), seen, Some(decision));
        Ok((report, ended.collect()))
    }

    /// Takes back what was said of a workstation: it is again what it is to each person.
    ///
    /// # Errors
    /// [`Error::InstanceUndecided`], [`Error::Storage`].
    pub async fn forget(&self, instance_jkt: &str) -> Result<(), Error> {
        let mut transaction = self.records.store.begin().await?;
        if !instance_standing::forget(&mut transaction, instance_jkt).await? {
            return Err(Error::InstanceUndecided);
        }
        let kind = InstanceEvent::Forgotten {
            instance_jkt: instance_jkt.to_owned(),
            by: self.records.author.clone(),
        };
        let event = Event::new(kind, self.records.now());
        self.records.append(&mut transaction, &event).await?;
        Ok(transaction.commit().await?)
    }
}

async fn check_room(
    transaction: &mut cardea_storage::Transaction,
    instance_jkt: &str,
) -> Result<(), Error> {
    let is_new = instance_standing::find(transaction, instance_jkt)
        .await?
        .is_none();
    if is_new && instance_standing::count(transaction).await? >= i64::from(INSTANCES_MAX) {
        return Err(Error::InstanceLimitReached);
    }
    Ok(())
}

fn decision(
    instance_jkt: &str,
    standing: DecidedStanding,
    name: Option<&str>,
    note: Option<&str>,
    decided_at: OffsetDateTime,
) -> Result<InstanceDecision, Error> {
    // RFC 7638: a SHA-256 thumbprint in base64url.
    if !is_id(instance_jkt) {
        return Err(Error::InstanceThumbprintMalformed);
    }
    let texts = [(name, NAME_BYTES_MAX), (note, INSTANCE_NOTE_BYTES_MAX)];
    let is_foul = |(text, bytes_max): (Option<&str>, usize)| {
        text.is_some_and(|text| {
            text.trim().is_empty() || text.len() > bytes_max || text.chars().any(char::is_control)
        })
    };
    if texts.into_iter().any(is_foul) {
        return Err(Error::InstanceTextInvalid);
    }
    Ok(InstanceDecision {
        instance_jkt: instance_jkt.to_owned(),
        standing,
        name: name.map(str::to_owned),
        note: note.map(str::to_owned),
        decided_at,
    })
}

fn said(decision: InstanceDecision) -> OperatorDecision {
    OperatorDecision {
        standing: decision.standing,
        name: decision.name,
        note: decision.note,
        decided_at: decision.decided_at,
    }
}

fn report(
    instance_jkt: String,
    seen: Option<SeenInstance>,
    decision: Option<InstanceDecision>,
) -> InstanceReport {
    InstanceReport {
        instance_jkt,
        decision: decision.map(said),
        people: seen.as_ref().map_or(0, |seen| seen.people),
        seen_at: seen
            .as_ref()
            .map(|seen| (seen.first_seen_at, seen.last_seen_at)),
        own_name: seen.and_then(|seen| seen.name),
    }
}
