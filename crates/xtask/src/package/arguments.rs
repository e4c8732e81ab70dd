//! The options of `cargo xtask package`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Arguments {
    /// Where the packages go.
    pub(super) out: PathBuf,
    /// Whether two builds are to be compared instead.
    pub(super) check_reproducible: bool,
}

impl Arguments {
    pub(super) fn parse(words: &[&str]) -> Result<Self> {
        let mut arguments = Self {
            out: workspace::root().join("target/packages"),
            check_reproducible: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--out" => {
                    let folder = words.next().context("`--out` needs a folder after it")?;
                    arguments.out = std::path::absolute(folder)?;
                }
                "--check-reproducible" => arguments.check_reproducible = true,
                other => bail!("package has no option `{other}`; see `cargo xtask help`"),
            }
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
        assert!(
            Arguments::parse(&["--check-reproducible"])
                .unwrap()
                .check_reproducible
        );
        assert!(Arguments::parse(&["--out"]).is_err());
        assert!(Arguments::parse(&["--fast"]).is_err());
    }
}
