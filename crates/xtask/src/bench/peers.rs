//! A measurement with peers: ours and theirs run one after the other on the same inputs, and
//! Criterion's results of both become one table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bench::run_bench;
use crate::{output, workspace};

/// Their workspace: their cryptography may not be in the project's own (.deny.toml).
const FOLDER: &str = "crates/pki/peers";
/// Where ours writes what it measured with.
const INPUTS: &str = "target/tmp/pki-inputs";
/// Whose results the table shows, in its order.
const COLUMNS: [&str; 4] = ["ours", "openssl", "webpki", "x509-parser"];

/// Builds the peers.
pub(super) fn build() -> Command {
    let mut command = cargo_bench();
    command.arg("--no-run");
    command
}

fn cargo_bench() -> Command {
    let mut command = workspace::cargo();
    command.args(["bench", "--locked", "--quiet"]);
    command.current_dir(workspace::root().join(FOLDER));
    let target = workspace::root().join("target/peers");
    command.env("CARGO_TARGET_DIR", target);
    command
}

/// Runs our bench and then the peers', and prints the table.
///
/// # Errors
/// When one of them fails, or Criterion left no results.
pub(super) fn run(ours: &mut Command) -> Result<()> {
    let results = workspace::root().join("target/criterion-pki");
    let _ = fs::remove_dir_all(&results);
    run_bench(ours.env("CRITERION_HOME", &results))?;
    output::step("the peers on the same inputs");
    let mut theirs = cargo_bench();
    theirs.env("CRITERION_HOME", &results);
    run_bench(theirs.env("CARDEA_INPUTS", workspace::root().join(INPUTS)))?;
    output::result(&table(&read(&results)?));
    Ok(())
}

/// Nanoseconds by measurement and library.
type Results = BTreeMap<String, BTreeMap<String, f64>>;

/// Reads `<measurement>/<library>/new/estimates.json` below Criterion's folder.
fn read(folder: &Path) -> Result<Results> {
    let mut results = Results::new();
    for measurement in folders(folder)? {
        for library in folders(&measurement)? {
            let file = library.join("new/estimates.json");
            let Ok(text) = fs::read_to_string(&file) else {
                continue;
            };
            let json: Value = serde_json::from_str(&text).context("Criterion wrote no JSON")?;
            let median = json
                .pointer("/median/point_estimate")
                .and_then(Value::as_f64);
            let median = median.with_context(|| format!("{} has no median", file.display()))?;
            let row = results.entry(name(&measurement)).or_default();
            row.insert(name(&library), median);
        }
    }
    Ok(results)
}

fn folders(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let entries = fs::read_dir(folder).context("Criterion left no results")?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths: BTreeSet<PathBuf> = paths.collect::<Result<_, _>>()?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn table(results: &Results) -> String {
    let mut text = String::from(
        "### Median processor times of one thread\n\n| measurement | ours | OpenSSL | \
         webpki on aws-lc | x509-parser | OpenSSL's ÷ ours |\n|---|---:|---:|---:|---:|---:|\n",
    );
    for (measurement, row) in results {
        let cells = COLUMNS.map(|column| row.get(column).copied());
        let times = cells.map(|cell| cell.map_or_else(|| "–".to_owned(), duration));
        let ratio = match (row.get("ours"), row.get("openssl")) {
            (Some(ours), Some(theirs)) => format!("{:.1}", theirs / ours),
            _ => "–".to_owned(),
        };
        text.push_str(&format!(
            "| {measurement} | {} | {ratio} |\n",
            times.join(" | ")
        ));
    }
    text
}

/// Three digits that matter, with a unit.
fn duration(nanoseconds: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let fitting = units.into_iter().find(|(size, _)| nanoseconds >= *size);
    let (size, unit) = fitting.unwrap_or((1.0, "ns"));
    let value = nanoseconds / size;
    let digits = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::{duration, read, table};

    #[test]
    fn results_of_both_runs_become_one_table() {
        let folder = std::env::temp_dir().join(format!("cardea-peers-{}", std::process::id()));
        for (library, median) in [("ours", 20_500.0), ("openssl", 205_000.0)] {
            let place = folder.join("path").join(library).join("new");
            std::fs::create_dir_all(&place).unwrap();
            let json = format!("{{\"median\":{{\"point_estimate\":{median}}}}}");
            std::fs::write(place.join("estimates.json"), json).unwrap();
        }
        // Criterion's own folder of a group has no estimates.
        std::fs::create_dir_all(folder.join("path/report")).unwrap();
        let table = table(&read(&folder).unwrap());
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(
            table.ends_with("| path | 20.5 µs | 205 µs | – | – | 10.0 |\n"),
            "{table}"
        );
    }

    #[test]
    fn times_have_three_digits_that_matter() {
        let shown = [3.0, 812.4, 1_234.0, 45_600_000.0, 3.2e9].map(duration);
        assert_eq!(shown, ["3.00 ns", "812 ns", "1.23 µs", "45.6 ms", "3.20 s"]);
    }
}
