//! `cargo xtask soak`: the long runs that `cargo xtask test` only touches.
//!
//! Each fuzz target runs for ten minutes unless told otherwise, one after the other, with libFuzzer
//! and the address sanitizer on this very toolchain. It starts from the seeds that the target makes
//! and from the kept corpus beside it (`crates/*/fuzz/corpus`); what it finds stays in
//! `target/soak` until `--keep` adds it to the kept corpus. A crash, a time-out or a broken
//! invariant leaves its input in `target/soak/crash` and fails the command.
//!
//! `agent` is no fuzz target but the agent's own long run (`agent_run.rs`).

mod agent_run;
mod arguments;
mod report;
mod target;

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::soak::arguments::Arguments;
use crate::soak::report::Report;
use crate::soak::target::Target;
use crate::{cargo_tool, output, process};

/// Builds and runs the named targets, or all of them, and prints a table.
///
/// # Errors
/// When a name is unknown, something can't be built, or a target crashed.
pub fn run(words: &[&str]) -> Result<()> {
    let arguments = Arguments::parse(words)?;
    if !arguments.targets.is_empty() {
        fuzz_all(&arguments)?;
    }
    if arguments.agent {
        agent_run::run(arguments.seconds)?;
    }
    Ok(())
}

/// Builds and runs the fuzz targets one after the other.
fn fuzz_all(arguments: &Arguments) -> Result<()> {
    cargo_tool::ensure("cargo-fuzz")?;
    let mut folders: Vec<&str> = arguments
        .targets
        .iter()
        .map(|target| target.folder)
        .collect();
    folders.dedup();
    for folder in folders {
        output::step(&format!("building the fuzz targets of {folder}"));
        process::run(&mut target::build(folder))?;
    }
    let mut rows = Vec::new();
    let mut crashed = Vec::new();
    for target in &arguments.targets {
        let seconds = arguments.seconds;
        output::step(&format!(
            "{} for {seconds} s: {}",
            target.name, target.purpose
        ));
        let report = fuzz(target, arguments)?;
        rows.push(report.row(target.name));
        if let Some(failure) = &report.failure {
            output::note(&format!("{} failed: {failure}", target.name));
            crashed.push(target.name);
        } else if arguments.keep {
            target.keep()?;
        }
    }
    output::result(&format!("{}{}", report::HEADING, rows.concat()));
    if !crashed.is_empty() {
        bail!(
            "failed: {}; logs and inputs are in {}",
            crashed.join(", "),
            target::state_folder().display()
        );
    }
    Ok(())
}

/// Runs one target to the end of its time; a failing target is no error but a failing report.
fn fuzz(target: &Target, arguments: &Arguments) -> Result<Report> {
    let log_file = target::state_folder().join(format!("{}.log", target.name));
    let mut command = target.fuzz(arguments.seconds, arguments.suites)?;
    let log = fs::File::create(&log_file).context("can't write into target/soak")?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let status = command
        .status()
        .with_context(|| format!("can't start `{}`", process::describe(&command)))?;
    let log = fs::read(&log_file).context("can't read the log in target/soak")?;
    Ok(Report::read(
        &String::from_utf8_lossy(&log),
        status.success(),
    ))
}
