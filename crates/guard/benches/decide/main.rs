//! How fast the guard decides, beside the `governor` crate's keyed rate limiter for scale.
//!
//! 100 000 subjects, each with sixty distinct patients in the last hours, come in random order. The
//! limiter counts requests; the guard counts distinct patients in five windows, keeps two balances
//! and five weeks of known patients, and gives its reasons.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use cardea_guard::{Act, Answer, Decider, Patient, Rules};
use criterion::{Criterion, Throughput};
use governor::{Quota, RateLimiter};

const SUBJECTS: u64 = 100_000;
/// Distinct patients of each subject that are in the windows when the measuring begins.
const PATIENTS: u64 = 60;
/// Acts that are made beforehand, so that making them is not measured.
const ACTS: usize = 1 << 18;
const START: i64 = 1_795_996_800_000;

/// A small generator: the same acts in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

fn subject(number: u64) -> String {
    format!("sub-{number:032x}")
}

/// An honest act: every third patient without a card, most of them known from before.
fn act(dice: &mut Dice, number: u64, patient: u64, at: i64) -> Act {
    let name = Patient::from_pseudonym(&format!("{number}-{patient}"));
    Act {
        at,
        profession: Some("pharmacist".to_owned()),
        session: format!("session-{number}"),
        source: format!("source-{number}"),
        patient_present: dice.below(3) > 0,
        ..Act::look_up(&subject(number), "patient-lookup", name)
    }
}

/// A decider that has seen each subject's sixty patients, twenty of them without a card.
fn filled(dice: &mut Dice) -> Decider {
    let decider = Decider::new(Rules::default());
    for round in 0..PATIENTS {
        let at = START + i64::try_from(round).unwrap_or(0) * 240_000;
        for number in 0..SUBJECTS {
            let _ = decider.decide(&act(dice, number, round, at));
        }
    }
    decider
}

fn acts(dice: &mut Dice) -> Vec<Act> {
    let at = START + i64::try_from(PATIENTS).unwrap_or(0) * 240_000;
    let acts = (0..ACTS).map(|index| {
        let number = dice.below(SUBJECTS);
        let patient = dice.below(PATIENTS + PATIENTS / 5);
        act(
            dice,
            number,
            patient,
            at + i64::try_from(index / 100).unwrap_or(0),
        )
    });
    acts.collect()
}

fn main() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let decider = filled(&mut dice);
    let acts = acts(&mut dice);
    report(&decider, &acts);
    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let mut group = criterion.benchmark_group("decide");
    group.throughput(Throughput::Elements(1));
    let mut turn = acts.iter().cycle();
    group.bench_function("guard", |bencher| {
        bencher.iter(|| turn.next().map(|act| decider.decide(act)));
    });
    let quota = Quota::per_hour(NonZeroU32::MAX);
    let limiter = RateLimiter::keyed(quota);
    for number in 0..SUBJECTS {
        let _ = limiter.check_key(&subject(number));
    }
    let mut turn = acts.iter().cycle();
    group.bench_function("governor", |bencher| {
        bencher.iter(|| turn.next().map(|act| limiter.check_key(&act.subject)));
    });
    group.finish();
    criterion.final_summary();
}

/// What criterion does not say: the slowest hundredth, and bytes.
fn report(decider: &Decider, acts: &[Act]) {
    let before = decider.tally();
    let mut times: Vec<Duration> = Vec::with_capacity(acts.len());
    let mut allowed = 0_u32;
    for act in acts {
        let began = Instant::now();
        let decision = decider.decide(act);
        times.push(began.elapsed());
        allowed += u32::from(decision.answer == Answer::Allow);
    }
    times.sort_unstable();
    let at = |share: usize| {
        times
            .get(times.len() * share / 10_000)
            .copied()
            .unwrap_or_default()
    };
    let mut text = format!("{} acts, {allowed} allowed\n", acts.len());
    text += &format!(
        "one decision: half within {:?}, 99 % within {:?}, 99.9 % within {:?}\n",
        at(5_000),
        at(9_900),
        at(9_990)
    );
    let bytes = before.bytes / before.accounts.max(1);
    text += &format!(
        "{} accounts, {bytes} bytes each: {} a window of five\n",
        before.accounts,
        bytes / 5
    );
    // A closed pipe is nobody's loss.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
}
