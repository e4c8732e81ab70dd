//! CRLs in memory: one fetch at a time for each address, however many logins wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cardea_pki::revocation::{CRL_BYTES_MAX, Crl};
use futures_util::future::join_all;
use reqwest::StatusCode;
use url::Url;

use cardea_provider::Clock as _;

use crate::clock::SystemClock;
use crate::http_client::{Budget, HttpClient};

/// A national card issuer's list has some ten megabytes.
const CRL_BUDGET: Budget = Budget {
    time: Duration::from_secs(8),
    bytes_max: CRL_BYTES_MAX,
};
/// Addresses come out of certificates that a configured authority signed.
const ADDRESSES_MAX: usize = 64;
/// How long an address that failed is left alone, so that a dead host does not slow every login.
const FAILURE_PAUSE: Duration = Duration::from_secs(5);

pub(super) struct CrlCache {
    http: HttpClient,
    refresh: Duration,
    slots: Mutex<HashMap<Url, Arc<Slot>>>,
}

/// One address. The lock is held while it is fetched: others wait for that fetch's outcome.
#[derive(Default)]
struct Slot {
    state: tokio::sync::Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    list: Option<(Crl, Instant)>,
    failed_at: Option<Instant>,
}

impl CrlCache {
    pub(super) fn new(http: HttpClient, refresh: Duration) -> Self {
        Self {
            http,
            refresh,
            slots: Mutex::default(),
        }
    }

    /// The list at `url`: the cached one while it is young, else a fresh one, else the cached one
    /// as long as it is in date. `pki` judges its age in any case.
    pub(super) async fn fetch(&self, url: &Url) -> Option<Crl> {
        let slot = self.slot(url)?;
        self.fetch_into(&slot, url, self.refresh).await
    }

    /// Fetches lists that will be due within the next half of the refresh time.
    pub(super) async fn refresh_due(&self) {
        let slots: Vec<_> = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots
                .iter()
                .map(|(url, slot)| (url.clone(), Arc::clone(slot)))
                .collect()
        };
        let half = self.refresh / 2;
        join_all(
            slots
                .iter()
                .map(|(url, slot)| self.fetch_into(slot, url, half)),
        )
        .await;
    }

    async fn fetch_into(&self, slot: &Slot, url: &Url, age_max: Duration) -> Option<Crl> {
        let mut state = slot.state.lock().await;
        if let Some((list, fetched_at)) = &state.list
            && fetched_at.elapsed() < age_max
            && is_in_date(list)
        {
            return Some(list.clone());
        }
        if state
            .failed_at
            .is_none_or(|failed_at| failed_at.elapsed() >= FAILURE_PAUSE)
        {
            match self.download(url).await {
                Ok(list) => {
                    let replaced = state.list.replace((list, Instant::now()));
                    state.failed_at = None;
                    // Freeing hundreds of thousands of entries takes a moment.
                    drop(replaced);
                }
                Err(reason) => {
                    state.failed_at = Some(Instant::now());
                    let host = url.host_str().unwrap_or_default();
                    tracing::warn!(
                        host,
                        reason,
                        code = "pki.revocation_unreachable",
                        "a CRL could not be fetched"
                    );
                }
            }
        }
        state.list.as_ref().map(|(list, _)| list.clone())
    }

    async fn download(&self, url: &Url) -> Result<Crl, String> {
        let answer = self
            .http
            .get(url.clone(), CRL_BUDGET)
            .await
            .map_err(|error| error.to_string())?;
        if answer.status != StatusCode::OK {
            return Err(format!("status {}", answer.status.as_u16()));
        }
        let parsed = tokio::task::spawn_blocking(move || Crl::parse(&answer.body)).await;
        match parsed {
            Ok(Ok(list)) => Ok(list),
            Ok(Err(error)) => Err(error.code().to_owned()),
            Err(_) => Err("parsing was interrupted".to_owned()),
        }
    }

    fn slot(&self, url: &Url) -> Option<Arc<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(url) {
            return Some(Arc::clone(slot));
        }
        if slots.len() >= ADDRESSES_MAX {
            return None;
        }
        let slot = Arc::new(Slot::default());
        slots.insert(url.clone(), Arc::clone(&slot));
        Some(slot)
    }
}

fn is_in_date(list: &Crl) -> bool {
    list.next_update()
        .is_some_and(|next_update| SystemClock.now() < next_update)
}
