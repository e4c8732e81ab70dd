//! The agent's long run: logins beside other programs, then thousands alone.
//!
//! The test `e2e/tests/shared_reader.rs` does some of each; here it is told to do many. Real agent,
//! server and pcscd, in the build of the tests.

use anyhow::{Context, Result, bail};

use crate::install::{self, Purpose};
use crate::{output, process, workspace};

/// Logins beside each of the two other programs, over [`SECONDS`] in all.
const LOGINS_BESIDE: u32 = 250;
/// Logins after which the agent may hold no more than before.
const LOGINS_ALONE: u32 = 5000;
/// The run that these numbers are for; a shorter one does fewer.
const SECONDS: u32 = 600;
/// A real card takes about so long for a command.
const CARD_DELAY_MS: u32 = 20;

/// Runs it, shortened to `seconds` in proportion, and prints what the test measured.
pub(super) fn run(seconds: u32) -> Result<()> {
    install::ensure(Purpose::Test)?;
    output::step("building the programs");
    workspace::build_programs()?;
    let share = |whole: u32| (u64::from(whole) * u64::from(seconds) / u64::from(SECONDS)).max(24);
    output::step(&format!(
        "agent: logins beside OpenSC and another program for {seconds} s, then {} alone",
        share(LOGINS_ALONE)
    ));
    let mut command = workspace::cargo();
    command.args(["test", "--locked", "--package", "cardea-e2e"]);
    command.args(["--test", "shared_reader", "--", "--nocapture"]);
    for (name, value) in [
        ("CARDEA_SOAK_LOGINS_BESIDE", share(LOGINS_BESIDE)),
        ("CARDEA_SOAK_SECONDS_BESIDE", u64::from(seconds / 2)),
        ("CARDEA_SOAK_CARD_DELAY_MS", u64::from(CARD_DELAY_MS)),
        ("CARDEA_SOAK_LOGINS_ALONE", share(LOGINS_ALONE)),
    ] {
        command.env(name, value.to_string());
    }
    let status = command
        .status()
        .with_context(|| format!("can't start `{}`", process::describe(&command)))?;
    if !status.success() {
        bail!("the agent's run failed ({status})");
    }
    Ok(())
}
