//! The commands of `cargo xtask`, their options and the help text.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{bench, check, demo, fixtures, install, output, package, sbom, soak, test_run, tidy};

const HELP: &str = "\
cargo xtask COMMAND

  demo         the whole system with a virtual card in a real reader; stays up until Ctrl-C
    --once     one login by itself, then end (with --json: its tokens as one JSON document)
    --attack   a robot with a real session walks the look-up service until the guard stops it
    --auto     stays up, and the PIN prompt answers itself
    --json     one JSON document on stdout when ready
    --https    TLS with a demo CA
    --clients FILE   more [[client]] tables for the server
    --pin-policy pharmacy   a click instead of the PIN while the card stays in the reader
    --trust FILE     more certification authorities for the server's calls to its clients
  test         installs what is missing and runs every test; ends with `N passed, M failed`
    (more words are handed to `cargo test`; where they leave no test to run, that is a failure)
  check        format, lints, documentation, repository rules, licences
  tidy         the repository rules alone
  package      Debian packages of what people install, into target/packages
    --out DIR     into another folder
    --check-reproducible   builds and packs twice from nothing and compares, which takes long
    --commit COMMIT        … that commit, not the last one
  sbom         what the programs are made of (CycloneDX), into target/sbom
  soak [NAME…]   fuzzes what reads other people's bytes, ten minutes a target, and fails on a crash;
                 `agent`: logins beside other programs, then 5000 alone, after which the agent
                 holds no more than before
    --seconds N   so long for each
    --keep        adds what was found to the kept corpus
    --suites      starts from public test suites as well; nothing of them is kept
  bench [NAME…]   measurements as Markdown tables, in release mode (docs/performance.md);
                  `guard --simulate`: what the guard makes of robots (docs/guard-evidence.md)
  fixtures     makes generated test inputs anew (--check: only compares)
  install      the system packages of the demo (--for test: of the tests as well, and other
               people's OpenID Connect clients, into `target/clients`)
  help         this text
";

/// Runs the command that the arguments name.
///
/// # Errors
/// When the command is unknown or fails.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        // `cargo test` has a help of its own.
        [command, rest @ ..] if is_help_asked(command, rest) => {
            output::result(HELP.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        ["demo", rest @ ..] => demo::run(rest),
        ["test", rest @ ..] => test_run::run(rest),
        ["check"] => done(check::run()),
        ["tidy"] => done(tidy::run()),
        ["fixtures"] => done(fixtures::run(fixtures::Mode::Write)),
        ["fixtures", "--check"] => done(fixtures::run(fixtures::Mode::Check)),
        ["sbom"] => done(sbom::run()),
        ["package", rest @ ..] => done(package::run(rest)),
        ["soak", rest @ ..] => done(soak::run(rest)),
        ["bench", names @ ..] => done(bench::run(names)),
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

/// Whether one of the commands is asked for its help rather than run.
fn is_help_asked(command: &str, words: &[&str]) -> bool {
    const COMMANDS: [&str; 9] = [
        "demo", "check", "tidy", "package", "sbom", "soak", "bench", "fixtures", "install",
    ];
    COMMANDS.contains(&command) && words.iter().any(|word| matches!(*word, "--help" | "-h"))
}

fn done(result: Result<()>) -> Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::is_help_asked;

    #[test]
    fn a_command_that_is_asked_for_help_does_not_run() {
        assert!(is_help_asked("soak", &["--help"]));
        assert!(is_help_asked("bench", &["pki", "-h"]));
        assert!(!is_help_asked("soak", &["crl", "--seconds", "5"]));
        assert!(!is_help_asked("test", &["--help"]));
        assert!(!is_help_asked("nonsense", &["--help"]));
    }
}
