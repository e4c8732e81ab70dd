//! A robot that has got hold of an account, after its owner has worked for some weeks.

use super::calendar::Day;
use super::desk::session;
use super::event::{Author, Event};
use super::place::Worker;
use super::random::{Random, milliseconds};

/// How a robot goes about it.
#[derive(Clone, Debug)]
pub struct Manner {
    /// When it is active, in hours of the day.
    pub hours: &'static [(f64, f64)],
    /// How it spaces its look-ups.
    pub gap: Gap,
    /// After how many new patients a day it rests.
    pub daily_max: u32,
    /// After how many days it has what it wants.
    pub days: u32,
    /// How many of its look-ups repeat patients whom the account has looked up before.
    pub repeats: f64,
    /// Which numbers it asks for.
    pub numbers: Numbers,
    /// Whether it can forge the portal's statement that a patient's card was read.
    pub forges_presence: bool,
    /// Whether it uses the owner's own session, while she works.
    pub in_her_session: bool,
    /// Whether she works on while it has a session and a place of its own.
    pub beside_her: bool,
}

/// The time between two look-ups.
#[derive(Clone, Debug)]
pub enum Gap {
    /// A metronome's.
    Steady {
        /// Its period.
        seconds: f64,
    },
    /// Like a person's, with pauses.
    Human {
        /// What half of the gaps fall short of.
        median: f64,
        /// How often a pause of about a quarter of an hour follows.
        pauses: f64,
    },
    /// One look-up soon after so many of the owner's own.
    BehindHers {
        /// After what share of them.
        share: f64,
    },
}

/// Which patients a robot asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Numbers {
    /// One after another; the portal's adapter sees it before pseudonymising.
    InSequence,
    /// Any.
    Random,
}

/// A robot and the owner of its account.
pub struct Robot {
    owner: Box<dyn Worker>,
    account: u32,
    manner: Manner,
    starts: u32,
    random: Random,
    former: Vec<u64>,
    asked: u64,
}

impl Robot {
    /// The robot begins on day `starts`; without `in_her_session` the owner is away from then on.
    #[must_use]
    pub fn new(
        owner: Box<dyn Worker>,
        account: u32,
        seed: u64,
        starts: u32,
        manner: Manner,
    ) -> Self {
        Self {
            owner,
            account,
            manner,
            starts,
            random: Random::new(seed, 0xb07_0000 + u64::from(account)),
            former: Vec::new(),
            asked: 0,
        }
    }

    fn alone(&mut self, day: &Day, out: &mut Vec<Event>) {
        let mut fresh = 0;
        for (from, to) in self.manner.hours {
            let mut at = day.at(*from) + milliseconds(self.first_wait());
            while at < day.at(*to) && fresh < self.manner.daily_max {
                fresh += u32::from(self.ask(day, at, out));
                at += self.wait().max(1);
            }
        }
    }

    fn behind_hers(&mut self, day: &Day, share: f64, hers: &[Event], out: &mut Vec<Event>) {
        let mut fresh = 0;
        for event in hers {
            if fresh < self.manner.daily_max && self.random.chance(share) {
                let at = event.at + milliseconds(self.random.between(3.0, 40.0));
                fresh += u32::from(self.ask(day, at, out));
            }
        }
    }

    /// Asks for one patient; whether it is one whom the account never looked up.
    fn ask(&mut self, day: &Day, at: i64, out: &mut Vec<Event>) -> bool {
        let repeats = !self.former.is_empty() && self.random.chance(self.manner.repeats);
        let patient = if repeats {
            let which = self.random.below(self.former.len() as u64);
            let known = usize::try_from(which)
                .ok()
                .and_then(|which| self.former.get(which));
            known.copied().unwrap_or_default()
        } else {
            self.fresh_number()
        };
        let hers = self.manner.in_her_session;
        let whole_day = (u64::from(self.account) << 32) | (u64::from(day.number) << 8) | 0xff;
        out.push(Event {
            at,
            account: self.account,
            patient,
            present: self.manner.forges_presence,
            session: if hers {
                session(self.account, day, at)
            } else {
                whole_day
            },
            source: self.account * 32 + if hers { 0 } else { 31 },
            author: Author::Robot,
            sequence: !repeats && self.asked > 1 && self.manner.numbers == Numbers::InSequence,
        });
        !repeats
    }

    fn fresh_number(&mut self) -> u64 {
        self.asked += 1;
        match self.manner.numbers {
            Numbers::InSequence => (1 << 62) | (u64::from(self.account) << 36) | self.asked,
            Numbers::Random => (1 << 61) | (self.random.bits() >> 3),
        }
    }

    fn first_wait(&mut self) -> f64 {
        match self.manner.gap {
            Gap::Steady { .. } => 0.0,
            Gap::Human { median, .. } => self.random.exponential(median * 2.0),
            Gap::BehindHers { .. } => f64::MAX,
        }
    }

    fn wait(&mut self) -> i64 {
        let seconds = match self.manner.gap {
            Gap::Steady { seconds } => seconds,
            Gap::Human { median, pauses } => {
                let pause = self.random.chance(pauses);
                let pause = if pause {
                    self.random.exponential(900.0)
                } else {
                    0.0
                };
                self.random.log_normal(median, 0.7) + pause
            }
            Gap::BehindHers { .. } => f64::MAX,
        };
        milliseconds(seconds)
    }
}

impl Worker for Robot {
    fn work(&mut self, day: &Day, out: &mut Vec<Event>) {
        let before = out.len();
        let she_works = self.manner.in_her_session || self.manner.beside_her;
        if day.number < self.starts || she_works {
            self.owner.work(day, out);
        }
        let hers: Vec<Event> = out.get(before..).unwrap_or_default().to_vec();
        if day.number < self.starts {
            // Patients of some weeks; who came on a card may come back without.
            self.former.extend(hers.iter().map(|event| event.patient));
        } else if day.number < self.starts + self.manner.days {
            if let Gap::BehindHers { share } = self.manner.gap {
                self.behind_hers(day, share, &hers, out);
            } else if !self.manner.in_her_session || !hers.is_empty() {
                self.alone(day, out);
            }
        }
    }
}
