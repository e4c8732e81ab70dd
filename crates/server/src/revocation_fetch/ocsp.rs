//! OCSP over HTTP POST (RFC 6960 appendix A.1), never cached: the answer is asked for now.
//!
//! A responder that does not answer is left alone for a while ([`breaker`](super::breaker)), and
//! one that answers slowly is asked by so many logins at once and no more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cardea_pki::EvidenceSource;
use cardea_pki::revocation::{OCSP_RESPONSE_BYTES_MAX, OcspResponse, ocsp_request};
use cardea_provider::Clock;
use reqwest::StatusCode;
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::breaker::Breaker;
use super::lists::jitter;
use crate::http_client::{Answer, Budget, FetchError, HttpClient};
use crate::metrics::OcspOutcomes;

/// RFC 9654 section 2.1 asks for 32 octets.
const NONCE_BYTES: usize = 32;
/// Failures in a row after which a responder is left alone.
const FAILURES_MAX: u32 = 3;
/// Requests to one responder at a time. At a tenth of a second each that is 640 logins a second.
const REQUESTS_MAX: usize = 64;
/// Responders that are remembered; the one that was not asked longest makes room.
const RESPONDERS_MAX: usize = 64;

/// The responders that certificates have named.
pub(super) struct Responders {
    http: HttpClient,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<Url, Known>>,
    outcomes: OcspOutcomes,
}

struct Known {
    responder: Arc<Responder>,
    asked_at: OffsetDateTime,
}

struct Responder {
    breaker: Arc<Breaker>,
    places: Semaphore,
}

/// Why there is no answer.
enum Failure {
    /// The responder is at fault, as far as can be told.
    Broken(String),
    /// Nothing about the responder: this request was not taken, or could not be made.
    NoStatement(String),
}

impl Responders {
    pub(super) fn new(http: HttpClient, clock: Arc<dyn Clock>) -> Self {
        Self {
            http,
            clock,
            known: Mutex::default(),
            outcomes: OcspOutcomes::default(),
        }
    }

    /// How they have answered.
    pub(super) fn outcomes(&self) -> &OcspOutcomes {
        &self.outcomes
    }

    /// Whether there are some, and all of them are left alone.
    pub(super) fn are_all_paused(&self, now: OffsetDateTime) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_paused = |known: &Known| known.responder.breaker.is_paused(now);
        !known.is_empty() && known.values().all(is_paused)
    }

    /// Asks for one certificate's status until `until`; none when there is no response.
    #[tracing::instrument(name = "ocsp_request", level = "debug", skip_all)]
    pub(super) async fn ask(
        &self,
        url: &Url,
        source: &EvidenceSource,
        until: Instant,
    ) -> Option<OcspResponse> {
        let responder = self.responder(url);
        let count = |outcome| {
            let host = url.host_str().unwrap_or_default();
            self.outcomes.count(host, outcome);
        };
        let begun = Instant::now();
        let place = timeout_at(until, responder.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            count("no_place");
            return None;
        };
        let time = until.saturating_duration_since(Instant::now());
        if time < until.saturating_duration_since(begun) / 2 {
            // Too late for an answer, and a responder is not to blame for a queue of ours.
            count("no_place");
            return None;
        }
        let Some(permit) = responder.breaker.permit(self.clock.now()) else {
            count("paused");
            return None;
        };
        let (reason, is_paused) = match self.exchange(url, source, time).await {
            Ok(response) => {
                permit.succeeded();
                count("answered");
                return Some(response);
            }
            Err(Failure::Broken(reason)) => {
                count("failed");
                (reason, permit.failed(self.clock.now(), jitter()))
            }
            Err(Failure::NoStatement(reason)) => {
                permit.said_nothing();
                count("refused");
                (reason, false)
            }
        };
        tracing::warn!(
            host = url.host_str().unwrap_or_default(),
            reason,
            paused = is_paused,
            code = "pki.revocation_unreachable",
            "an OCSP responder did not answer"
        );
        None
    }

    async fn exchange(
        &self,
        url: &Url,
        source: &EvidenceSource,
        time: Duration,
    ) -> Result<OcspResponse, Failure> {
        let local = |error: &dyn std::fmt::Display| Failure::NoStatement(error.to_string());
        let mut nonce = vec![0; NONCE_BYTES];
        openssl::rand::rand_bytes(&mut nonce).map_err(|error| local(&error))?;
        let request = ocsp_request(&source.certificate, &source.issuer, Some(&nonce))
            .map_err(|error| local(&error))?;
        let budget = Budget {
            time,
            bytes_max: OCSP_RESPONSE_BYTES_MAX,
        };
        let answer = self
            .http
            .post(url.clone(), "application/ocsp-request", request, budget)
            .await;
        read(answer, &nonce)
    }

    fn responder(&self, url: &Url) -> Arc<Responder> {
        let now = self.clock.now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= RESPONDERS_MAX && !known.contains_key(url) {
            let longest_ago = known
                .iter()
                .min_by_key(|(_, known)| known.asked_at)
                .map(|(url, _)| url.clone());
            if let Some(longest_ago) = longest_ago {
                known.remove(&longest_ago);
            }
        }
        let entry = known.entry(url.clone()).or_insert_with(|| {
            self.outcomes.begin(url.host_str().unwrap_or_default());
            Known {
                responder: Arc::new(Responder {
                    breaker: Breaker::new(FAILURES_MAX),
                    places: Semaphore::new(REQUESTS_MAX),
                }),
                asked_at: now,
            }
        });
        entry.asked_at = now;
        Arc::clone(&entry.responder)
    }
}

/// A status of the 4xx kind may be about this one request, which must not close the responder to
/// everybody else.
fn read(answer: Result<Answer, FetchError>, nonce: &[u8]) -> Result<OcspResponse, Failure> {
    let answer = answer.map_err(|error| Failure::Broken(error.to_string()))?;
    if answer.status != StatusCode::OK {
        let reason = format!("status {}", answer.status.as_u16());
        let is_about_request =
            answer.status.is_client_error() && answer.status != StatusCode::TOO_MANY_REQUESTS;
        return Err(match is_about_request {
            true => Failure::NoStatement(reason),
            false => Failure::Broken(reason),
        });
    }
    OcspResponse::parse(&answer.body, Some(nonce))
        .map_err(|error| Failure::Broken(error.code().to_owned()))
}
