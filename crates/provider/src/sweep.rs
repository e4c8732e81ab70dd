//! The sweep: what nobody ended by hand ends by the clock.

use cardea_storage::client::forget_replaced_secrets;
use cardea_storage::initial_access_token;
use cardea_storage::retention::{Kind, delete_batch};
use cardea_storage::session::{
    Cutoffs, Session, SessionState, list_overdue, list_silent, list_unwatched_overdue,
};
use time::{Duration, OffsetDateTime};

use crate::clock::SharedTime;
use crate::mass_loss::Meaning;
use crate::security_events::FORGOTTEN_AFTER;
use crate::session::{EndReason, EndedInTransaction, EndedSession};
use crate::{Error, Provider, step_up};

/// Sessions ended in one transaction; more are left to the next call.
const SESSIONS_OF_SWEEP_MAX: u32 = 100;
/// How long what anybody can make outlives its expiry: authorization requests that nobody answered,
/// pushed requests, challenges of card grants, codes of agentless logins. A late answer still
/// learns why it is refused, and a replay is worth telling from a guess for a while only.
const UNANSWERED_KEPT: Duration = Duration::minutes(5);
/// How long the mark of a proof or an assertion outlives it: should a clock be wrong after all,
/// whoever puts it right is quick.
const SPENT_KEPT: Duration = Duration::days(1);
/// How long an initial access token is listed after it has expired.
const INITIAL_ACCESS_TOKEN_KEPT: Duration = Duration::days(30);

impl Provider {
    /// Ends the sessions that are past a limit, up to a bound; call it every few seconds.
    ///
    /// An agent counts as silent only while it could have reached us: for one grace period after
    /// our own start, and after more than ten seconds (a third of a short grace period, four at the
    /// least) without a sweep that succeeded, nobody is ended for silence. Nor while many are
    /// silent at once (docs/adr/0014-mass-loss.md).
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn sweep(&self) -> Result<Vec<EndedSession>, Error> {
        let mut transaction = self.store.begin().await?;
        // Taken once the database is there: to wait for it may be an outage.
        let now = self.now();
        let cutoffs = self.cutoffs(now);
        let mut ended = Vec::new();
        for session in &list_overdue(&mut transaction, &cutoffs, SESSIONS_OF_SWEEP_MAX).await? {
            let reason = overdue_reason(session, &cutoffs);
            ended.extend(self.end_in(&mut transaction, session, reason, now).await?);
        }
        let unwatched = now - self.lifetimes.session_unwatched;
        let overdue =
            list_unwatched_overdue(&mut transaction, unwatched, SESSIONS_OF_SWEEP_MAX).await?;
        for session in &overdue {
            let reason = EndReason::AbsoluteLimit;
            ended.extend(self.end_in(&mut transaction, session, reason, now).await?);
        }
        let silent_since = self.reachable_cutoff(now);
        let mut meaning = None;
        if let Some(cutoff) = silent_since {
            let judged = self.judge_silence(&mut transaction, now).await?;
            for session in &list_silent(&mut transaction, cutoff, judged.count_max()).await? {
                let reason = EndReason::PresenceLost;
                ended.extend(self.end_in(&mut transaction, session, reason, now).await?);
            }
            meaning = Some(judged);
        }
        transaction.commit().await?;
        if let Some(meaning) = meaning {
            self.silence.set(meaning);
        }
        if let Some(gap) = self.reachability.note_sweep(now) {
            let gap_seconds = gap.whole_seconds();
            tracing::warn!(
                gap_seconds,
                "we were away: the agents have time to come back"
            );
        }
        self.count_waiting().await;
        Ok(ended
            .into_iter()
            .map(EndedInTransaction::announce)
            .collect())
    }

    /// Deletes what ended longer ago than records are kept, and what nobody answered five minutes
    /// after it expired; erases what is personal in the log's entries after the time of their kind;
    /// gives up clients that could not be told in time. Call it every minute, and
    /// again while it deletes anything.
    ///
    /// A call deletes one batch of each kind, each in a short transaction of its own, so that
    /// whoever signs in has a turn in between (attack H9).
    ///
    /// What this node forgets all nodes forget, so it goes by the time of all of them (attack H19).
    ///
    /// # Errors
    /// [`Error::ClockApart`]: nothing is forgotten; [`Error::Storage`].
    pub async fn forget_ended(&self) -> Result<u64, Error> {
        let time = SharedTime::ask(&self.store, self.clock.as_ref()).await?;
        let now = time.agreed()?;
        self.give_up_expired(now).await?;
        self.give_up_pushes(now).await?;
        let kept_for = &self.lifetimes.kept_for;
        let kept = now - self.lifetimes.retention;
        let unanswered = now - self.lifetimes.retention.min(UNANSWERED_KEPT);
        let batches = [
            (Kind::UnansweredRequest, unanswered),
            (Kind::PushedRequest, unanswered),
            (Kind::GrantChallenge, unanswered),
            (Kind::AgentlessCode, unanswered),
            (Kind::DeviceAuthorization, unanswered),
            (Kind::SecurityEvent, now),
            (Kind::SecurityEventStream, now - FORGOTTEN_AFTER),
            (Kind::GuardReport, now - kept_for.look_ups),
            (Kind::GuardNotice, now - kept_for.notices),
            (Kind::RefusedUse, now - kept_for.notices),
            (Kind::LiftedStop, now - kept_for.look_ups),
            (Kind::Incident, now - kept_for.incidents),
            (Kind::Approval, now - kept_for.operators),
            (Kind::StepUp, now - step_up::KEPT),
            (Kind::SpentProof, now - SPENT_KEPT),
            (Kind::DpopKey, now),
            (Kind::RefusalOfNobody, now - kept_for.refusals_of_nobody),
            (Kind::AccessGrant, kept),
            (Kind::RefreshTokenFamily, kept),
            (Kind::AuthorizationCode, kept),
            (Kind::Consent, kept),
            (Kind::AuthorizationRequest, kept),
            (Kind::ClientSession, kept),
            (Kind::Session, kept),
            (Kind::SessionName, now - kept_for.look_ups),
        ];
        let mut rows = 0;
        for (kind, before) in batches {
            rows += delete_batch(&self.store, kind, before).await?;
        }
        let mut transaction = self.store.begin().await?;
        rows += forget_replaced_secrets(&mut transaction, now).await?;
        let before = now - INITIAL_ACCESS_TOKEN_KEPT;
        rows += initial_access_token::forget_expired(&mut transaction, before).await?;
        transaction.commit().await?;
        Ok(rows + self.erase_aged(now).await?)
    }

    /// The moment since which a presence key must have answered; none while an agent may not have
    /// been able to reach us for that long, or many are silent at once.
    pub(crate) fn presence_cutoff(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        match self.silence.meaning() {
            Meaning::OurFault => None,
            Meaning::Gone | Meaning::Trickle { .. } => self.reachable_cutoff(now),
        }
    }

    /// The same as far as this node's own outages go.
    fn reachable_cutoff(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let grace = self.lifetimes.presence_grace;
        (now - self.reachability.since(now) > grace).then(|| now - grace)
    }

    fn cutoffs(&self, now: OffsetDateTime) -> Cutoffs {
        Cutoffs {
            pending_since: now - self.lifetimes.session_pending,
            used: now - self.lifetimes.session_idle,
            authenticated: now - self.lifetimes.session_absolute,
        }
    }
}

fn overdue_reason(session: &Session, cutoffs: &Cutoffs) -> EndReason {
    if session.state == SessionState::Pending {
        EndReason::NeverPresent
    } else if session.authenticated_at < cutoffs.authenticated {
        EndReason::AbsoluteLimit
    } else {
        EndReason::Idle
    }
}

#[cfg(test)]
mod tests;
