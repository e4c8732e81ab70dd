//! The look-ups of many accounts, merged in the order of their time.

use std::collections::VecDeque;

use super::calendar::Day;
use super::event::{Account, Event};
use super::place::Worker;

/// An iterator of look-ups; only one day of them is in memory.
pub struct Traffic {
    accounts: Vec<Account>,
    workers: Vec<Box<dyn Worker>>,
    epidemic: Option<(u32, f64)>,
    next_day: u32,
    days: u32,
    ready: VecDeque<Event>,
    /// What was made already and lies in the following day: nights.
    later: Vec<Event>,
}

impl Traffic {
    /// So many days of these accounts; the n-th account is numbered n.
    #[must_use]
    pub fn new(
        accounts: Vec<Account>,
        workers: Vec<Box<dyn Worker>>,
        days: u32,
        epidemic: Option<(u32, f64)>,
    ) -> Self {
        Self {
            accounts,
            workers,
            epidemic,
            next_day: 0,
            days,
            ready: VecDeque::new(),
            later: Vec::new(),
        }
    }

    /// The accounts that the events number.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    fn live_a_day(&mut self) {
        let day = Day::new(self.next_day, self.epidemic);
        self.next_day += 1;
        let mut events = std::mem::take(&mut self.later);
        for worker in &mut self.workers {
            worker.work(&day, &mut events);
        }
        events.sort_by_key(|event| (event.at, event.account));
        if self.next_day < self.days {
            let midnight = Day::new(self.next_day, self.epidemic).midnight;
            let kept = events.partition_point(|event| event.at < midnight);
            self.later = events.split_off(kept);
        }
        self.ready = events.into();
    }
}

impl Iterator for Traffic {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        while self.ready.is_empty() && self.next_day < self.days {
            self.live_a_day();
        }
        self.ready.pop_front()
    }
}
