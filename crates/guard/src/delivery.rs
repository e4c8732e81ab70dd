//! From the spool to the issuer: what was answered, in batches, until the issuer says that it has
//! it (docs/adr/0041-how-look-ups-reach-the-log-exactly-once.md).
//!
//! Nothing leaves the spool that the issuer has not acknowledged, so that whatever ends either of
//! them at any moment leads to a report that is sent twice at worst; each has an id of its own,
//! under which the issuer takes it once. What can't wait (a question for a signature, a stop) is
//! sent as soon as it is on the disk, and past whatever waits before it.

mod courier;
mod post;
mod resend;
mod set_aside;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::access_token::TokenConfig;
use crate::clock::Clock;
use crate::{Error, Recorded, Report, Reporter, Spool, SpoolConfig, http_client};

use courier::Courier;
use post::Issuer;
use set_aside::SetAside;
use standing::Standing;

pub use resend::{Resent, resend};
pub(crate) use standing::ReportsHealth;

/// How often it is looked whether the last reports are delivered, at the end.
const LOOK: Duration = Duration::from_millis(20);

/// Takes answers down before they are given, and brings them to the issuer. Cheap to clone; what
/// waits when the last clone goes waits on the disk.
#[derive(Clone)]
pub struct Reports(Arc<Parts>);

struct Parts {
    standing: Arc<Standing>,
    task: AbortHandle,
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reports {
    /// Opens the spool and begins to deliver what waits in it. The guard proves itself to the
    /// issuer as at the introspection endpoint, and is registered there with `guard = true`.
    ///
    /// Call this inside a Tokio runtime.
    ///
    /// # Errors
    /// [`Error::SpoolFailed`], [`Error::Access`].
    pub fn start(
        config: &SpoolConfig,
        token: &TokenConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let issuer = Issuer {
            http: http_client::client(token.ca_file.as_deref())?,
            url: post::address(&token.issuer)?,
            issuer: token.issuer.clone(),
            credentials: token.credentials()?,
            clock: Arc::clone(&clock),
        };
        let spool = Spool::open(config, Arc::clone(&clock))?;
        let set_aside = SetAside::open(spool.folder())?;
        let standing = Arc::new(Standing::new(spool, set_aside.count(), clock));
        let courier = Courier::new(issuer, Arc::clone(&standing), set_aside);
        let task = tokio::spawn(courier.run()).abort_handle();
        Ok(Self(Arc::new(Parts { standing, task })))
    }

    /// How it is with the reports now.
    pub(crate) fn health(&self) -> ReportsHealth {
        self.0.standing.health()
    }

    /// Gives the issuer so long to take what waits; the rest waits on the disk for the next start.
    pub async fn close(&self, patience: Duration) {
        let standing = &self.0.standing;
        standing.end_gathering();
        let delivered = async {
            while standing.is_waiting() {
                tokio::time::sleep(LOOK).await;
            }
        };
        let _ = tokio::time::timeout(patience, delivered).await;
    }
}

impl Reporter for Reports {
    fn delivers(&self) -> bool {
        true
    }

    fn record(&self, report: Report) -> Recorded<'_> {
        Box::pin(async move {
            let is_urgent = report.is_urgent();
            let records = report.into_records()?;
            let urgent = records.first().filter(|_| is_urgent).cloned();
            let standing = &self.0.standing;
            let numbers = standing.spool.append_all(records).await?;
            if let Some(record) = urgent {
                standing.hurry(numbers.start, record);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
