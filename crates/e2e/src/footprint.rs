//! What a process holds: memory, open files, threads.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// One look at a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Memory of its own that is in RAM (`RssAnon` of proc(5)), in KiB.
    pub memory_kib: u64,
    /// Open file descriptors.
    pub handles: u64,
    /// Threads.
    pub threads: u64,
}

impl Footprint {
    /// Looks at a process.
    ///
    /// # Errors
    /// When it has ended.
    pub fn of(process: u32) -> Result<Self> {
        let folder = PathBuf::from(format!("/proc/{process}"));
        let status = std::fs::read_to_string(folder.join("status"));
        let status = status.context("the process has ended")?;
        let memory = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|kib| kib.parse().ok());
        let count = |name: &str| -> Result<u64> {
            let entries = std::fs::read_dir(folder.join(name)).context("the process has ended")?;
            Ok(u64::try_from(entries.count())?)
        };
        Ok(Self {
            memory_kib: memory.context("no RssAnon in /proc/PID/status")?,
            handles: count("fd")?,
            threads: count("task")?,
        })
    }
}

/// How much more a process may hold at the end than after its warm-up.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// KiB of memory.
    pub memory_kib: u64,
    /// Open files, and threads.
    pub handles_or_threads: u64,
}

/// Looks at a process, one after each so many logins.
///
/// The first third of the looks is the warm-up. Of the rest, the median of the last quarter is held
/// against the median of the first: a single look meets whatever is under way.
#[derive(Clone, Debug, Default)]
pub struct Growth(Vec<(usize, Footprint)>);

impl Growth {
    /// Adds a look after so many logins.
    pub fn add(&mut self, logins: usize, footprint: Footprint) {
        self.0.push((logins, footprint));
    }

    /// Refuses growth beyond what is allowed.
    ///
    /// # Errors
    /// What grew.
    pub fn check(&self, allowance: Allowance) -> Result<()> {
        let (before, after) = self.compared()?;
        let within = |name: &str, before: u64, after: u64, allowed: u64| {
            ensure!(
                after <= before + allowed,
                "{name} grew from {before} to {after}, by more than {allowed}:\n{}",
                self.table()
            );
            Ok(())
        };
        let Allowance {
            memory_kib,
            handles_or_threads,
        } = allowance;
        within("memory", before.memory_kib, after.memory_kib, memory_kib)?;
        within("handles", before.handles, after.handles, handles_or_threads)?;
        within("threads", before.threads, after.threads, handles_or_threads)
    }

    /// Every look, as a Markdown table.
    #[must_use]
    pub fn table(&self) -> String {
        let rows = self.0.iter().map(|(logins, look)| {
            let Footprint {
                memory_kib,
                handles,
                threads,
            } = look;
            format!("| {logins} | {memory_kib} | {handles} | {threads} |\n")
        });
        let heading = "| logins | memory, KiB | open files | threads |\n|---:|---:|---:|---:|\n";
        rows.fold(heading.to_owned(), |table, row| table + &row)
    }

    /// The medians of the first and the last quarter after the warm-up.
    fn compared(&self) -> Result<(Footprint, Footprint)> {
        let looks: Vec<Footprint> = self.0.iter().map(|(_, look)| *look).collect();
        let settled = looks.get(looks.len() / 3..).unwrap_or_default();
        let quarter = settled.len() / 4;
        ensure!(quarter > 0, "too few looks: {}", looks.len());
        let first = settled.get(..quarter).unwrap_or_default();
        let last = settled.get(settled.len() - quarter..).unwrap_or_default();
        Ok((median(first), median(last)))
    }
}

fn median(looks: &[Footprint]) -> Footprint {
    let of = |value: fn(&Footprint) -> u64| {
        let mut values: Vec<u64> = looks.iter().map(value).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Footprint {
        memory_kib: of(|look| look.memory_kib),
        handles: of(|look| look.handles),
        threads: of(|look| look.threads),
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowance, Footprint, Growth};

    const ALLOWANCE: Allowance = Allowance {
        memory_kib: 100,
        handles_or_threads: 2,
    };

    fn growth(look: impl Fn(u64) -> Footprint) -> Growth {
        let mut growth = Growth::default();
        for logins in 0..24_u32 {
            growth.add(logins as usize, look(u64::from(logins)));
        }
        growth
    }

    #[test]
    fn warming_up_is_no_growth_and_a_leak_is() {
        let level = growth(|logins| Footprint {
            memory_kib: 1000 + 500 * logins.min(7) + logins % 3,
            handles: 20 + logins % 2,
            threads: 5,
        });
        level.check(ALLOWANCE).unwrap();
        let leaks: [fn(u64) -> Footprint; 3] = [
            |logins| Footprint {
                memory_kib: 1000 + 20 * logins,
                handles: 20,
                threads: 5,
            },
            |logins| Footprint {
                memory_kib: 1000,
                handles: 20 + logins,
                threads: 5,
            },
            |logins| Footprint {
                memory_kib: 1000,
                handles: 20,
                threads: 5 + logins,
            },
        ];
        for (leak, name) in leaks.into_iter().zip(["memory", "handles", "threads"]) {
            let error = growth(leak).check(ALLOWANCE).unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
        }
    }

    #[test]
    fn a_process_that_has_ended_has_no_footprint() {
        let own = Footprint::of(std::process::id()).unwrap();
        assert!(own.memory_kib > 0 && own.handles > 2 && own.threads > 0);
        assert!(Footprint::of(u32::MAX).is_err());
    }
}
