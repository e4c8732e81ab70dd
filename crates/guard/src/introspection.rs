//! Asking the issuer what a token is worth now (RFC 7662), signed where that is wanted (RFC 9701).
//!
//! What it said counts for a moment, so that a page with twenty requests asks once; whatever fails
//! is a refusal.

mod answer_cache;
mod client_credentials;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, header};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::AccessError;
use crate::access_token::{Claims, TokenRules};
use crate::clock::Clock;
use crate::http_client::exchange;
use crate::jwks_source::JwksSource;

use answer_cache::{AnswerCache, Digest};
pub(crate) use client_credentials::ClientCredentials;

/// Time for a question, the wait for others with the same one included.
const QUESTION_TIME: Duration = Duration::from_secs(3);
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Answers that are kept at most.
const ANSWERS_MAX: usize = 10_000;
/// RFC 9701 section 5.
const SIGNED_TYP: &str = "token-introspection+jwt";
const SIGNED_MEDIA: &str = "application/token-introspection+jwt";

/// Asks, and remembers for a moment what was said.
pub(crate) struct Introspection {
    pub(crate) http: Client,
    pub(crate) keys: Arc<JwksSource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) credentials: Arc<ClientCredentials>,
    pub(crate) is_signed: bool,
    pub(crate) rules: Arc<TokenRules>,
    pub(crate) cache: AnswerCache,
}

/// RFC 7662 section 2.2; of an active token it must say the same as the token.
#[derive(Deserialize)]
struct Answer {
    active: bool,
    jti: Option<String>,
    sub: Option<String>,
    client_id: Option<String>,
}

/// The claims of RFC 9701 section 5.
#[derive(Deserialize)]
struct SignedAnswer {
    iss: String,
    aud: String,
    iat: i64,
    token_introspection: Answer,
}

/// What was said is remembered for so long, of so many tokens.
pub(crate) fn answers_kept_for(kept: Duration) -> AnswerCache {
    AnswerCache::new(kept, ANSWERS_MAX)
}

impl Introspection {
    /// Checks that a token whose claims were verified is good at this moment.
    ///
    /// # Errors
    /// [`AccessError::TokenInactive`]; [`AccessError::IntrospectionFailed`] where nobody says that
    /// it is good.
    pub(crate) async fn check(&self, token: &str, claims: &Claims) -> Result<(), AccessError> {
        let digest = answer_cache::digest_of(token);
        let until = Instant::now() + QUESTION_TIME;
        let asked = timeout_at(until, self.find_or_ask(&digest, token, claims)).await;
        let is_active = match asked {
            Ok(answer) => answer?,
            Err(_) => {
                return Err(failed(&AccessError::IssuerUnreachable {
                    reason: "too many questions wait".to_owned(),
                }));
            }
        };
        if is_active {
            Ok(())
        } else {
            Err(AccessError::TokenInactive)
        }
    }

    async fn find_or_ask(
        &self,
        digest: &Digest,
        token: &str,
        claims: &Claims,
    ) -> Result<bool, AccessError> {
        if let Some(known) = self.cache.find(digest, Instant::now()) {
            return Ok(known);
        }
        // One question at a time for a token, and for so many others.
        let _place = self.cache.place_of(digest).lock().await;
        if let Some(known) = self.cache.find(digest, Instant::now()) {
            return Ok(known);
        }
        // From before it was asked: what happens meanwhile may not be in the answer.
        let asked_at = Instant::now();
        let answer = self.ask(token).await.map_err(|error| failed(&error))?;
        if answer.active && !answer.is_of(claims) {
            return Err(failed(&AccessError::IssuerAnswerInvalid {
                reason: "it speaks of another token",
            }));
        }
        self.cache.keep(*digest, answer.active, asked_at);
        Ok(answer.active)
    }

    async fn ask(&self, token: &str) -> Result<Answer, AccessError> {
        let endpoints = self.keys.endpoints().ok_or(AccessError::NotReady)?;
        let url = endpoints.introspection_endpoint.clone();
        let url = url.ok_or(AccessError::IssuerAnswerInvalid {
            reason: "it has no introspection endpoint",
        })?;
        let now = self.clock.unix_seconds();
        let mut form = vec![("token", token.to_owned())];
        form.extend(self.credentials.form(&self.rules.issuer, now)?);
        let mut request = self.http.post(url).form(&form);
        if let Some(basic) = self.credentials.basic() {
            request = request.header(header::AUTHORIZATION, basic);
        }
        if self.is_signed {
            request = request.header(header::ACCEPT, SIGNED_MEDIA);
        }
        let answer = exchange(request, QUESTION_TIME, ANSWER_BYTES_MAX).await?;
        if !answer.status.is_success() {
            return Err(AccessError::IssuerUnreachable {
                reason: format!("introspection: {}", answer.status),
            });
        }
        if self.is_signed {
            let text = std::str::from_utf8(&answer.body).unwrap_or_default();
            return self.read_signed(text, now).await;
        }
        serde_json::from_slice(&answer.body).map_err(|_| AccessError::IssuerAnswerInvalid {
            reason: "it is no introspection answer",
        })
    }

    async fn read_signed(&self, text: &str, now: i64) -> Result<Answer, AccessError> {
        let algorithms = &self.rules.algorithms;
        let verified = self
            .keys
            .verify(text, ANSWER_BYTES_MAX, SIGNED_TYP, algorithms)
            .await?;
        let invalid = |reason| AccessError::IssuerAnswerInvalid { reason };
        let signed: SignedAnswer = verified
            .claims()
            .map_err(|_| invalid("its signed answer lacks a claim"))?;
        let age = now.saturating_sub(signed.iat);
        let limit = self.rules.clock_skew_seconds.saturating_add(3);
        if signed.iss != self.rules.issuer || signed.aud != self.credentials.client_id() {
            return Err(invalid("its signed answer is for another"));
        }
        if age.saturating_abs() > limit {
            return Err(invalid("its signed answer is of another time"));
        }
        Ok(signed.token_introspection)
    }
}

impl Answer {
    fn is_of(&self, claims: &Claims) -> bool {
        let same =
            |said: &Option<String>, claim: &String| said.as_ref().is_none_or(|said| said == claim);
        same(&self.jti, &claims.jti)
            && same(&self.sub, &claims.sub)
            && same(&self.client_id, &claims.client_id)
    }
}

fn failed(error: &AccessError) -> AccessError {
    AccessError::IntrospectionFailed {
        code: error.code(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
