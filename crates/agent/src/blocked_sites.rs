//! Sites that may not ask the person for a while (attack D7).
//!
//! A portal whose prompts are cancelled again and again is paused; who is asked whether to block it
//! and says yes has an hour of rest, or less by `cardea-agent unblock`, which ends pauses too. Both
//! last when the agent is started anew, so they stand in the state folder; times count from the
//! machine's start, since workstation clocks are wrong.
//!
//! A site is an origin with a client: all portals of one issuer come by the same login page, and
//! one that nags must not cost the person the others. The client stands in the signed challenge.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::boot_clock::SinceBoot;
use crate::protected_file::{self, Protection};
use crate::wanted::Wanted;

/// The file's name in the state folder.
const FILE_NAME: &str = "blocked-sites.json";
/// How long a site stays blocked.
const BLOCKED_FOR: Duration = Duration::from_secs(60 * 60);
/// How long one is paused.
const PAUSED_FOR: Duration = Duration::from_secs(300);

/// What may not ask now.
#[derive(Debug)]
pub(crate) struct BlockedSites {
    file: PathBuf,
    /// One writer at a time in this process; and what could not be written, which counts all the
    /// same.
    unwritten: Mutex<Vec<Resting>>,
}

/// A portal at an origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Site {
    /// The login page's.
    pub(crate) origin: String,
    /// The portal's identifier at the issuer.
    pub(crate) client_id: String,
    /// What is asked for: a guard that nags must not cost the person the sign-in at its portal.
    #[serde(default, skip_serializing_if = "Asking::is_for_sign_in")]
    pub(crate) asking: Asking,
}

/// What a person is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asking {
    /// To sign in.
    #[default]
    SignIn,
    /// To sign anew in a session, because a guard wants it.
    FreshSignature,
}

impl Asking {
    // By reference, as serde hands it over.
    fn is_for_sign_in(&self) -> bool {
        *self == Self::SignIn
    }
}

/// Why a site rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rest {
    /// Its prompts were cancelled in a row.
    Paused,
    /// The person said so.
    Blocked,
}

/// A site that rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resting {
    #[serde(flatten)]
    pub(crate) site: Site,
    /// The portal's name, as the issuer vouched for it.
    pub(crate) name: String,
    pub(crate) rest: Rest,
    /// Seconds since the machine started.
    until: u64,
}

impl Site {
    /// The page and the portal that a login is for; a program's sign-in has no page.
    pub(crate) fn of(wanted: &Wanted) -> Option<Self> {
        Some(Self {
            origin: wanted.origin()?.as_str().to_owned(),
            client_id: wanted.client_id().to_owned(),
            asking: Asking::SignIn,
        })
    }

    fn is_same_portal(&self, other: &Self) -> bool {
        self.origin == other.origin && self.client_id == other.client_id
    }
}

impl Resting {
    /// For how long it rests still.
    pub(crate) fn seconds_left(&self, now: SinceBoot) -> u64 {
        let left = Duration::from_secs(self.until).saturating_sub(now.passed());
        left.as_secs() + 1
    }

    /// Whether this is what a person means by `word`.
    fn is_named(&self, word: &str) -> bool {
        [&self.site.origin, &self.site.client_id, &self.name]
            .into_iter()
            .any(|name| name == word)
    }
}

impl BlockedSites {
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self {
            file: state_dir.join(FILE_NAME),
            unwritten: Mutex::default(),
        }
    }

    /// Whether this site may ask now. Prompts that were cancelled pause those of their kind; whom
    /// the person has blocked may ask for nothing.
    ///
    /// # Errors
    /// [`Error::SiteBlocked`], [`Error::RateLimited`].
    pub(crate) fn check(&self, site: &Site, now: SinceBoot) -> Result<(), Error> {
        let resting = self.list(now);
        let concerns = |resting: &&Resting| match resting.rest {
            Rest::Paused => resting.site == *site,
            Rest::Blocked => resting.site.is_same_portal(site),
        };
        let Some(found) = resting.iter().find(concerns) else {
            return Ok(());
        };
        let retry_after_seconds = found.seconds_left(now);
        Err(match found.rest {
            Rest::Blocked => Error::SiteBlocked {
                retry_after_seconds,
            },
            Rest::Paused => Error::RateLimited {
                retry_after_seconds,
            },
        })
    }

    /// Has a site rest from now on. It does so even where that cannot be written.
    ///
    /// # Errors
    /// [`Error::StateUnusable`]: it ends with this process.
    pub(crate) fn put_to_rest(
        &self,
        site: Site,
        name: &str,
        rest: Rest,
        now: SinceBoot,
    ) -> Result<(), Error> {
        let lasts = match rest {
            Rest::Paused => PAUSED_FOR,
            Rest::Blocked => BLOCKED_FOR,
        };
        let resting = Resting {
            site,
            name: name.to_owned(),
            rest,
            until: now.after(lasts).passed().as_secs(),
        };
        let mut unwritten = self
            .unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut all = self.read(now);
        all.append(&mut unwritten);
        all.retain(|other| other.site != resting.site);
        all.push(resting);
        let written = self.write(&all);
        if written.is_err() {
            *unwritten = all;
        }
        written
    }

    /// Lets sites ask again, those that `word` names by origin, client or name, or all; which ones
    /// those were.
    ///
    /// # Errors
    /// [`Error::StateUnusable`].
    pub(crate) fn unblock(
        &self,
        word: Option<&str>,
        now: SinceBoot,
    ) -> Result<Vec<Resting>, Error> {
        let _writing = self
            .unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (freed, kept): (Vec<_>, Vec<_>) = self
            .read(now)
            .into_iter()
            .partition(|site| word.is_none_or(|word| site.is_named(word)));
        if !freed.is_empty() {
            self.write(&kept)?;
        }
        Ok(freed)
    }

    /// Everything that rests now.
    pub(crate) fn list(&self, now: SinceBoot) -> Vec<Resting> {
        let unwritten = self
            .unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut all = self.read(now);
        // What could not be written is the newer.
        all.retain(|older| unwritten.iter().all(|newer| newer.site != older.site));
        all.extend(unwritten.iter().filter(|site| lasts(site, now)).cloned());
        all
    }

    fn read(&self, now: SinceBoot) -> Vec<Resting> {
        let content = protected_file::read(&self.file, Protection::ReadByOwner).ok();
        let all: Vec<Resting> = content
            .and_then(|content| serde_json::from_slice(&content).ok())
            .unwrap_or_default();
        all.into_iter().filter(|site| lasts(site, now)).collect()
    }

    fn write(&self, all: &[Resting]) -> Result<(), Error> {
        let content = serde_json::to_vec(all).unwrap_or_default();
        protected_file::replace(&self.file, &content)
    }
}

/// A rest that would last longer than one can was noted before the machine started anew.
fn lasts(site: &Resting, now: SinceBoot) -> bool {
    let latest = now.after(BLOCKED_FOR).passed().as_secs();
    now.passed().as_secs() < site.until && site.until <= latest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SinceBoot {
        SinceBoot::at(Duration::from_secs(seconds))
    }

    fn site(origin: &str, client_id: &str) -> Site {
        Site {
            origin: origin.to_owned(),
            client_id: client_id.to_owned(),
            asking: Asking::SignIn,
        }
    }

    /// A guard asks again and again: it is silenced, and her portal still lets her in.
    #[test]
    fn d7_a_pause_of_fresh_signatures_leaves_the_sign_in_alone_and_a_block_is_for_both() {
        let folder = tempfile::tempdir().unwrap();
        let sign_in = site("https://a.example", "portal");
        let anew = Site {
            asking: Asking::FreshSignature,
            ..sign_in.clone()
        };
        for (paused, other) in [(&anew, &sign_in), (&sign_in, &anew)] {
            let sites = BlockedSites::new(folder.path());
            let pause = sites.put_to_rest(paused.clone(), "Portal", Rest::Paused, at(100));
            pause.unwrap();
            // The agent was started anew.
            let sites = BlockedSites::new(folder.path());
            let error = sites.check(paused, at(101)).unwrap_err();
            assert_eq!(error.code(), "agent.rate_limited");
            assert!(sites.check(other, at(101)).is_ok());
            assert_eq!(sites.unblock(Some("portal"), at(102)).unwrap().len(), 1);
        }
        let sites = BlockedSites::new(folder.path());
        let block = sites.put_to_rest(sign_in.clone(), "Portal", Rest::Blocked, at(200));
        block.unwrap();
        for site in [&sign_in, &anew] {
            let error = sites.check(site, at(201)).unwrap_err();
            assert_eq!(error.code(), "agent.site_blocked");
        }
    }

    #[test]
    fn d7_a_blocked_site_rests_for_an_hour_and_others_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let sites = BlockedSites::new(folder.path());
        let portal = site("https://a.example", "nagging");
        assert!(sites.check(&portal, at(100)).is_ok());
        let block = sites.put_to_rest(portal.clone(), "Nagging", Rest::Blocked, at(100));
        block.unwrap();
        let error = sites.check(&portal, at(101)).unwrap_err();
        assert_eq!(error.code(), "agent.site_blocked");
        // Another portal comes by the same login page.
        for other in [
            site("https://a.example", "quiet"),
            site("https://b.example", "nagging"),
        ] {
            assert!(sites.check(&other, at(101)).is_ok());
        }
        // The agent was started anew.
        let sites = BlockedSites::new(folder.path());
        assert!(sites.check(&portal, at(3_699)).is_err());
        assert!(sites.check(&portal, at(3_700)).is_ok());
        // The machine was: time since its start begins again.
        assert!(sites.check(&portal, at(10)).is_ok());
    }

    #[test]
    fn d7_a_paused_site_rests_for_five_minutes_even_where_nothing_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let portal = site("https://a.example", "nagging");
        for state_dir in [folder.path(), Path::new("/nowhere")] {
            let sites = BlockedSites::new(state_dir);
            let paused = sites.put_to_rest(portal.clone(), "Nagging", Rest::Paused, at(100));
            assert_eq!(paused.is_ok(), state_dir == folder.path());
            let Err(Error::RateLimited {
                retry_after_seconds,
            }) = sites.check(&portal, at(101))
            else {
                panic!("it may ask");
            };
            assert_eq!(retry_after_seconds, 300);
            assert!(sites.check(&portal, at(400)).is_ok());
        }
    }

    #[test]
    fn what_could_not_be_written_is_told_instead_of_what_the_file_says() {
        let folder = tempfile::tempdir().unwrap();
        let sites = BlockedSites::new(folder.path());
        let portal = site("https://a.example", "nagging");
        let pause = sites.put_to_rest(portal.clone(), "Nagging", Rest::Paused, at(100));
        pause.unwrap();
        sites.unwritten.lock().unwrap().push(Resting {
            site: portal.clone(),
            name: "Nagging".to_owned(),
            rest: Rest::Blocked,
            until: 3_700,
        });
        let error = sites.check(&portal, at(101)).unwrap_err();
        assert_eq!(error.code(), "agent.site_blocked");
        assert_eq!(sites.list(at(101)).len(), 1);
    }

    #[test]
    fn a_site_is_let_ask_again_by_any_of_its_names_or_with_all_others() {
        let folder = tempfile::tempdir().unwrap();
        let sites = BlockedSites::new(folder.path());
        let portals = ["one", "two", "three"].map(|client| site("https://a.example", client));
        let rest_all = || {
            for portal in &portals {
                let name = format!("Portal {}", portal.client_id);
                sites
                    .put_to_rest(portal.clone(), &name, Rest::Paused, at(5))
                    .unwrap();
            }
        };
        for (word, freed) in [
            (Some("two"), 1),
            (Some("Portal two"), 1),
            (Some("https://a.example"), 3),
            (Some("https://b.example"), 0),
            (None, 3),
        ] {
            rest_all();
            assert_eq!(sites.unblock(word, at(6)).unwrap().len(), freed, "{word:?}");
        }
        assert!(sites.unblock(None, at(8)).unwrap().is_empty());
        assert!(portals.iter().all(|site| sites.check(site, at(8)).is_ok()));
    }
}
