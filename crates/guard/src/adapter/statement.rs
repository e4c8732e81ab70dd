//! What portal and guard say to each other.

use serde::{Deserialize, Serialize};

use super::AdapterError;
use super::keys::malformed;
use crate::{Binding, Kind, VerifiedAccess};

/// Patients whom one answer names at most.
pub(crate) const PATIENTS_MAX: usize = 1_000;
const TEXT_BYTES_MAX: usize = 512;
/// What the issuer takes of a name in a report.
const PSEUDONYM_BYTES_MAX: usize = 256;
/// `acr` of a login whose card nobody watches.
const UNWATCHED: &str = "urn:cardea:acr:card-unwatched";
const NONCE_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
/// How long a statement about look-ups is good, and how far it may be from the future.
pub(super) const STATEMENT_LIFE_MS: i64 = 30_000;
pub(super) const CLOCK_SKEW_MS: i64 = 5_000;
/// How long after a patient's card was read the portal may look him up with it.
pub(super) const PRESENCE_LIFE_MS: i64 = 300_000;
/// How long after its end a nonce is remembered: a clock may be set back, and another guard's may
/// be behind.
const REMEMBERED_AFTER_MS: i64 = 10_000;
/// How long an API may take from the check of a token to the end of its answer.
pub(super) const ACCESS_LIFE_MS: i64 = 120_000;

/// Whom an answer names, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookUpStatement {
    /// When, in milliseconds of Unix time.
    pub t: i64,
    /// Never used before.
    pub nonce: String,
    /// The session that asked: `X-Cardea-Sid`, or `X-Cardea-Client` where that is empty.
    pub session: String,
    /// What was done.
    #[serde(default)]
    pub kind: Kind,
    /// A pseudonym of each patient whom the answer names; for a miss, of what was asked for.
    pub patients: Vec<String>,
    /// Whether the numbers are being counted through.
    #[serde(default)]
    pub sequence: bool,
    /// Whether something is done with what is looked up; left out where the portal can't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<bool>,
    /// The workstation or network that asks, opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// A sealed [`PresenceStatement`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<String>,
}

impl LookUpStatement {
    /// Its form and its time.
    pub(super) fn check(&self, now: i64) -> Result<(), AdapterError> {
        check_common(&self.nonce, &self.session)?;
        if self.patients.is_empty() || self.patients.len() > PATIENTS_MAX {
            return Err(malformed("it names no patient, or more than a thousand"));
        }
        if !self.source.iter().all(|it| is_bounded(it)) {
            return Err(malformed("its source is empty or too long"));
        }
        if !self.patients.iter().all(|it| is_pseudonym(it)) {
            return Err(malformed("a patient's name is empty, too long or no text"));
        }
        check_time(self.t, now, STATEMENT_LIFE_MS)
    }

    /// Until when its nonce is remembered.
    pub(super) fn remembered_until(&self) -> i64 {
        remembered_until(self.t, STATEMENT_LIFE_MS)
    }
}

/// That a patient is there: made where the card was read, good once, soon, in one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceStatement {
    /// When, in milliseconds of Unix time.
    pub t: i64,
    /// Never used before.
    pub nonce: String,
    /// The session that it counts for.
    pub session: String,
    /// The patient's pseudonym.
    pub patient: String,
}

impl PresenceStatement {
    pub(super) fn check(&self, of: &LookUpStatement, now: i64) -> Result<(), AdapterError> {
        check_common(&self.nonce, &self.session)?;
        check_time(self.t, now, PRESENCE_LIFE_MS)?;
        if self.session != of.session {
            return Err(AdapterError::StatementSessionMismatch);
        }
        if of.patients != std::slice::from_ref(&self.patient) {
            return Err(AdapterError::PresenceMismatch);
        }
        Ok(())
    }

    /// Until when its nonce is remembered.
    pub(super) fn remembered_until(&self) -> i64 {
        remembered_until(self.t, PRESENCE_LIFE_MS)
    }
}

/// What the guard has verified of a token, sealed, so that the portal can hand it back with its
/// statement: any guard that shares the keys takes it, and none has to remember it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessReference {
    pub(crate) t: i64,
    pub(crate) sub: String,
    pub(crate) client_id: String,
    pub(crate) sid: Option<String>,
    pub(crate) jti: String,
    pub(crate) auth_time: Option<i64>,
    pub(crate) profession: Option<String>,
    pub(crate) is_dpop: bool,
    /// Whether an agent is there that can ask the person.
    #[serde(default)]
    pub(crate) is_watched: bool,
}

impl AccessReference {
    pub(crate) fn new(access: &VerifiedAccess, now: i64) -> Self {
        Self {
            t: now,
            sub: access.sub().to_owned(),
            client_id: access.client_id().to_owned(),
            sid: access.sid().map(str::to_owned),
            jti: access.jti().to_owned(),
            auth_time: access.auth_time(),
            profession: access.profession().map(str::to_owned),
            is_dpop: access.binding() == Binding::Dpop,
            is_watched: access.sid().is_some() && access.acr() != Some(UNWATCHED),
        }
    }

    pub(super) fn check(&self, now: i64) -> Result<(), AdapterError> {
        check_time(self.t, now, ACCESS_LIFE_MS)
    }

    /// The session, or the client where a service speaks for itself.
    pub(crate) fn session(&self) -> &str {
        self.sid.as_deref().unwrap_or(&self.client_id)
    }
}

fn check_common(nonce: &str, session: &str) -> Result<(), AdapterError> {
    if !NONCE_BYTES.contains(&nonce.len()) {
        return Err(malformed("its nonce has not 16 to 64 characters"));
    }
    if !is_bounded(session) {
        return Err(malformed("its session is empty or too long"));
    }
    Ok(())
}

fn is_bounded(text: &str) -> bool {
    (1..=TEXT_BYTES_MAX).contains(&text.len())
}

fn is_pseudonym(text: &str) -> bool {
    (1..=PSEUDONYM_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn remembered_until(t: i64, life: i64) -> i64 {
    t.saturating_add(life).saturating_add(REMEMBERED_AFTER_MS)
}

fn check_time(t: i64, now: i64, life: i64) -> Result<(), AdapterError> {
    let age = now.saturating_sub(t);
    if (-CLOCK_SKEW_MS..=life).contains(&age) {
        Ok(())
    } else {
        Err(AdapterError::StatementExpired)
    }
}
