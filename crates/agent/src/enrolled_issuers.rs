//! The issuers that a running agent believes, each with what talks to it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::challenge_keys::ChallengeKeys;
use crate::config::Config;
use crate::enrolment::Enrolment;
use crate::log_memory::LogMemory;
use crate::{Error, issuer_tls};

/// An issuer with what talks to it.
pub(crate) struct EnrolledIssuer {
    pub(crate) enrolment: Arc<Enrolment>,
    pub(crate) challenge_keys: ChallengeKeys,
    pub(crate) http: reqwest::Client,
    pub(crate) presence_tls: native_tls::TlsConnector,
    pub(crate) log_memory: LogMemory,
}

impl EnrolledIssuer {
    pub(crate) fn new(enrolment: Enrolment, state_dir: &Path) -> Result<Self, Error> {
        let enrolment = Arc::new(enrolment);
        let presence_tls = issuer_tls::connector(&enrolment)?;
        let http = issuer_tls::http_client_with(&enrolment, presence_tls.clone())?;
        let challenge_keys = ChallengeKeys::new(Arc::clone(&enrolment), http.clone(), state_dir)?;
        let log_memory = LogMemory::new(Arc::clone(&enrolment), state_dir);
        Ok(Self {
            enrolment,
            challenge_keys,
            http,
            presence_tls,
            log_memory,
        })
    }
}

/// All of them, as they were last read.
pub(crate) struct EnrolledIssuers {
    now: RwLock<Arc<[Arc<EnrolledIssuer>]>>,
    config: PathBuf,
    state_dir: PathBuf,
}

impl EnrolledIssuers {
    /// Those of a configuration, and where to read them again: in its file and beside it.
    pub(crate) fn new(
        enrolments: Vec<Enrolment>,
        config: PathBuf,
        state_dir: PathBuf,
    ) -> Result<Self, Error> {
        let issuers = enrolments
            .into_iter()
            .map(|enrolment| EnrolledIssuer::new(enrolment, &state_dir).map(Arc::new))
            .collect::<Result<Arc<[_]>, Error>>()?;
        Ok(Self {
            now: RwLock::new(issuers),
            config,
            state_dir,
        })
    }

    /// Those of this moment. Whoever works with one keeps it, whatever is enrolled meanwhile.
    pub(crate) fn now(&self) -> Arc<[Arc<EnrolledIssuer>]> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up what has been enrolled or taken away since; how many there are. Where one of the
    /// files is not as it must be, all stays as it was.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub(crate) fn read_again(&self) -> Result<usize, Error> {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        let mut issuers = Vec::new();
        for enrolment in Config::enrolments(&self.config)? {
            // One that stays as it is keeps its challenge keys, and their version.
            let known = now.iter().find(|known| *known.enrolment == enrolment);
            issuers.push(match known {
                Some(known) => Arc::clone(known),
                None => Arc::new(EnrolledIssuer::new(enrolment, &self.state_dir)?),
            });
        }
        *now = issuers.into();
        Ok(now.len())
    }
}
