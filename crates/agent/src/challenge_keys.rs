//! The issuer's challenge keys: a list under its pinned roots, fetched when needed, never older
//! than one that was seen before.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_assertion::{CHALLENGE_KEYS_BYTES_MAX, ChallengeKeyList, verify_challenge_keys};
use cardea_jose::{Jwk, sha256_base64url};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::Error;
use crate::enrolment::Enrolment;
use crate::protected_file::{self, Protection};

/// A list younger than this is used without asking again.
const FRESH: Duration = Duration::from_secs(600);
/// A list older than this is not used at all: a key may have been withdrawn meanwhile.
const USABLE: Duration = Duration::from_secs(24 * 3600);
/// Unknown key ids make the agent fetch at most this often.
const FETCH_INTERVAL_MIN: Duration = Duration::from_secs(5);

/// The challenge keys of one issuer.
pub(crate) struct ChallengeKeys {
    enrolment: Arc<Enrolment>,
    client: reqwest::Client,
    version_file: PathBuf,
    state: Mutex<State>,
}

struct State {
    version_seen: u64,
    list: Option<(ChallengeKeyList, Instant)>,
    tried_at: Option<Instant>,
}

/// What is remembered on disk: enough to refuse an older list after a restart.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RememberedVersion {
    issuer: String,
    version: u64,
}

impl ChallengeKeys {
    /// Remembers versions in this folder.
    ///
    /// # Errors
    /// [`Error::StateUnusable`] when what was remembered is damaged: starting from nothing would
    /// let an old list in.
    pub(crate) fn new(
        enrolment: Arc<Enrolment>,
        client: reqwest::Client,
        state_dir: &Path,
    ) -> Result<Self, Error> {
        let issuer = enrolment.issuer.as_str();
        let name = format!(
            "challenge-keys-{}.json",
            sha256_base64url(issuer.as_bytes())
        );
        let version_file = state_dir.join(name);
        let version_seen = load_version(&version_file, issuer)?;
        let state = Mutex::new(State {
            version_seen,
            list: None,
            tried_at: None,
        });
        Ok(Self {
            enrolment,
            client,
            version_file,
            state,
        })
    }

    /// The listed key with this id, from a list that is fresh enough.
    ///
    /// # Errors
    /// [`Error::ChallengeInvalid`] for a key that the list does not have;
    /// [`Error::ChallengeKeysUnreachable`], [`Error::ChallengeKeysInvalid`],
    /// [`Error::ChallengeKeysRolledBack`], [`Error::StateUnusable`].
    pub(crate) async fn find(&self, kid: &str) -> Result<Jwk, Error> {
        let mut state = self.state.lock().await;
        if let Some(key) = state.key(kid, FRESH) {
            return Ok(key);
        }
        match self.refresh(&mut state).await {
            Ok(()) => state.key(kid, FRESH).ok_or(UNLISTED),
            // An issuer out of reach does not stop a login under a list of today; anything else,
            // such as a rolled-back list, does.
            Err(error @ Error::ChallengeKeysUnreachable { .. }) => {
                state.key(kid, USABLE).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn refresh(&self, state: &mut State) -> Result<(), Error> {
        if state
            .tried_at
            .is_some_and(|tried| tried.elapsed() < FETCH_INTERVAL_MIN)
        {
            let fresh = state
                .list
                .as_ref()
                .is_some_and(|(_, fetched)| fetched.elapsed() <= FRESH);
            return if fresh {
                Ok(())
            } else {
                Err(unreachable("it was tried a moment ago"))
            };
        }
        state.tried_at = Some(Instant::now());
        let compact = self.fetch().await?;
        let issuer = self.enrolment.issuer.as_str();
        let list =
            verify_challenge_keys(&compact, &self.enrolment.roots, issuer, state.version_seen)
                .map_err(|source| match source {
                    cardea_assertion::Error::ChallengeKeyListRolledBack { version_min, .. } => {
                        Error::ChallengeKeysRolledBack { version_min }
                    }
                    source => Error::ChallengeKeysInvalid { source },
                })?;
        if list.version > state.version_seen {
            self.remember(list.version)?;
            state.version_seen = list.version;
        }
        tracing::info!(issuer, version = list.version, "challenge keys fetched");
        state.list = Some((list, Instant::now()));
        Ok(())
    }

    async fn fetch(&self) -> Result<String, Error> {
        let url = self.enrolment.issuer.challenge_keys_url();
        let mut response = self
            .client
            .get(url)
            .send()
            .await
            .map_err(|error| unreachable(kind_of(&error)))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(unreachable(format!(
                "status {}",
                response.status().as_u16()
            )));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| unreachable(kind_of(&error)))?
        {
            if body.len() + chunk.len() > CHALLENGE_KEYS_BYTES_MAX {
                return Err(unreachable("the answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(body).map_err(|_| unreachable("the answer is not text"))?;
        Ok(text.trim_ascii().to_owned())
    }

    fn remember(&self, version: u64) -> Result<(), Error> {
        let issuer = self.enrolment.issuer.as_str().to_owned();
        let remembered =
            serde_json::to_vec(&RememberedVersion { issuer, version }).map_err(|_| {
                Error::Internal {
                    reason: "a version could not be written as JSON",
                }
            })?;
        protected_file::replace(&self.version_file, &remembered)
    }
}

const UNLISTED: Error = Error::ChallengeInvalid {
    reason: "it is signed by a key that the issuer's list does not have",
};

impl State {
    fn key(&self, kid: &str, age_max: Duration) -> Option<Jwk> {
        let (list, fetched_at) = self.list.as_ref()?;
        (fetched_at.elapsed() <= age_max).then(|| list.keys.find(kid).cloned())?
    }
}

fn load_version(path: &Path, issuer: &str) -> Result<u64, Error> {
    if !path.try_exists().unwrap_or(true) {
        return Ok(0);
    }
    let content = protected_file::read(path, Protection::ReadByOwner)?;
    match serde_json::from_slice::<RememberedVersion>(&content) {
        Ok(remembered) if remembered.issuer == issuer => Ok(remembered.version),
        _ => Err(Error::StateUnusable {
            path: path.to_owned(),
            reason: "it does not hold a key list version; delete it only if you know why"
                .to_owned(),
        }),
    }
}

fn unreachable(reason: impl Into<String>) -> Error {
    Error::ChallengeKeysUnreachable {
        reason: reason.into(),
    }
}

fn kind_of(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "time-out"
    } else if error.is_connect() {
        "no connection, or its certificate is not trusted"
    } else {
        "the connection broke"
    }
}

#[cfg(test)]
mod tests;
