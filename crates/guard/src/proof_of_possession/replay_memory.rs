//! Which proofs were used (RFC 9449 section 11.1), as many as there is room for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::key_of;
use crate::AccessError;

/// Shards, so that requests rarely wait for one another.
const SHARDS: usize = 16;
/// How far a proof's end may be away: twice the widest tolerance, and a second.
const SECONDS_MAX: usize = 512;

/// Proofs that were used, until each would be too old anyway.
///
/// Where there is no room, a proof is refused: forgetting one would let it be used twice. A key's
/// share is bounded as well, so that one client cannot take the place of all.
pub(crate) struct ReplayMemory {
    shards: Vec<Mutex<Shard>>,
    proofs_max: usize,
    of_key_max: usize,
}

#[derive(Default)]
struct Shard {
    /// Proofs of each key.
    keys: HashMap<String, HashMap<String, i64>>,
    /// What ends when, in steps of a second.
    ends: VecDeque<(i64, Vec<(String, String)>)>,
    proofs: usize,
}

impl ReplayMemory {
    pub(crate) fn new(proofs_max: usize, of_key_max: usize) -> Self {
        let mut shards = Vec::new();
        shards.resize_with(SHARDS, Mutex::default);
        Self {
            shards,
            proofs_max: proofs_max.div_ceil(SHARDS),
            of_key_max,
        }
    }

    /// Takes a proof that was never taken, and remembers it until its end: by which name.
    pub(super) fn spend(
        &self,
        jkt: &str,
        jti: &str,
        until: i64,
        now: i64,
    ) -> Result<String, AccessError> {
        let proof = key_of(jkt, jti);
        let mut shard = self.shard_of(jkt);
        shard.forget(now);
        if shard
            .keys
            .get(jkt)
            .is_some_and(|all| all.contains_key(&proof))
        {
            return Err(AccessError::DpopProofReplayed);
        }
        let of_key = shard.keys.get(jkt).map_or(0, HashMap::len);
        if of_key >= self.of_key_max || shard.proofs >= self.proofs_max {
            return Err(AccessError::DpopProofsTooMany);
        }
        let all = shard.keys.entry(jkt.to_owned()).or_default();
        all.insert(proof.clone(), until);
        shard.proofs += 1;
        shard.note_end(until.max(now), (jkt.to_owned(), proof.clone()));
        Ok(proof)
    }

    /// All proofs of a key are in one shard, which its thumbprint tells: nobody can choose one.
    fn shard_of(&self, jkt: &str) -> MutexGuard<'_, Shard> {
        let sum = jkt.bytes().fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
        let index = sum % self.shards.len().max(1);
        // There are as many as were made, and an index below that.
        let (before, rest) = self.shards.split_at(index);
        let shard = rest.first().or(before.first());
        // Each change leaves it whole.
        match shard {
            Some(shard) => shard.lock().unwrap_or_else(PoisonError::into_inner),
            None => unreachable!("a memory without shards is never made"),
        }
    }
}

impl Shard {
    fn forget(&mut self, now: i64) {
        while self.ends.front().is_some_and(|(end, _)| *end < now) {
            for (jkt, proof) in self
                .ends
                .pop_front()
                .map(|(_, all)| all)
                .unwrap_or_default()
            {
                let Some(all) = self.keys.get_mut(&jkt) else {
                    continue;
                };
                if all.remove(&proof).is_some() {
                    self.proofs = self.proofs.saturating_sub(1);
                }
                if all.is_empty() {
                    self.keys.remove(&jkt);
                }
            }
        }
    }

    fn note_end(&mut self, end: i64, proof: (String, String)) {
        let place = self.ends.partition_point(|(other, _)| *other < end);
        match self.ends.get_mut(place) {
            Some((same, all)) if *same == end => all.push(proof),
            _ => self.ends.insert(place, (end, vec![proof])),
        }
        debug_assert!(self.ends.len() <= SECONDS_MAX);
    }
}
