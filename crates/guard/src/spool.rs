//! What the guard answered, on disk before it is given: [`Reporter::record`] comes back when a
//! record would outlive the machine, and an answer goes out only then.

mod files;
mod reading;
mod report;
mod segment;
mod space;
mod writer;

use std::future::Future;
use std::pin::Pin;

use crate::Error;

pub use files::{Spool, SpoolConfig, SpooledRecord};
pub use report::{Report, ReportedPart, ReportedReason, ReportedStop, ReportedToken};

/// What a [`Reporter`] gives back: done when the record is durable.
pub type Recorded<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// Takes down each answer before it is given.
pub trait Reporter: Send + Sync {
    /// Records one answer; it may be given once this is `Ok`. On an error nothing may be answered
    /// but a refusal.
    ///
    /// # Errors
    /// [`Error::SpoolFailed`]: the disk is full or broken, or too much waits for the server.
    fn record(&self, report: Report) -> Recorded<'_>;

    /// Whether the issuer gets to know what is recorded.
    fn delivers(&self) -> bool {
        false
    }
}

/// How it is with a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolStatus {
    /// Records that the server has not.
    pub waiting: u64,
    /// How long the oldest of them waits, to some seconds; to an hour after a restart.
    pub oldest_seconds: i64,
    /// Whether more is taken: where not, nobody is answered.
    pub takes: bool,
}

/// Keeps nothing: for a guard that reports to nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReporter;

impl Reporter for NoReporter {
    fn record(&self, _: Report) -> Recorded<'_> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
mod tests;
