//! Who is signed in: kept in memory, bounded in number and age.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use openidconnect::{CsrfToken, Nonce, PkceCodeVerifier};
use tokio::sync::watch;

use crate::access::Access;
use crate::error::Error;
use crate::logout_memory::LogoutMemory;
use crate::logout_token::VerifiedLogout;
use crate::person::Person;
use crate::random;
use crate::relying_party::PortalIdToken;

const SESSIONS_MAX: usize = 1000;
const SESSION_SECONDS: i64 = 4 * 3600;
const LOGINS_MAX: usize = 1000;
const LOGIN_SECONDS: i64 = 600;

/// A login that the browser has begun and not yet come back from.
pub(crate) struct PendingLogin {
    /// The portal's page that it leads to.
    pub(crate) leads_to: &'static str,
    pub(crate) state: CsrfToken,
    pub(crate) nonce: Nonce,
    pub(crate) verifier: PkceCodeVerifier,
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) person: Person,
    pub(crate) id_token: PortalIdToken,
    /// For the portal's own services.
    pub(crate) access: Access,
    pub(crate) subject: String,
    pub(crate) sid: Option<String>,
    /// Whether the session ends when the card leaves its reader.
    pub(crate) watched: bool,
}

struct OpenSession {
    session: Session,
    expires_at: i64,
    /// Dropped with the session; whoever listens then knows that it is over.
    ended: watch::Sender<()>,
}

/// Everything the portal remembers.
#[derive(Default)]
pub(crate) struct Sessions {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    open: HashMap<String, OpenSession>,
    pending: HashMap<String, (i64, PendingLogin)>,
    logouts: LogoutMemory,
}

impl Sessions {
    /// Remembers a login and gives the cookie value that ties it to the browser.
    pub(crate) fn remember_login(&self, login: PendingLogin, now: i64) -> Result<String, Error> {
        let cookie = random::token()?;
        let mut inner = self.lock();
        inner.pending.retain(|_, (expires_at, _)| *expires_at > now);
        if inner.pending.len() >= LOGINS_MAX {
            inner.pending.clear();
        }
        inner
            .pending
            .insert(cookie.clone(), (now + LOGIN_SECONDS, login));
        Ok(cookie)
    }

    /// Takes the login of this browser out; it can be finished once.
    pub(crate) fn take_login(&self, cookie: &str, now: i64) -> Option<PendingLogin> {
        let (expires_at, login) = self.lock().pending.remove(cookie)?;
        (expires_at > now).then_some(login)
    }

    /// Opens a session and gives its cookie value.
    ///
    /// # Errors
    /// [`Error::LoginOvertaken`] when the provider has ended the session meanwhile.
    pub(crate) fn open(&self, session: Session, now: i64) -> Result<String, Error> {
        let cookie = random::token()?;
        let (ended, _) = watch::channel(());
        let expires_at = now + SESSION_SECONDS;
        let mut inner = self.lock();
        let sid = session.sid.as_deref();
        if sid.is_some_and(|sid| inner.logouts.has_ended(sid, now)) {
            return Err(Error::LoginOvertaken);
        }
        inner.open.retain(|_, open| open.expires_at > now);
        if inner.open.len() >= SESSIONS_MAX {
            inner.open.clear();
        }
        inner.open.insert(
            cookie.clone(),
            OpenSession {
                session,
                expires_at,
                ended,
            },
        );
        Ok(cookie)
    }

    /// The session of this cookie.
    pub(crate) fn find(&self, cookie: &str, now: i64) -> Option<Session> {
        let inner = self.lock();
        let open = inner
            .open
            .get(cookie)
            .filter(|open| open.expires_at > now)?;
        Some(open.session.clone())
    }

    /// Something to wait on: it closes when the session ends.
    pub(crate) fn watch(&self, cookie: &str) -> Option<watch::Receiver<()>> {
        self.lock()
            .open
            .get(cookie)
            .map(|open| open.ended.subscribe())
    }

    /// Ends one session.
    pub(crate) fn close(&self, cookie: &str) -> Option<Session> {
        self.lock().open.remove(cookie).map(|open| open.session)
    }

    /// Ends the sessions that a logout token names; a repeated token ends nothing.
    pub(crate) fn close_by(&self, logout: &VerifiedLogout, now: i64) -> usize {
        let mut inner = self.lock();
        if !inner.logouts.take(logout, now) {
            return 0;
        }
        let before = inner.open.len();
        inner.open.retain(|_, open| !names(logout, &open.session));
        before - inner.open.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The maps are valid after every statement, so a panic elsewhere does not spoil them.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token with a `sid` ends that session only; one without ends all of the person's.
fn names(logout: &VerifiedLogout, session: &Session) -> bool {
    let subject_fits = logout
        .subject
        .as_ref()
        .is_none_or(|subject| *subject == session.subject);
    let sid_fits = logout.sid.is_none() || logout.sid == session.sid;
    subject_fits && sid_fits
}

#[cfg(test)]
pub(crate) mod tests {
    use std::str::FromStr;

    use openidconnect::AccessToken;

    use super::{PortalIdToken, Session, Sessions, VerifiedLogout};
    use crate::access::{Access, Tokens};
    use crate::person::Person;

    /// A token that nobody renews.
    pub(crate) fn access(token: String) -> Access {
        let tokens = Tokens {
            access: AccessToken::new(token),
            refresh: None,
            lifetime: None,
        };
        Access::new(tokens, 0)
    }

    pub(crate) fn session(subject: &str, sid: &str) -> Session {
        // An unsigned example: sessions only carry the token, they never read it.
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL29wLnRlc3QiLCJzdWIiOiJwIiwiYXVkIjoi\
            cG9ydGFsIiwiZXhwIjoxLCJpYXQiOjF9.AAAA";
        Session {
            person: Person::default(),
            id_token: PortalIdToken::from_str(token).unwrap(),
            access: access(String::new()),
            subject: subject.into(),
            sid: Some(sid.into()),
            watched: true,
        }
    }

    fn logout(token_id: &str, subject: Option<&str>, sid: Option<&str>) -> VerifiedLogout {
        VerifiedLogout {
            subject: subject.map(Into::into),
            sid: sid.map(Into::into),
            token_id: token_id.into(),
            forget_at: 200,
        }
    }

    #[test]
    fn a_logout_token_ends_exactly_the_session_it_names() {
        let sessions = Sessions::default();
        let first = sessions.open(session("p1", "s1"), 100).unwrap();
        let second = sessions.open(session("p1", "s2"), 100).unwrap();
        let listener = sessions.watch(&first).unwrap();
        assert_eq!(
            sessions.close_by(&logout("t1", Some("p1"), Some("s1")), 100),
            1
        );
        assert!(sessions.find(&first, 100).is_none());
        assert!(sessions.find(&second, 100).is_some());
        assert!(
            listener.has_changed().is_err(),
            "the page must hear of the end"
        );
    }

    #[test]
    fn a_logout_token_without_sid_ends_all_sessions_of_the_person() {
        let sessions = Sessions::default();
        sessions.open(session("p1", "s1"), 100).unwrap();
        sessions.open(session("p1", "s2"), 100).unwrap();
        sessions.open(session("p2", "s3"), 100).unwrap();
        assert_eq!(sessions.close_by(&logout("t1", Some("p1"), None), 100), 2);
    }

    #[test]
    fn a_repeated_logout_token_ends_nothing() {
        let sessions = Sessions::default();
        assert_eq!(sessions.close_by(&logout("t1", Some("p1"), None), 100), 0);
        sessions.open(session("p1", "s1"), 100).unwrap();
        assert_eq!(sessions.close_by(&logout("t1", Some("p1"), None), 100), 0);
    }

    #[test]
    fn a_logout_token_that_overtakes_the_login_keeps_the_session_from_opening() {
        let sessions = Sessions::default();
        assert_eq!(sessions.close_by(&logout("t1", None, Some("s1")), 100), 0);
        let error = sessions.open(session("p1", "s1"), 101).unwrap_err();
        assert_eq!(error.code(), "portal.login_overtaken");
        // The person's next login has a session of its own.
        assert!(sessions.open(session("p1", "s2"), 101).is_ok());
    }

    #[test]
    fn a_session_ends_by_itself_after_four_hours() {
        let sessions = Sessions::default();
        let cookie = sessions.open(session("p1", "s1"), 100).unwrap();
        assert!(sessions.find(&cookie, 100 + 4 * 3600).is_none());
    }
}
