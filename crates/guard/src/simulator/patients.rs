//! The people whom a place of care knows, and those who come for the first time.

use super::random::Random;

/// The patients of one place.
#[derive(Clone, Debug)]
pub struct Patients {
    place: u64,
    /// Running sums of Zipf weights: the first regulars come most.
    weights: Vec<f64>,
    newcomers: u64,
}

impl Patients {
    /// `regulars` people, of whom the n-th comes in proportion to `1 / n^exponent`.
    #[must_use]
    pub fn new(place: u64, regulars: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let weights = (1..=regulars).map(|rank| {
            sum += f64::from(rank).powf(-exponent);
            sum
        });
        Self {
            place,
            weights: weights.collect(),
            newcomers: 0,
        }
    }

    /// Whoever comes next: somebody new with probability `newcomer_share`.
    pub fn next(&mut self, random: &mut Random, newcomer_share: f64) -> u64 {
        if random.chance(newcomer_share) {
            self.newcomer()
        } else {
            self.regular(random)
        }
    }

    /// One of those who come often.
    pub fn regular(&self, random: &mut Random) -> u64 {
        let drawn = random.unit() * self.weights.last().copied().unwrap_or(0.0);
        let rank = self.weights.partition_point(|sum| *sum < drawn);
        self.number(rank as u64)
    }

    /// The `rank`-th regular.
    #[must_use]
    pub fn number(&self, rank: u64) -> u64 {
        (self.place << 32) | rank
    }

    /// Somebody whom nobody here has seen.
    pub fn newcomer(&mut self) -> u64 {
        self.newcomers += 1;
        (self.place << 32) | 0x8000_0000 | self.newcomers
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::Patients;
    use crate::simulator::random::Random;

    #[test]
    fn regulars_return_by_zipf_and_newcomers_never() {
        let mut random = Random::new(3, 0);
        let mut patients = Patients::new(1, 1_000, 0.8);
        let mut visits: HashMap<u64, u32> = HashMap::new();
        for _ in 0..20_000 {
            *visits.entry(patients.next(&mut random, 0.2)).or_default() += 1;
        }
        let newcomers: Vec<_> = visits
            .iter()
            .filter(|(id, _)| **id & 0x8000_0000 != 0)
            .collect();
        assert!(
            (3_800..4_200).contains(&newcomers.len()),
            "{}",
            newcomers.len()
        );
        assert!(newcomers.iter().all(|(_, count)| **count == 1));
        let first = visits.get(&patients.number(0)).copied().unwrap_or(0);
        let hundredth = visits.get(&patients.number(99)).copied().unwrap_or(0);
        assert!(first > 20 * hundredth.max(1), "{first} and {hundredth}");
    }
}
