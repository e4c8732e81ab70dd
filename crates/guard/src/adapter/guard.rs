//! A verified access and a statement become an act, a decision, a record, and only then an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::keys::{Purpose, StatementKeys};
use super::repeats::{Repeats, Told};
use super::signatures::{Signatures, Signed};
use super::single_use::SingleUse;
use super::statement::{AccessReference, LookUpStatement, PresenceStatement};
use super::{AdapterError, LookUpsConfig};
use crate::clock::{Clock, SystemClock};
use crate::event_stream::{StopChange, StopNews};
use crate::{
    Accounts, Act, Actor, Answer, Decider, Decision, Error, FreshSignature, NoReporter, Patient,
    Report, ReportedToken, Reporter, Rules, VerifiedAccess,
};

/// Judges what a portal looked up. Cheap to clone.
#[derive(Clone)]
pub struct Guard(Arc<Parts>);

struct Parts {
    accounts: Arc<dyn Accounts>,
    service: String,
    keys: StatementKeys,
    statements: SingleUse,
    presences: SingleUse,
    signatures: Signatures,
    repeats: Repeats,
    reporter: Arc<dyn Reporter>,
    clock: Arc<dyn Clock>,
    /// Whether the issuer's event stream tells of fresh signatures.
    is_told: AtomicBool,
}

/// What was decided over a statement. Only [`Answer::Allow`] lets the portal answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What to do, and why.
    pub decision: Decision,
    /// Whether the caller's scheme is `DPoP`, for the challenge.
    pub(crate) is_dpop: bool,
    /// Whether the issuer asks the person at her workstation, so that her portal need not.
    pub(crate) is_asked_at_workstation: bool,
}

impl Guard {
    /// A guard that has seen nothing yet and reports to nobody.
    ///
    /// # Errors
    /// [`AdapterError::KeyFileUnusable`].
    pub fn new(rules: Rules, config: &LookUpsConfig) -> Result<Self, AdapterError> {
        Self::assemble(
            Arc::new(Decider::new(rules)),
            config,
            Arc::new(NoReporter),
            Arc::new(SystemClock::default()),
        )
    }

    /// The same, with accounts, a record of each answer and a clock of the caller's.
    ///
    /// # Errors
    /// [`AdapterError::KeyFileUnusable`].
    pub fn assemble(
        accounts: Arc<dyn Accounts>,
        config: &LookUpsConfig,
        reporter: Arc<dyn Reporter>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AdapterError> {
        Ok(Self(Arc::new(Parts {
            accounts,
            service: config.service.clone(),
            keys: StatementKeys::load(&config.keys_file)?,
            statements: SingleUse::default(),
            presences: SingleUse::default(),
            signatures: Signatures::default(),
            repeats: Repeats::default(),
            reporter,
            clock,
            is_told: AtomicBool::new(false),
        })))
    }

    /// Judges a statement that was made in this process about a request whose token was verified.
    ///
    /// # Errors
    /// [`AdapterError`], [`Error::SpoolFailed`]: nothing may be answered but a refusal.
    pub async fn judge(
        &self,
        access: &VerifiedAccess,
        statement: &LookUpStatement,
    ) -> Result<Judgement, Error> {
        let now = self.0.clock.unix_milliseconds();
        let access = AccessReference::new(access, now);
        self.judge_at(&access, statement, now).await
    }

    /// The same for a sealed statement and a sealed reference to the access, as a portal sends.
    pub(crate) async fn judge_sealed(
        &self,
        access: &str,
        statement: &str,
    ) -> Result<Judgement, Error> {
        let now = self.0.clock.unix_milliseconds();
        let access: AccessReference = self.0.keys.open(Purpose::Access, access)?;
        access.check(now)?;
        let statement = self.0.keys.open(Purpose::LookUp, statement)?;
        self.judge_at(&access, &statement, now).await
    }

    /// What a portal hands back with its statement.
    pub(crate) fn refer_to(&self, access: &VerifiedAccess) -> Result<String, AdapterError> {
        let now = self.0.clock.unix_milliseconds();
        let reference = AccessReference::new(access, now);
        self.0.keys.seal(Purpose::Access, &reference)
    }

    /// Notes that [`Guard::fresh_signature`] is called when the issuer says so.
    pub(crate) fn note_told(&self) {
        self.0.is_told.store(true, Ordering::Relaxed);
    }

    /// Whether the issuer hears of an answer, and is heard when the card has signed.
    fn is_told(&self) -> bool {
        self.0.reporter.delivers() && self.0.is_told.load(Ordering::Relaxed)
    }

    /// The card of this subject has signed anew, as somebody else has verified, who says so once.
    pub async fn fresh_signature(&self, subject: &str, session: Option<&str>) {
        let unknown = FreshSignature::default();
        self.hear_signature(subject, session, unknown).await;
    }

    /// The same of a signature that is told from others: it pays once, however often and by
    /// whichever guard it is heard of.
    pub async fn hear_signature(
        &self,
        subject: &str,
        session: Option<&str>,
        signature: FreshSignature,
    ) {
        let now = self.0.clock.unix_milliseconds();
        self.0.signatures.answer(subject, session, signature);
        let accounts = &self.0.accounts;
        let heard = accounts.fresh_signature(subject, session, signature, now);
        heard.await;
    }

    /// The issuer says that an account is stopped, or no longer; at another service than this one
    /// it changes nothing.
    pub(crate) async fn hear(&self, news: &StopNews) {
        let (subject, service) = (news.subject.as_str(), self.0.service.as_str());
        if news.service != service {
            return;
        }
        let accounts = &self.0.accounts;
        match news.change {
            StopChange::Stopped(stop) => {
                tracing::warn!(
                    stop = stop.sequence,
                    "the issuer says: an account is stopped"
                );
                accounts.stop(subject, service, stop).await;
            }
            StopChange::Lifted(sequence) => {
                tracing::info!(stop = sequence, "the issuer says: a stop is lifted");
                let now = self.0.clock.unix_milliseconds();
                self.0.repeats.forget(subject);
                accounts.lift_stop(subject, service, sequence, now).await;
            }
        }
    }

    /// An operator lets the account act at this service again.
    pub async fn lift(&self, subject: &str) {
        let now = self.0.clock.unix_milliseconds();
        self.0.signatures.forget(subject);
        self.0.repeats.forget(subject);
        let accounts = &self.0.accounts;
        accounts.lift(subject, &self.0.service, now).await;
    }

    async fn judge_at(
        &self,
        access: &AccessReference,
        statement: &LookUpStatement,
        now: i64,
    ) -> Result<Judgement, Error> {
        let presence = self.check(access, statement, now)?;
        self.spend(statement, presence.as_ref(), now).await?;
        let act = self.act(access, statement, presence.is_some(), now);
        let parts = &*self.0;
        let signed = parts
            .signatures
            .take(&act.subject, &act.session, access.auth_time);
        let session = Some(act.session.as_str());
        let sign = |signature| {
            let accounts = &parts.accounts;
            accounts.fresh_signature(&act.subject, session, signature, now)
        };
        if let Some(Signed::There(signature)) = signed {
            sign(signature).await;
        }
        let mut decision = parts.accounts.decide(&act).await;
        // A new login's session was not asked before it came: its card has answered already.
        let asks = matches!(decision.answer, Answer::StepUp | Answer::Slow { .. });
        if let Some(Signed::Elsewhere(signature)) = signed.filter(|_| asks) {
            sign(signature).await;
            decision = parts.accounts.decide(&act).await;
        }
        match decision.answer {
            Answer::Allow => {}
            Answer::StepUp | Answer::Slow { .. } => {
                parts.signatures.ask(&act.subject, &act.session, now);
            }
            // Who signs in again has not answered the question, and is asked it anew.
            Answer::StopSession | Answer::StopAccount => parts.signatures.forget(&act.subject),
        }
        let token = ReportedToken {
            client_id: &access.client_id,
            sid: access.sid.as_deref(),
            jti: &access.jti,
        };
        // Nothing is shown, and nothing new is said: the first report speaks for the next ones.
        let told = parts.repeats.note(&act, &decision);
        if told != Told::Already {
            let mut report = Report::new(&act, &decision, &token, statement.patients.clone());
            report.reasons.extend(told.reason());
            if decision.answer == Answer::StopAccount {
                let held = parts.accounts.held(&act.subject, &act.service);
                report.rests_on = Some(held.into());
            }
            if let Err(error) = parts.reporter.record(report).await {
                // What was not said, the next report has to say.
                parts.repeats.forget(&act.subject);
                return Err(error);
            }
        }
        Ok(Judgement {
            decision,
            is_dpop: access.is_dpop,
            is_asked_at_workstation: access.is_watched && self.is_told(),
        })
    }

    /// All that is asked of a statement but its single use; whether a patient's card was read.
    fn check(
        &self,
        access: &AccessReference,
        statement: &LookUpStatement,
        now: i64,
    ) -> Result<Option<PresenceStatement>, AdapterError> {
        statement.check(now)?;
        if statement.session != access.session() {
            return Err(AdapterError::StatementSessionMismatch);
        }
        let presence: Option<PresenceStatement> = match &statement.presence {
            Some(sealed) => Some(self.0.keys.open(Purpose::Presence, sealed)?),
            None => None,
        };
        if let Some(presence) = &presence {
            presence.check(statement, now)?;
        }
        Ok(presence)
    }

    /// Uses up what is good once: here, and at every guard that shares the accounts.
    async fn spend(
        &self,
        statement: &LookUpStatement,
        presence: Option<&PresenceStatement>,
        now: i64,
    ) -> Result<(), AdapterError> {
        let parts = &*self.0;
        // Portals of two services choose their nonces by themselves.
        let name = |kind: &str, nonce: &str| format!("{kind}\n{}\n{nonce}", parts.service);
        let mut until = statement.remembered_until();
        parts.statements.take(&statement.nonce, until, now)?;
        let mut names = vec![name("look-up", &statement.nonce)];
        if let Some(presence) = presence {
            let end = presence.remembered_until();
            parts.presences.take(&presence.nonce, end, now)?;
            names.push(name("presence", &presence.nonce));
            until = until.max(end);
        }
        let kept = u64::try_from(until.saturating_sub(now)).unwrap_or_default();
        let kept = Duration::from_millis(kept);
        if parts.accounts.take_once(&names, kept).await {
            Ok(())
        } else {
            Err(AdapterError::StatementReplayed)
        }
    }

    fn act(
        &self,
        access: &AccessReference,
        statement: &LookUpStatement,
        patient_present: bool,
        now: i64,
    ) -> Act {
        let is_person = access.sid.is_some() || access.auth_time.is_some();
        let patients = statement.patients.iter();
        Act {
            at: now,
            subject: access.sub.clone(),
            profession: access.profession.clone(),
            service: self.0.service.clone(),
            kind: statement.kind,
            actor: if is_person {
                Actor::Person
            } else {
                Actor::Service
            },
            session: access.session().to_owned(),
            source: statement.source.clone().unwrap_or_default(),
            patients: patients.map(|it| Patient::from_pseudonym(it)).collect(),
            patient_present,
            sequence: statement.sequence,
            follow_up: statement.follow_up,
        }
    }
}

#[cfg(test)]
mod tests;
