//! The patients whom an account has looked up in the last five weeks: eight bytes each.

use serde::{Deserialize, Serialize};

use crate::Patient;

/// Days after which a patient is new again: a little more than a monthly prescription.
const REMEMBERED_DAYS: u32 = 35;
/// Slots at most; a busy pharmacy's five weeks take a quarter.
const SLOTS_MAX: usize = 8192;
/// Slots at first.
const SLOTS_MIN: usize = 8;
/// Where an entry's parts lie: a fingerprint of 40 bits, the day's low 12 bits, then flags.
const FINGERPRINT: u64 = !0 << 24;
const DAY_SHIFT: u32 = 12;
const DAY_MASK: u64 = 0xfff;
const OCCUPIED: u64 = 1;
const CARD: u64 = 2;
const RETURNS_SHIFT: u32 = 2;
const RETURNS_MAX: u64 = 3;

/// What is known of a patient when the account looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Not looked up in five weeks.
    New,
    /// Looked up before; nobody has shown the card.
    Seen {
        /// The day of the last look-up.
        day: u32,
        /// On how many later days the account came back to this patient, up to three.
        returns: u32,
    },
    /// The card was shown to this account.
    Shown {
        /// The day of the last look-up.
        day: u32,
    },
}

/// An open-addressing table over fingerprints. Two patients of one account are taken for one
/// once in 500 million look-ups of an account that knows 2 000.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownPatients {
    slots: Vec<u64>,
    occupied: u32,
}

impl KnownPatients {
    /// What is known of the patient, and notes that the account looks today.
    pub(crate) fn look(&mut self, patient: Patient, today: u32, card: bool) -> Sight {
        self.make_room(today);
        let number = patient.number();
        let mut free = None;
        let mut index = home(number, self.slots.len());
        for _ in 0..self.slots.len() {
            let Some(slot) = self.slots.get(index).copied() else {
                break;
            };
            if slot == 0 {
                free = free.or(Some((index, true)));
                break;
            }
            let is_live = age(slot, today) <= REMEMBERED_DAYS;
            if is_live && (slot ^ number) & FINGERPRINT == 0 {
                let sight = sight(slot, today);
                let entry = seen_again(slot, today, card);
                self.put(index, entry);
                return sight;
            }
            if !is_live && free.is_none() {
                free = Some((index, false));
            }
            index = if index + 1 == self.slots.len() {
                0
            } else {
                index + 1
            };
        }
        if let Some((index, is_empty)) = free {
            let card = if card { CARD } else { 0 };
            self.put(
                index,
                number & FINGERPRINT | day_bits(today) | card | OCCUPIED,
            );
            self.occupied += u32::from(is_empty);
        }
        Sight::New
    }

    /// What is known of the patient, without noting anything.
    pub(crate) fn find(&self, patient: Patient, today: u32) -> Sight {
        let number = patient.number();
        let length = self.slots.len();
        let start = home(number, length);
        let probe = self.slots.iter().cycle().skip(start).take(length);
        let found = probe.take_while(|slot| **slot != 0).find(|slot| {
            (**slot ^ number) & FINGERPRINT == 0 && age(**slot, today) <= REMEMBERED_DAYS
        });
        found.map_or(Sight::New, |slot| sight(*slot, today))
    }

    /// Reads what a look-up will need: see `AccountState::glance`.
    pub(crate) fn glance(&self, patient: Patient) -> u64 {
        let index = home(patient.number(), self.slots.len());
        self.slots.get(index).copied().unwrap_or(0)
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * 8
    }

    fn put(&mut self, index: usize, entry: u64) {
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = entry;
        }
    }

    /// Keeps an eighth of the slots empty, so that every search ends soon.
    fn make_room(&mut self, today: u32) {
        let occupied = usize::try_from(self.occupied).unwrap_or(0);
        if occupied < self.slots.len() - self.slots.len() / 8 {
            return;
        }
        let mut days = REMEMBERED_DAYS;
        let mut live = self.live(today, days);
        // An account that fills the table loses its oldest days first.
        while live.len() > SLOTS_MAX - SLOTS_MAX / 4 && days > 0 {
            days -= 1;
            live = self.live(today, days);
        }
        live.truncate(SLOTS_MAX - SLOTS_MAX / 4);
        let slots = (live.len() + live.len() / 2).clamp(SLOTS_MIN, SLOTS_MAX);
        self.slots = vec![0; slots];
        self.occupied = 0;
        for entry in live {
            self.insert_again(entry);
        }
    }

    fn live(&self, today: u32, days: u32) -> Vec<u64> {
        let entries = self.slots.iter().copied();
        entries
            .filter(|entry| *entry != 0 && age(*entry, today) <= days)
            .collect()
    }

    fn insert_again(&mut self, entry: u64) {
        let length = self.slots.len();
        let mut index = home(entry, length);
        while self.slots.get(index).is_some_and(|slot| *slot != 0) {
            index = if index + 1 == length { 0 } else { index + 1 };
        }
        self.put(index, entry);
        self.occupied += 1;
    }
}

/// Where a search begins: by the fingerprint alone, so that a table can be made anew from entries.
fn home(number: u64, slots: usize) -> usize {
    let slots = u64::try_from(slots).unwrap_or(0);
    let high = number >> 32;
    usize::try_from((high * slots) >> 32).unwrap_or(0)
}

fn day_bits(day: u32) -> u64 {
    (u64::from(day) & DAY_MASK) << DAY_SHIFT
}

/// Days since the entry's last look-up.
fn age(entry: u64, today: u32) -> u32 {
    let day = (entry >> DAY_SHIFT) & DAY_MASK;
    let age = u64::from(today).wrapping_sub(day) & DAY_MASK;
    u32::try_from(age).unwrap_or(0)
}

fn sight(entry: u64, today: u32) -> Sight {
    let day = today.saturating_sub(age(entry, today));
    if entry & CARD != 0 {
        return Sight::Shown { day };
    }
    let returns = (entry >> RETURNS_SHIFT) & RETURNS_MAX;
    Sight::Seen {
        day,
        returns: u32::try_from(returns).unwrap_or(0),
    }
}

fn seen_again(entry: u64, today: u32, card: bool) -> u64 {
    let returns = (entry >> RETURNS_SHIFT) & RETURNS_MAX;
    let is_later_day = age(entry, today) > 0;
    let returns = (returns + u64::from(is_later_day)).min(RETURNS_MAX);
    let flags = entry & (CARD | OCCUPIED) | if card { CARD } else { 0 };
    entry & FINGERPRINT | day_bits(today) | returns << RETURNS_SHIFT | flags
}

#[cfg(test)]
mod tests {
    use super::{KnownPatients, REMEMBERED_DAYS, SLOTS_MAX, Sight};
    use crate::Patient;

    fn patient(name: u32) -> Patient {
        Patient::from_pseudonym(&name.to_string())
    }

    #[test]
    fn a_patient_is_new_once_and_returns_count_by_days() {
        let mut known = KnownPatients::default();
        assert_eq!(known.look(patient(1), 100, false), Sight::New);
        let seen = |day, returns| Sight::Seen { day, returns };
        assert_eq!(known.look(patient(1), 100, false), seen(100, 0));
        assert_eq!(known.look(patient(1), 101, false), seen(100, 0));
        assert_eq!(known.look(patient(1), 103, false), seen(101, 1));
        assert_eq!(known.look(patient(1), 103, true), seen(103, 2));
        let shown = known.look(patient(1), 104, false);
        assert_eq!(shown, Sight::Shown { day: 103 });
        assert_eq!(known.find(patient(2), 104), Sight::New);
    }

    #[test]
    fn a_patient_is_forgotten_after_five_weeks() {
        let mut known = KnownPatients::default();
        assert_eq!(known.look(patient(1), 100, false), Sight::New);
        assert_ne!(known.find(patient(1), 100 + REMEMBERED_DAYS), Sight::New);
        assert_eq!(known.find(patient(1), 101 + REMEMBERED_DAYS), Sight::New);
    }

    #[test]
    fn a_flood_of_patients_takes_bounded_memory_and_keeps_the_newest() {
        let mut known = KnownPatients::default();
        for name in 0..50_000 {
            known.look(patient(name), 100 + name / 2_000, false);
        }
        assert!(known.heap_bytes() <= SLOTS_MAX * 8);
        assert_ne!(known.find(patient(49_999), 125), Sight::New);
    }
}
