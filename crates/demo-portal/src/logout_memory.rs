//! What the portal remembers of the logout tokens that it took.
//!
//! A token counts once, and a session that a token has named does not begin after it: on its way
//! the token may overtake the login whose session it ends.

use std::collections::HashMap;
use std::hash::Hash;

use crate::logout_token::VerifiedLogout;

/// Entries of either kind. One more takes the place of the one that would be forgotten first.
const ENTRIES_MAX: usize = 10_000;
/// How long a login may take from the code to the portal's own session.
const LOGIN_SECONDS: i64 = 120;

/// The tokens seen, and the sessions at the provider that have ended.
#[derive(Default)]
pub(crate) struct LogoutMemory {
    token_ids: Expiring<String>,
    ended_sids: Expiring<String>,
}

impl LogoutMemory {
    /// Takes a token in; false when it was taken before.
    pub(crate) fn take(&mut self, logout: &VerifiedLogout, now: i64) -> bool {
        if self.token_ids.contains(&logout.token_id, now) {
            return false;
        }
        // After that time the token is refused for its age.
        self.token_ids
            .insert(logout.token_id.clone(), logout.forget_at, now);
        if let Some(sid) = &logout.sid {
            self.ended_sids
                .insert(sid.clone(), now.saturating_add(LOGIN_SECONDS), now);
        }
        true
    }

    /// Whether a token has ended this session at the provider. A token without a `sid` ends what is
    /// open when it comes: it says nothing of the person's next login.
    pub(crate) fn has_ended(&self, sid: &str, now: i64) -> bool {
        self.ended_sids.contains(sid, now)
    }
}

/// Keys, each with the last second in which it counts.
#[derive(Default)]
struct Expiring<K>(HashMap<K, i64>);

impl<K: Hash + Eq + Clone> Expiring<K> {
    fn insert(&mut self, key: K, last_second: i64, now: i64) {
        self.0.retain(|_, last_second| *last_second >= now);
        if self.0.len() >= ENTRIES_MAX {
            let oldest = self.0.iter().min_by_key(|(_, last_second)| **last_second);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(key, last_second);
    }

    fn contains<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: i64) -> bool
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0
            .get(key)
            .is_some_and(|last_second| *last_second >= now)
    }
}

#[cfg(test)]
mod tests {
    use super::{ENTRIES_MAX, LOGIN_SECONDS, LogoutMemory, VerifiedLogout};

    fn logout(token_id: &str, sid: &str, forget_at: i64) -> VerifiedLogout {
        VerifiedLogout {
            subject: None,
            sid: Some(sid.into()),
            token_id: token_id.into(),
            forget_at,
        }
    }

    #[test]
    fn a_token_counts_once() {
        let mut memory = LogoutMemory::default();
        assert!(memory.take(&logout("t1", "s1", 200), 100));
        assert!(!memory.take(&logout("t1", "s1", 200), 200));
        assert!(memory.take(&logout("t2", "s1", 200), 200));
    }

    #[test]
    fn an_ended_session_is_remembered_for_as_long_as_a_login_may_take() {
        let mut memory = LogoutMemory::default();
        memory.take(&logout("t1", "s1", 100), 100);
        assert!(memory.has_ended("s1", 100 + LOGIN_SECONDS));
        assert!(!memory.has_ended("s1", 101 + LOGIN_SECONDS));
        assert!(!memory.has_ended("s2", 100));
    }

    #[test]
    fn a_full_memory_takes_the_next_token_and_forgets_the_oldest() {
        let mut memory = LogoutMemory::default();
        memory.take(&logout("oldest", "s", 200), 100);
        for index in 1..ENTRIES_MAX {
            memory.take(&logout(&format!("t{index}"), "s", 201), 100);
        }
        assert!(memory.take(&logout("next", "of-next", 201), 100));
        assert!(memory.has_ended("of-next", 100));
        assert!(!memory.take(&logout("next", "of-next", 201), 100));
        assert!(memory.take(&logout("oldest", "s", 202), 100));
        assert_eq!(memory.token_ids.0.len(), ENTRIES_MAX);
    }
}
