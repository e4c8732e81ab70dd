//! Proofs that guards which share a store have taken: a proof that one of them took is good at none
//! (RFC 9449 section 11.1).

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::config::RedisConfig;
use super::store::Store;
use crate::Error;

/// How long a store that does not answer is left alone: each request would wait for it.
const RETRY: Duration = Duration::from_secs(1);

/// What is remembered for all of them. Each guard remembers its own beside it, and where the store
/// is out of reach, that alone.
pub(crate) struct SharedProofs {
    store: Store,
    lost_at: Mutex<Option<Instant>>,
}

impl SharedProofs {
    /// Nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`Error::FileUnreadable`], [`Error::ConfigInvalid`].
    pub(crate) fn new(config: &RedisConfig, folder: &Path) -> Result<Self, Error> {
        Ok(Self {
            store: Store::new(config, folder)?,
            lost_at: Mutex::default(),
        })
    }

    /// Takes a proof that no guard has taken, for so long: `false` where one has. Who loses the
    /// store goes by what it remembers itself, as it counts by itself then.
    pub(crate) async fn spend(&self, proof: &str, kept: Duration) -> bool {
        if !self.may_ask() {
            return true;
        }
        let names = [proof.to_owned()];
        match self.store.take_once("proof", &names, kept).await {
            Ok(is_first) => {
                if self.set_lost(None).is_some() {
                    tracing::info!("proofs are remembered together with the other guards again");
                }
                is_first
            }
            Err(error) => {
                if self.set_lost(Some(Instant::now())).is_none() {
                    let reason = error.to_string();
                    tracing::warn!(
                        %reason,
                        "the shared state is out of reach: a proof that was used here could be \
                         used once more at each other guard"
                    );
                }
                true
            }
        }
    }

    /// Whether the store is asked: a lost one now and then, by one request alone. All others would
    /// wait with it for an answer that does not come.
    fn may_ask(&self) -> bool {
        let mut lost = self.lost_at.lock().unwrap_or_else(PoisonError::into_inner);
        match *lost {
            None => true,
            Some(at) if at.elapsed() < RETRY => false,
            Some(_) => {
                *lost = Some(Instant::now());
                true
            }
        }
    }

    fn set_lost(&self, at: Option<Instant>) -> Option<Instant> {
        let mut lost = self.lost_at.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut lost, at)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::{RETRY, SharedProofs};

    #[tokio::test]
    async fn one_request_alone_finds_out_whether_a_lost_store_is_back() {
        // Nobody listens there.
        let config = toml::from_str("host = \"127.0.0.1\"\nport = 1\ntls = false").unwrap();
        let proofs = SharedProofs::new(&config, Path::new("")).unwrap();
        assert_eq!([proofs.may_ask(), proofs.may_ask()], [true, true]);
        assert!(proofs.spend("a proof", Duration::from_secs(60)).await);
        assert!(!proofs.may_ask());
        proofs.set_lost(Instant::now().checked_sub(RETRY));
        assert_eq!([proofs.may_ask(), proofs.may_ask()], [true, false]);
    }
}
