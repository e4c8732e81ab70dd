//! What libFuzzer says about a run, out of its log.

/// The table's heading.
pub(super) const HEADING: &str = "\
| target | inputs run | a second | edges covered | features | corpus | peak memory, MiB | outcome |
|---|---:|---:|---:|---:|---:|---:|---|
";

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    executions: u64,
    executions_per_second: u64,
    memory_mebibytes: u64,
    /// Edges of the control flow that some input took.
    edges: u64,
    /// Edges with how often they were taken, and comparisons with how close they came.
    features: u64,
    /// Inputs that each reach something of their own.
    corpus: u64,
    /// Why it failed, if it did.
    pub(super) failure: Option<String>,
}

impl Report {
    pub(super) fn read(log: &str, success: bool) -> Self {
        let mut report = Self::default();
        for line in log.lines() {
            if let Some(statistic) = line.strip_prefix("stat::") {
                report.read_statistic(statistic);
            } else if line.starts_with('#') && line.contains(" cov: ") {
                report.edges = number_after(line, "cov:").unwrap_or(report.edges);
                report.features = number_after(line, "ft:").unwrap_or(report.features);
                report.corpus = number_after(line, "corp:").unwrap_or(report.corpus);
            }
        }
        if !success {
            report.failure = Some(cause(log));
        }
        report
    }

    fn read_statistic(&mut self, statistic: &str) {
        let Some((name, value)) = statistic.split_once(':') else {
            return;
        };
        let field = match name {
            "number_of_executed_units" => &mut self.executions,
            "average_exec_per_sec" => &mut self.executions_per_second,
            "peak_rss_mb" => &mut self.memory_mebibytes,
            _ => return,
        };
        *field = value.trim().parse().unwrap_or_default();
    }

    pub(super) fn row(&self, name: &str) -> String {
        format!(
            "| `{name}` | {} | {} | {} | {} | {} | {} | {} |\n",
            self.executions,
            self.executions_per_second,
            self.edges,
            self.features,
            self.corpus,
            self.memory_mebibytes,
            self.failure.as_deref().unwrap_or("no crash, no hang"),
        )
    }
}

/// The number that comes after `name`, up to a slash: `corp: 12/34Kb` has 12 inputs.
fn number_after(line: &str, name: &str) -> Option<u64> {
    let (_, rest) = line.split_once(name)?;
    let digits = rest.trim_start();
    let end = digits
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

/// The line that says most: a broken invariant's, the sanitizer's, libFuzzer's.
fn cause(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let after_panic = lines.windows(2).find_map(|pair| match pair {
        [first, second] if first.contains(" panicked at ") => Some(*second),
        _ => None,
    });
    let said = |mark: &str| lines.iter().copied().find(|line| line.contains(mark));
    after_panic
        .or_else(|| said("SUMMARY: "))
        .or_else(|| said("ERROR: "))
        .unwrap_or("it ended with an error and said nothing")
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::Report;

    const LOG: &str = "\
#642\tINITED cov: 2689 ft: 6708 corp: 489/296Kb exec/s: 0 rss: 74Mb
#738\tREDUCE cov: 2690 ft: 6709 corp: 490/296Kb lim: 24640 exec/s: 0 rss: 75Mb L: 356/1905
Done 738 runs in 11 second(s)
stat::number_of_executed_units: 738
stat::average_exec_per_sec:     67
stat::peak_rss_mb:              551
";

    #[test]
    fn the_last_line_and_the_statistics_make_the_row() {
        let report = Report::read(LOG, true);
        assert_eq!(report.failure, None);
        let row = report.row("crl");
        assert_eq!(
            row,
            "| `crl` | 738 | 67 | 2690 | 6709 | 490 | 551 | no crash, no hang |\n"
        );
    }

    #[test]
    fn a_failed_run_says_why() {
        let why = |more: &str| {
            Report::read(&format!("{LOG}{more}"), false)
                .failure
                .unwrap()
        };
        assert_eq!(
            why("thread 'x' (7) panicked at src/crl.rs:1:2:\na listed card passed\n"),
            "a listed card passed"
        );
        assert_eq!(
            why("==1== ERROR: libFuzzer: timeout after 11 seconds\n"),
            "==1== ERROR: libFuzzer: timeout after 11 seconds"
        );
        assert!(!why("").is_empty());
    }
}
