//! `cargo xtask test`: every test, one sum at the end.

mod summary;

use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::install::{self, Purpose};
use crate::test_run::summary::Summary;
use crate::{output, workspace};

/// So many failures at most are tried again: more of them are no accident of the moment.
const SECOND_TRIES_MAX: usize = 5;

/// Installs what is missing, builds the programs, runs `cargo test` over the workspace with the
/// given further arguments, and prints `N passed, M failed` as the last line. After a whole run the
/// few tests that failed are tried once more, and those that passed then are named (ADR 0062).
///
/// # Errors
/// When the packages can't be installed. Failing tests are no error but a failing exit code, and so
/// are words that no test's name has in it.
pub fn run(arguments: &[&str]) -> Result<ExitCode> {
    install::ensure(Purpose::Test)?;
    output::step("building the programs");
    workspace::build_programs()?;
    workspace::build_host_login()?;
    workspace::build_guard()?;
    workspace::build_witness()?;
    output::step("running the tests");
    let mut summary = run_cargo_test(arguments)?;
    summary.demand_tests(arguments);
    if arguments.is_empty() {
        try_again(&mut summary)?;
    }
    for name in &summary.failed_names {
        output::note(&format!("failed: {name}"));
    }
    output::result(&format!(
        "{} passed, {} failed",
        summary.passed, summary.failed
    ));
    Ok(if summary.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Tells a test that fails from one that lost a race against the rest of a whole run.
fn try_again(summary: &mut Summary) -> Result<()> {
    let names = summary.named_failures();
    if names.is_empty() || names.len() > SECOND_TRIES_MAX {
        return Ok(());
    }
    output::step("trying again what failed");
    let mut arguments = vec!["--", "--exact"];
    arguments.extend(names.iter().map(String::as_str));
    let second = run_cargo_test(&arguments)?;
    for name in summary.take_second_try(&second) {
        output::note(&format!("failed at first, passed when tried again: {name}"));
    }
    Ok(())
}

fn run_cargo_test(arguments: &[&str]) -> Result<Summary> {
    let mut command = workspace::cargo();
    command
        .args(["test", "--workspace", "--locked", "--no-fail-fast"])
        .args(arguments);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("can't start `cargo test`")?;
    let stdout = child.stdout.take().context("`cargo test` has no stdout")?;
    let mut summary = Summary::default();
    for line in BufReader::new(stdout).split(b'\n') {
        let bytes = line.context("can't read what `cargo test` says")?;
        let line = String::from_utf8_lossy(&bytes);
        output::result(&line);
        summary.read_line(&line);
    }
    let status = child.wait().context("`cargo test` was lost")?;
    summary.finish(status.success());
    Ok(summary)
}
