//! Which sessions and tokens are over, as long as a token of theirs can live.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What is over, each with the moment from which nobody can ask for it any more.
///
/// Where there is no room the memory is not whole, and says so: tokens are then introspected.
pub(crate) struct RevokedSessions {
    entries_max: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    sessions: HashMap<String, i64>,
    tokens: HashMap<String, i64>,
    /// Until then something that is over was left out.
    left_out_until: i64,
    forgotten_at: i64,
}

/// What ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// A client's session: no token with this `sid` is good.
    Session(String),
    /// One token, by its `jti`.
    Token(String),
}

/// How often it is looked for what nobody can ask for any more.
const LOOK_SECONDS: i64 = 10;

impl RevokedSessions {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            entries_max,
            known: Mutex::default(),
        }
    }

    /// Notes an end until `until`; what was noted before is not noted for less.
    pub(crate) fn note(&self, ended: Ended, until: i64, now: i64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.forget(now);
        let is_full = known.sessions.len() + known.tokens.len() >= self.entries_max;
        let (entries, name) = match ended {
            Ended::Session(sid) => (&mut known.sessions, sid),
            Ended::Token(jti) => (&mut known.tokens, jti),
        };
        match entries.get_mut(&name) {
            Some(end) => *end = until.max(*end),
            None if is_full => known.left_out_until = until.max(known.left_out_until),
            None => {
                entries.insert(name, until);
            }
        }
    }

    /// Whether a session is over.
    pub(crate) fn has_session(&self, sid: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.sessions.contains_key(sid)
    }

    /// Whether a token is over by itself.
    pub(crate) fn has_token(&self, jti: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.tokens.contains_key(jti)
    }

    /// Whether nothing was left out that could matter now.
    pub(crate) fn is_whole(&self, now: i64) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        now > known.left_out_until
    }
}

impl Known {
    fn forget(&mut self, now: i64) {
        if now.saturating_sub(self.forgotten_at) >= LOOK_SECONDS {
            self.sessions.retain(|_, until| *until >= now);
            self.tokens.retain(|_, until| *until >= now);
            self.forgotten_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ended, RevokedSessions};

    fn session(sid: &str) -> Ended {
        Ended::Session(sid.to_owned())
    }

    #[test]
    fn what_is_over_stays_over_as_long_as_a_token_can_live() {
        let revoked = RevokedSessions::new(10);
        revoked.note(session("one"), 200, 100);
        revoked.note(Ended::Token("t".to_owned()), 150, 100);
        assert!(revoked.has_session("one") && revoked.has_token("t"));
        assert!(!revoked.has_session("t") && !revoked.has_token("one"));
        revoked.note(session("two"), 400, 201);
        assert!(!revoked.has_session("one") && !revoked.has_token("t"));
        assert!(revoked.has_session("two"));
    }

    #[test]
    fn a_memory_without_room_says_that_it_is_not_whole() {
        let revoked = RevokedSessions::new(2);
        for sid in ["one", "two"] {
            revoked.note(session(sid), 200, 100);
        }
        assert!(revoked.is_whole(101));
        // What is known already needs no room.
        revoked.note(session("two"), 210, 100);
        assert!(revoked.is_whole(101));
        revoked.note(session("three"), 250, 100);
        assert!(!revoked.is_whole(101) && !revoked.is_whole(250));
        assert!(revoked.is_whole(251));
    }
}
