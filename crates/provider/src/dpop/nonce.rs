//! Nonces for DPoP proofs: a time and a tag over it, so that no node needs to remember any.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use cardea_jose::{Error, MacKey, SigningKey, base64url, constant_time_eq, parse_base64url};
use time::OffsetDateTime;

/// All nonces of so many seconds are one and the same.
const STEP_SECONDS: i64 = 30;
/// How many steps a nonce is accepted for after its own: five minutes.
const STEPS_MAX: i64 = 10;
/// How many steps a nonce of another node may be ahead.
const STEPS_AHEAD_MAX: i64 = 1;
const STEP_BYTES: usize = 8;
/// 128 bits of the tag: a guess is told right or wrong only by asking us.
const TAG_BYTES: usize = 16;

/// Makes nonces and knows them again; every node with the same challenge key makes the same ones.
#[derive(Clone, Debug)]
pub(crate) struct DpopNonces {
    own: NonceKey,
    /// Of the challenge keys before and after this one, which other nodes may sign with.
    others: Vec<NonceKey>,
}

/// Makes the nonce of a step once: all requests of half a minute are given the same one.
#[derive(Clone, Debug)]
struct NonceKey {
    key: MacKey,
    made: Arc<Mutex<VecDeque<(i64, String)>>>,
}

/// Nonces that are kept; no more steps than that are asked for at one time.
const MADE_MAX: usize = 16;

const LABEL: &str = "cardea DPoP nonce 1";

impl DpopNonces {
    pub(crate) fn new(key: &SigningKey) -> Result<Self, Error> {
        Ok(Self {
            own: NonceKey::new(key)?,
            others: Vec::new(),
        })
    }

    /// Knows the nonces of another challenge key as well, and makes none with it.
    pub(crate) fn add(&mut self, key: &SigningKey) -> Result<(), Error> {
        self.others.push(NonceKey::new(key)?);
        Ok(())
    }

    pub(super) fn issue(&self, now: OffsetDateTime) -> Result<String, Error> {
        self.own.of_step(step_of(now))
    }

    /// Whether a nonce is ours and of the last five minutes.
    pub(super) fn is_current(&self, nonce: &str, now: OffsetDateTime) -> Result<bool, Error> {
        let Some(step) = read_step(nonce) else {
            return Ok(false);
        };
        let age = step_of(now).saturating_sub(step);
        if !(-STEPS_AHEAD_MAX..=STEPS_MAX).contains(&age) {
            return Ok(false);
        }
        for key in std::iter::once(&self.own).chain(&self.others) {
            if constant_time_eq(key.of_step(step)?.as_bytes(), nonce.as_bytes()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl NonceKey {
    fn new(key: &SigningKey) -> Result<Self, Error> {
        Ok(Self {
            key: key.derive_mac_key(LABEL)?,
            made: Arc::default(),
        })
    }

    fn of_step(&self, step: i64) -> Result<String, Error> {
        // Each change is one step.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, nonce)) = made.iter().find(|(of, _)| *of == step) {
            return Ok(nonce.clone());
        }
        let nonce = self.make(step)?;
        if made.len() >= MADE_MAX {
            made.pop_front();
        }
        made.push_back((step, nonce.clone()));
        Ok(nonce)
    }

    fn make(&self, step: i64) -> Result<String, Error> {
        let step = step.to_be_bytes();
        let tag = self.key.tag(&step)?;
        let mut bytes = step.to_vec();
        bytes.extend(tag.iter().take(TAG_BYTES));
        Ok(base64url(&bytes))
    }
}

fn step_of(now: OffsetDateTime) -> i64 {
    now.unix_timestamp().div_euclid(STEP_SECONDS)
}

/// The moment from which on a nonce was given out; of what is none of ours, the first of all.
pub(super) fn made_from(nonce: &str) -> i64 {
    read_step(nonce).map_or(i64::MIN, |step| step.saturating_mul(STEP_SECONDS))
}

fn read_step(nonce: &str) -> Option<i64> {
    let bytes = parse_base64url(nonce).ok()?;
    if bytes.len() != STEP_BYTES + TAG_BYTES {
        return None;
    }
    let step = bytes.first_chunk::<STEP_BYTES>()?;
    Some(i64::from_be_bytes(*step))
}

#[cfg(test)]
mod tests {
    use cardea_jose::Algorithm;
    use time::Duration;

    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap() + Duration::seconds(seconds)
    }

    fn key() -> SigningKey {
        SigningKey::generate(Algorithm::Es256).unwrap()
    }

    /// Attack F9: a stale nonce.
    #[test]
    fn a_nonce_lasts_five_minutes() {
        let nonces = DpopNonces::new(&key()).unwrap();
        let nonce = nonces.issue(at(0)).unwrap();
        for (seconds, current) in [
            (-31, false),
            (-30, true),
            (0, true),
            (329, true),
            (330, false),
            (86_400, false),
        ] {
            let outcome = nonces.is_current(&nonce, at(seconds)).unwrap();
            assert_eq!(outcome, current, "{seconds}");
        }
    }

    #[test]
    fn nodes_with_one_key_know_each_others_nonces_and_strangers_do_not() {
        let key_of_all = key();
        let [one, other] = [(); 2].map(|()| DpopNonces::new(&key_of_all).unwrap());
        let nonce = one.issue(at(0)).unwrap();
        assert!(other.is_current(&nonce, at(10)).unwrap());
        let stranger = DpopNonces::new(&key()).unwrap();
        assert!(!stranger.is_current(&nonce, at(10)).unwrap());
    }

    /// While the challenge key is changed on one node after the other.
    #[test]
    fn nodes_with_the_keys_before_and_after_know_each_others_nonces() {
        let (old, new) = (key(), key());
        let mut before = DpopNonces::new(&old).unwrap();
        before.add(&new).unwrap();
        let mut after = DpopNonces::new(&new).unwrap();
        after.add(&old).unwrap();
        for (one, other) in [(&before, &after), (&after, &before)] {
            let nonce = one.issue(at(0)).unwrap();
            assert!(other.is_current(&nonce, at(10)).unwrap());
            assert!(!other.is_current(&nonce, at(330)).unwrap());
        }
    }

    #[test]
    fn a_nonce_that_is_kept_is_the_one_that_would_be_made_and_few_are_kept() {
        let nonces = DpopNonces::new(&key()).unwrap();
        for seconds in 0..2000 {
            let nonce = nonces.issue(at(seconds)).unwrap();
            assert_eq!(nonce, nonces.own.make(step_of(at(seconds))).unwrap());
            assert!(nonces.own.made.lock().unwrap().len() <= MADE_MAX);
        }
    }

    #[test]
    fn what_we_did_not_make_is_no_nonce() {
        let nonces = DpopNonces::new(&key()).unwrap();
        let nonce = nonces.issue(at(0)).unwrap();
        let mut later = parse_base64url(&nonce).unwrap();
        later[7] ^= 1;
        for forged in [
            String::new(),
            "nonce".to_owned(),
            nonce[1..].to_owned(),
            format!("{nonce}A"),
            format!("{nonce}="),
            base64url(&later),
            base64url(&i64::MIN.to_be_bytes()),
            base64url(&[0xff; 24]),
        ] {
            assert!(!nonces.is_current(&forged, at(0)).unwrap(), "{forged}");
        }
    }
}
