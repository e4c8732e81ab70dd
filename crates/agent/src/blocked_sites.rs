//! Sites that the person does not want to be asked by for a while (attack D7).
//!
//! A page that keeps asking is paused by the rate limit already; who is asked whether to block it
//! and says yes has an hour of rest, or less by `cardea-agent unblock`. It lasts when the agent is
//! started anew, so it stands in the state folder; times count from the machine's start, since
//! workstation clocks are wrong.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cardea_assertion::Origin;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::boot_clock::SinceBoot;
use crate::protected_file::{self, Protection};

/// The file's name in the state folder.
const FILE_NAME: &str = "blocked-sites.json";
/// How long a site stays blocked.
const BLOCKED_FOR: Duration = Duration::from_secs(60 * 60);

/// What the person has blocked.
#[derive(Debug)]
pub(crate) struct BlockedSites {
    file: PathBuf,
    /// One writer at a time in this process.
    writing: Mutex<()>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Blocked {
    origin: String,
    /// Seconds since the machine started.
    until: u64,
}

impl BlockedSites {
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self {
            file: state_dir.join(FILE_NAME),
            writing: Mutex::default(),
        }
    }

    /// Whether this origin may ask now.
    ///
    /// # Errors
    /// [`Error::SiteBlocked`].
    pub(crate) fn check(&self, origin: &Origin, now: SinceBoot) -> Result<(), Error> {
        let blocked = self.read(now);
        match blocked.iter().find(|site| site.origin == origin.as_str()) {
            Some(site) => Err(Error::SiteBlocked {
                retry_after_seconds: Duration::from_secs(site.until)
                    .saturating_sub(now.passed())
                    .as_secs()
                    + 1,
            }),
            None => Ok(()),
        }
    }

    /// Blocks an origin from now on.
    ///
    /// # Errors
    /// [`Error::StateUnusable`].
    pub(crate) fn block(&self, origin: &Origin, now: SinceBoot) -> Result<(), Error> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut blocked = self.read(now);
        blocked.retain(|site| site.origin != origin.as_str());
        blocked.push(Blocked {
            origin: origin.as_str().to_owned(),
            until: now.after(BLOCKED_FOR).passed().as_secs(),
        });
        self.write(&blocked)
    }

    /// Lets an origin ask again, or all; which ones those were.
    ///
    /// # Errors
    /// [`Error::StateUnusable`].
    pub(crate) fn unblock(
        &self,
        origin: Option<&str>,
        now: SinceBoot,
    ) -> Result<Vec<String>, Error> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (freed, kept): (Vec<_>, Vec<_>) = self
            .read(now)
            .into_iter()
            .partition(|site| origin.is_none_or(|origin| origin == site.origin));
        if !freed.is_empty() {
            self.write(&kept)?;
        }
        Ok(freed.into_iter().map(|site| site.origin).collect())
    }

    /// A block that would last longer than one can was noted before the machine started anew.
    fn read(&self, now: SinceBoot) -> Vec<Blocked> {
        let content = protected_file::read(&self.file, Protection::ReadByOwner).ok();
        let blocked: Vec<Blocked> = content
            .and_then(|content| serde_json::from_slice(&content).ok())
            .unwrap_or_default();
        let possible = now.passed().as_secs()..=now.after(BLOCKED_FOR).passed().as_secs();
        let lasts =
            |site: &Blocked| site.until > *possible.start() && possible.contains(&site.until);
        blocked.into_iter().filter(lasts).collect()
    }

    fn write(&self, blocked: &[Blocked]) -> Result<(), Error> {
        let content = serde_json::to_vec(blocked).unwrap_or_default();
        protected_file::replace(&self.file, &content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SinceBoot {
        SinceBoot::at(Duration::from_secs(seconds))
    }

    #[test]
    fn d7_a_blocked_site_rests_for_an_hour_and_others_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let sites = BlockedSites::new(folder.path());
        let page = Origin::parse("https://a.example").unwrap();
        let other = Origin::parse("https://b.example").unwrap();
        assert!(sites.check(&page, at(100)).is_ok());
        sites.block(&page, at(100)).unwrap();
        let error = sites.check(&page, at(101)).unwrap_err();
        assert_eq!(error.code(), "agent.site_blocked");
        assert!(sites.check(&other, at(101)).is_ok());
        // The agent was started anew.
        let sites = BlockedSites::new(folder.path());
        assert!(sites.check(&page, at(3_699)).is_err());
        assert!(sites.check(&page, at(3_700)).is_ok());
        // The machine was: time since its start begins again.
        assert!(sites.check(&page, at(10)).is_ok());
    }

    #[test]
    fn a_site_is_unblocked_by_name_or_with_all_others() {
        let folder = tempfile::tempdir().unwrap();
        let sites = BlockedSites::new(folder.path());
        let pages = [
            "https://a.example",
            "https://b.example",
            "https://c.example",
        ];
        let pages = pages.map(|page| Origin::parse(page).unwrap());
        for page in &pages {
            sites.block(page, at(5)).unwrap();
        }
        let freed = sites.unblock(Some("https://b.example"), at(6)).unwrap();
        assert_eq!(freed, ["https://b.example"]);
        assert!(sites.check(&pages[1], at(6)).is_ok() && sites.check(&pages[0], at(6)).is_err());
        assert_eq!(sites.unblock(None, at(7)).unwrap().len(), 2);
        assert!(sites.unblock(None, at(8)).unwrap().is_empty());
        assert!(pages.iter().all(|page| sites.check(page, at(8)).is_ok()));
    }
}
