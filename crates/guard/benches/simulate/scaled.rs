//! The shipped rules, and the same with every allowance scaled.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cardea_guard::config::Budget;
use cardea_guard::{Config, Rules};
use toml::{Table, Value};

/// What says how much an account may do; waits and the number of refusals stay as they are.
const SCALED: [&str; 13] = [
    "per_minute",
    "per_hour",
    "per_day",
    "per_week",
    "per_month",
    "ahead",
    "ahead_least",
    "ahead_most",
    "usual_day_least",
    "drift",
    "forgiven_at_first",
    "signed_habit_most",
    "signature_restores",
];

/// The rules of `guard.example.toml`, times a factor (1: as they are shipped).
pub(crate) fn rules(factor: f64) -> Result<Rules> {
    let file = std::env::var_os("SIMULATE_CONFIG").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("guard.example.toml"),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(&file).context("the configuration can't be read")?;
    let mut document: Table = toml::from_str(&text)?;
    let rules = section(&mut document, "rules");
    let default = section(rules, "default");
    for kind in ["look_up", "write"] {
        let section = section(default, kind);
        for (key, value) in Table::try_from(Budget::default())? {
            section.entry(key).or_insert(value);
        }
    }
    scale(rules, factor);
    let only_rules = Table::from_iter([("rules".to_owned(), Value::Table(rules.clone()))]);
    Ok(Config::parse(&toml::to_string(&only_rules)?, &file)?.rules)
}

fn section<'a>(table: &'a mut Table, name: &str) -> &'a mut Table {
    let value = table
        .entry(name)
        .or_insert_with(|| Value::Table(Table::new()));
    if !value.is_table() {
        *value = Value::Table(Table::new());
    }
    match value {
        Value::Table(table) => table,
        _ => unreachable!("it was made a table above"),
    }
}

fn scale(table: &mut Table, factor: f64) {
    for (key, value) in table.iter_mut() {
        match value {
            Value::Table(inner) => scale(inner, factor),
            Value::Integer(number) if SCALED.contains(&key.as_str()) => {
                let most = if key == "per_day" { 4_000.0 } else { 100_000.0 };
                *number = whole((*number as f64 * factor).clamp(1.0, most));
            }
            _ => {}
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "it was clamped to what fits"
)]
fn whole(number: f64) -> i64 {
    number.round() as i64
}
