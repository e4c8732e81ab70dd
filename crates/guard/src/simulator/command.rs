//! `cardea-guard simulate`: prints a scenario's traffic.

use std::io::{self, BufWriter, Write as _};

use clap::Args;

use super::line;
use super::scale::Scale;
use super::scenario;

/// The options of `cardea-guard simulate`.
#[derive(Args, Debug)]
pub struct Simulate {
    /// Which traffic; without it, all names are listed.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// The same seed gives the same traffic.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many days; robots begin on the 22nd.
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..=730))]
    days: u32,
}

impl Simulate {
    /// Prints the lines.
    ///
    /// # Errors
    /// When there is no such scenario, or nobody takes the lines.
    pub fn run(&self) -> anyhow::Result<()> {
        let mut output = BufWriter::new(io::stdout().lock());
        let Some(name) = &self.scenario else {
            for (name, words) in scenario::names() {
                writeln!(output, "{name:24} {words}")?;
            }
            return Ok(output.flush()?);
        };
        let traffic = scenario::traffic(name, self.seed, self.days, Scale::USUAL);
        let Some(traffic) = traffic else {
            let known: Vec<&str> = scenario::names().map(|(name, _)| name).collect();
            anyhow::bail!("no such scenario: `{name}`; there are {}", known.join(", "));
        };
        Ok(line::write_all(traffic, output)?)
    }
}
