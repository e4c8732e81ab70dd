//! Where the accounts' states are: in this process, or shared with other guards.

mod config;
mod kept;
mod layout;
mod proofs;
mod reach;
mod record;
mod shared;
mod snapshot;
mod store;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::{Act, Decider, Decision, Error, FreshSignature, Rules, StopHeld, ToldStop};

pub use config::{RedisConfig, StateConfig};

pub(crate) use proofs::SharedProofs;

use kept::Kept;
use shared::Shared;
use store::Store;

/// What a call of [`Accounts`] gives back.
pub type Deciding<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who decides over acts, wherever the accounts' states are.
///
/// There is always a decision: where the states that guards share can't be reached, it is this
/// guard's own.
pub trait Accounts: Send + Sync {
    /// Decides over one act, and remembers it.
    fn decide<'a>(&'a self, act: &'a Act) -> Deciding<'a, Decision>;

    /// The subject's card has signed anew. Told again, by whichever guard, it changes nothing.
    fn fresh_signature<'a>(
        &'a self,
        subject: &'a str,
        session: Option<&'a str>,
        signature: FreshSignature,
        at: i64,
    ) -> Deciding<'a, ()>;

    /// The issuer says that the account is stopped at this service. Told again, it changes nothing.
    fn stop<'a>(&'a self, subject: &'a str, service: &'a str, stop: ToldStop) -> Deciding<'a, ()>;

    /// The issuer says that an operator has lifted the stop of this number.
    fn lift_stop<'a>(
        &'a self,
        subject: &'a str,
        service: &'a str,
        sequence: i64,
        at: i64,
    ) -> Deciding<'a, ()>;

    /// An operator lets the account act at this service again.
    fn lift<'a>(&'a self, subject: &'a str, service: &'a str, at: i64) -> Deciding<'a, ()>;

    /// Takes what is good once, by its names, for so long: `false` where somebody who shares these
    /// accounts has taken one of them. Whoever calls this remembers its own beside it; where they
    /// share none, or can't reach what they share, that alone counts.
    fn take_once<'a>(&'a self, _: &'a [String], _: Duration) -> Deciding<'a, bool> {
        Box::pin(std::future::ready(true))
    }

    /// What it rests on that the account is refused at this service, as far as this guard knows.
    fn held(&self, subject: &str, service: &str) -> StopHeld;

    /// How it is with the states now.
    fn health(&self) -> Health;

    /// Writes down what has to outlive this process; called once, at the end.
    fn close(&self) -> Deciding<'_, ()>;
}

/// Opens the accounts as they are configured, within a runtime; files lie in `folder`. `owner` is
/// whose accounts they are: the issuer, a blank, and the API. Guards of several APIs may share what
/// they keep of an issuer's subjects, those of several issuers share none.
///
/// # Errors
/// [`Error::SnapshotFailed`], [`Error::FileUnreadable`], [`Error::ConfigInvalid`]. A store that
/// does not answer is no error: it is asked again and again.
pub async fn open(
    config: &StateConfig,
    rules: Rules,
    folder: &Path,
    owner: &str,
    now: i64,
) -> Result<Arc<dyn Accounts>, Error> {
    let decider = Decider::new(rules);
    if let Some(redis) = &config.redis {
        let (issuer, _) = owner.split_once(' ').unwrap_or((owner, ""));
        let store = Store::new(redis, folder)?.of(issuer);
        return Ok(Shared::open(store, decider, now).await);
    }
    let Some(file) = &config.snapshot_file else {
        return Ok(Arc::new(decider));
    };
    let every = config.snapshot_every();
    Ok(Kept::open(folder.join(file), owner, decider, every, now)?)
}

/// How it is with the accounts' states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// As configured.
    Good,
    /// The store that guards share does not answer: each guard counts alone.
    Alone,
    /// The snapshot can't be written: a restart would forget.
    Unkept,
}

impl Accounts for Decider {
    fn decide<'a>(&'a self, act: &'a Act) -> Deciding<'a, Decision> {
        Box::pin(std::future::ready(Self::decide(self, act)))
    }

    fn fresh_signature<'a>(
        &'a self,
        subject: &'a str,
        session: Option<&'a str>,
        signature: FreshSignature,
        at: i64,
    ) -> Deciding<'a, ()> {
        Self::hear_signature(self, subject, session, signature, at);
        Box::pin(std::future::ready(()))
    }

    fn stop<'a>(&'a self, subject: &'a str, service: &'a str, stop: ToldStop) -> Deciding<'a, ()> {
        Self::stop(self, subject, service, stop);
        Box::pin(std::future::ready(()))
    }

    fn lift_stop<'a>(
        &'a self,
        subject: &'a str,
        service: &'a str,
        sequence: i64,
        at: i64,
    ) -> Deciding<'a, ()> {
        Self::lift_stop(self, subject, service, sequence, at);
        Box::pin(std::future::ready(()))
    }

    fn lift<'a>(&'a self, subject: &'a str, service: &'a str, at: i64) -> Deciding<'a, ()> {
        Self::lift(self, subject, service, at);
        Box::pin(std::future::ready(()))
    }

    fn held(&self, subject: &str, service: &str) -> StopHeld {
        Self::held(self, subject, service)
    }

    fn health(&self) -> Health {
        Health::Good
    }

    fn close(&self) -> Deciding<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests;
