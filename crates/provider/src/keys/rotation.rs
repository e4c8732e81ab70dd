//! When token keys are made, change and go: one plan, which every node makes alike from what the
//! database holds. No node leads; who comes first acts, in one transaction with its event.

mod token_keys;

use cardea_jose::Algorithm;
use cardea_storage::signing_key::SigningKeyRecord;
use time::{Duration, OffsetDateTime};

pub use token_keys::{
    ImportedKey, MadeKey, REASON_CHARACTERS_MAX, Rotated, StoredKeys, TokenKeys, Withdrawal,
};

/// How long whoever reads the published keys may keep them (`max-age` of `/jwks`).
pub const JWKS_MAX_AGE: Duration = Duration::minutes(5);
/// Shortest time that a key is published before it signs: every cache has it then, though its clock
/// and ours lie apart, and though a proxy in between holds the answer once more.
pub const PUBLISH_BEFORE_MIN: Duration = Duration::minutes(10);
/// Shortest time that a key verifies after its successor has begun to sign: its last token, and the
/// longest that a token lives.
pub const VERIFY_AFTER_MIN: Duration = Duration::minutes(15);
/// Shortest time that a key signs.
pub const ROTATE_EVERY_MIN: Duration = Duration::hours(24);
/// The most keys of an algorithm: those that verify still, one that signs and one to come, however
/// often a command rotates.
pub const KEYS_MAX: usize = 16;
/// A key that is made so far in the future was made by a clock that was wrong.
const CLOCK_WRONG: Duration = Duration::hours(1);

/// When keys change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationRules {
    /// The algorithms that there are keys for.
    pub algorithms: Vec<Algorithm>,
    /// How long a key signs; none: until an operator's command.
    pub rotate_every: Option<Duration>,
    /// How long a key is published before it signs.
    pub publish_before: Duration,
    /// How long a key verifies after its successor has begun to sign.
    pub verify_after: Duration,
    /// Where the private halves of new keys are.
    pub place: KeyPlace,
}

impl Default for RotationRules {
    fn default() -> Self {
        Self {
            algorithms: vec![
                Algorithm::Rs256,
                Algorithm::Es256,
                Algorithm::Ps256,
                Algorithm::EdDsa,
            ],
            rotate_every: Some(Duration::days(90)),
            publish_before: Duration::hours(1),
            verify_after: Duration::hours(1),
            place: KeyPlace::Database,
        }
    }
}

/// Where a key's private half is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPlace {
    /// Encrypted in the database.
    Database,
    /// In a PKCS#11 token.
    Pkcs11,
}

impl KeyPlace {
    /// Where the key of a record is.
    #[must_use]
    pub fn of(record: &SigningKeyRecord) -> Self {
        match record.sealed {
            Some(_) => Self::Database,
            None => Self::Pkcs11,
        }
    }
}

/// What a key does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It is published and does nothing else.
    Next,
    /// It signs.
    Current,
    /// It verifies.
    Retired,
    /// It is to be deleted.
    Over,
}

impl KeyState {
    /// What the key of a record does.
    #[must_use]
    pub fn of(record: &SigningKeyRecord, now: OffsetDateTime) -> Self {
        if record.verifies_until.is_some_and(|until| until <= now) {
            Self::Over
        } else if record.signs_until.is_some_and(|until| until <= now) {
            Self::Retired
        } else if record.signs_from > now {
            Self::Next
        } else {
            Self::Current
        }
    }
}

/// What is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Keys that are to sign at once, since none of their algorithm does.
    pub(crate) promote: Vec<String>,
    /// Keys to be made.
    pub(crate) make: Vec<Making>,
    /// An algorithm that has too many keys for another one that is due.
    pub(crate) full: Option<Algorithm>,
    /// Keys to be deleted.
    pub(crate) over: Vec<String>,
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Making {
    pub(crate) algorithm: Algorithm,
    pub(crate) generation: i64,
    pub(crate) signs_from: OffsetDateTime,
    /// Whose place it takes.
    pub(crate) predecessor: Option<String>,
}

impl Plan {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl RotationRules {
    /// What is due by the clock.
    pub(crate) fn plan(&self, records: &[SigningKeyRecord], now: OffsetDateTime) -> Plan {
        let is_over = |it: &&SigningKeyRecord| KeyState::of(it, now) == KeyState::Over;
        let due = |algorithm: &Algorithm| self.next(records, *algorithm, now, Self::is_due);
        let due = self.algorithms.iter().filter_map(due);
        let (full, make): (Vec<_>, Vec<_>) =
            due.partition(|making| is_full(records, making.algorithm, now));
        let promoted = self.algorithms.iter();
        let promoted = promoted.filter_map(|it| to_promote(records, *it, now));
        Plan {
            promote: promoted.map(|it| it.kid.clone()).collect(),
            make,
            full: full.first().map(|making| making.algorithm),
            over: records
                .iter()
                .filter(is_over)
                .map(|it| it.kid.clone())
                .collect(),
        }
    }

    /// The successor of an algorithm's newest key, where that is `due`; its first key, where it has
    /// none.
    pub(crate) fn next(
        &self,
        records: &[SigningKeyRecord],
        algorithm: Algorithm,
        now: OffsetDateTime,
        due: impl Fn(&Self, &SigningKeyRecord, OffsetDateTime) -> bool,
    ) -> Option<Making> {
        let Some(newest) = newest(records, algorithm) else {
            return Some(Making {
                algorithm,
                generation: 1,
                signs_from: now,
                predecessor: None,
            });
        };
        let is_alone = is_alone_and_retired(newest, now);
        due(self, newest, now).then(|| Making {
            algorithm,
            generation: newest.generation.max(0).saturating_add(1),
            signs_from: match is_alone {
                true => now,
                false => now + self.publish_before,
            },
            predecessor: (!is_alone).then(|| newest.kid.clone()),
        })
    }

    fn is_due(&self, newest: &SigningKeyRecord, now: OffsetDateTime) -> bool {
        // No clock that is right made this one: it would sign for years.
        if newest.created_at > now + CLOCK_WRONG {
            return true;
        }
        if newest.signs_from > now {
            return false;
        }
        // Its successor was taken out before it could be replaced.
        if is_alone_and_retired(newest, now) {
            return true;
        }
        let old = self
            .rotate_every
            .is_some_and(|every| newest.signs_from + every - self.publish_before <= now);
        old || KeyPlace::of(newest) != self.place
    }
}

/// Whether an algorithm has so many keys that no other is made.
pub(crate) fn is_full(
    records: &[SigningKeyRecord],
    algorithm: Algorithm,
    now: OffsetDateTime,
) -> bool {
    let all = records
        .iter()
        .filter(|it| it.algorithm == algorithm.as_str());
    let lives = all.filter(|it| KeyState::of(it, now) != KeyState::Over);
    lives.count() >= KEYS_MAX
}

/// The first of the keys to come, where none signs: a clock that is right again is behind one that
/// made it.
fn to_promote(
    records: &[SigningKeyRecord],
    algorithm: Algorithm,
    now: OffsetDateTime,
) -> Option<&SigningKeyRecord> {
    let of_state = |state| {
        let all = records
            .iter()
            .filter(|it| it.algorithm == algorithm.as_str());
        all.filter(move |it| KeyState::of(it, now) == state)
    };
    let next = of_state(KeyState::Next).min_by_key(|it| it.generation);
    next.filter(|_| of_state(KeyState::Current).next().is_none())
}

/// Whether the newest key signs no more, and nothing else does.
fn is_alone_and_retired(newest: &SigningKeyRecord, now: OffsetDateTime) -> bool {
    newest.signs_until.is_some_and(|until| until <= now)
}

/// The newest key of an algorithm.
pub(crate) fn newest(
    records: &[SigningKeyRecord],
    algorithm: Algorithm,
) -> Option<&SigningKeyRecord> {
    let all = records.iter();
    all.filter(|it| it.algorithm == algorithm.as_str())
        .max_by_key(|it| it.generation)
}

#[cfg(test)]
mod tests;
