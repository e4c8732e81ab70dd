//! Numbers of a fixed sequence (splitmix64), so that a cut can be had again.

pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `most`.
    pub(crate) fn up_to(&mut self, most: usize) -> usize {
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let number = match most.checked_add(1) {
            Some(count) => self.next() % count,
            None => self.next(),
        };
        usize::try_from(number).unwrap_or(usize::MAX)
    }

    pub(crate) fn heads(&mut self) -> bool {
        self.up_to(1) == 1
    }
}
