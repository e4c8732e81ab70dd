//! Who was asked for a fresh signature, and when: a token whose card has signed since then answers
//! the question (RFC 9470 section 5).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

const ASKED_MAX: usize = 100_000;
/// Who did not answer in a day is asked anew.
const FORGOTTEN_AFTER_MS: i64 = 24 * 3_600_000;

#[derive(Debug, Default)]
pub(super) struct Signatures(Mutex<HashMap<String, Question>>);

#[derive(Debug)]
struct Question {
    at: i64,
    session: String,
}

/// A card that has signed since the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    /// In the session that was asked.
    There,
    /// In another one, as a new login makes it.
    Elsewhere,
}

impl Signatures {
    /// Remembers since when somebody is asked.
    pub(super) fn ask(&self, subject: &str, session: &str, now: i64) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= ASKED_MAX {
            asked.retain(|_, it| now.saturating_sub(it.at) < FORGOTTEN_AFTER_MS);
        }
        // One too many is asked again, instead of being believed.
        if asked.len() < ASKED_MAX || asked.contains_key(subject) {
            asked.entry(subject.to_owned()).or_insert_with(|| Question {
                at: now,
                session: session.to_owned(),
            });
        }
    }

    /// Whether the card signed after the question, which is answered by that once and for all.
    /// `auth_time` has whole seconds: it counts from the second after the question.
    pub(super) fn take(
        &self,
        subject: &str,
        session: &str,
        auth_time: Option<i64>,
    ) -> Option<Signed> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let question = asked.get(subject)?;
        if auth_time? <= question.at.div_euclid(1_000) {
            return None;
        }
        let is_there = question.session == session;
        asked.remove(subject);
        Some(if is_there {
            Signed::There
        } else {
            Signed::Elsewhere
        })
    }

    /// The question of this session is answered otherwise; of any session, where none is named.
    pub(super) fn answer(&self, subject: &str, session: Option<&str>) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_answered = |it: &Question| session.is_none_or(|session| it.session == session);
        if asked.get(subject).is_some_and(is_answered) {
            asked.remove(subject);
        }
    }

    /// The question is void: the session that was asked is over.
    pub(super) fn forget(&self, subject: &str) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.remove(subject);
    }
}

#[cfg(test)]
mod tests {
    use super::{Signatures, Signed};

    #[test]
    fn only_a_card_that_signed_after_the_question_answers_it_and_once() {
        let signatures = Signatures::default();
        assert_eq!(signatures.take("p", "s", Some(100)), None, "nobody asked");
        signatures.ask("p", "s", 50_500);
        signatures.ask("p", "t", 90_000);
        for auth_time in [None, Some(49), Some(50)] {
            assert_eq!(signatures.take("p", "s", auth_time), None, "{auth_time:?}");
        }
        assert_eq!(signatures.take("another", "s", Some(51)), None);
        assert_eq!(signatures.take("p", "s", Some(51)), Some(Signed::There));
        assert_eq!(signatures.take("p", "s", Some(51)), None);
        signatures.ask("p", "s", 60_000);
        assert_eq!(
            signatures.take("p", "new", Some(61)),
            Some(Signed::Elsewhere)
        );
        signatures.ask("p", "s", 60_000);
        signatures.forget("p");
        assert_eq!(signatures.take("p", "s", Some(100)), None);
        signatures.ask("p", "s", 60_000);
        signatures.answer("p", Some("t"));
        assert_eq!(signatures.take("p", "s", Some(61)), Some(Signed::There));
        for session in [Some("s"), None] {
            signatures.ask("p", "s", 60_000);
            signatures.answer("p", session);
            assert_eq!(signatures.take("p", "s", Some(100)), None);
        }
    }
}
