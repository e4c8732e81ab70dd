//! Look-ups as regular as a machine's.

use crate::Reason;
use crate::decision::ReasonCode;

/// Intervals that are looked at.
pub(crate) const INTERVALS: usize = 16;
/// How many of them must lie near the middle one.
const NEAR: u32 = 13;

/// Fires when 13 of the last 16 intervals lie within a quarter of the middle one. People's
/// intervals spread over tenfold and more; a pause or two of a machine doesn't hide it.
pub(crate) fn signal(intervals_ms: impl Iterator<Item = u32>) -> Option<Reason> {
    let mut sorted = [0_u32; INTERVALS];
    let mut count = 0;
    for (place, interval) in sorted.iter_mut().zip(intervals_ms) {
        *place = interval;
        count += 1;
    }
    if count < INTERVALS {
        return None;
    }
    sorted.sort_unstable();
    let middle = sorted.get(INTERVALS / 2).copied().unwrap_or(0);
    let near = middle - middle / 4..=middle + middle / 4;
    let near = sorted.iter().filter(|it| near.contains(it)).count();
    let near = u32::try_from(near).unwrap_or(0);
    let most = u32::try_from(INTERVALS).unwrap_or(0);
    (near >= NEAR).then(|| Reason::new(ReasonCode::Metronome, near, most))
}

#[cfg(test)]
mod tests {
    use super::signal;

    #[test]
    fn a_machine_keeps_its_time_even_with_a_pause() {
        assert_eq!(signal([1_000; 16].into_iter()).unwrap().code(), "metronome");
        assert!(signal([0; 16].into_iter()).is_some());
        let mut with_lunch = [120_000; 16];
        with_lunch[5] = 3_600_000;
        with_lunch[9] = 131_000;
        assert!(signal(with_lunch.into_iter()).is_some());
    }

    #[test]
    fn a_person_does_not() {
        let minutes = [1, 9, 2, 2, 30, 4, 1, 7, 12, 3, 5, 1, 2, 18, 6, 2];
        assert_eq!(signal(minutes.into_iter().map(|it| it * 60_000)), None);
        assert_eq!(signal([1_000; 15].into_iter()), None, "too few to tell");
    }
}
