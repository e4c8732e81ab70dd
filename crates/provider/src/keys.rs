//! The keys that this provider signs with.

pub mod rotation;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use cardea_jose::{Algorithm, JwkSet, SigningKey};
use time::{Duration, OffsetDateTime};

use crate::clock::CLOCKS_APART;
use crate::dpop::DpopNonces;
use crate::{Client, Error, Provider};

/// A token key, and when it does what.
#[derive(Clone, Debug)]
pub struct TokenKey {
    /// The key.
    pub key: SigningKey,
    /// Its times.
    pub window: KeyWindow,
}

/// When a token key signs and verifies. It is published as long as it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyWindow {
    /// The place in the order of the keys of its algorithm; the highest that may sign does.
    pub generation: i64,
    /// From then on it signs; none: since ever.
    pub signs_from: Option<OffsetDateTime>,
    /// From then on its successor signs.
    pub signs_until: Option<OffsetDateTime>,
    /// Until then its tokens verify; none: as long as it is there.
    pub verifies_until: Option<OffsetDateTime>,
}

impl KeyWindow {
    fn may_sign(&self, now: OffsetDateTime) -> bool {
        self.signs_from.is_none_or(|from| from <= now)
            && self.signs_until.is_none_or(|until| now < until)
    }

    /// A key that is not to sign yet verifies nothing either (attack G3).
    fn may_verify(&self, now: OffsetDateTime) -> bool {
        self.signs_from
            .is_none_or(|from| from.saturating_sub(CLOCKS_APART) <= now)
            && !self.is_over(now)
    }

    fn is_over(&self, now: OffsetDateTime) -> bool {
        self.verifies_until.is_some_and(|until| until <= now)
    }
}

impl From<SigningKey> for TokenKey {
    /// A key that signs and verifies as long as it is there.
    fn from(key: SigningKey) -> Self {
        let window = KeyWindow::default();
        Self { key, window }
    }
}

/// Token keys and the challenge key. They are different keys on purpose: agents pin the challenge
/// key's roots, and a leaked token key must not be able to make a card sign.
#[derive(Debug)]
pub struct ProviderKeys {
    token_keys: Vec<TokenKey>,
    /// The algorithms that there are keys for, or were since the start.
    algorithms: Vec<Algorithm>,
    /// How far our clock is ahead of the one that the keys' times are by, in milliseconds.
    ahead: Arc<AtomicI64>,
    pub(crate) challenge_key: SigningKey,
    pub(crate) dpop_nonces: DpopNonces,
}

impl ProviderKeys {
    /// Keys for tokens, all of which are published, and the one for challenges, which the signed
    /// challenge-key list names. Of keys of one algorithm and generation the first signs.
    ///
    /// # Errors
    /// [`Error::Jose`] where OpenSSL fails.
    pub fn new(
        token_keys: impl IntoIterator<Item = impl Into<TokenKey>>,
        challenge_key: SigningKey,
    ) -> Result<Self, Error> {
        let token_keys: Vec<TokenKey> = token_keys.into_iter().map(Into::into).collect();
        Ok(Self {
            algorithms: token_keys.iter().map(|it| it.key.algorithm()).collect(),
            token_keys,
            ahead: Arc::default(),
            dpop_nonces: DpopNonces::new(&challenge_key)?,
            challenge_key,
        })
    }

    /// The same, with the challenge keys that other nodes sign with, before and after this one:
    /// what nodes make with theirs is known here as well.
    ///
    /// # Errors
    /// [`Error::Jose`] where OpenSSL fails.
    pub fn and_challenge_keys<'a>(
        mut self,
        others: impl IntoIterator<Item = &'a SigningKey>,
    ) -> Result<Self, Error> {
        for key in others {
            self.dpop_nonces.add(key)?;
        }
        Ok(self)
    }

    /// The same challenge keys with other token keys.
    #[must_use]
    pub fn with_token_keys(&self, token_keys: Vec<TokenKey>) -> Self {
        let mut algorithms = self.algorithms.clone();
        for algorithm in token_keys.iter().map(|it| it.key.algorithm()) {
            if !algorithms.contains(&algorithm) {
                algorithms.push(algorithm);
            }
        }
        Self {
            token_keys,
            algorithms,
            ahead: Arc::clone(&self.ahead),
            challenge_key: self.challenge_key.clone(),
            dpop_nonces: self.dpop_nonces.clone(),
        }
    }

    /// The token keys.
    #[must_use]
    pub fn token_keys(&self) -> &[TokenKey] {
        &self.token_keys
    }

    /// Has the keys' times go by a clock that ours is ahead of: the one of all nodes. Those who
    /// hold these keys, or others that came of them, follow.
    pub fn set_ahead(&self, ahead: Duration) {
        let millis = i64::try_from(ahead.whole_milliseconds()).unwrap_or_default();
        self.ahead.store(millis, Ordering::Relaxed);
    }

    fn shared(&self, now: OffsetDateTime) -> OffsetDateTime {
        now.saturating_sub(Duration::milliseconds(self.ahead.load(Ordering::Relaxed)))
    }

    /// The key that signs with an algorithm; never one that [`find`](Self::find) refuses.
    ///
    /// # Errors
    /// [`Error::SignerUnavailable`] while there is none: all were taken out, and no other could be
    /// made.
    pub(crate) fn signing(
        &self,
        algorithm: Algorithm,
        now: OffsetDateTime,
    ) -> Result<&SigningKey, Error> {
        let now = self.shared(now);
        let fitting = || {
            let all = self.token_keys.iter();
            all.filter(move |it| it.key.algorithm() == algorithm)
        };
        let generation = |it: &&TokenKey| it.window.generation;
        // `rev`, as the last of several maxima would be taken.
        let signs = fitting().filter(|it| it.window.may_sign(now));
        let signs = signs.rev().max_by_key(generation);
        // Where its time is a moment away, and there is none before it. One that is retired does
        // not go on, where its successor was taken out.
        let waits = fitting().filter(|it| {
            it.window.may_verify(now) && it.window.signs_until.is_none_or(|until| now < until)
        });
        signs
            .or_else(|| waits.min_by_key(generation))
            .map(|it| &it.key)
            .ok_or(Error::SignerUnavailable)
    }

    /// Whether there is a key for every algorithm that a client asks for, or was: where an
    /// emergency has taken the last one out, its clients wait for the next.
    ///
    /// # Errors
    /// [`Error::KeyMissing`].
    pub(crate) fn check_client(&self, client: &Client) -> Result<(), Error> {
        let asked_for = [
            Some(client.id_token_signed_response_alg),
            client.userinfo_signed_response_alg,
            client.access_token_signed_response_alg,
            client.authorization_signed_response_alg,
            client.introspection_signed_response_alg,
        ];
        for algorithm in asked_for.into_iter().flatten() {
            if !self.algorithms.contains(&algorithm) {
                return Err(Error::KeyMissing {
                    algorithm: algorithm.as_str(),
                });
            }
        }
        Ok(())
    }

    /// The token key with an id, if its tokens are good now; the lookup is in memory only, whatever
    /// the id says.
    pub(crate) fn find(&self, kid: &str, now: OffsetDateTime) -> Option<&SigningKey> {
        let now = self.shared(now);
        let mut all = self.token_keys.iter();
        all.find(|it| it.key.kid() == kid && it.window.may_verify(now))
            .map(|it| &it.key)
    }

    /// The public halves of the token keys: those to come, those that sign, and those whose tokens
    /// are not all over.
    pub(crate) fn jwks(&self, now: OffsetDateTime) -> JwkSet {
        let now = self.shared(now);
        let published = self.token_keys.iter().filter(|it| !it.window.is_over(now));
        JwkSet {
            keys: published.map(|it| it.key.public_jwk().clone()).collect(),
        }
    }
}

/// The keys in use. A decision takes them once, and others may take their place meanwhile.
#[derive(Debug)]
pub(crate) struct KeysInUse(RwLock<Arc<ProviderKeys>>);

impl KeysInUse {
    pub(crate) fn new(keys: ProviderKeys) -> Self {
        Self(RwLock::new(Arc::new(keys)))
    }
}

impl Provider {
    /// The keys, as they are now: to be taken once a decision.
    #[must_use]
    pub fn keys(&self) -> Arc<ProviderKeys> {
        let keys = self.keys.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&keys)
    }

    /// Puts other keys in the place of the present ones, whatever is missing among them: one that
    /// was taken out must not stay for the sake of a client.
    pub fn replace_keys(&self, keys: ProviderKeys) {
        let mut current = self.keys.0.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(keys);
    }
}

#[cfg(test)]
mod tests;
