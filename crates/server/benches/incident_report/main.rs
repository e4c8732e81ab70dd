//! How long `cardea incident report` takes on a log of 10 000, a million and ten million events:
//! the whole command, from its start to its files on the disk.
//!
//! Most events and a tenth as many look-ups are other people's, put in by one statement each. The
//! person who is asked for has 1 200 look-ups, stored as the server stores them, each in the log
//! by its digest under a signed checkpoint, which the report proves for each of them. Databases are
//! made in the system's temporary folder, some five gigabytes for the largest, and removed.

mod seed;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::seed::{PERSON, SESSION, Seeded};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Each report is made so often; the median counts.
const TIMES: usize = 5;

fn main() -> Result<(), Failure> {
    // Cargo says `--bench` when it measures; else a small log shows that the bench works.
    let is_measuring = std::env::args().any(|argument| argument == "--bench");
    let sizes: &[u32] = match is_measuring {
        true => &[10_000, 1_000_000, 10_000_000],
        false => &[10_000],
    };
    let times = if is_measuring { TIMES } else { 1 };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let columns = [
        "events",
        "file, MB",
        "made in, s",
        "person, totals",
        "person, CSV",
        "person, PDF",
        "session, totals",
        "a day of everybody, CSV",
    ];
    let rule = "---:|".repeat(columns.len());
    let mut table = format!("| {} |\n|{rule}\n", columns.join(" | "));
    for size in sizes {
        let folder = TempDir::new()?;
        let began = Instant::now();
        let seeded = runtime.block_on(seed::seed(folder.path(), *size))?;
        let made_in = began.elapsed().as_secs();
        table.push_str(&row(folder.path(), *size, &seeded, (times, made_in))?);
    }
    let mut output = std::io::stdout().lock();
    writeln!(
        output,
        "### Incident report, SQLite, ms (median of {times})\n\n{table}"
    )?;
    Ok(())
}

fn row(
    folder: &Path,
    size: u32,
    seeded: &Seeded,
    (times, made_in): (usize, u64),
) -> Result<String, Failure> {
    let bytes = std::fs::metadata(folder.join("cardea.sqlite"))?.len();
    let person = ["--person", PERSON];
    let day = ["--from", seeded.from.as_str(), "--to", seeded.to.as_str()];
    let (csv, pdf) = (folder.join("report.csv"), folder.join("report.pdf"));
    let mut cells = Vec::new();
    for (scope, file) in [
        (&person[..], None),
        (&person[..], Some(("--csv", &csv))),
        (&person[..], Some(("--pdf", &pdf))),
        (&["--session", SESSION][..], None),
        (&day[..], Some(("--csv", &csv))),
    ] {
        let mut took = Vec::new();
        for _ in 0..times {
            let began = Instant::now();
            let mut command = Command::new(env!("CARGO_BIN_EXE_cardea"));
            command
                .args(["incident", "report", "--json", "--key", &seeded.key])
                .args(scope)
                .current_dir(folder)
                .stdout(Stdio::null());
            if let Some((option, file)) = file {
                command.arg(option).arg(file);
            }
            let status = command.status()?;
            took.push(began.elapsed());
            // What was put in by one statement has no digest in the log, and says so.
            if !matches!(status.code(), Some(0 | 1)) {
                return Err(format!("cardea ended ({status})").into());
            }
            if let Some((_, file)) = file {
                std::fs::remove_file(file)?;
            }
        }
        cells.push(median(took).as_millis().to_string());
    }
    let megabytes = bytes / 1_000_000;
    Ok(format!(
        "| {size} | {megabytes} | {made_in} | {} |\n",
        cells.join(" | ")
    ))
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap_or_default()
}
