//! What one kind of act of an account has been so far.

use serde::{Deserialize, Serialize};

use super::allowance::{Allowance, Forgiven};
use super::habit::{DayRecord, Habit, Reference};
use crate::Patient;
use crate::budget::{Balance, DAY_MS, Days, KnownPatients, MICRO, Recent, Sight, day_of};
use crate::config::Budget;

/// A patient who comes back on a later day takes this much of the charge away, and less each time.
const RETURN_CREDITS: [i64; 3] = [MICRO / 2, MICRO / 4, MICRO / 4];

/// Windows, balance, known patients and habit of one kind of act.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Track {
    pub(crate) balance: Balance,
    /// The same over weeks, against the account's own usual share.
    pub(crate) drift: Balance,
    today: DayRecord,
    /// New patients without a card since the last card or known patient.
    run: u16,
    /// Look-ups that the portal's adapter saw in sequence, less those that it didn't.
    sequence: u8,
    /// Look-ups since something was done with one.
    idle: u16,
    last_card_day: u32,
    last_at: i64,
    recent: Recent,
    known: KnownPatients,
    days: Days,
    habit: Habit,
}

impl Track {
    /// Time goes on to `now`: tells whether a day was closed.
    pub(crate) fn advance(&mut self, now: i64, forgiven: Forgiven, is_held: bool) -> bool {
        let elapsed = now - self.last_at;
        self.balance.leak(elapsed, forgiven.per_day);
        // A weekend is no more than a day of it.
        self.balance.leak(elapsed.min(DAY_MS), forgiven.at_first);
        self.drift.leak(elapsed, forgiven.per_day.min(1));
        self.last_at = now;
        let day = day_of(now);
        if day == self.today.day {
            return false;
        }
        // A day that ended in question doesn't make a habit.
        if !is_held {
            let was_held_to = self.habit.usual.reference;
            self.habit.close(self.today);
            // What came before there was anything to hold it to says nothing.
            if !was_held_to.is_some_and(Reference::is_held_to) {
                self.drift.clear();
            }
        }
        self.today = DayRecord {
            day,
            ..DayRecord::default()
        };
        self.days.advance(day);
        true
    }

    /// A patient whose card is there. Tells whether cards have caught up.
    pub(crate) fn show(&mut self, patient: Patient, allowance: &Allowance) -> bool {
        let today = self.today.day;
        let sight = self.known.look(patient, today, true);
        let credit = match sight {
            // One card speaks once a day, however often it is read.
            Sight::Shown { day } if day == today => return false,
            Sight::New | Sight::Shown { .. } => allowance.card,
            Sight::Seen { day, .. } => {
                self.days.take(day);
                self.recent.take(patient);
                allowance.card + MICRO
            }
        };
        self.run = 0;
        self.last_card_day = today;
        self.habit.note_card();
        self.today.shown = self.today.shown.saturating_add(1);
        self.drift.credit(allowance.drift_card);
        let has_caught_up = self.credit(credit);
        if has_caught_up {
            self.habit.note_caught_up(self.today.caught_up);
        }
        has_caught_up
    }

    /// A patient without a card: tells whether the patient is new.
    pub(crate) fn look(
        &mut self,
        patient: Patient,
        now: i64,
        budget: &Budget,
        allowance: &Allowance,
    ) -> bool {
        let today = self.today.day;
        let sight = self.known.look(patient, today, false);
        let entries_max = usize::try_from(budget.per_day).unwrap_or(usize::MAX);
        let entries_max = entries_max.saturating_add(256);
        match sight {
            Sight::New => {
                self.balance.charge();
                self.drift.charge();
                self.run = self.run.saturating_add(1);
                self.today.fresh = self.today.fresh.saturating_add(1);
                self.days.add();
                self.recent.note(patient, now, true, entries_max);
                true
            }
            Sight::Seen { day, returns } => {
                self.days.take(day);
                self.days.add();
                self.recent.note(patient, now, false, entries_max);
                if day != today {
                    self.run /= 2;
                    self.come_back(Some(returns), allowance);
                }
                false
            }
            Sight::Shown { day } => {
                if day != today {
                    self.run = 0;
                    self.come_back(None, allowance);
                }
                false
            }
        }
    }

    /// A patient of an earlier day is looked up again, who had added to the charge if he has
    /// returns.
    fn come_back(&mut self, returns: Option<u32>, allowance: &Allowance) {
        self.today.returned = self.today.returned.saturating_add(1);
        if u32::from(self.today.returned) > allowance.returned_most {
            // Whoever goes through former patients goes through patients.
            self.balance.charge();
            return;
        }
        self.drift.credit(allowance.drift_known);
        let index = returns.and_then(|it| usize::try_from(it).ok());
        let credit = index.and_then(|it| RETURN_CREDITS.get(it));
        if let Some(credit) = credit {
            self.credit(*credit);
        }
    }

    fn credit(&mut self, micro: i64) -> bool {
        let Some(peak) = self.balance.credit(micro) else {
            return false;
        };
        let peak = u16::try_from(peak).unwrap_or(u16::MAX);
        self.today.caught_up = self.today.caught_up.max(peak);
        true
    }

    /// Notes what the portal said beside the patients.
    pub(crate) fn note_hints(&mut self, sequence: bool, follow_up: Option<bool>) {
        self.sequence = if sequence {
            self.sequence.saturating_add(1).min(100)
        } else {
            self.sequence.saturating_sub(2)
        };
        match follow_up {
            Some(true) => self.idle = 0,
            Some(false) => self.idle = self.idle.saturating_add(1),
            None => {}
        }
    }

    /// The person has signed for what was asked for, on an account to which cards were shown or
    /// never were.
    pub(crate) fn note_signature(&mut self, has_cards: bool) {
        self.today.signed = true;
        if !has_cards {
            self.habit.note_signed_alone();
        }
    }

    /// Whether a card was ever shown.
    pub(crate) fn has_cards(&self) -> bool {
        self.last_card_day > 0
    }

    /// Which of the patients are new.
    pub(crate) fn count_new(&self, patients: &[Patient]) -> usize {
        let today = self.today.day;
        let new = patients.iter();
        new.filter(|it| self.known.find(**it, today) == Sight::New)
            .count()
    }

    /// Reads what an act will need: see `AccountState::glance`.
    pub(super) fn glance(&self, patient: Option<&Patient>) -> u64 {
        let known = patient.map_or(0, |it| self.known.glance(*it));
        let days = u64::from(self.last_card_day) ^ u64::from(self.habit.usual.days);
        known ^ days ^ u64::from(self.balance.patients())
    }

    /// The day that was closed last, if it is the one that was open before.
    pub(super) fn closed_since(&self, open: u32) -> Option<DayRecord> {
        // Days lie apart: whether there is a new one can be told without looking there.
        if self.today.day == open {
            return None;
        }
        self.habit.last().filter(|it| it.day == open)
    }

    pub(crate) fn today(&self) -> &DayRecord {
        &self.today
    }

    pub(crate) fn habit(&self) -> &Habit {
        &self.habit
    }

    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    pub(crate) fn days(&self) -> &Days {
        &self.days
    }

    pub(crate) fn sequence(&self) -> u32 {
        u32::from(self.sequence)
    }

    pub(crate) fn idle(&self) -> u32 {
        u32::from(self.idle)
    }

    /// Whether it goes through new patients without a card where that says something: the account
    /// is new and nobody has shown a card, or nearly everybody does.
    pub(crate) fn is_walking(&self, is_mostly_with_card: bool) -> bool {
        let is_new = self.last_card_day + 7 < self.today.day && self.habit.usual.days < 5;
        let walk_from = match (is_mostly_with_card, is_new) {
            (true, _) => 15,
            // A ward's first round is longer than that.
            (false, true) => 35,
            (false, false) => return false,
        };
        self.run >= walk_from
    }

    /// Whether at least half of the account's patients come with their card.
    pub(crate) fn is_mostly_with_card(&self) -> bool {
        self.habit.usual.is_mostly_with_card()
    }

    /// An operator has lifted what held the account.
    pub(crate) fn begin_anew(&mut self, day: u32) {
        self.balance.clear();
        self.drift.clear();
        self.recent = Recent::default();
        self.days = Days::default();
        self.days.advance(day);
        self.run = 0;
        self.sequence = 0;
        self.idle = 0;
        self.today.fresh = 0;
    }

    /// It begins as if so many patients had been looked up.
    pub(crate) fn begin_with(&mut self, at: i64, patients: u32) {
        self.last_at = at;
        for _ in 0..patients {
            self.balance.charge();
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.recent.heap_bytes() + self.known.heap_bytes() + self.habit.heap_bytes()
    }
}
