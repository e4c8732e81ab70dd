//! How fast the guard decides, beside the `governor` crate's keyed rate limiter for scale.
//!
//! 100 000 subjects, each with sixty distinct patients in the last hours, come in random order. The
//! limiter counts requests; the guard counts distinct patients in five windows, keeps two balances
//! and five weeks of known patients, and gives its reasons. Both take turns over the same acts, a
//! few hundred at a time, made right before as a server has just read them; processor time of the
//! thread is counted, so that other work on the machine takes less from the numbers.

mod processor_time;

use std::hint::black_box;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use cardea_guard::{Act, Answer, Decider, Patient, Rules};
use governor::{Quota, RateLimiter};

use crate::processor_time::{of_thread, resident_bytes};

const SUBJECTS: u64 = 100_000;
/// Distinct patients of each subject that are in the windows when the measuring begins.
const PATIENTS: u64 = 60;
/// Acts of one turn.
const TURN: usize = 512;
const TURNS: usize = 2_000;
const START: i64 = 1_795_996_800_000;
/// Windows that a subject's bytes are shared out to: minute, hour, day, week, month.
const WINDOWS: usize = 5;

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
fn fill(dice: &mut Dice, decider: &Decider, subjects: u64) {
    for round in 0..PATIENTS {
        let at = START + i64::try_from(round).unwrap_or(0) * 240_000;
        for number in 0..subjects {
            let _ = decider.decide(&act(dice, number, round, at));
        }
    }
}

/// The next turn's acts.
fn turn(dice: &mut Dice, subjects: u64, number: usize) -> Vec<Act> {
    let at = START + i64::try_from(PATIENTS).unwrap_or(0) * 240_000;
    let at = at + i64::try_from(number).unwrap_or(0) * 5;
    let acts = (0..TURN).map(|_| {
        let number = dice.below(subjects);
        let patient = dice.below(PATIENTS + PATIENTS / 5);
        act(dice, number, patient, at)
    });
    acts.collect()
}

fn main() {
    // Cargo says `--bench` when it measures; else a moment shows that the bench works.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let (subjects, turns) = if measuring {
        (SUBJECTS, TURNS)
    } else {
        (1_000, 20)
    };
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let decider = Decider::new(Rules::default());
    let before = resident_bytes();
    fill(&mut dice, &decider, subjects);
    let resident = resident_bytes().saturating_sub(before);
    let limiter = RateLimiter::keyed(Quota::per_hour(NonZeroU32::MAX));
    for number in 0..subjects {
        let _ = limiter.check_key(&subject(number));
    }
    let mut text = bytes(&decider, resident);
    let (mut ours, mut theirs) = (Vec::with_capacity(turns), Vec::with_capacity(turns));
    let mut allowed = 0_usize;
    for number in 0..turns {
        let acts = turn(&mut dice, subjects, number);
        let guard = || {
            let decisions = acts.iter().map(|act| decider.decide(act));
            decisions.filter(|it| it.answer == Answer::Allow).count()
        };
        let governor = || {
            for act in &acts {
                let _ = black_box(limiter.check_key(&act.subject));
            }
        };
        // By turns: neither always finds the other's traces in the caches.
        let began = of_thread();
        if number % 2 == 0 {
            allowed += guard();
            let between = of_thread();
            governor();
            ours.push(between - began);
            theirs.push(of_thread() - between);
        } else {
            governor();
            let between = of_thread();
            allowed += guard();
            theirs.push(between - began);
            ours.push(of_thread() - between);
        }
    }
    text += "\n| | decisions a second of processor time | its median of turns | ns a decision |\n";
    text += "|---|---:|---:|---:|\n";
    text += &row("guard", &mut ours);
    text += &row("governor", &mut theirs);
    text += &format!("\n{allowed} of {} allowed\n", turns * TURN);
    text += &single(&mut dice, &decider, subjects, turns / 4);
    // A closed pipe is nobody's loss.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn row(name: &str, turns: &mut [Duration]) -> String {
    let per_second = |acts: usize, time: Duration| {
        let acts = u32::try_from(acts).map_or(0.0, f64::from);
        acts / time.as_secs_f64().max(1e-9)
    };
    let all: Duration = turns.iter().sum();
    let mean = per_second(turns.len() * TURN, all);
    turns.sort_unstable();
    let middle = turns.get(turns.len() / 2).copied().unwrap_or_default();
    let median = per_second(TURN, middle);
    format!(
        "| {name} | {mean:.0} | {median:.0} | {:.0} |\n",
        1e9 / median
    )
}

fn bytes(decider: &Decider, resident: usize) -> String {
    let tally = decider.tally();
    let accounts = tally.accounts.max(1);
    let (held, resident) = (tally.bytes / accounts, resident / accounts);
    format!(
        "{} accounts, {held} bytes each ({} a window of {WINDOWS}); the process grew by {resident} \
         ({} a window)\n",
        tally.accounts,
        held / WINDOWS,
        resident / WINDOWS
    )
}

/// Each decision by itself, by the wall's clock: what else runs on the machine is in it.
fn single(dice: &mut Dice, decider: &Decider, subjects: u64, turns: usize) -> String {
    let mut times: Vec<Duration> = Vec::with_capacity(turns * TURN);
    for number in 0..turns {
        for act in &turn(dice, subjects, TURNS + number) {
            let began = Instant::now();
            let _ = black_box(decider.decide(act));
            times.push(began.elapsed());
        }
    }
    times.sort_unstable();
    let at = |share: usize| {
        let time = times.get(times.len() * share / 10_000);
        time.copied().unwrap_or_default()
    };
    format!(
        "one decision: half within {:?}, 99 % within {:?}, 99.9 % within {:?}\n",
        at(5_000),
        at(9_900),
        at(9_990)
    )
}
