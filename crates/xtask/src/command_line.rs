//! The commands of `cargo xtask`, their options and the help text.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{demo, install, output, test_run};

const HELP: &str = "\
cargo xtask COMMAND

  test       installs what is missing, builds, runs every test; ends with `N passed, M failed`
  install    installs the system packages of the demo (--for test: of the tests as well)
  help       this text
";

/// Runs the command that the arguments name.
///
/// # Errors
/// When the command is unknown or fails.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["demo", rest @ ..] => demo::run(rest),
        ["test", rest @ ..] => test_run::run(rest),
        ["install"] => done(install::ensure(install::Purpose::Demo)),
        ["install", "--for", "test"] => done(install::ensure(install::Purpose::Test)),
        ["help" | "--help" | "-h"] => {
            output::result(HELP.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        [] => bail!("no command given\n\n{HELP}"),
        [..] => bail!(
            "no such command: `{}`; see `cargo xtask help`",
            words.join(" ")
        ),
    }
}

fn done(result: Result<()>) -> Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}
