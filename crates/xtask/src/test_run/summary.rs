//! Adds up the result lines of the test programs.

/// What all test programs together said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) failed_names: Vec<String>,
    /// Test programs that began and have not said yet how it went.
    running: u64,
}

impl Summary {
    /// Reads one line of a test program's output; other lines are ignored.
    pub(super) fn read_line(&mut self, line: &str) {
        if is_beginning(line) {
            self.running += 1;
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.running = self.running.saturating_sub(1);
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
        if !cargo_succeeded && (self.failed == 0 || self.running > 0) {
            self.failed += 1;
            self.failed_names.push(NO_RESULT.into());
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

    /// The tests that failed, if that is all that went wrong: not where a program did not build or
    /// crashed, which no name stands for.
    pub(super) fn named_failures(&self) -> Vec<String> {
        let is_each_named = u64::try_from(self.failed_names.len()) == Ok(self.failed);
        if !is_each_named || self.failed_names.iter().any(|name| name == NO_RESULT) {
            return Vec::new();
        }
        self.failed_names.clone()
    }

    /// Counts those that failed as passed if they did pass when they ran again, and gives their
    /// names; none, if fewer ran again than failed, or a program gave no result.
    pub(super) fn take_second_try(&mut self, second: &Self) -> Vec<String> {
        let is_whole = second.passed + second.failed >= self.failed;
        if !is_whole || second.failed_names.iter().any(|name| name == NO_RESULT) {
            return Vec::new();
        }
        let (failed, passed): (Vec<_>, Vec<_>) = std::mem::take(&mut self.failed_names)
            .into_iter()
            .partition(|name| second.failed_names.contains(name));
        self.failed_names = failed;
        for _ in &passed {
            self.passed += 1;
            self.failed -= 1;
        }
        passed
    }
}

/// Stands for a test program that gave no result.
const NO_RESULT: &str = "a test program did not build or did not end normally";

/// What asks `cargo test` to run nothing.
const RUN_NOTHING: [&str; 4] = ["--no-run", "--list", "--help", "-h"];

/// `running 12 tests`, with which a test program begins.
fn is_beginning(line: &str) -> bool {
    line.strip_prefix("running ")
        .and_then(|rest| rest.strip_suffix(" tests").or(rest.strip_suffix(" test")))
        .is_some_and(|number| number.parse::<u64>().is_ok())
}

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

    const TWO_FAIL: [&str; 4] = [
        "running 5 tests",
        "test login::works ... FAILED",
        "test logout::works ... FAILED",
        FAIL,
    ];

    /// What is left of [`TWO_FAIL`] after a second run that said so.
    fn after_second(lines: &[&str], cargo_succeeded: bool) -> (Summary, Vec<String>) {
        let mut first = summary(&TWO_FAIL, false);
        assert_eq!(first.named_failures(), ["login::works", "logout::works"]);
        let passed = first.take_second_try(&summary(lines, cargo_succeeded));
        (first, passed)
    }

    #[test]
    fn what_passes_at_the_second_try_is_named_and_counted_as_passed() {
        let (sum, passed) = after_second(&["running 2 tests", PASS], true);
        assert_eq!((sum.passed, sum.failed), (5, 0));
        assert_eq!(passed, ["login::works", "logout::works"]);
    }

    #[test]
    fn what_fails_twice_has_failed() {
        let again = "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured";
        let lines = ["running 2 tests", "test logout::works ... FAILED", again];
        let (sum, passed) = after_second(&lines, false);
        assert_eq!((sum.passed, sum.failed), (4, 1));
        assert_eq!(passed, ["login::works"]);
        assert_eq!(sum.failed_names, ["logout::works"]);
    }

    #[test]
    fn a_second_try_that_did_not_take_place_mends_nothing() {
        let one = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured";
        for lines in [&[][..], &["running 1 test", one]] {
            let (sum, passed) = after_second(lines, true);
            assert_eq!((sum.passed, sum.failed), (3, 2));
            assert_eq!(passed, Vec::<String>::new());
        }
        assert_eq!(after_second(&["running 2 tests"], false).0.failed, 2);
    }

    #[test]
    fn a_program_that_crashes_beside_one_that_fails_is_not_forgotten() {
        let mut lines = TWO_FAIL.to_vec();
        lines.push("running 3 tests");
        let sum = summary(&lines, false);
        assert_eq!(sum.failed, 3);
        assert_eq!(sum.named_failures(), Vec::<String>::new());
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
