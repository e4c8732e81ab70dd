//! Who was asked for a fresh signature, and when: a token whose card has signed since then answers
//! the question (RFC 9470 section 5).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::FreshSignature;
use crate::act::number_of;

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

/// A card that has signed since the question: which signature that is, for guards that share their
/// accounts and are shown the same token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    /// In the session that was asked.
    There(FreshSignature),
    /// In another one, as a new login makes it.
    Elsewhere(FreshSignature),
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
        let auth_time = auth_time.filter(|it| *it > question.at.div_euclid(1_000))?;
        let is_there = question.session == session;
        asked.remove(subject);
        let number = number_of(format!("{auth_time} {session}").as_bytes());
        Some(if is_there {
            Signed::There(FreshSignature {
                number,
                // It was made in that second.
                asked_at: auth_time.saturating_add(1).saturating_mul(1_000),
            })
        } else {
            // The new session is asked later than it has signed.
            Signed::Elsewhere(FreshSignature {
                number,
                asked_at: 0,
            })
        })
    }

    /// The question of this session is answered otherwise; of any session, where none is named.
    /// What was asked for before answers nothing.
    pub(super) fn answer(&self, subject: &str, session: Option<&str>, signature: FreshSignature) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_answered = |it: &Question| {
            let is_of_before = signature.asked_at > 0 && signature.asked_at < it.at;
            !is_of_before && session.is_none_or(|session| it.session == session)
        };
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
    use crate::FreshSignature;

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
        let Some(Signed::There(first)) = signatures.take("p", "s", Some(51)) else {
            panic!("it answers");
        };
        assert_eq!(first.asked_at, 52_000);
        assert_eq!(signatures.take("p", "s", Some(51)), None);
        signatures.ask("p", "s", 60_000);
        let Some(Signed::Elsewhere(second)) = signatures.take("p", "new", Some(61)) else {
            panic!("it answers");
        };
        // Another guard that is shown the same token says the same of it.
        let other = Signatures::default();
        other.ask("p", "s", 60_300);
        let heard = other.take("p", "new", Some(61));
        assert_eq!(heard, Some(Signed::Elsewhere(second)));
        assert!(first.number != second.number && second.asked_at == 0);
        let unknown = FreshSignature::default();
        signatures.ask("p", "s", 60_000);
        signatures.forget("p");
        assert_eq!(signatures.take("p", "s", Some(100)), None);
        signatures.ask("p", "s", 60_000);
        signatures.answer("p", Some("t"), unknown);
        let before = FreshSignature {
            number: 7,
            asked_at: 59_999,
        };
        signatures.answer("p", Some("s"), before);
        let answer = signatures.take("p", "s", Some(61));
        assert!(matches!(answer, Some(Signed::There(_))));
        for session in [Some("s"), None] {
            signatures.ask("p", "s", 60_000);
            signatures.answer("p", session, unknown);
            assert_eq!(signatures.take("p", "s", Some(100)), None);
        }
    }
}
