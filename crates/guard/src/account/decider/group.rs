//! The accounts of one profession at one service, and the service that they share with others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::peers::{self, Peers};
use super::walkers::{ALARM_MS, Walkers};
use crate::account::Around;
use crate::account::habit::DayRecord;

/// Pairs of service and profession that are told apart; further ones share one.
const GROUPS_MAX: usize = 1_024;

/// Days of its accounts from which on it is known that a service shows no cards.
const KNOWN_DAYS: u32 = 20;

/// Service and profession.
type Names = (Box<str>, Option<Box<str>>);

/// All groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    known: RwLock<HashMap<Names, Arc<Group>>>,
    services: Mutex<HashMap<Box<str>, Arc<ServiceWalks>>>,
}

/// One profession at one service.
#[derive(Debug)]
pub(super) struct Group {
    service: Box<str>,
    profession: Option<Box<str>>,
    peers: Mutex<Peers>,
    /// What is usual, published so that no decision waits for it.
    usual: AtomicU64,
    walks: Arc<ServiceWalks>,
}

/// The walks through patients at one service, whatever the professions.
#[derive(Debug, Default)]
struct ServiceWalks {
    walkers: Mutex<Walkers>,
    others: AtomicU32,
    until: AtomicI64,
    /// Days of accounts that are over, and whether a card was shown on any.
    days: AtomicU32,
    has_cards: AtomicBool,
    /// Accounts that have come, those that were forgotten and came again counted again.
    accounts: AtomicU32,
}

impl ServiceWalks {
    /// Whether the portal never says that somebody is there: everybody walks through patients whose
    /// card nobody has shown, then.
    fn is_without_cards(&self) -> bool {
        let is_known = self.days.load(Ordering::Relaxed) >= KNOWN_DAYS;
        is_known && !self.has_cards.load(Ordering::Relaxed)
    }
}

impl Groups {
    /// The group of these names, made where there is none.
    pub(super) fn find(&self, service: &str, profession: Option<&str>) -> Arc<Group> {
        let key = (Box::from(service), profession.map(Box::from));
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = known.get(&key) {
            return group.clone();
        }
        let is_full = known.len() >= GROUPS_MAX;
        drop(known);
        let walks = self.walks(service);
        let group = Arc::new(Group {
            service: key.0.clone(),
            profession: key.1.clone(),
            peers: Mutex::default(),
            usual: AtomicU64::new(0),
            walks,
        });
        // Names beyond number get no memory of their own: nothing is usual for them.
        if is_full {
            return group;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(key).or_insert(group).clone()
    }

    fn walks(&self, service: &str) -> Arc<ServiceWalks> {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(walks) = services.get(service) {
            return walks.clone();
        }
        if services.len() >= GROUPS_MAX {
            return Arc::default();
        }
        services.entry(service.into()).or_default().clone()
    }
}

impl Group {
    pub(super) fn service(&self) -> &str {
        &self.service
    }

    pub(super) fn profession(&self) -> Option<&str> {
        self.profession.as_deref()
    }

    /// What is known around an account of this group.
    pub(super) fn around(&self, at: i64) -> Around {
        let is_alarm = at < self.walks.until.load(Ordering::Relaxed);
        let is_alarm = is_alarm && !self.walks.is_without_cards();
        Around {
            peers: peers::unpack(self.usual.load(Ordering::Relaxed)),
            others: if is_alarm {
                self.walks.others.load(Ordering::Relaxed)
            } else {
                0
            },
        }
    }

    /// Whether nearly everybody comes with a card here.
    pub(super) fn is_mostly_with_card(&self) -> bool {
        peers::unpack(self.usual.load(Ordering::Relaxed)).is_mostly_with_card()
    }

    /// A day of one of the accounts is over.
    pub(super) fn note_day(&self, subject: &str, day: &DayRecord) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.note(subject, day);
        self.usual.store(peers.pack(), Ordering::Relaxed);
        self.walks.days.fetch_add(1, Ordering::Relaxed);
        if day.shown > 0 {
            self.walks.has_cards.store(true, Ordering::Relaxed);
        }
    }

    /// One more account has come.
    pub(super) fn note_account(&self) {
        self.walks.accounts.fetch_add(1, Ordering::Relaxed);
    }

    /// One of the accounts walks through new patients without a card.
    pub(super) fn note_walk(&self, subject: &str, now: i64) {
        let mut walkers = self
            .walks
            .walkers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let accounts = self.walks.accounts.load(Ordering::Relaxed);
        let others = walkers.note(subject, accounts, now);
        self.walks.others.store(others, Ordering::Relaxed);
        let until = if others > 0 { now + ALARM_MS } else { 0 };
        self.walks.until.store(until, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Groups, KNOWN_DAYS};
    use crate::account::habit::DayRecord;

    /// Nineteen accounts walk through patients at a service whose accounts worked on `days` days,
    /// with so many cards a day: of how many others each is told.
    fn others(days: u32, shown: u16) -> u32 {
        let group = Groups::default().find("service", None);
        for day in 0..days {
            let record = DayRecord {
                day,
                fresh: 40,
                shown,
                ..DayRecord::default()
            };
            group.note_day(&format!("sub-{}", day % 7), &record);
        }
        for number in 0..19 {
            group.note_walk(&format!("robot-{number}"), 1_000);
        }
        group.around(1_000).others
    }

    #[test]
    fn a_campaign_is_seen_where_cards_are_shown_and_where_little_is_known() {
        assert_eq!(others(KNOWN_DAYS, 1), 19);
        assert_eq!(others(KNOWN_DAYS - 1, 0), 19);
    }

    #[test]
    fn where_no_card_is_ever_shown_everybody_does_what_a_campaign_does() {
        assert_eq!(others(KNOWN_DAYS, 0), 0);
    }
}
