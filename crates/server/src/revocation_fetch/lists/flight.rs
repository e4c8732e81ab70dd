//! One fetch of one list, from the first byte to the list in its place.

use std::sync::Arc;
use std::time::Duration;

use cardea_jose::sha256_base64url;
use cardea_pki::revocation::{CRL_BYTES_MAX, Crl};
use reqwest::StatusCode;
use time::OffsetDateTime;
use tokio::sync::watch;

use super::slot::{Held, Slot, State};
use super::{Landing, Shared, lock};
use crate::http_client::{Budget, Validators};
use crate::ldap_client;
use crate::revocation_fetch::allowed_hosts::is_directory;
use crate::revocation_fetch::breaker::Permit;
use crate::revocation_fetch::list_store::StoredBody;

/// A national card issuer's list has some ten megabytes; nobody waits for it beyond the login's
/// own time.
const BUDGET: Budget = Budget {
    time: Duration::from_secs(60),
    bytes_max: CRL_BYTES_MAX,
};
/// Directories give delta lists, which are small.
const DIRECTORY_BUDGET: Budget = Budget {
    time: Duration::from_secs(20),
    bytes_max: CRL_BYTES_MAX,
};

/// What came of a flight that reached the publisher.
enum Fetched {
    /// The list at hand is the newest.
    Unchanged,
    Body {
        der: Vec<u8>,
        validators: Validators,
    },
}

/// Why a flight gives nothing to keep.
enum Failure {
    Unreachable(String),
    /// A list, but not one to keep: not the issuer's, or older than one seen before.
    Refused(Box<(Crl, cardea_pki::Error)>),
}

impl Shared {
    /// Starts a flight, unless one is under way; none while the address is left alone.
    pub(super) fn take_off(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        state: &mut State,
    ) -> Option<Landing> {
        if let Some(landing) = &state.flight
            && landing.has_changed().is_ok()
        {
            return Some(landing.clone());
        }
        let permit = slot.breaker.permit(self.clock.now())?;
        let (in_the_air, landing) = watch::channel(());
        state.is_probed = permit.is_probe();
        state.flight = Some(landing.clone());
        let (shared, slot) = (Arc::clone(self), Arc::clone(slot));
        tokio::spawn(async move {
            shared.fly(&slot, permit).await;
            slot.lock().is_tried = true;
            drop(in_the_air);
        });
        Some(landing)
    }

    async fn fly(self: &Arc<Self>, slot: &Arc<Slot>, permit: Permit) {
        self.load().await;
        let held = slot.lock().held.clone();
        if let Some(held) = &held
            && !slot.is_soon_due(held, self.clock.now())
        {
            // The store has just brought it.
            return;
        }
        let places = self.host_places(&slot.address);
        let Ok(_place) = places.acquire().await else {
            return;
        };
        let outcome = match self.download(slot, held.as_ref()).await {
            Ok(Fetched::Unchanged) => self.confirm(slot).await,
            Ok(Fetched::Body { der, validators }) => self.replace(slot, der, validators).await,
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(()) => permit.succeeded(),
            Err(failure) => {
                let is_paused = permit.failed(self.clock.now(), jitter());
                failure.log(slot.address.host(), held.is_some(), is_paused);
                if let Failure::Refused(refused) = failure {
                    slot.lock().refused = Some(refused.0);
                }
            }
        }
    }

    async fn download(&self, slot: &Slot, held: Option<&Held>) -> Result<Fetched, Failure> {
        let url = slot.address.url();
        if is_directory(url) {
            let der = ldap_client::fetch(url, DIRECTORY_BUDGET)
                .await
                .map_err(|error| Failure::Unreachable(error.to_string()))?;
            return Ok(Fetched::Body {
                der,
                validators: Validators::default(),
            });
        }
        let known = held.map(|held| held.validators.clone()).unwrap_or_default();
        let answer = self
            .http
            .get_if_changed(url.clone(), &known, BUDGET)
            .await
            .map_err(|error| Failure::Unreachable(error.to_string()))?;
        match answer.status {
            StatusCode::OK => Ok(Fetched::Body {
                der: answer.body,
                validators: answer.validators,
            }),
            // Nothing was asked that could be unchanged where nothing is known.
            StatusCode::NOT_MODIFIED if known != Validators::default() => Ok(Fetched::Unchanged),
            status => Err(Failure::Unreachable(format!("status {}", status.as_u16()))),
        }
    }

    /// Parses, verifies, stores and puts a list in its place, off the threads that logins run on.
    async fn replace(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        der: Vec<u8>,
        validators: Validators,
    ) -> Result<(), Failure> {
        let (shared, slot) = (Arc::clone(self), Arc::clone(slot));
        let replaced =
            tokio::task::spawn_blocking(move || shared.replace_now(&slot, der, validators));
        let interrupted = |_| {
            Err(Failure::Unreachable(
                "reading it was interrupted".to_owned(),
            ))
        };
        replaced.await.unwrap_or_else(interrupted)
    }

    fn replace_now(
        &self,
        slot: &Slot,
        der: Vec<u8>,
        validators: Validators,
    ) -> Result<(), Failure> {
        let sha256 = sha256_base64url(&der);
        let fetched_at = self.clock.now();
        let is_known = slot
            .lock()
            .held
            .as_ref()
            .is_some_and(|held| held.sha256 == sha256);
        if is_known {
            self.confirm_now(slot, fetched_at);
            return Ok(());
        }
        let list =
            Crl::parse(&der).map_err(|error| Failure::Unreachable(error.code().to_owned()))?;
        if let Err(error) = self.verify(&list, slot.address.issuer()) {
            return Err(Failure::Refused(Box::new((list, error))));
        }
        let held = Held {
            list,
            fetched_at,
            validators: validators.clone(),
            sha256: sha256.clone(),
        };
        let old = {
            let mut state = slot.lock();
            (state.held.replace(held), state.refused.take())
        };
        // Freeing a million entries takes a moment, in which nobody waits for the lock.
        drop(old);
        self.save(&StoredBody {
            address: slot.address.clone(),
            der,
            validators,
            sha256,
            fetched_at,
        });
        Ok(())
    }

    /// A list first, then its number: a crash between them leaves a list that is newer than the
    /// number, never one that looks rolled back.
    fn save(&self, stored: &StoredBody) {
        let Some(store) = &self.store else { return };
        if self.anchor_of(&stored.address).is_none() {
            return;
        }
        let saved = store
            .save(stored)
            .and_then(|()| store.save_numbers(|| lock(&self.numbers_seen).to_text()));
        if let Err(error) = saved {
            tracing::error!(
                host = stored.address.host(),
                %error,
                code = "server.list_not_stored",
                "a revocation list is in use but could not be stored"
            );
        }
    }

    async fn confirm(self: &Arc<Self>, slot: &Arc<Slot>) -> Result<(), Failure> {
        let (shared, slot) = (Arc::clone(self), Arc::clone(slot));
        let now = self.clock.now();
        let confirmed = tokio::task::spawn_blocking(move || shared.confirm_now(&slot, now));
        confirmed
            .await
            .map_err(|_| Failure::Unreachable("noting it was interrupted".to_owned()))
    }

    fn confirm_now(&self, slot: &Slot, at: OffsetDateTime) {
        if let Some(held) = &mut slot.lock().held {
            held.fetched_at = at;
        }
        if let Some(store) = &self.store
            && self.anchor_of(&slot.address).is_some()
            && let Err(error) = store.confirm(&slot.address, at)
        {
            tracing::warn!(host = slot.address.host(), %error, "a stored list's date is not kept");
        }
    }
}

impl Failure {
    fn log(&self, host: &str, has_another: bool, is_paused: bool) {
        match self {
            Self::Unreachable(reason) => tracing::warn!(
                host,
                reason,
                kept = has_another,
                paused = is_paused,
                code = "pki.revocation_unreachable",
                "a CRL could not be fetched"
            ),
            Self::Refused(refused) => tracing::error!(
                host,
                code = refused.1.code(),
                kept = has_another,
                "a CRL is not its issuer's newest; one at hand is kept"
            ),
        }
    }
}

/// A random octet; without one, nodes merely come back together.
pub(in crate::revocation_fetch) fn jitter() -> u8 {
    let mut byte = [u8::MAX];
    // The buffer keeps its value when the random source fails.
    let _ = openssl::rand::rand_bytes(&mut byte);
    u8::from_ne_bytes(byte)
}
