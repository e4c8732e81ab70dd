//! The options of `cargo xtask soak`.

use anyhow::{Context, Result, bail};

use crate::soak::target::{TARGETS, Target};

/// Ten minutes: new coverage has become rare by then.
const SECONDS: u32 = 600;
/// The agent's long run.
const AGENT: &str = "agent";

/// What was asked for.
pub(super) struct Arguments {
    pub(super) targets: Vec<&'static Target>,
    /// Whether the agent's long run is wanted.
    pub(super) agent: bool,
    /// How long each target, and the agent beside other programs, runs.
    pub(super) seconds: u32,
    /// Whether what is found goes into the kept corpus.
    pub(super) keep: bool,
    /// Whether the public test suites beside the project are read as well.
    pub(super) suites: bool,
}

impl Arguments {
    pub(super) fn parse(words: &[&str]) -> Result<Self> {
        let mut arguments = Self {
            targets: Vec::new(),
            agent: false,
            seconds: SECONDS,
            keep: false,
            suites: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--keep" => arguments.keep = true,
                "--suites" => arguments.suites = true,
                "--seconds" => {
                    let number = words.next().and_then(|word| word.parse().ok());
                    let number = number.filter(|seconds| *seconds > 0);
                    arguments.seconds = number.context("`--seconds` needs a number after it")?;
                }
                option if option.starts_with('-') => {
                    bail!("soak has no option `{option}`; see `cargo xtask help`")
                }
                AGENT => arguments.agent = true,
                name => arguments.targets.push(find(name)?),
            }
        }
        if arguments.keep && arguments.suites {
            bail!("`--suites` starts from other people's files, of which nothing is kept");
        }
        if arguments.targets.is_empty() && !arguments.agent {
            arguments.targets = TARGETS.iter().collect();
            arguments.agent = true;
        }
        Ok(arguments)
    }
}

fn find(name: &str) -> Result<&'static Target> {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.with_context(|| {
        let known = TARGETS.iter().map(|target| target.name);
        let known: Vec<&str> = known.chain([AGENT]).collect();
        format!("no such target: `{name}`; there are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::{Arguments, SECONDS, TARGETS};

    fn parse(words: &[&str]) -> Result<(usize, u32, bool), String> {
        let parsed = Arguments::parse(words).map_err(|error| error.to_string())?;
        Ok((parsed.targets.len(), parsed.seconds, parsed.keep))
    }

    #[test]
    fn without_a_name_all_targets_run_for_ten_minutes() {
        assert_eq!(parse(&[]), Ok((TARGETS.len(), SECONDS, false)));
        assert_eq!(
            parse(&["crl", "--seconds", "5", "--keep"]),
            Ok((1, 5, true))
        );
    }

    #[test]
    fn the_agents_run_comes_alone_when_it_is_named_and_with_all_the_rest() {
        let agent = |words: &[&str]| {
            let parsed = Arguments::parse(words).unwrap();
            (parsed.targets.len(), parsed.agent)
        };
        assert_eq!(agent(&["agent"]), (0, true));
        assert_eq!(agent(&["crl"]), (1, false));
        assert_eq!(agent(&[]), (TARGETS.len(), true));
    }

    #[test]
    fn what_is_unknown_is_answered_with_what_is_known() {
        let error = parse(&["crls"]).unwrap_err();
        assert!(error.contains("certificate"), "{error}");
        for words in [
            &["--minutes"][..],
            &["--seconds"],
            &["--seconds", "0"],
            &["--keep", "--suites"],
        ] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }
}
