//! The sweep: what nobody ended by hand ends by the clock.

use cardea_storage::retention::{delete_ended_before, delete_incomplete_requests_before};
use cardea_storage::session::{Cutoffs, Session, SessionState, list_overdue};
use time::{Duration, OffsetDateTime};

use crate::session::{EndReason, EndedSession, is_silent};
use crate::{Error, Provider};

/// Sessions ended in one transaction; more are left to the next call.
const SESSIONS_OF_SWEEP_MAX: u32 = 100;
/// How long an authorization request that nobody answered outlives its expiry: anybody can make
/// them, and a replayed challenge is worth telling from a guess for a while only.
const INCOMPLETE_REQUEST_KEPT: Duration = Duration::HOUR;

impl Provider {
    /// Ends the sessions that are past a limit, up to a bound; call it every few seconds.
    ///
    /// An agent counts as silent only while it could have reached us: for one grace period after
    /// our own start, and after more than ten seconds without a sweep that succeeded, nobody is
    /// ended for silence.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn sweep(&self) -> Result<Vec<EndedSession>, Error> {
        let now = self.now();
        let cutoffs = self.cutoffs(now);
        let mut transaction = self.store.begin().await?;
        let overdue = list_overdue(&mut transaction, &cutoffs, SESSIONS_OF_SWEEP_MAX).await?;
        let mut ended = Vec::new();
        for session in &overdue {
            let reason = overdue_reason(session, &cutoffs);
            ended.extend(self.end_in(&mut transaction, session, reason, now).await?);
        }
        transaction.commit().await?;
        if let Some(gap) = self.reachability.note_sweep(now) {
            let gap_seconds = gap.whole_seconds();
            tracing::warn!(
                gap_seconds,
                "we were away: the agents have time to come back"
            );
        }
        Ok(ended
            .into_iter()
            .map(|ended| self.announce(ended, now))
            .collect())
    }

    /// Deletes what ended longer ago than records are kept, and authorization requests that nobody
    /// answered an hour after they expired; call it every few minutes.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn forget_ended(&self) -> Result<u64, Error> {
        let now = self.now();
        let retention = self.lifetimes.retention;
        let before = now - retention.min(INCOMPLETE_REQUEST_KEPT);
        let mut transaction = self.store.begin().await?;
        let mut rows = delete_incomplete_requests_before(&mut transaction, before).await?;
        rows += delete_ended_before(&mut transaction, now - retention).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// The moment since which a presence key must have answered; none while an agent may not have
    /// been able to reach us for that long.
    pub(crate) fn presence_cutoff(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let grace = self.lifetimes.presence_grace;
        (now - self.reachability.since(now) > grace).then(|| now - grace)
    }

    fn cutoffs(&self, now: OffsetDateTime) -> Cutoffs {
        Cutoffs {
            pending_since: now - self.lifetimes.session_pending,
            present: self.presence_cutoff(now),
            used: now - self.lifetimes.session_idle,
            authenticated: now - self.lifetimes.session_absolute,
        }
    }
}

fn overdue_reason(session: &Session, cutoffs: &Cutoffs) -> EndReason {
    if session.state == SessionState::Pending {
        return EndReason::NeverPresent;
    }
    if is_silent(session, cutoffs.present) {
        EndReason::PresenceLost
    } else if session.authenticated_at < cutoffs.authenticated {
        EndReason::AbsoluteLimit
    } else {
        EndReason::Idle
    }
}

#[cfg(test)]
mod tests;
