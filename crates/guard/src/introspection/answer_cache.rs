//! Answers about tokens, for a moment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cardea_jose::sha256;
use tokio::time::Instant;

/// Questions that are under way at once.
const PLACES: usize = 64;

/// SHA-256 of a token.
pub(super) type Digest = [u8; 32];

pub(super) fn digest_of(token: &str) -> Digest {
    sha256(token.as_bytes())
}

/// What was said of tokens, until it is too old.
pub(crate) struct AnswerCache {
    kept: Duration,
    answers_max: usize,
    answers: Mutex<HashMap<Digest, (bool, Instant)>>,
    places: Vec<tokio::sync::Mutex<()>>,
}

impl AnswerCache {
    pub(super) fn new(kept: Duration, answers_max: usize) -> Self {
        let mut places = Vec::new();
        places.resize_with(PLACES, Default::default);
        Self {
            kept,
            answers_max,
            answers: Mutex::default(),
            places,
        }
    }

    pub(super) fn find(&self, digest: &Digest, now: Instant) -> Option<bool> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_active, asked_at) = answers.get(digest)?;
        self.is_kept(*asked_at, now).then_some(*is_active)
    }

    /// Keeps an answer; without room it is asked for again.
    pub(super) fn keep(&self, digest: Digest, is_active: bool, asked_at: Instant) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= self.answers_max {
            answers.retain(|_, (_, other)| self.is_kept(*other, asked_at));
        }
        if answers.len() < self.answers_max && !self.kept.is_zero() {
            answers.insert(digest, (is_active, asked_at));
        }
    }

    fn is_kept(&self, asked_at: Instant, now: Instant) -> bool {
        now.saturating_duration_since(asked_at) < self.kept
    }

    /// Where a question about a token waits for others.
    pub(super) fn place_of(&self, digest: &Digest) -> &tokio::sync::Mutex<()> {
        let [first, ..] = digest;
        let index = usize::from(*first) % PLACES;
        match self.places.get(index) {
            Some(place) => place,
            None => unreachable!("there are as many places as indices"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{AnswerCache, digest_of};

    #[test]
    fn an_answer_counts_for_its_moment_and_there_are_never_too_many() {
        let cache = AnswerCache::new(Duration::from_secs(1), 2);
        let [one, two, three] = ["one", "two", "three"].map(digest_of);
        let start = Instant::now();
        cache.keep(one, true, start);
        cache.keep(two, false, start);
        cache.keep(three, true, start);
        assert_eq!(cache.find(&one, start), Some(true));
        assert_eq!(cache.find(&two, start), Some(false));
        assert_eq!(cache.find(&three, start), None);
        let later = start + Duration::from_secs(1);
        assert_eq!(cache.find(&one, later), None);
        cache.keep(three, true, later);
        assert_eq!(cache.find(&three, later), Some(true));
    }
}
