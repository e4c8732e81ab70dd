//! Honest people before a judge: they sign when asked, wait when told, and call when stopped.

use std::collections::HashMap;

use super::{Judge, SIGNING_MILLISECONDS};
use crate::Answer;
use crate::simulator::event::Event;
use crate::simulator::traffic::Traffic;

/// What honest people had to bear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Days on which an account did anything.
    pub practitioner_days: u64,
    /// Look-ups.
    pub look_ups: u64,
    /// Requests for a fresh signature.
    pub step_ups: u64,
    /// Waits imposed.
    pub slowed: u64,
    /// Sessions and accounts stopped.
    pub stops: u64,
}

impl Tally {
    /// Adds another tally.
    pub fn add(&mut self, other: Self) {
        self.practitioner_days += other.practitioner_days;
        self.look_ups += other.look_ups;
        self.step_ups += other.step_ups;
        self.slowed += other.slowed;
        self.stops += other.stops;
    }
}

/// One account during the trial.
#[derive(Clone, Copy, Default)]
struct Person {
    tally: Tally,
    today: i64,
    /// Busy with the card until then: her next look-ups wait.
    busy_until: i64,
    /// Sessions that were stopped; each new one has a number of its own.
    reopened: u64,
}

/// Lets the traffic pass and counts by kind of account (the subject without its number).
pub fn try_out(traffic: Traffic, judge: &mut dyn Judge) -> HashMap<String, Tally> {
    let accounts = traffic.accounts().to_vec();
    let mut people = vec![Person::default(); accounts.len()];
    for mut event in traffic {
        let place = usize::try_from(event.account).unwrap_or(usize::MAX);
        let (Some(account), Some(person)) = (accounts.get(place), people.get_mut(place)) else {
            continue;
        };
        person.arrive(&mut event);
        let mut answer = judge.judge(account, &event);
        if let Answer::StepUp | Answer::Slow { .. } = answer {
            person.asked(&mut event, answer);
            judge.signed(account, &event);
            answer = judge.judge(account, &event);
            // Asked again at once: it counts again.
            match answer {
                Answer::StepUp | Answer::Slow { .. } => person.asked(&mut event, answer),
                Answer::Allow | Answer::StopSession | Answer::StopAccount => {}
            }
        }
        if matches!(answer, Answer::StopSession | Answer::StopAccount) {
            person.tally.stops += 1;
            person.reopened += 1;
            judge.lift(account, event.at);
        }
    }
    let mut kinds: HashMap<String, Tally> = HashMap::new();
    for (account, person) in accounts.iter().zip(people) {
        let kind = account
            .subject
            .rsplit_once('-')
            .map_or("", |(kind, _)| kind);
        kinds.entry(kind.to_owned()).or_default().add(person.tally);
    }
    kinds
}

impl Person {
    fn arrive(&mut self, event: &mut Event) {
        event.at = event.at.max(self.busy_until);
        event.session ^= self.reopened << 48;
        let day = event.at.div_euclid(86_400_000);
        if day != self.today {
            self.today = day;
            self.tally.practitioner_days += 1;
        }
        self.tally.look_ups += 1;
    }

    fn asked(&mut self, event: &mut Event, answer: Answer) {
        let wait = match answer {
            Answer::Slow { wait } => {
                self.tally.slowed += 1;
                i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 4)
            }
            _ => {
                self.tally.step_ups += 1;
                0
            }
        };
        event.at += SIGNING_MILLISECONDS.max(wait);
        self.busy_until = event.at;
    }
}
