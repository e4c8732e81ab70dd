//! Seeded chance: the same seed gives the same traffic, on every machine and in every release.

use std::f64::consts::TAU;

/// `SplitMix64`: small, fast and good enough to model queues. Nothing secret comes from it.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream `stream` of a seed: actors that come or go never change each other's days.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self {
            state: scrambled(seed).wrapping_add(scrambled(stream ^ 0x5bd1_e995)),
        }
    }

    /// 64 even bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scrambled(self.state)
    }

    /// Evenly from 0 (included) to 1 (excluded).
    pub fn unit(&mut self) -> f64 {
        // 53 bits fill the mantissa exactly.
        (self.bits() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// Evenly from `low` to `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    /// Evenly one of the whole numbers below `bound` (0 if there is none).
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits().checked_rem(bound).unwrap_or(0)
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// The wait for the next of independent arrivals.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// How long a person takes: mostly near the median, now and then much longer.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// How many independent arrivals come when `mean` are expected.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 60.0 {
            return rounded(mean + mean.sqrt() * self.normal());
        }
        let limit = (-mean).exp();
        let mut product = self.unit();
        let mut count = 0;
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }
}

/// Spreads neighbouring numbers over all 64 bits; no two numbers meet.
#[must_use]
pub const fn scrambled(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The nearest whole number that is not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float turns into the nearest whole number by saturation, which is what is wanted"
)]
#[must_use]
pub fn rounded(number: f64) -> u64 {
    number.round() as u64
}

/// Seconds as whole milliseconds.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float turns into the nearest whole number by saturation, which is what is wanted"
)]
#[must_use]
pub fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::Random;

    fn mean(draw: impl FnMut() -> f64) -> f64 {
        std::iter::repeat_with(draw).take(20_000).sum::<f64>() / 20_000.0
    }

    #[test]
    fn a_seed_gives_the_same_stream_again_and_another_seed_another() {
        let draw = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [random.bits(), random.bits()]
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(2, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
    }

    #[test]
    fn the_means_are_those_asked_for() {
        let mut random = Random::new(7, 0);
        assert!((mean(|| random.unit()) - 0.5).abs() < 0.01);
        assert!((mean(|| random.exponential(3.0)) - 3.0).abs() < 0.1);
        assert!((mean(|| random.poisson(4.0) as f64) - 4.0).abs() < 0.1);
        assert!((mean(|| random.poisson(200.0) as f64) - 200.0).abs() < 1.0);
    }
}
