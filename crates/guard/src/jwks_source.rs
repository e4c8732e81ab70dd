//! The issuer's keys: fetched in the background, by a name that is new also at once, and never
//! more often than some random names can make it.
//!
//! A key that leaves the published set is gone with the next fetch. While the issuer cannot be
//! reached the keys that were known last are good for a bounded time, and none after it.

mod discovery;
mod key_set;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use cardea_jose::sha256;
use cardea_jose::{UnverifiedJws, VerifiedJws, VerifyingKey};
use reqwest::Client;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::AccessError;
use crate::access_token::{Claims, TokenConfig};
use crate::http_client::exchange;

pub(crate) use discovery::{Endpoints, endpoint};
use key_set::KeySet;

/// Time for the key set or the discovery document.
const FETCH_TIME: Duration = Duration::from_secs(5);
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// How long after a fetch no unknown name makes another.
const UNKNOWN_NAMES_WAIT: Duration = Duration::from_secs(5);
/// How long a request waits for a fetch that an unknown name has made.
const REQUEST_WAITS: Duration = Duration::from_secs(3);
/// First and longest pause between tries where the issuer does not answer.
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(15);
/// Longest name of a key.
const KID_BYTES_MAX: usize = 256;

/// Where to look, and how long what was found counts.
pub(crate) struct JwksSource {
    http: Client,
    issuer: String,
    discovery_url: Option<String>,
    refresh: Duration,
    kept: Duration,
    found: RwLock<Found>,
    /// One fetch at a time; when the last one began.
    fetching: tokio::sync::Mutex<Option<Instant>>,
    /// The refusal of the last fetch, for who asks why the guard is not ready.
    refusal: Mutex<Option<&'static str>>,
}

#[derive(Default)]
struct Found {
    endpoints: Option<Arc<Endpoints>>,
    keys: Option<(Arc<KeySet>, Instant)>,
}

impl JwksSource {
    pub(crate) fn new(config: &TokenConfig, http: Client) -> Self {
        Self {
            http,
            issuer: config.issuer.clone(),
            discovery_url: config.discovery_url.clone(),
            refresh: Duration::from_secs(config.keys_refresh_seconds.into()),
            kept: Duration::from_secs(config.keys_kept_seconds.into()),
            found: RwLock::default(),
            fetching: tokio::sync::Mutex::default(),
            refusal: Mutex::default(),
        }
    }

    /// What the issuer has, once it has said so.
    pub(crate) fn endpoints(&self) -> Option<Arc<Endpoints>> {
        let found = self.found.read().unwrap_or_else(PoisonError::into_inner);
        found.endpoints.clone()
    }

    /// Whether there are keys to verify with; else why not.
    pub(crate) fn check_ready(&self) -> Result<(), AccessError> {
        self.current().map(|_| ())
    }

    /// The code of the last failure; none after a fetch that went well.
    pub(crate) fn last_refusal(&self) -> Option<&'static str> {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an access token says whose signature and sizes are good. Nothing else about it is
    /// judged here, and nothing else is remembered.
    ///
    /// # Errors
    /// As [`JwksSource::verify`].
    pub(crate) async fn read_token(
        &self,
        compact: &str,
        bytes_max: usize,
        typ: &str,
        allowed: &[cardea_jose::Algorithm],
    ) -> Result<Arc<Claims>, AccessError> {
        let digest = sha256(compact.as_bytes());
        if let Some(claims) = self.current()?.token(&digest) {
            return Ok(claims);
        }
        // What comes seldom lies apart: the rest is moved about with each request.
        let verifying = Box::pin(self.verify_by(compact, bytes_max, typ, allowed));
        let (verified, set) = verifying.await?;
        let claims: Claims = verified.claims().map_err(AccessError::TokenMalformed)?;
        claims.check_sizes()?;
        let claims = Arc::new(claims);
        set.note_token(digest, Arc::clone(&claims));
        Ok(claims)
    }

    /// Verifies what the issuer must have signed: a token, or an answer of its own.
    ///
    /// # Errors
    /// [`AccessError::NotReady`], [`AccessError::KeysStale`], [`AccessError::TokenKeyUnknown`], and
    /// what is wrong with the token itself.
    pub(crate) async fn verify(
        &self,
        compact: &str,
        bytes_max: usize,
        typ: &str,
        allowed: &[cardea_jose::Algorithm],
    ) -> Result<VerifiedJws, AccessError> {
        let verified = self.verify_by(compact, bytes_max, typ, allowed).await;
        verified.map(|(verified, _)| verified)
    }

    /// The same, and the set that the key is in.
    async fn verify_by(
        &self,
        compact: &str,
        bytes_max: usize,
        typ: &str,
        allowed: &[cardea_jose::Algorithm],
    ) -> Result<(VerifiedJws, Arc<KeySet>), AccessError> {
        let jws = UnverifiedJws::parse(compact, bytes_max).map_err(AccessError::TokenMalformed)?;
        let is_typ = jws.typ().is_some_and(|found| is_media_type(found, typ));
        if !is_typ {
            return Err(AccessError::TokenTypeMismatch);
        }
        if !allowed.contains(&jws.algorithm()) {
            return Err(AccessError::TokenAlgorithmNotAllowed);
        }
        let kid = jws.kid().filter(|kid| kid.len() <= KID_BYTES_MAX);
        let kid = kid.ok_or(AccessError::TokenKeyUnknown)?.to_owned();
        let (key, set) = self.find(&kid).await?;
        let found = jws.typ().unwrap_or_default().to_owned();
        let verified = jws.verify(&key, &found).map_err(|error| match error {
            cardea_jose::Error::AlgorithmNotAllowed => AccessError::TokenAlgorithmNotAllowed,
            cardea_jose::Error::SignatureInvalid => AccessError::TokenSignatureInvalid,
            other => AccessError::TokenMalformed(other),
        })?;
        Ok((verified, set))
    }

    async fn find(&self, kid: &str) -> Result<(VerifyingKey, Arc<KeySet>), AccessError> {
        let set = self.current()?;
        if let Some(key) = set.find(kid) {
            return Ok((key, set));
        }
        // A key that is used before it was seen here: look once, for all who ask for it.
        let fetched = self.fetch_unless_recent();
        let _ = tokio::time::timeout(REQUEST_WAITS, fetched).await;
        let set = self.current()?;
        let key = set.find(kid).ok_or(AccessError::TokenKeyUnknown)?;
        Ok((key, set))
    }

    fn current(&self) -> Result<Arc<KeySet>, AccessError> {
        let found = self.found.read().unwrap_or_else(PoisonError::into_inner);
        match &found.keys {
            None => Err(AccessError::NotReady),
            Some((_, at)) if at.elapsed() > self.kept => Err(AccessError::KeysStale),
            Some((keys, _)) => Ok(Arc::clone(keys)),
        }
    }

    /// Whoever waits for another's fetch finds that it was just made.
    async fn fetch_unless_recent(&self) {
        let mut last = self.fetching.lock().await;
        if last.is_some_and(|at| at.elapsed() < UNKNOWN_NAMES_WAIT) {
            return;
        }
        *last = Some(Instant::now());
        self.note(self.fetch().await);
    }

    /// Fetches again and again, as long as the guard runs.
    pub(crate) async fn keep_fresh(self: Arc<Self>) {
        let mut pause = RETRY_FIRST;
        loop {
            let fetched = {
                let mut last = self.fetching.lock().await;
                *last = Some(Instant::now());
                let outcome = self.fetch().await;
                let is_good = outcome.is_ok();
                self.note(outcome);
                is_good
            };
            if fetched {
                pause = RETRY_FIRST;
                tokio::time::sleep(self.refresh).await;
            } else {
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2).min(RETRY_MAX);
            }
        }
    }

    fn note(&self, outcome: Result<(), AccessError>) {
        let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        let code = outcome.as_ref().err().map(AccessError::code);
        match outcome {
            Err(error) if *refusal != code => {
                warn!(
                    code = error.code(),
                    "the issuer's keys can't be had: {error}"
                );
            }
            Ok(()) if refusal.is_some() => info!("the issuer's keys can be had again"),
            _ => {}
        }
        *refusal = code;
    }

    async fn fetch(&self) -> Result<(), AccessError> {
        let endpoints = self.discover().await?;
        let request = self.http.get(endpoints.jwks_uri.clone());
        let answer = exchange(request, FETCH_TIME, DOCUMENT_BYTES_MAX).await?;
        if !answer.status.is_success() {
            return Err(AccessError::IssuerUnreachable {
                reason: format!("its key set: {}", answer.status),
            });
        }
        let keys = Arc::new(KeySet::parse(&answer.body)?);
        self.write(|found| found.keys = Some((keys, Instant::now())));
        Ok(())
    }

    /// Asks again where something was missing or wrong: an issuer may move, or learn to tell more.
    async fn discover(&self) -> Result<Arc<Endpoints>, AccessError> {
        let known = self.endpoints();
        let is_whole = |known: &Arc<Endpoints>| known.poll_endpoint.is_some();
        if let Some(known) = known.as_ref().filter(|known| is_whole(known))
            && self.last_refusal().is_none()
        {
            return Ok(Arc::clone(known));
        }
        let url = self.discovery_url.as_deref();
        match (discovery::fetch(&self.http, &self.issuer, url).await, known) {
            (Ok(found), known) => {
                if known.is_none() {
                    info!(issuer = self.issuer, "the issuer has answered");
                }
                let endpoints = Arc::new(found);
                self.write(|found| found.endpoints = Some(Arc::clone(&endpoints)));
                Ok(endpoints)
            }
            (Err(_), Some(known)) => Ok(known),
            (Err(error), None) => Err(error),
        }
    }

    fn write(&self, change: impl FnOnce(&mut Found)) {
        let mut found = self.found.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut found);
    }
}

/// Media types are case-insensitive, and `application/` may stand before them (RFC 7515 section
/// 4.1.9, RFC 9068 section 4).
fn is_media_type(found: &str, typ: &str) -> bool {
    let whole = "application/";
    let bare = match found.split_at_checked(whole.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(whole) => rest,
        _ => found,
    };
    bare.eq_ignore_ascii_case(typ)
}

#[cfg(test)]
mod tests;
