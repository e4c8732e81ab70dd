//! What the guard makes of the simulator's traffic, with the rules that are shipped.
//!
//! Prints the tables of `docs/guard-evidence.md` and writes its picture. `SIMULATE_SEEDS` sets how
//! many seeds the published traffic has (8), `SIMULATE_PARTS` what runs (`honest`, `robots`,
//! `held-out`, `trade-off`), `SIMULATE_ROBOTS` names robots, `SIMULATE_SVG` another file for the
//! picture, `SIMULATE_CONFIG` another `guard.toml`.

mod plot;
mod report;
mod scaled;
mod study;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use cardea_guard::Rules;
use study::{World, worlds};

fn main() -> anyhow::Result<()> {
    let seeds = option("SIMULATE_SEEDS")
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(8);
    let parts = option("SIMULATE_PARTS");
    let wanted = |part: &str| parts.as_ref().is_none_or(|parts| parts.contains(part));
    let rules = scaled::rules(1.0)?;
    let worlds = worlds(seeds);
    let Some(published) = worlds.first() else {
        return Ok(());
    };
    if wanted("honest") {
        honest(published, &rules)?;
    }
    if wanted("held-out") {
        held_out(&worlds, &rules)?;
    }
    if wanted("robots") || wanted("trade-off") {
        robots(published, &rules, wanted("trade-off"))?;
    }
    Ok(())
}

fn honest(world: &World, rules: &Rules) -> anyhow::Result<()> {
    let fixed = world.fixed_limit();
    let by_guard = world.burden(|| study::guard(rules));
    let by_limit = world.burden(|| study::limit(&fixed, 1.0));
    print(&format!(
        "### Honest people by kind, published traffic, {} seeds of {} days\n\n{}\nThe best fixed \
         limits: {}.\n",
        world.seeds.len(),
        study::HONEST_DAYS,
        report::kinds(&by_guard, &by_limit),
        report::limits(&fixed)
    ))
}

fn held_out(worlds: &[World], rules: &Rules) -> anyhow::Result<()> {
    let mut table = report::WORLD_HEAD.to_owned();
    let mut taken = report::taken_head(&CURVES);
    for world in worlds {
        let fixed = world.fixed_limit();
        let by_guard = world.burden(|| study::guard(rules));
        let by_limit = world.burden(|| study::limit(&fixed, 1.0));
        table.push_str(&report::world_row(world.name, &by_guard, &by_limit));
        let by_guard = world.loot(Some(&CURVES), || study::guard(rules));
        let by_limit = world.loot(Some(&CURVES), || study::limit(&fixed, 1.0));
        taken.push_str(&report::taken_row(
            world.name, &CURVES, &by_guard, &by_limit,
        ));
    }
    print(&format!("### Needless requests and stops\n\n{table}"))?;
    print(&format!("### What robots take there\n\n{taken}"))
}

fn robots(world: &World, rules: &Rules, with_trade_off: bool) -> anyhow::Result<()> {
    let fixed = world.fixed_limit();
    let names = option("SIMULATE_ROBOTS");
    let names: Option<Vec<&str>> = names.as_ref().map(|names| names.split(',').collect());
    let by_guard = world.loot(names.as_deref(), || study::guard(rules));
    let by_limit = world.loot(names.as_deref(), || study::limit(&fixed, 1.0));
    print(&format!(
        "### Robots\n\n{}",
        report::robots(&by_guard, &by_limit)
    ))?;
    if with_trade_off {
        let lines = trade_off(world)?;
        let file = option("SIMULATE_SVG").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guard-evidence.svg"),
            PathBuf::from,
        );
        std::fs::write(&file, plot::draw(&by_guard, &by_limit, &lines))?;
    }
    Ok(())
}

/// Robots of the trade-off's curves.
const CURVES: [&str; 7] = [
    "flat-out",
    "thirty-an-hour",
    "human-like",
    "spread-over-19",
    "slow-for-weeks",
    "rides-along",
    "captured-workstation",
];
const FACTORS: [f64; 7] = [0.4, 0.6, 0.8, 1.0, 1.4, 2.0, 3.0];

fn trade_off(world: &World) -> anyhow::Result<Vec<plot::Line>> {
    let world = World {
        name: world.name,
        scale: world.scale,
        seeds: world.seeds.iter().copied().take(3).collect(),
    };
    let mut lines: Vec<plot::Line> = CURVES
        .map(|name| plot::Line {
            name,
            points: Vec::new(),
            shipped: (0.0, 0.0),
        })
        .into();
    let mut table = format!(
        "| limits times | needless requests in 1 000 | needless stops | {} |\n|---:|---:|---:|{}\n",
        CURVES.join(" | "),
        "---:|".repeat(CURVES.len())
    );
    for factor in FACTORS {
        let rules = scaled::rules(factor)?;
        let all = report::total(&world.burden(|| study::guard(&rules)));
        let asked = all.step_ups + all.slowed;
        let in_thousand = asked as f64 * 1000.0 / (all.practitioner_days as f64).max(1.0);
        let loot = world.loot(Some(&CURVES), || study::guard(&rules));
        let mut row = format!(
            "| {factor} | {} | {} |",
            report::rate(asked, all.practitioner_days),
            report::rate(all.stops, all.practitioner_days)
        );
        for line in &mut lines {
            let reached = loot
                .get(line.name)
                .and_then(|loot| report::reached_in_all(loot));
            let median = reached.map_or(0, |(_, median, _)| median);
            row.push_str(&format!(" {median} |"));
            line.points.push((in_thousand, median as f64));
            if factor == 1.0 {
                line.shipped = (in_thousand, median as f64);
            }
        }
        table.push_str(&row);
        table.push('\n');
    }
    print(&format!("### The trade-off\n\n{table}"))?;
    Ok(lines)
}

fn option(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
