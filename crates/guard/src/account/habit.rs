//! What is usual for an account: its last four weeks, a line a day.

use serde::{Deserialize, Serialize};

/// Days that are remembered.
const DAYS: usize = 28;
/// Days with work from which on an account is known.
const KNOWN_DAYS: usize = 5;
/// Patients from which on it is.
const KNOWN_PATIENTS: u32 = 60;
/// Days with work from which on its fullest days are.
const FULLEST_DAYS: usize = 10;

/// As many days must be as full for it to be called usual.
const FULL_DAYS: usize = 3;
/// So many days a signature vouches for a habit.
const VOUCHED_DAYS: u32 = 56;
/// Days that say what an account's share is now.
const SHARE_DAYS: usize = 14;
/// A day moves what the account is held to by no more than a hundredth part upwards.
const LEARNED_ONE_IN: u32 = 100;
/// A day that the person has signed for moves it by a twentieth part.
const SIGNED_ONE_IN: u32 = 20;
/// One patient in so many must usually be known.
const KNOWN_ONE_IN: u32 = 40;

/// One day of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DayRecord {
    pub(crate) day: u32,
    /// New patients without a card.
    pub(crate) fresh: u16,
    /// Patients whose card was shown.
    pub(crate) shown: u16,
    /// Patients known from an earlier day.
    pub(crate) returned: u16,
    /// How far patients had run ahead of the cards before cards or returns caught up.
    pub(crate) caught_up: u16,
    /// Whether the person signed for what was asked for.
    pub(crate) signed: bool,
}

impl DayRecord {
    fn patients(&self) -> u32 {
        u32::from(self.fresh) + u32::from(self.shown) + u32::from(self.returned)
    }

    /// New patients, less what those who came back speak for anyway.
    fn unexplained(&self) -> u16 {
        self.fresh.saturating_sub(self.returned / 2)
    }
}

/// The days, oldest first, and what follows from them, worked out once a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Habit {
    days: Vec<DayRecord>,
    pub(crate) usual: Usual,
}

/// What is usual for an account or a profession; nothing where too little is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usual {
    /// Days with work.
    pub(crate) days: u16,
    /// Patients without a card and with one, over these days.
    pub(crate) share: Option<Share>,
    /// How far patients ran ahead of the cards before these caught up, at most.
    pub(crate) ahead: Option<u16>,
    /// New patients without a card on the fullest days.
    pub(crate) full_day: Option<u16>,
    /// Patients known from an earlier day, on the days that had most of them.
    pub(crate) full_returned: Option<u16>,
    /// How far patients ran ahead before cards, not returns, caught up, at most; known at once.
    pub(crate) cards_caught_up: u16,
    /// New patients a day that the person's own signatures have vouched for.
    pub(crate) signed_day: u16,
    /// The last day that was signed for; zero where none was.
    pub(crate) signed_on: u32,
    /// Whether the person has signed, and nobody has ever shown a card here.
    pub(crate) is_signed_alone: bool,
    /// Of a hundred patients, how many were known from an earlier day.
    pub(crate) returned_percent: Option<u8>,
    /// What the account is held to over weeks.
    pub(crate) reference: Option<Reference>,
}

/// What an account is held to over weeks. It follows the account's days down at once, and up by
/// small steps: nobody can teach it a robot within weeks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    /// New patients without a card to each card, in millionths.
    pub(crate) per_card: u32,
    /// The same to each patient who showed a card or was known.
    pub(crate) per_known: u32,
    /// New patients without a card on a full day, in thousandths.
    full_day: u32,
}

impl Reference {
    /// New patients without a card on a full day.
    pub(crate) fn full_day(self) -> u32 {
        self.full_day.div_ceil(1_000)
    }

    /// Whether at least half of the patients come with their card.
    pub(crate) fn is_mostly_with_card(self) -> bool {
        self.per_card <= 1_000_000
    }

    /// Whether it is held to what comes without a card to each.
    pub(crate) fn knows_cards(self) -> bool {
        self.per_card < u32::MAX
    }

    /// Whether so many patients are known that their absence would say something.
    pub(crate) fn has_known_patients(self) -> bool {
        self.per_known <= KNOWN_ONE_IN * 1_000_000
    }

    /// Whether anything that speaks for the person is usual, so that she can be held to it.
    pub(crate) fn is_held_to(self) -> bool {
        self.is_mostly_with_card() || self.has_known_patients()
    }

    /// Goes towards what the last days were.
    fn towards(self, now: Self, is_signed: bool) -> Self {
        let one_in = if is_signed {
            SIGNED_ONE_IN
        } else {
            LEARNED_ONE_IN
        };
        let step = |from: u32, to: u32| to.min(from.saturating_add(from / one_in + 1));
        Self {
            per_card: step(self.per_card, now.per_card),
            per_known: step(self.per_known, now.per_known),
            full_day: step(self.full_day, now.full_day),
        }
    }
}

impl Usual {
    /// Whether at least half of the patients come with their card.
    pub(crate) fn is_mostly_with_card(&self) -> bool {
        self.share.is_some_and(Share::is_mostly_with_card)
    }

    /// Whether nobody can have come back yet, or hardly anybody.
    pub(crate) fn is_at_first(&self) -> bool {
        usize::from(self.days) < FULLEST_DAYS
    }

    /// Whether it is known by now that nobody shows a card here, whatever the profession does:
    /// after some days, or at once where the person herself has signed for it.
    pub(crate) fn is_without_cards(&self) -> bool {
        let is_known = self.returned_percent.is_some();
        self.is_signed_alone || is_known && self.share.is_none_or(|share| share.with == 0)
    }
}

/// How many patients came with a card, and how many without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Share {
    pub(crate) without: u32,
    pub(crate) with: u32,
}

impl Share {
    /// Whether at least half of the patients come with their card.
    pub(crate) fn is_mostly_with_card(self) -> bool {
        self.with > 0 && self.with >= self.without
    }
}

impl Habit {
    /// Closes a day on which nothing speaks against the account.
    pub(crate) fn close(&mut self, record: DayRecord) {
        if record.patients() == 0 {
            return;
        }
        let oldest = record.day.saturating_sub(27);
        self.days.retain(|known| known.day >= oldest);
        if self.days.len() >= DAYS {
            self.days.remove(0);
        }
        if self.days.len() == self.days.capacity() {
            self.days.reserve_exact(7);
        }
        self.days.push(record);
        self.usual = self.work_out();
    }

    /// Cards have caught up with so many patients.
    pub(crate) fn note_caught_up(&mut self, patients: u16) {
        self.usual.cards_caught_up = self.usual.cards_caught_up.max(patients);
    }

    /// The person has signed, and no card was ever shown.
    pub(crate) fn note_signed_alone(&mut self) {
        self.usual.is_signed_alone = true;
    }

    /// A card was shown: what the profession does says something here again.
    pub(crate) fn note_card(&mut self) {
        self.usual.is_signed_alone = false;
    }

    /// The last day that was closed.
    pub(crate) fn last(&self) -> Option<DayRecord> {
        self.days.last().copied()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.days.capacity() * size_of::<DayRecord>()
    }

    fn work_out(&self) -> Usual {
        let sum = |part: fn(&DayRecord) -> u16| -> u32 {
            self.days.iter().map(|day| u32::from(part(day))).sum()
        };
        let (fresh, shown) = (sum(|it| it.fresh), sum(|it| it.shown));
        let returned = sum(|it| it.returned);
        let days = self.days.len();
        let all = fresh + shown + returned;
        let is_known = days >= KNOWN_DAYS && all >= KNOWN_PATIENTS;
        let caught_up = self.days.iter().map(|it| it.caught_up).max();
        let newest = self.days.last().copied().unwrap_or_default();
        let signed_on = if newest.signed {
            newest.day
        } else {
            self.usual.signed_on
        };
        let reference = self.reference();
        let is_signed_for = signed_on > 0 && newest.day < signed_on + VOUCHED_DAYS;
        // Once she has signed, patients who come back go on to speak for her.
        let is_signed_for =
            is_signed_for || signed_on > 0 && reference.is_some_and(Reference::is_held_to);
        // Who never showed a card and to whom no patient came back is not known by it.
        let is_vouched_for = shown > 0 || caught_up.is_some_and(|it| it > 0);
        Usual {
            days: u16::try_from(days).unwrap_or(u16::MAX),
            share: (is_known && is_vouched_for).then_some(Share {
                without: fresh,
                with: shown,
            }),
            ahead: caught_up.filter(|_| is_known && is_vouched_for),
            full_day: self
                .third_fullest(|day| day.fresh)
                .filter(|_| days >= FULLEST_DAYS),
            full_returned: self
                .third_fullest(|day| day.returned)
                .filter(|_| days >= FULLEST_DAYS),
            cards_caught_up: self.usual.cards_caught_up,
            signed_day: if is_signed_for { self.signed_day() } else { 0 },
            signed_on,
            is_signed_alone: self.usual.is_signed_alone,
            returned_percent: is_known
                .then(|| u8::try_from(returned * 100 / all.max(1)).unwrap_or(100)),
            reference,
        }
    }

    /// What the account is held to from now on.
    fn reference(&self) -> Option<Reference> {
        let before = self.usual.reference;
        let newest = self.days.iter().rev().take(SHARE_DAYS);
        let (mut fresh, mut shown, mut known) = (0, 0, 0);
        for day in newest {
            fresh += u64::from(day.fresh);
            shown += u64::from(day.shown);
            known += u64::from(day.shown) + u64::from(day.returned);
        }
        let full_day = self.third_fullest(|day| day.fresh).filter(|_| known > 0);
        let Some(full_day) = full_day.filter(|_| self.days.len() >= KNOWN_DAYS) else {
            return before;
        };
        // Cards come by weekdays: their share is known later.
        let shown = if self.days.len() < FULLEST_DAYS {
            0
        } else {
            shown
        };
        let to_each = |count: u64| (fresh * 1_000_000).checked_div(count);
        let to_each = |count| to_each(count).map(|it| u32::try_from(it).unwrap_or(u32::MAX));
        let now = Reference {
            // Where cards stay away, what it was held to holds on.
            per_card: to_each(shown)
                .or(before.map(|it| it.per_card))
                .unwrap_or(u32::MAX),
            per_known: to_each(known).unwrap_or(u32::MAX),
            full_day: u32::from(full_day) * 1_000,
        };
        let is_signed = self.days.last().is_some_and(|day| day.signed);
        Some(before.map_or(now, |before| before.towards(now, is_signed)))
    }

    /// What a day brings once the person has signed for one: of three days and more the third
    /// fullest, before that the fullest.
    fn signed_day(&self) -> u16 {
        if self.days.len() >= FULL_DAYS {
            return self.third_fullest(DayRecord::unexplained).unwrap_or(0);
        }
        let fullest = self.days.iter().map(DayRecord::unexplained).max();
        fullest.unwrap_or(0)
    }

    /// The third fullest day: a single day, or two, don't make a habit.
    fn third_fullest(&self, of: impl Fn(&DayRecord) -> u16) -> Option<u16> {
        let mut fullest = [0_u16; FULL_DAYS];
        for day in &self.days {
            let mut count = of(day);
            for place in &mut fullest {
                if count > *place {
                    std::mem::swap(&mut count, place);
                }
            }
        }
        // Of fewer days, the least.
        let place = self.days.len().min(FULL_DAYS).checked_sub(1)?;
        fullest.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{DayRecord, Habit};

    fn day(day: u32, fresh: u16, shown: u16) -> DayRecord {
        DayRecord {
            day,
            fresh,
            shown,
            returned: 5,
            caught_up: fresh / 2,
            signed: false,
        }
    }

    #[test]
    fn an_account_is_known_after_five_days() {
        let mut habit = Habit::default();
        for number in 0..4 {
            habit.close(day(100 + number, 10, 20));
        }
        assert_eq!(habit.usual.share, None);
        habit.close(day(104, 10, 20));
        let share = habit.usual.share.unwrap();
        assert_eq!((share.without, share.with), (50, 100));
        assert!(share.is_mostly_with_card());
        assert_eq!(habit.usual.ahead, Some(5));
        assert_eq!(habit.usual.returned_percent, Some(14));
    }

    #[test]
    fn two_full_days_make_no_habit_and_three_do() {
        let mut habit = Habit::default();
        for number in 0..12 {
            habit.close(day(100 + number, 10, 20));
        }
        habit.close(day(112, 90, 20));
        habit.close(day(113, 90, 20));
        assert_eq!(habit.usual.full_day, Some(10));
        habit.close(day(114, 80, 20));
        assert_eq!(habit.usual.full_day, Some(80));
    }

    #[test]
    fn an_account_for_which_nothing_speaks_is_not_known_by_its_habit() {
        let mut habit = Habit::default();
        for number in 0..20 {
            habit.close(DayRecord {
                day: 100 + number,
                fresh: 20,
                ..DayRecord::default()
            });
        }
        assert_eq!((habit.usual.share, habit.usual.ahead), (None, None));
    }

    /// A day of somebody who never sees a card.
    fn telephone(day: u32, fresh: u16, returned: u16, signed: bool) -> DayRecord {
        DayRecord {
            day,
            fresh,
            returned,
            signed,
            ..DayRecord::default()
        }
    }

    #[test]
    fn one_signature_vouches_for_full_days_and_for_eight_weeks() {
        let mut habit = Habit::default();
        habit.close(telephone(100, 30, 0, false));
        assert_eq!(habit.usual.signed_day, 0);
        habit.close(telephone(101, 40, 0, true));
        assert_eq!(habit.usual.signed_day, 40);
        for number in 102..157 {
            habit.close(telephone(number, 40, 0, false));
        }
        assert_eq!(habit.usual.signed_day, 40);
        habit.close(telephone(157, 40, 0, false));
        assert_eq!(habit.usual.signed_day, 0);
    }

    #[test]
    fn who_is_known_to_her_patients_signs_once_and_what_they_speak_for_is_not_counted_twice() {
        let mut habit = Habit::default();
        for number in 0..90 {
            habit.close(telephone(100 + number, 40, 20, number == 0));
        }
        assert_eq!(habit.usual.signed_day, 30);
        assert_eq!(habit.usual.full_returned, Some(20));
        let reference = habit.usual.reference.unwrap();
        assert_eq!(reference.per_known, 2_000_000);
        assert!(reference.has_known_patients() && !reference.is_mostly_with_card());
    }

    #[test]
    fn a_month_is_remembered_and_no_more() {
        let mut habit = Habit::default();
        for number in 0..200 {
            habit.close(day(100 + number, 10, 20));
        }
        assert_eq!(habit.usual.days, 28);
        habit.close(day(1_000, 10, 20));
        assert_eq!(habit.usual.days, 1);
    }
}
