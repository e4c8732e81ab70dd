//! A hundred honest accounts, as one region's portal sees them, each kind of place among them.

use super::event::Account;
use super::place::emergency::Emergency;
use super::place::laboratory::Laboratory;
use super::place::nurse::Nurse;
use super::place::pharmacy::{Pharmacy, Size};
use super::place::physician::{GeneralPractitioner, Teleconsultant};
use super::place::secretary::Secretary;
use super::place::unattended::Unattended;
use super::place::ward::Ward;
use super::place::{Away, Worker};
use super::scale::Scale;

/// Accounts with their owners, numbered in the order in which they come.
pub struct Population {
    seed: u64,
    scale: Scale,
    /// The accounts.
    pub accounts: Vec<Account>,
    /// Their owners.
    pub workers: Vec<Box<dyn Worker>>,
}

/// The kinds of honest accounts, by the names they have on the command line and in the tables.
pub const KINDS: [&str; 12] = [
    "pharmacy-small",
    "pharmacy-median",
    "pharmacy-busiest",
    "pharmacy-locum",
    "physician",
    "teleconsultant",
    "ward",
    "emergency",
    "secretary",
    "nurse",
    "laboratory",
    "unattended",
];

impl Population {
    /// Nobody yet.
    #[must_use]
    pub fn new(seed: u64, scale: Scale) -> Self {
        Self {
            seed,
            scale,
            accounts: Vec::new(),
            workers: Vec::new(),
        }
    }

    /// The mixture of the tables: pharmacies and practices most, and two of the busiest.
    #[must_use]
    pub fn mixed(seed: u64, scale: Scale) -> Self {
        let mut all = Self::new(seed, scale);
        let counts = [12, 20, 2, 4, 24, 3, 9, 8, 5, 10, 4, 1];
        for (kind, count) in KINDS.iter().zip(counts) {
            for nth in 0..count {
                let worker = all.owner(kind);
                // One in six takes a fortnight off, at different times.
                let worker = if nth % 6 == 5 {
                    let from = 12 + 4 * (nth / 6);
                    Box::new(Away {
                        worker,
                        days: from..from + 14,
                    })
                } else {
                    worker
                };
                all.add(kind, worker);
            }
        }
        all
    }

    /// Adds one account of a kind, with whoever works in its name.
    pub fn add(&mut self, kind: &str, worker: Box<dyn Worker>) {
        let (profession, service) = names(kind, self.scale.strange_names);
        self.accounts.push(Account {
            subject: format!("{kind}-{}", self.next_account()),
            profession: profession.to_owned(),
            service: service.to_owned(),
            unattended: kind == "unattended",
        });
        self.workers.push(worker);
    }

    /// The owner of the account that will be added next.
    #[must_use]
    pub fn owner(&self, kind: &str) -> Box<dyn Worker> {
        let account = self.next_account();
        let place = u64::from(account) + 1;
        let (seed, scale) = (self.seed, self.scale);
        let pharmacy = |size| Box::new(Pharmacy::new(account, place, seed, size, scale));
        match kind {
            "pharmacy-small" => pharmacy(Size::SMALL),
            "pharmacy-busiest" => pharmacy(Size::BUSIEST),
            "pharmacy-locum" => Box::new(Away {
                // An account that nobody has ever seen, at the counter of a known place.
                worker: Pharmacy::new(account, place, seed, Size::MEDIAN, scale),
                days: 0..8 + 3 * (account % 5),
            }),
            "physician" => Box::new(GeneralPractitioner::new(account, place, seed, scale)),
            "teleconsultant" => Box::new(Teleconsultant::new(account, place, seed, scale)),
            // Three accounts share a ward.
            "ward" => Box::new(Ward::new(account, 100_000 + place / 3, seed, scale)),
            "emergency" => Box::new(Emergency::new(account, place, seed, scale)),
            "secretary" => Box::new(Secretary::new(account, place, seed, scale)),
            "nurse" => Box::new(Nurse::new(account, place, seed, scale)),
            "laboratory" => Box::new(Laboratory::new(account, place, seed, scale)),
            "unattended" => Box::new(Unattended::new(account, place, seed, scale)),
            _ => pharmacy(Size::MEDIAN),
        }
    }

    /// The number of the account that will be added next.
    #[must_use]
    pub fn next_account(&self) -> u32 {
        u32::try_from(self.accounts.len()).unwrap_or(u32::MAX)
    }
}

impl Worker for Box<dyn Worker> {
    fn work(&mut self, day: &super::calendar::Day, out: &mut Vec<super::event::Event>) {
        self.as_mut().work(day, out);
    }
}

/// Profession and service of a kind of account. The strange ones stand in no configuration: a
/// guard's default rules must do.
fn names(kind: &str, strange: bool) -> (&'static str, &'static str) {
    let family = kind.split('-').next().unwrap_or_default();
    match (family, strange) {
        ("pharmacy", false) => ("pharmacist", "patient-lookup"),
        ("physician" | "teleconsultant", false) => ("physician", "patient-lookup"),
        ("ward" | "nurse", false) => ("nurse", "patient-lookup"),
        ("emergency" | "secretary", false) => ("secretary", "patient-lookup"),
        ("laboratory", false) => ("biologist", "patient-lookup"),
        (_, false) => ("unattended", "patient-lookup"),
        ("pharmacy", true) => ("K1", "registry-9"),
        ("physician" | "teleconsultant", true) => ("K2", "registry-9"),
        ("ward" | "nurse", true) => ("K3", "registry-9"),
        ("emergency" | "secretary", true) => ("K4", "registry-9"),
        ("laboratory", true) => ("K5", "registry-9"),
        (_, true) => ("K6", "registry-9"),
    }
}
