//! One fetch of one list, from the first byte to the list in its place.

use std::sync::Arc;
use std::time::Duration;

use cardea_jose::sha256_base64url;
use cardea_pki::revocation::{CRL_BYTES_MAX, Crl, CrlNumbersSeen, StaleReason};
use cardea_pki::{Certificate, Position};
use reqwest::StatusCode;
use time::OffsetDateTime;
use tokio::sync::watch;

use super::held::{Held, HeldLists};
use super::slot::{Slot, State};
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

/// How far in the future a list may have been issued: clocks differ.
const CLOCK_SKEW_MAX: time::Duration = time::Duration::minutes(5);

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
    /// A list, but not one to keep: not what is published here, or older than one seen before.
    Refused(Refusal),
}

struct Refusal {
    error: cardea_pki::Error,
    /// The list, where its issuer signed it: a forged one is as long as its forger likes, and says
    /// nothing.
    rolled_back: Option<Crl>,
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
        if !slot.is_soon_due(&held, self.clock.now()) {
            // The store has just brought it.
            return;
        }
        let places = self.host_places(&slot.address);
        let Ok(_place) = places.acquire().await else {
            return;
        };
        let newest = held.newest().cloned();
        let outcome = match self.download(slot, &held).await {
            Ok(Fetched::Unchanged) => self.confirm(slot, newest).await,
            Ok(Fetched::Body { der, validators }) => self.replace(slot, der, validators).await,
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(()) => permit.succeeded(),
            Err(failure) => {
                let is_paused = permit.failed(self.clock.now(), jitter());
                failure.log(slot.address.host(), !held.is_empty(), is_paused);
                if let Failure::Refused(refusal) = failure {
                    slot.lock().refused = refusal.rolled_back.filter(|_| held.is_empty());
                }
            }
        }
    }

    async fn download(&self, slot: &Slot, held: &HeldLists) -> Result<Fetched, Failure> {
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
        let known = held.version(self.clock.now());
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
        if self.confirm_now(slot, &sha256, Some(&validators), fetched_at) {
            return Ok(());
        }
        let list =
            Crl::parse(&der).map_err(|error| Failure::Unreachable(error.code().to_owned()))?;
        let mut numbers_seen = lock(&self.numbers_seen);
        let signer = self.check(&list, slot, fetched_at, &mut numbers_seen)?;
        let new = Held::new(
            list,
            &signer,
            fetched_at,
            validators.clone(),
            sha256.clone(),
        );
        let series = new.series.clone();
        let old = {
            let mut state = slot.lock();
            if state.held.has_other_series_than(&new) {
                tracing::warn!(
                    host = slot.address.host(),
                    "a CRL of another key or scope than those at hand; it speaks beside them"
                );
            }
            (state.held.put(new, fetched_at), state.refused.take())
        };
        drop(numbers_seen);
        // Freeing a million entries takes a moment, in which nobody waits for the lock.
        let (Ok(gone), _) = old else {
            let reason = "one more key or scope than there is room for";
            return Err(Failure::Unreachable(reason.to_owned()));
        };
        self.save(
            &StoredBody {
                address: slot.address.clone(),
                series: series.as_bytes().to_vec(),
                der,
                validators,
                sha256,
                fetched_at,
            },
            &gone,
        );
        Ok(())
    }

    fn check(
        &self,
        list: &Crl,
        slot: &Slot,
        now: OffsetDateTime,
        numbers_seen: &mut CrlNumbersSeen,
    ) -> Result<Certificate, Failure> {
        let this_update = list.this_update();
        let verified = match this_update > now + CLOCK_SKEW_MAX {
            // It would keep all that come before its time from following it.
            true => Err(cardea_pki::Error::RevocationStale {
                position: Position::EndEntity,
                reason: StaleReason::FromTheFuture,
                this_update,
            }),
            false => self.verify(list, &slot.address, numbers_seen),
        };
        verified.map_err(|error| {
            let is_rolled_back = matches!(error, cardea_pki::Error::CrlRolledBack { .. });
            Failure::Refused(Refusal {
                error,
                rolled_back: is_rolled_back.then(|| list.clone()),
            })
        })
    }

    /// A list first, then its number: a crash between them leaves a list that is newer than the
    /// number, never one that looks rolled back.
    fn save(&self, stored: &StoredBody, gone: &[Held]) {
        let Some(store) = &self.store else { return };
        if self.anchor_of(&stored.address).is_none() {
            return;
        }
        // Its own place has just been taken.
        let gone = gone.iter().map(|held| held.series.as_bytes());
        let places = gone.filter(|series| *series != stored.series);
        let saved = store
            .save(stored)
            .and_then(|()| store.remove(&stored.address, places))
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

    async fn confirm(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        newest: Option<Held>,
    ) -> Result<(), Failure> {
        let Some(newest) = newest else { return Ok(()) };
        let (shared, slot) = (Arc::clone(self), Arc::clone(slot));
        let now = self.clock.now();
        let confirmed = tokio::task::spawn_blocking(move || {
            shared.confirm_now(&slot, &newest.sha256, None, now)
        });
        confirmed
            .await
            .map(|_| ())
            .map_err(|_| Failure::Unreachable("noting it was interrupted".to_owned()))
    }

    /// Notes that the publisher gave or confirmed the list with this digest; false where it is not
    /// at hand.
    fn confirm_now(
        &self,
        slot: &Slot,
        sha256: &str,
        given: Option<&Validators>,
        at: OffsetDateTime,
    ) -> bool {
        let confirmed = slot.lock().held.confirm(sha256, given, at).cloned();
        let Some(series) = confirmed else {
            return false;
        };
        if let Some(store) = &self.store
            && self.anchor_of(&slot.address).is_some()
            && let Err(error) = store.confirm(&slot.address, series.as_bytes(), at)
        {
            tracing::warn!(host = slot.address.host(), %error, "a stored list's date is not kept");
        }
        true
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
            Self::Refused(refusal) => tracing::error!(
                host,
                code = refusal.error.code(),
                reason = %refusal.error,
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
