//! Costs by name, and their medians as a Markdown table.

use std::fmt::Write as _;
use std::time::Duration;

use crate::stopwatch::Cost;

/// Costs of the parts of many repetitions, in the order in which the parts came first.
#[derive(Default)]
pub(crate) struct Samples {
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    costs: Vec<Cost>,
}

impl Samples {
    pub(crate) fn add(&mut self, name: &'static str, cost: Cost) {
        match self.rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.costs.push(cost),
            None => self.rows.push(Row {
                name,
                costs: vec![cost],
            }),
        }
    }

    /// The median of a part: a disturbance of a few repetitions does not move it.
    pub(crate) fn median(&self, name: &str) -> Cost {
        Cost {
            cpu: self.quantile(name, 50, |cost| cost.cpu),
            wall: self.quantile(name, 50, |cost| cost.wall),
        }
    }

    /// CPU time that only five of a hundred repetitions exceed.
    pub(crate) fn slow(&self, name: &str) -> Duration {
        self.quantile(name, 95, |cost| cost.cpu)
    }

    fn quantile(&self, name: &str, percent: usize, of: impl Fn(&Cost) -> Duration) -> Duration {
        let row = self.rows.iter().find(|row| row.name == name);
        let costs = row.map(|row| row.costs.as_slice()).unwrap_or_default();
        let mut times: Vec<Duration> = costs.iter().map(of).collect();
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        times.get(last * percent / 100).copied().unwrap_or_default()
    }

    /// Medians of all parts.
    pub(crate) fn table(&self, title: &str) -> String {
        let mut table = format!("| {title} | CPU, µs | wall, µs |\n|---|---:|---:|\n");
        for row in &self.rows {
            let Cost { cpu, wall } = self.median(row.name);
            let (cpu, wall) = (microseconds(cpu), microseconds(wall));
            let _ = writeln!(table, "| {} | {cpu:.0} | {wall:.0} |", row.name);
        }
        table
    }
}

pub(crate) fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
