//! The options of `cargo xtask package`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Arguments {
    /// Where the packages go.
    pub(super) out: PathBuf,
    /// The commit of which two builds are to be compared instead.
    pub(super) check_reproducible: Option<String>,
}

impl Arguments {
    pub(super) fn parse(words: &[&str]) -> Result<Self> {
        let mut arguments = Self {
            out: workspace::root().join("target/packages"),
            check_reproducible: None,
        };
        let mut commit = None;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--out" => {
                    let folder = words.next().context("`--out` needs a folder after it")?;
                    arguments.out = std::path::absolute(folder)?;
                }
                "--check-reproducible" => {
                    arguments.check_reproducible = Some("HEAD".to_owned());
                }
                "--commit" => {
                    let named = words.next().context("`--commit` needs a commit after it")?;
                    commit = Some((*named).to_owned());
                }
                other => bail!("package has no option `{other}`; see `cargo xtask help`"),
            }
        }
        if commit.is_some() {
            if arguments.check_reproducible.is_none() {
                bail!("`--commit` goes with `--check-reproducible`");
            }
            arguments.check_reproducible = commit;
        }
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    #[test]
    fn a_folder_and_the_comparison_can_be_asked_for() {
        assert!(Arguments::parse(&[]).unwrap().out.ends_with("packages"));
        let given = Arguments::parse(&["--out", "/tmp/x"]).unwrap();
        assert_eq!(given.out, std::path::Path::new("/tmp/x"));
        let check = |words: &[&str]| Arguments::parse(words).unwrap().check_reproducible;
        assert_eq!(check(&[]), None);
        assert_eq!(check(&["--check-reproducible"]).unwrap(), "HEAD");
        let named = ["--commit", "v1", "--check-reproducible"];
        assert_eq!(check(&named).unwrap(), "v1");
        assert!(Arguments::parse(&["--commit", "v1"]).is_err());
        assert!(Arguments::parse(&["--out"]).is_err());
        assert!(Arguments::parse(&["--fast"]).is_err());
    }
}
