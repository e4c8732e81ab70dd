//! Adds up the result lines of the test programs.

/// What all test programs together said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) failed_names: Vec<String>,
}

impl Summary {
    /// Reads one line of a test program's output; other lines are ignored.
    pub(super) fn read_line(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count_before(counts, " passed");
            self.failed += count_before(counts, " failed");
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failed_names.push(name.to_owned());
        }
    }

    /// Takes in how Cargo itself ended: a build that fails or a test program that crashes prints
    /// no result line, and must not count as nothing.
    pub(super) fn finish(&mut self, cargo_succeeded: bool) {
        if !cargo_succeeded && self.failed == 0 {
            self.failed = 1;
            self.failed_names
                .push("a test program did not build or did not end normally".into());
        }
    }

    /// Takes it for a failure that no test ran: a name that was mistyped, or that nothing has any
    /// more, must not pass for tests that were good.
    pub(super) fn demand_tests(&mut self, arguments: &[&str]) {
        let is_nothing_asked = arguments.iter().any(|it| RUN_NOTHING.contains(it));
        if self.passed + self.failed == 0 && !is_nothing_asked {
            self.failed = 1;
            self.failed_names.push(match arguments {
                [] => "no test ran".to_owned(),
                words => format!("no test ran: none fits `{}`", words.join(" ")),
            });
        }
    }
}

/// What asks `cargo test` to run nothing.
const RUN_NOTHING: [&str; 4] = ["--no-run", "--list", "--help", "-h"];

/// The number in front of `word` in `ok. 3 passed; 0 failed; …`.
fn count_before(counts: &str, word: &str) -> u64 {
    counts
        .split(word)
        .next()
        .and_then(|before| before.rsplit([' ', ';']).next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Summary;

    fn summary(lines: &[&str], cargo_succeeded: bool) -> Summary {
        let mut summary = Summary::default();
        lines.iter().for_each(|line| summary.read_line(line));
        summary.finish(cargo_succeeded);
        summary
    }

    const PASS: &str =
        "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; in 0.1s";
    const FAIL: &str =
        "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; in 0.1s";

    #[test]
    fn results_of_all_programs_are_added() {
        let sum = summary(&["running 12 tests", PASS, PASS], true);
        assert_eq!((sum.passed, sum.failed), (24, 0));
    }

    #[test]
    fn failures_are_counted_and_named() {
        let sum = summary(&["test login::works ... FAILED", PASS, FAIL], false);
        assert_eq!((sum.passed, sum.failed), (15, 2));
        assert_eq!(sum.failed_names, ["login::works"]);
    }

    #[test]
    fn words_that_no_test_has_in_its_name_are_a_failure() {
        const NONE: &str =
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 12 filtered out; in 0.1s";
        let after = |lines: &[&str], arguments: &[&str]| {
            let mut sum = summary(lines, true);
            sum.demand_tests(arguments);
            sum
        };
        let sum = after(&[NONE, NONE], &["logn"]);
        assert_eq!((sum.passed, sum.failed), (0, 1));
        assert_eq!(sum.failed_names, ["no test ran: none fits `logn`"]);
        assert_eq!(after(&[NONE, PASS], &["login"]).failed, 0);
        assert_eq!(after(&[], &["--no-run"]).failed, 0);
        assert_eq!(after(&[], &["login", "--", "--list"]).failed, 0);
        assert_eq!(after(&[NONE], &[]).failed, 1);
        // What did not build is told once.
        let mut broken = summary(&[], false);
        broken.demand_tests(&["login"]);
        assert_eq!(broken.failed_names.len(), 1);
    }

    #[test]
    fn a_program_that_prints_no_result_counts_as_a_failure() {
        assert_eq!(summary(&[PASS], false).failed, 1);
    }
}
