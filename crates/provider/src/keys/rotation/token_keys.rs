//! The token keys of the database, without the rest of a provider: what an operator's command and
//! each node do to them. Every change is an event in its own transaction.

use std::sync::Arc;

use cardea_jose::{Algorithm, Jwk};
use cardea_storage::signing_key::{self, SealedKey, SigningKeyRecord};
use cardea_storage::{Store, Transaction};
use time::OffsetDateTime;

use super::{KeyPlace, KeyState, Making, RotationRules, is_full, newest};
use crate::event::{Event, EventKind, EventLog};
use crate::{Clock, Error, Operator, SharedTime};

/// Longest reason that a command may give.
pub const REASON_CHARACTERS_MAX: usize = 200;

/// The count of changes of a database that never had a token key.
const NEVER_CHANGED: i64 = 0;

/// The token keys of a database.
pub struct TokenKeys {
    store: Store,
    event_log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    rules: RotationRules,
    operator: Option<Operator>,
}

/// What the database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKeys {
    /// The count of changes.
    pub revision: i64,
    /// Every key, those of an algorithm in their order.
    pub records: Vec<SigningKeyRecord>,
    /// When that was.
    pub time: SharedTime,
}

impl StoredKeys {
    /// Whether keys may be taken in from files.
    #[must_use]
    pub fn takes_files(&self) -> bool {
        self.revision == NEVER_CHANGED
    }
}

/// A key that was made and is in no database yet.
#[derive(Clone, Debug)]
pub struct MadeKey {
    /// Its public half, with `alg` and `kid`.
    pub public_jwk: Jwk,
    /// The encrypted private half; none where a token holds it.
    pub sealed: Option<SealedKey>,
}

/// A key that comes from elsewhere, and its times.
#[derive(Clone, Debug)]
pub struct ImportedKey {
    /// The key.
    pub key: MadeKey,
    /// Whether it verifies only, because another one signs.
    pub is_retired: bool,
}

/// What a change did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Keys that were added.
    pub added: Vec<String>,
    /// Keys that were deleted.
    pub deleted: Vec<String>,
    /// Keys that sign before their time, since nothing else did.
    pub promoted: Vec<String>,
    /// Algorithms that nothing signs with until a key can be made.
    pub without: Vec<Algorithm>,
}

/// Which keys an emergency takes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// They; none named: all there are.
    pub kids: Vec<String>,
    /// Why, in an operator's words.
    pub reason: Option<String>,
}

impl TokenKeys {
    /// Looks after the keys of a database; in an operator's name, where one gave a command.
    #[must_use]
    pub fn new(
        store: Store,
        event_log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        rules: RotationRules,
        operator: Option<Operator>,
    ) -> Self {
        Self {
            store,
            event_log,
            clock,
            rules,
            operator,
        }
    }

    /// When keys change.
    #[must_use]
    pub fn rules(&self) -> &RotationRules {
        &self.rules
    }

    /// The time that the keys of all nodes go by.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn time(&self) -> Result<SharedTime, Error> {
        SharedTime::ask(&self.store, self.clock.as_ref()).await
    }

    /// The count of changes alone.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn revision(&self) -> Result<i64, Error> {
        let mut transaction = self.store.begin_read().await?;
        Ok(signing_key::revision(&mut transaction).await?)
    }

    /// Every key.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn read(&self) -> Result<StoredKeys, Error> {
        let time = self.time().await?;
        let mut transaction = self.store.begin_read().await?;
        // The count first: a change in between is then seen at the next look.
        Ok(StoredKeys {
            revision: signing_key::revision(&mut transaction).await?,
            records: signing_key::list(&mut transaction).await?,
            time,
        })
    }

    /// The algorithms that need another key by the clock; none where nothing at all is due.
    #[must_use]
    pub fn due(&self, stored: &StoredKeys) -> Option<Vec<Algorithm>> {
        let plan = self.rules.plan(&stored.records, stored.time.now);
        let algorithms = plan.make.iter().map(|it| it.algorithm);
        (!plan.is_empty()).then(|| algorithms.collect())
    }

    /// Does what is due, with keys made for it. Where another node was faster, they are left out.
    ///
    /// # Errors
    /// [`Error::ClockApart`]; [`Error::TokenKeysTooMany`] where another one is due; the rest is
    /// done then; [`Error::Storage`].
    pub async fn keep_to_schedule(&self, made: &[MadeKey]) -> Result<Rotated, Error> {
        let now = self.time().await?.agreed()?;
        let (mut transaction, mut records) = self.begin_change().await?;
        let plan = self.rules.plan(&records, now);
        let mut rotated = Rotated::default();
        for kid in &plan.promote {
            for record in records.iter_mut().filter(|it| it.kid == *kid) {
                record.signs_from = now.truncate_to_second();
                set_times(&mut transaction, record).await?;
            }
            rotated.promoted.push(kid.clone());
        }
        for making in &plan.make {
            let Some(key) = of_algorithm(made, making.algorithm) else {
                continue;
            };
            self.make(&mut transaction, &records, making, key, now)
                .await?;
            rotated.added.push(kid_of(key));
        }
        for kid in plan.over {
            signing_key::delete(&mut transaction, &kid).await?;
            let kind = EventKind::TokenKeyDeleted { kid: kid.clone() };
            self.record(&mut transaction, kind, now).await?;
            rotated.deleted.push(kid);
        }
        if rotated != Rotated::default() {
            transaction.commit().await?;
        }
        match plan.full {
            Some(algorithm) if rotated == Rotated::default() => Err(too_many(algorithm)),
            _ => Ok(rotated),
        }
    }

    /// Takes in keys that a server held in files, unless there are keys already, or were once:
    /// those of the files may be among them that were taken out since.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn import(&self, keys: &[ImportedKey]) -> Result<Rotated, Error> {
        let now = self.time().await?.agreed()?;
        let mut rotated = Rotated::default();
        let mut transaction = self.store.begin().await?;
        // The change first: two nodes that start at once wait for one another.
        signing_key::begin_change(&mut transaction).await?;
        if signing_key::revision(&mut transaction).await? != NEVER_CHANGED + 1 {
            return Ok(rotated);
        }
        for (place, imported) in (0_i64..).zip(keys) {
            // Older ones have places before the first.
            let (generation, until) = match imported.is_retired {
                true => (place.saturating_add(1).saturating_neg(), Some(now)),
                false => (1, None),
            };
            let mut record = self.record_of(&imported.key, generation, now, now);
            record.signs_until = until;
            record.verifies_until = until.map(|until| until + self.rules.verify_after);
            signing_key::insert(&mut transaction, &record).await?;
            self.record_made(&mut transaction, &record, true, now)
                .await?;
            rotated.added.push(record.kid);
        }
        transaction.commit().await?;
        Ok(rotated)
    }

    /// Begins a rotation at an operator's command, whatever the schedule says; where one of an
    /// algorithm is under way it goes on.
    ///
    /// # Errors
    /// [`Error::KeyRotationPending`] or [`Error::TokenKeysTooMany`] where it is of all of them;
    /// [`Error::ClockApart`], [`Error::Storage`].
    pub async fn rotate(&self, made: &[MadeKey]) -> Result<Rotated, Error> {
        let now = self.time().await?.agreed()?;
        let (mut transaction, records) = self.begin_change().await?;
        let mut rotated = Rotated::default();
        let mut pending = Ok(());
        for key in made {
            let Some(algorithm) = key.public_jwk.alg else {
                continue;
            };
            let due = |_: &RotationRules, newest: &SigningKeyRecord, now| newest.signs_from <= now;
            let Some(making) = self.rules.next(&records, algorithm, now, due) else {
                let algorithm = algorithm.as_str();
                pending = Err(Error::KeyRotationPending { algorithm });
                continue;
            };
            if is_full(&records, algorithm, now) {
                pending = Err(too_many(algorithm));
                continue;
            }
            self.make(&mut transaction, &records, &making, key, now)
                .await?;
            rotated.added.push(kid_of(key));
        }
        if rotated.added.is_empty() {
            pending?;
        }
        transaction.commit().await?;
        Ok(rotated)
    }

    /// The algorithms that need another key if these were taken out.
    ///
    /// # Errors
    /// [`Error::TokenKeyUnknown`].
    pub fn left_without(
        &self,
        stored: &StoredKeys,
        withdrawal: &Withdrawal,
    ) -> Result<Vec<Algorithm>, Error> {
        let left = withdrawal.left_of(&stored.records)?;
        let now = stored.time.now;
        let algorithms = self.rules.algorithms.iter().copied();
        let without = |it: &Algorithm| signer_to_be(&left, *it, now).is_none();
        Ok(algorithms.filter(without).collect())
    }

    /// Takes keys out at once: they are published no more, verify nothing and sign nothing, on
    /// every node that follows. A next key takes the place of one that signed; where there is none,
    /// one of `made` does, at once. Where that is missing too nothing signs with the algorithm
    /// until the schedule has made one: better nobody signs in than with a key that is not ours
    /// alone.
    ///
    /// `made_for` is the count of changes that `made` was made for, where it is to be enough.
    ///
    /// # Errors
    /// [`Error::TokenKeyUnknown`]; [`Error::TokenKeysChanged`] where something else was changed
    /// since, and nothing was taken out; [`Error::Storage`].
    pub async fn withdraw(
        &self,
        withdrawal: &Withdrawal,
        made: &[MadeKey],
        made_for: Option<i64>,
    ) -> Result<Rotated, Error> {
        // Whatever the clocks say of one another: a key in wrong hands goes.
        let now = self.time().await?.now;
        let (mut transaction, records) = self.begin_change().await?;
        let revision = signing_key::revision(&mut transaction).await?;
        if made_for.is_some_and(|made_for| made_for.saturating_add(1) != revision) {
            return Err(Error::TokenKeysChanged);
        }
        let left = withdrawal.left_of(&records)?;
        let mut rotated = Rotated::default();
        for record in records.iter().filter(|it| !left.contains(it)) {
            signing_key::delete(&mut transaction, &record.kid).await?;
            let kind = EventKind::TokenKeyWithdrawn {
                kid: record.kid.clone(),
                algorithm: record.algorithm.clone(),
                by: self.operator.clone(),
                reason: withdrawal.reason.clone(),
            };
            self.record(&mut transaction, kind, now).await?;
            rotated.deleted.push(record.kid.clone());
        }
        for algorithm in self.rules.algorithms.iter().copied() {
            if let Some(signs) = signer_to_be(&left, algorithm, now) {
                let from = signs.signs_from.min(now);
                let is_last = newest(&left, algorithm).is_some_and(|it| it.kid == signs.kid);
                let (until, over) = match is_last {
                    true => (None, None),
                    false => (signs.signs_until, signs.verifies_until),
                };
                signing_key::set_times(&mut transaction, &signs.kid, from, until, over).await?;
                continue;
            }
            let Some(key) = of_algorithm(made, algorithm) else {
                rotated.without.push(algorithm);
                continue;
            };
            let generation = newest(&records, algorithm).map_or(0, |it| it.generation);
            let generation = generation.max(0).saturating_add(1);
            let record = self.record_of(key, generation, now, now);
            signing_key::insert(&mut transaction, &record).await?;
            self.record_made(&mut transaction, &record, false, now)
                .await?;
            rotated.added.push(record.kid);
        }
        transaction.commit().await?;
        Ok(rotated)
    }

    /// Puts other encryptions of keys in the place of those that were read.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn reencrypt(&self, sealed: &[(String, SealedKey)]) -> Result<u64, Error> {
        let now = self.time().await?.now;
        let (mut transaction, records) = self.begin_change().await?;
        let mut count = 0_u64;
        let mut encryption_key_id = String::new();
        for (kid, sealed) in sealed {
            if !records.iter().any(|it| it.kid == *kid) {
                continue;
            }
            signing_key::set_sealed(&mut transaction, kid, sealed).await?;
            encryption_key_id.clone_from(&sealed.encryption_key_id);
            count = count.saturating_add(1);
        }
        if count == 0 {
            return Ok(0);
        }
        let kind = EventKind::TokenKeysReencrypted {
            by: self.operator.clone(),
            keys: count,
            encryption_key_id,
        };
        self.record(&mut transaction, kind, now).await?;
        transaction.commit().await?;
        Ok(count)
    }

    /// Keeps every other change waiting until what is given back is dropped.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn hold_changes(&self) -> Result<Transaction, Error> {
        let mut transaction = self.store.begin().await?;
        signing_key::begin_change(&mut transaction).await?;
        Ok(transaction)
    }

    async fn begin_change(&self) -> Result<(Transaction, Vec<SigningKeyRecord>), Error> {
        let mut transaction = self.store.begin().await?;
        signing_key::begin_change(&mut transaction).await?;
        let records = signing_key::list(&mut transaction).await?;
        Ok((transaction, records))
    }

    async fn make(
        &self,
        transaction: &mut Transaction,
        records: &[SigningKeyRecord],
        making: &Making,
        key: &MadeKey,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let record = self.record_of(key, making.generation, making.signs_from, now);
        signing_key::insert(transaction, &record).await?;
        let until = making.signs_from;
        let over = until + self.rules.verify_after;
        let all = records.iter();
        for old in all.filter(|it| it.algorithm == making.algorithm.as_str()) {
            let kid = Some(&old.kid);
            let clipped = SigningKeyRecord {
                // A wrong clock may have let others sign and verify for years.
                signs_until: earlier(old.signs_until, until, kid == making.predecessor.as_ref()),
                verifies_until: earlier(old.verifies_until, over, true),
                ..old.clone()
            };
            if clipped != *old {
                set_times(transaction, &clipped).await?;
            }
        }
        self.record_made(transaction, &record, false, now).await
    }

    fn record_of(
        &self,
        key: &MadeKey,
        generation: i64,
        signs_from: OffsetDateTime,
        now: OffsetDateTime,
    ) -> SigningKeyRecord {
        SigningKeyRecord {
            kid: kid_of(key),
            algorithm: key.public_jwk.alg.map_or("", Algorithm::as_str).to_owned(),
            generation,
            public_jwk: serde_json::to_string(&key.public_jwk).unwrap_or_default(),
            sealed: key.sealed.clone(),
            created_at: now.truncate_to_second(),
            signs_from: signs_from.truncate_to_second(),
            signs_until: None,
            verifies_until: None,
        }
    }

    async fn record_made(
        &self,
        transaction: &mut Transaction,
        record: &SigningKeyRecord,
        is_imported: bool,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let kind = EventKind::TokenKeyMade {
            kid: record.kid.clone(),
            algorithm: record.algorithm.clone(),
            place: KeyPlace::of(record),
            is_imported,
            signs_from: record.signs_from.unix_timestamp(),
            by: self.operator.clone(),
        };
        self.record(transaction, kind, now).await
    }

    async fn record(
        &self,
        transaction: &mut Transaction,
        kind: EventKind,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let event = Event::new(kind, now);
        self.event_log.append(transaction, &event).await
    }
}

impl Withdrawal {
    fn left_of(&self, records: &[SigningKeyRecord]) -> Result<Vec<SigningKeyRecord>, Error> {
        let is_known = |kid: &&String| records.iter().any(|it| it.kid == **kid);
        if !self.kids.iter().all(|kid| is_known(&kid)) {
            return Err(Error::TokenKeyUnknown);
        }
        let goes = |it: &&SigningKeyRecord| self.kids.is_empty() || self.kids.contains(&it.kid);
        Ok(records.iter().filter(|it| !goes(it)).cloned().collect())
    }
}

/// Which of the keys that are left signs from now on: the one that does; else the next one.
fn signer_to_be(
    left: &[SigningKeyRecord],
    algorithm: Algorithm,
    now: OffsetDateTime,
) -> Option<&SigningKeyRecord> {
    let of_state = |state| {
        let all = left.iter().filter(|it| it.algorithm == algorithm.as_str());
        all.filter(move |it| KeyState::of(it, now) == state)
            .max_by_key(|it| it.generation)
    };
    of_state(KeyState::Current).or_else(|| of_state(KeyState::Next))
}

/// The earlier of two moments; of one that is none, the other where it `begins`.
fn earlier(
    old: Option<OffsetDateTime>,
    new: OffsetDateTime,
    begins: bool,
) -> Option<OffsetDateTime> {
    match old {
        Some(old) => Some(old.min(new)),
        None => begins.then_some(new),
    }
}

async fn set_times(transaction: &mut Transaction, key: &SigningKeyRecord) -> Result<(), Error> {
    let (until, over) = (key.signs_until, key.verifies_until);
    signing_key::set_times(transaction, &key.kid, key.signs_from, until, over).await?;
    Ok(())
}

fn too_many(algorithm: Algorithm) -> Error {
    Error::TokenKeysTooMany {
        algorithm: algorithm.as_str(),
    }
}

fn of_algorithm(made: &[MadeKey], algorithm: Algorithm) -> Option<&MadeKey> {
    made.iter().find(|it| it.public_jwk.alg == Some(algorithm))
}

fn kid_of(key: &MadeKey) -> String {
    key.public_jwk.thumbprint()
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TokenKeys")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
