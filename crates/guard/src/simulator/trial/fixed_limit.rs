//! The plain alternative: the best fixed limit a profession, patients who are present free.
//!
//! At the limit a fresh signature is asked for, and it lets pass a quarter more; whoever asks
//! further is stopped for the session. The limits are fitted to the very traffic on which they are
//! tried, to as many needless requests as they may cost: no fixed limit can do better there.

use std::collections::{HashMap, VecDeque};

use super::Judge;
use crate::Answer;
use crate::simulator::event::{Account, Event};
use crate::simulator::random::rounded;
use crate::simulator::traffic::Traffic;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// How many distinct patients without a card are looked up in any hour and any day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// In an hour.
    pub hour: u64,
    /// In 24 hours.
    pub day: u64,
}

/// Distinct patients in a sliding window.
#[derive(Clone, Debug, Default)]
struct Window {
    stamps: VecDeque<(i64, u64)>,
    counts: HashMap<u64, u32>,
}

impl Window {
    fn add(&mut self, at: i64, patient: u64, length: i64) {
        self.stamps.push_back((at, patient));
        *self.counts.entry(patient).or_default() += 1;
        self.forget(at - length);
    }

    fn forget(&mut self, before: i64) {
        while let Some((at, patient)) = self.stamps.front().copied() {
            if at > before {
                return;
            }
            self.stamps.pop_front();
            if let Some(count) = self.counts.get_mut(&patient) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&patient);
                }
            }
        }
    }

    /// How many there would be with this patient.
    fn with(&self, patient: u64) -> u64 {
        self.counts.len() as u64 + u64::from(!self.counts.contains_key(&patient))
    }
}

#[derive(Clone, Debug, Default)]
struct Counts {
    hour: Window,
    day: Window,
    /// Patients whose card was read in the last 24 hours: free until then.
    read: Window,
    /// Until when a signature lets pass more.
    signed_until: i64,
    stopped: Option<u64>,
    unanswered: u32,
}

impl Counts {
    fn is_free(&mut self, event: &Event) -> bool {
        if event.present {
            self.read.add(event.at, event.patient, DAY);
            return true;
        }
        self.read.forget(event.at - DAY);
        self.read.counts.contains_key(&event.patient)
    }
}

/// A fixed limit for each profession.
#[derive(Clone, Debug, Default)]
pub struct FixedLimit {
    limits: HashMap<String, Limit>,
    counts: HashMap<String, Counts>,
}

impl FixedLimit {
    /// The lowest limits that ask at most `per_thousand` times in 1 000 practitioner-days, in the
    /// hour and in the day.
    #[must_use]
    pub fn fitted(peaks: &Peaks, per_thousand: f64) -> Self {
        let limit = |of: fn(&Limit) -> u64, peaks: &[Limit]| {
            let mut sorted: Vec<u64> = peaks.iter().map(of).collect();
            sorted.sort_unstable();
            let over = usize::try_from(rounded(sorted.len() as f64 * per_thousand / 1000.0));
            let place = sorted.len().saturating_sub(1 + over.unwrap_or(0));
            sorted.get(place).copied().unwrap_or(0)
        };
        let limits = peaks.0.iter().map(|(profession, peaks)| {
            let fitted = Limit {
                hour: limit(|peak| peak.hour, peaks),
                day: limit(|peak| peak.day, peaks),
            };
            (profession.clone(), fitted)
        });
        Self {
            limits: limits.collect(),
            counts: HashMap::new(),
        }
    }

    /// The limits by profession.
    #[must_use]
    pub fn limits(&self) -> &HashMap<String, Limit> {
        &self.limits
    }

    /// The same limits, times a factor, with nothing counted yet.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let scaled = |limit: u64| rounded(limit as f64 * factor).max(1);
        let limits = self.limits.iter().map(|(profession, limit)| {
            let limit = Limit {
                hour: scaled(limit.hour),
                day: scaled(limit.day),
            };
            (profession.clone(), limit)
        });
        Self {
            limits: limits.collect(),
            counts: HashMap::new(),
        }
    }

    fn over(&self, account: &Account, event: &Event) -> Option<(bool, bool)> {
        let limit = self.limits.get(&account.profession)?;
        let counts = self.counts.get(&account.subject)?;
        let (hour, day) = (
            counts.hour.with(event.patient),
            counts.day.with(event.patient),
        );
        let quarter_more = |limit: u64| limit + limit / 4;
        let over = hour > limit.hour || day > limit.day;
        let far = hour > quarter_more(limit.hour) || day > quarter_more(limit.day);
        Some((over, far))
    }
}

/// How often a request may go unanswered until the session ends.
const UNANSWERED_MAX: u32 = 20;

impl Judge for FixedLimit {
    fn judge(&mut self, account: &Account, event: &Event) -> Answer {
        let counts = self.counts.entry(account.subject.clone()).or_default();
        if counts.stopped == Some(event.session) {
            return Answer::StopSession;
        }
        if counts.is_free(event) {
            return Answer::Allow;
        }
        counts.hour.forget(event.at - HOUR);
        counts.day.forget(event.at - DAY);
        let signed = event.at < counts.signed_until;
        let (over, far) = self.over(account, event).unwrap_or_default();
        let Some(counts) = self.counts.get_mut(&account.subject) else {
            return Answer::Allow;
        };
        if over && (far || !signed) {
            counts.unanswered += 1;
            if far || counts.unanswered > UNANSWERED_MAX {
                counts.stopped = Some(event.session);
                counts.unanswered = 0;
                return Answer::StopSession;
            }
            return Answer::StepUp;
        }
        counts.hour.add(event.at, event.patient, HOUR);
        counts.day.add(event.at, event.patient, DAY);
        Answer::Allow
    }

    fn would_allow(&self, account: &Account, event: &Event) -> bool {
        self.clone().judge(account, event) == Answer::Allow
    }

    fn signed(&mut self, account: &Account, event: &Event) {
        let counts = self.counts.entry(account.subject.clone()).or_default();
        counts.signed_until = event.at + DAY;
        counts.unanswered = 0;
    }

    fn lift(&mut self, account: &Account, _at: i64) {
        if let Some(counts) = self.counts.get_mut(&account.subject) {
            counts.stopped = None;
        }
    }
}

/// The highest counts of each practitioner-day, by profession.
#[derive(Clone, Debug, Default)]
pub struct Peaks(HashMap<String, Vec<Limit>>);

impl Peaks {
    /// Measures traffic.
    pub fn add(&mut self, traffic: Traffic) {
        let accounts = traffic.accounts().to_vec();
        let mut states = vec![(Counts::default(), 0, Limit::default()); accounts.len()];
        for event in traffic {
            let place = usize::try_from(event.account).unwrap_or(usize::MAX);
            let (Some(account), Some((counts, today, peak))) =
                (accounts.get(place), states.get_mut(place))
            else {
                continue;
            };
            let day = event.at.div_euclid(DAY);
            if day != *today {
                if *today != 0 {
                    self.keep(account, *peak);
                }
                (*today, *peak) = (day, Limit::default());
            }
            if !counts.is_free(&event) {
                counts.hour.add(event.at, event.patient, HOUR);
                counts.day.add(event.at, event.patient, DAY);
                peak.hour = peak.hour.max(counts.hour.counts.len() as u64);
                peak.day = peak.day.max(counts.day.counts.len() as u64);
            }
        }
        for (account, (_, today, peak)) in accounts.iter().zip(states) {
            if today != 0 {
                self.keep(account, peak);
            }
        }
    }

    fn keep(&mut self, account: &Account, peak: Limit) {
        self.0
            .entry(account.profession.clone())
            .or_default()
            .push(peak);
    }
}
