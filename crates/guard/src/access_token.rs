//! The token check of a resource server: RFC 9068 section 4, with what RFC 9449, RFC 8705 and RFC
//! 9470 add to it.
//!
//! In this order, and nothing of it can be left out: the header's form, signature and type by the
//! issuer's keys, issuer, audience and times, possession, revocation, and at last what this
//! place of the API asks of the login. Whatever cannot be decided is a refusal.

mod claims;
mod config;
mod demand;
mod verified_access;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use cardea_jose::Algorithm;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::clock::{Clock, SystemClock};
use crate::event_stream::{Receiver, StreamState, Told};
use crate::http_client;
use crate::introspection::{ClientCredentials, Introspection, answers_kept_for};
use crate::jwks_source::JwksSource;
use crate::proof_of_possession::{
    NonceUse, Nonces, PossessionCheck, Presented, ReplayMemory, RequestSeen, TOKEN_BYTES_MAX,
};
use crate::revoked_sessions::RevokedSessions;
use crate::state::SharedProofs;
use crate::{AccessError, Error, Guard, RedisConfig};

pub(crate) use claims::{Claims, Confirmation};
pub use config::{RevocationUse, TokenConfig};
pub use demand::{Demand, StepUp};
pub use verified_access::{Binding, VerifiedAccess};

/// `typ` of an access token (RFC 9068 section 2.1).
const TYP: &str = "at+jwt";
/// Proofs that are remembered, in all and of one key.
const PROOFS_MAX: usize = 200_000;
const PROOFS_OF_KEY_MAX: usize = 20_000;
/// Sessions and tokens that are over and remembered.
const REVOKED_MAX: usize = 200_000;

/// What no request changes.
#[derive(Clone, Debug)]
pub(crate) struct TokenRules {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) clock_skew_seconds: i64,
    pub(crate) lifetime_seconds_max: i64,
}

impl TokenRules {
    fn of(config: &TokenConfig) -> Self {
        Self {
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            algorithms: config.algorithms.clone(),
            clock_skew_seconds: config.clock_skew_seconds.into(),
            lifetime_seconds_max: config.lifetime_seconds_max.into(),
        }
    }
}

/// Checks access tokens. Cheap to clone; what it does in the background ends with the last clone.
#[derive(Clone)]
pub struct TokenCheck(Arc<Parts>);

struct Parts {
    rules: Arc<TokenRules>,
    clock: Arc<dyn Clock>,
    keys: Arc<JwksSource>,
    possession: PossessionCheck,
    revocation: Revocation,
    offers_bearer: bool,
    issuer_origin: String,
    /// Who is told of what the stream says beside ends.
    told: Arc<Told>,
    runtime: Handle,
    tasks: Vec<AbortHandle>,
}

/// How an end before the expiry is learned.
enum Revocation {
    Stream {
        state: Arc<StreamState>,
        revoked: Arc<RevokedSessions>,
        introspection: Box<Introspection>,
    },
    Introspection(Box<Introspection>),
    ExpiryAlone,
}

impl Drop for Parts {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl TokenCheck {
    /// Begins to look for the issuer's keys, and to listen to its event stream. Until they are
    /// there every token is refused.
    ///
    /// Call this inside a Tokio runtime.
    ///
    /// # Errors
    /// [`AccessError::CredentialsUnusable`], [`AccessError::HttpClientFailed`],
    /// [`AccessError::CryptoFailed`].
    pub fn start(config: &TokenConfig) -> Result<Self, AccessError> {
        Self::start_at(config, Arc::new(SystemClock::default()))
    }

    /// The same, with a clock of the caller's.
    ///
    /// # Errors
    /// As [`TokenCheck::start`].
    pub fn start_at(config: &TokenConfig, clock: Arc<dyn Clock>) -> Result<Self, AccessError> {
        Self::start_with(config, clock, None)
    }

    /// The same for one of several guards, which remember together which proofs were used, in the
    /// store where they share their states; the files that it names lie in `folder`.
    ///
    /// # Errors
    /// As [`TokenCheck::start`], [`Error::FileUnreadable`], [`Error::ConfigInvalid`].
    pub fn start_sharing(
        config: &TokenConfig,
        clock: Arc<dyn Clock>,
        redis: &RedisConfig,
        folder: &Path,
    ) -> Result<Self, Error> {
        let shared = SharedProofs::new(redis, folder)?;
        Ok(Self::start_with(config, clock, Some(shared))?)
    }

    fn start_with(
        config: &TokenConfig,
        clock: Arc<dyn Clock>,
        shared: Option<SharedProofs>,
    ) -> Result<Self, AccessError> {
        let http = http_client::client(config.ca_file.as_deref())?;
        let keys = Arc::new(JwksSource::new(config, http.clone()));
        let rules = Arc::new(TokenRules::of(config));
        let mut tasks = vec![tokio::spawn(Arc::clone(&keys).keep_fresh()).abort_handle()];
        let asking = |credentials: &Arc<ClientCredentials>| {
            Box::new(Introspection {
                http: http.clone(),
                keys: Arc::clone(&keys),
                clock: Arc::clone(&clock),
                credentials: Arc::clone(credentials),
                is_signed: config.introspection_signed,
                rules: Arc::clone(&rules),
                cache: answers_kept_for(Duration::from_millis(
                    config.introspection_kept_milliseconds.into(),
                )),
            })
        };
        let told = Arc::new(Told::default());
        let revocation = match config.revocation {
            RevocationUse::ExpiryAlone => Revocation::ExpiryAlone,
            RevocationUse::Introspection => {
                let credentials = Arc::new(config.credentials()?);
                Revocation::Introspection(asking(&credentials))
            }
            RevocationUse::EventStream => {
                let credentials = Arc::new(config.credentials()?);
                let state = Arc::new(StreamState::default());
                let revoked = Arc::new(RevokedSessions::new(REVOKED_MAX));
                let introspection = asking(&credentials);
                let receiver = Receiver {
                    http: http.clone(),
                    keys: Arc::clone(&keys),
                    clock: Arc::clone(&clock),
                    credentials,
                    rules: Arc::clone(&rules),
                    state: Arc::clone(&state),
                    revoked: Arc::clone(&revoked),
                    told: Arc::clone(&told),
                };
                tasks.push(tokio::spawn(receiver.run()).abort_handle());
                Revocation::Stream {
                    state,
                    revoked,
                    introspection,
                }
            }
        };
        let possession = possession_of(config, shared)?;
        Ok(Self(Arc::new(Parts {
            rules,
            clock,
            keys,
            possession,
            revocation,
            offers_bearer: !config.sender_constrained || config.certificate_header.is_some(),
            issuer_origin: config.issuer_origin(),
            told,
            runtime: Handle::current(),
            tasks,
        })))
    }

    /// Checks the token of a request.
    ///
    /// # Errors
    /// The first check that refuses.
    pub async fn check(
        &self,
        headers: &HeaderMap,
        seen: &RequestSeen<'_>,
        demands: &[Demand],
    ) -> Result<VerifiedAccess, AccessError> {
        self.check_each(headers, seen, demands.iter()).await
    }

    /// The same, with what is asked of the login from several places.
    pub(crate) async fn check_each(
        &self,
        headers: &HeaderMap,
        seen: &RequestSeen<'_>,
        mut demands: impl Iterator<Item = &Demand>,
    ) -> Result<VerifiedAccess, AccessError> {
        let Parts { rules, clock, .. } = &*self.0;
        let presented = Presented::read(headers)?;
        let claims = self.verify(presented.token).await?;
        let now = clock.unix_seconds();
        claims.check(rules, now)?;
        let possession = &self.0.possession;
        let binding = possession.check(claims.cnf.as_ref(), &presented, seen, now);
        let binding = binding.await?;
        self.0
            .revocation
            .check(presented.token, &claims, now)
            .await?;
        demands.try_for_each(|it| it.check(&claims, now, rules.clock_skew_seconds))?;
        Ok(VerifiedAccess::new(claims, binding))
    }

    /// Has a guard hear what the stream says of its accounts: that a card has signed anew, that one
    /// is stopped or free again. The first guard stays.
    pub fn tell(&self, guard: Guard) {
        if !self.hears_stream() {
            return;
        }
        guard.note_told();
        let waiting = self.0.told.set(guard.clone());
        if waiting.is_empty() {
            return;
        }
        self.0.runtime.spawn(async move {
            for news in waiting {
                guard.hear(&news).await;
            }
        });
    }

    /// Whether requests can be let in at all.
    ///
    /// # Errors
    /// [`AccessError::NotReady`], [`AccessError::KeysStale`].
    pub fn check_ready(&self) -> Result<(), AccessError> {
        self.0.keys.check_ready()
    }

    /// Whether ends of sessions are heard of as they happen; where not, tokens are introspected.
    ///
    /// # Errors
    /// [`AccessError::HeartbeatLate`].
    pub fn check_stream(&self) -> Result<(), AccessError> {
        match &self.0.revocation {
            Revocation::Stream { state, .. } => state.check(),
            Revocation::Introspection(_) | Revocation::ExpiryAlone => Ok(()),
        }
    }

    /// The code of the last failure to get the issuer's keys.
    #[must_use]
    pub fn issuer_trouble(&self) -> Option<&'static str> {
        self.0.keys.last_refusal()
    }

    /// A nonce for the next proof (RFC 9449 section 9).
    ///
    /// # Errors
    /// [`AccessError::CryptoFailed`].
    pub fn dpop_nonce(&self) -> Result<String, AccessError> {
        self.0.possession.nonces.issue(self.0.clock.unix_seconds())
    }

    /// Whether proofs must carry a nonce: then each answer brings the next one.
    #[must_use]
    pub fn demands_nonces(&self) -> bool {
        self.0.possession.nonce_use == NonceUse::Required
    }

    /// Whether the event stream is listened to at all.
    #[must_use]
    pub fn hears_stream(&self) -> bool {
        matches!(self.0.revocation, Revocation::Stream { .. })
    }

    /// Whether a token can be good with the scheme `Bearer`: bound to a certificate, or to nothing.
    #[must_use]
    pub fn offers_bearer(&self) -> bool {
        self.0.offers_bearer
    }

    /// Where the pages about codes are.
    #[must_use]
    pub fn issuer_origin(&self) -> &str {
        &self.0.issuer_origin
    }

    /// The algorithms that proofs may be signed with.
    #[must_use]
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.0.rules.algorithms
    }

    async fn verify(&self, token: &str) -> Result<Arc<Claims>, AccessError> {
        let Parts { rules, keys, .. } = &*self.0;
        keys.read_token(token, TOKEN_BYTES_MAX, TYP, &rules.algorithms)
            .await
    }
}

impl Revocation {
    async fn check(&self, token: &str, claims: &Claims, now: i64) -> Result<(), AccessError> {
        match self {
            Self::ExpiryAlone => Ok(()),
            // What comes seldom lies apart: the rest is moved about with each request.
            Self::Introspection(introspection) => {
                Box::pin(introspection.check(token, claims)).await
            }
            Self::Stream {
                state,
                revoked,
                introspection,
            } => {
                check_ended(revoked, claims)?;
                if state.covers(claims.iat) && revoked.is_whole(now) {
                    return Ok(());
                }
                Box::pin(introspection.check(token, claims)).await?;
                // What was heard while the question was under way.
                check_ended(revoked, claims)
            }
        }
    }
}

/// How the caller's possession of a token's key is looked at.
fn possession_of(
    config: &TokenConfig,
    shared: Option<SharedProofs>,
) -> Result<PossessionCheck, AccessError> {
    Ok(PossessionCheck {
        sender_constrained: config.sender_constrained,
        algorithms: config.algorithms.clone(),
        nonce_use: config.dpop_nonce,
        nonces: Nonces::new()?,
        replay: ReplayMemory::new(PROOFS_MAX, PROOFS_OF_KEY_MAX),
        shared,
    })
}

fn check_ended(revoked: &RevokedSessions, claims: &Claims) -> Result<(), AccessError> {
    let sid = claims.sid.as_deref();
    if sid.is_some_and(|sid| revoked.has_session(sid)) {
        return Err(AccessError::SessionEnded);
    }
    if revoked.has_token(&claims.jti) {
        return Err(AccessError::TokenRevoked);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
