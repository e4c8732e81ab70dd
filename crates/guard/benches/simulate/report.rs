//! The tables, in Markdown.

use std::fmt::Write as _;

use cardea_guard::simulator::population::KINDS;
use cardea_guard::simulator::scenario::{ROBOTS, RobotScenario};
use cardea_guard::simulator::trial::fixed_limit::FixedLimit;
use cardea_guard::simulator::trial::honest::Tally;
use cardea_guard::simulator::trial::hostile::Yield;

use crate::study::{Burden, Loot};

/// A count in 1 000 practitioner-days, with the range of 95 % (Poisson, Wilson and Hilferty).
pub(crate) fn rate(count: u64, days: u64) -> String {
    let thousands = (days as f64 / 1000.0).max(f64::EPSILON);
    let (low, high) = range(count);
    let number = |value: f64| {
        let value = value / thousands;
        if value >= 10.0 {
            format!("{value:.0}")
        } else {
            format!("{value:.2}")
        }
    };
    format!(
        "**{}** ({} to {})",
        number(count as f64),
        number(low),
        number(high)
    )
}

fn range(count: u64) -> (f64, f64) {
    const WIDTH: f64 = 1.96;
    let bound = |count: f64, width: f64| {
        count * (1.0 - 1.0 / (9.0 * count) + width / (3.0 * count.sqrt())).powi(3)
    };
    let low = if count == 0 {
        0.0
    } else {
        bound(count as f64, -WIDTH)
    };
    (low, bound(count as f64 + 1.0, WIDTH))
}

/// All kinds of accounts together.
pub(crate) fn total(burden: &Burden) -> Tally {
    let mut all = Tally::default();
    for tally in burden.values() {
        all.add(*tally);
    }
    all
}

/// The row of a world: practitioner-days, then both judges' needless answers.
pub(crate) fn world_row(name: &str, guard: &Burden, fixed: &Burden) -> String {
    let (guard, fixed) = (total(guard), total(fixed));
    let asked = |tally: Tally| rate(tally.step_ups + tally.slowed, tally.practitioner_days);
    let stopped = |tally: Tally| rate(tally.stops, tally.practitioner_days);
    format!(
        "| {name} | {} | {} | {} | {} | {} |\n",
        guard.practitioner_days,
        asked(guard),
        stopped(guard),
        asked(fixed),
        stopped(fixed)
    )
}

/// The head of the table of worlds.
pub(crate) const WORLD_HEAD: &str = "\
| honest traffic | practitioner-days | guard: needless requests in 1 000 (95 %) \
| guard: needless stops | fixed limit: needless requests | fixed limit: needless stops |
|---|---:|---:|---:|---:|---:|
";

/// The honest accounts of one world by kind.
pub(crate) fn kinds(guard: &Burden, fixed: &Burden) -> String {
    let mut text =
        "| kind of account | practitioner-days | look-ups a day | guard: requests, stops \
        | fixed limit: requests, stops |\n|---|---:|---:|---:|---:|\n"
            .to_owned();
    for kind in KINDS {
        let (Some(guard), Some(fixed)) = (guard.get(kind), fixed.get(kind)) else {
            continue;
        };
        let _ = writeln!(
            text,
            "| {kind} | {} | {} | {}, {} | {}, {} |",
            guard.practitioner_days,
            guard.look_ups / guard.practitioner_days.max(1),
            guard.step_ups + guard.slowed,
            guard.stops,
            fixed.step_ups,
            fixed.stops
        );
    }
    text
}

/// The limits that were fitted.
pub(crate) fn limits(fixed: &FixedLimit) -> String {
    let mut rows: Vec<_> = fixed.limits().iter().collect();
    rows.sort_by_key(|(profession, _)| (*profession).clone());
    let words = rows.iter().map(|(profession, limit)| {
        format!(
            "{profession} {} an hour and {} a day",
            limit.hour, limit.day
        )
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The robots' table.
pub(crate) fn robots(guard: &Loot, fixed: &Loot) -> String {
    let mut text = "\
| robot | patients before it is asked | before the first stop | in all, 28 days \
| account stopped | fixed limit: before the first stop | in all |
|---|---:|---:|---:|---:|---:|---:|
"
    .to_owned();
    for robot in &ROBOTS {
        let (Some(guard), Some(fixed)) = (guard.get(robot.name), fixed.get(robot.name)) else {
            continue;
        };
        let accounts: Vec<&Yield> = guard.iter().flatten().collect();
        let stopped = accounts
            .iter()
            .filter(|account| account.account_stopped)
            .count();
        let _ = writeln!(
            text,
            "| **{}**: {} | {} | {} | {} | {stopped} of {} | {} | {} |",
            robot.name,
            robot.words,
            spread(guard, |account| account.before_step_up),
            spread(guard, |account| account.before_stop),
            reached(robot, guard),
            accounts.len(),
            spread(fixed, |account| account.before_stop),
            reached(robot, fixed),
        );
    }
    text
}

/// What an account yields: the median over seeds and accounts, the least and the most.
fn spread(loot: &[Vec<Yield>], of: fn(&Yield) -> Option<u64>) -> String {
    let all: Vec<Option<u64>> = loot.iter().flatten().map(of).collect();
    let mut known: Vec<u64> = all.iter().copied().flatten().collect();
    known.sort_unstable();
    let (Some(least), Some(most)) = (known.first(), known.last()) else {
        return "never".to_owned();
    };
    let median = known.get(known.len() / 2).unwrap_or(most);
    let never = all.len() - known.len();
    let never = if never == 0 {
        String::new()
    } else {
        format!("; {never} of {} never", all.len())
    };
    format!("**{median}** ({least} to {most}{never})")
}

fn reached(robot: &RobotScenario, loot: &[Vec<Yield>]) -> String {
    let account = spread(loot, |account| Some(account.reached));
    if robot.accounts == 1 {
        return account;
    }
    let mut sums: Vec<u64> = loot
        .iter()
        .map(|run| run.iter().map(|it| it.reached).sum())
        .collect();
    sums.sort_unstable();
    let sum = sums.get(sums.len() / 2).copied().unwrap_or(0);
    format!("{account} an account, {sum} together")
}

/// The median over seeds of what an account yields in all, and the range.
pub(crate) fn reached_in_all(loot: &[Vec<Yield>]) -> Option<(u64, u64, u64)> {
    let mut all: Vec<u64> = loot
        .iter()
        .flatten()
        .map(|account| account.reached)
        .collect();
    all.sort_unstable();
    Some((*all.first()?, *all.get(all.len() / 2)?, *all.last()?))
}

/// The head of the table of what robots take in each world.
pub(crate) fn taken_head(names: &[&str]) -> String {
    let columns = "---:|".repeat(names.len());
    format!(
        "| patients taken in all: guard; fixed limit | {} |\n|---|{columns}\n",
        names.join(" | ")
    )
}

/// What robots take in one world: the median, and the most in any run.
pub(crate) fn taken_row(world: &str, names: &[&str], guard: &Loot, fixed: &Loot) -> String {
    let cell = |loot: &Loot, name: &str| {
        let reached = loot.get(name).and_then(|loot| reached_in_all(loot));
        reached.map_or_else(String::new, |(_, median, most)| {
            format!("{median} ({most})")
        })
    };
    let cells = names
        .iter()
        .map(|name| format!(" **{}**; {} |", cell(guard, name), cell(fixed, name)));
    format!("| {world} |{}\n", cells.collect::<String>())
}
