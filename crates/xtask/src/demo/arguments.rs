//! The options of `cargo xtask demo`.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::system::PinPolicy;

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// One login by itself, then end.
    pub(super) once: bool,
    /// A robot with a session of its own walks the look-up service, then end.
    pub(super) attack: bool,
    /// A PIN prompt that answers itself.
    pub(super) auto: bool,
    /// The result as one JSON document on stdout.
    pub(super) json: bool,
    /// TLS with a demo CA.
    pub(super) https: bool,
    /// More clients for the server.
    pub(super) clients: Option<PathBuf>,
    /// More certification authorities that the server trusts when it calls its clients.
    pub(super) trust: Option<PathBuf>,
    /// How often the PIN is asked.
    pub(super) pin_policy: PinPolicy,
}

impl Arguments {
    pub(super) fn parse(words: &[&str]) -> Result<Self> {
        let mut arguments = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--once" => arguments.once = true,
                "--attack" => arguments.attack = true,
                "--auto" => arguments.auto = true,
                "--json" => arguments.json = true,
                "--https" => arguments.https = true,
                "--clients" => {
                    let file = words.next().context("`--clients` needs a file after it")?;
                    arguments.clients = Some(PathBuf::from(file));
                }
                "--trust" => {
                    let file = words.next().context("`--trust` needs a file after it")?;
                    arguments.trust = Some(PathBuf::from(file));
                }
                "--pin-policy" => {
                    let name = words.next().copied().unwrap_or_default();
                    arguments.pin_policy = PinPolicy::named(name)
                        .context("`--pin-policy` needs `strict` or `pharmacy` after it")?;
                }
                other => bail!("demo has no option `{other}`; see `cargo xtask help`"),
            }
        }
        if arguments.once && arguments.auto {
            bail!("`--once` ends after a login and `--auto` stays up: choose one");
        }
        if arguments.attack && (arguments.once || arguments.auto) {
            bail!("`--attack` ends by itself: it stands without `--once` and `--auto`");
        }
        Ok(arguments)
    }

    /// Says what is wrong with a file before anything takes its time.
    pub(super) fn check_files(&self) -> Result<()> {
        for file in [&self.clients, &self.trust].into_iter().flatten() {
            File::open(file).with_context(|| format!("can't read {}", file.display()))?;
        }
        Ok(())
    }

    /// Whether nobody has to type the PIN.
    pub(super) fn answers_itself(&self) -> bool {
        self.once || self.auto || self.attack
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use crate::system::PinPolicy;

    #[test]
    fn every_option_of_the_contract_is_understood() {
        let arguments =
            Arguments::parse(&["--auto", "--clients", "c.toml", "--https", "--json"]).unwrap();
        assert!(arguments.auto && arguments.https && arguments.json && arguments.answers_itself());
        assert_eq!(arguments.clients.unwrap().to_str(), Some("c.toml"));
        let arguments = Arguments::parse(&["--trust", "ca.pem"]).unwrap();
        assert_eq!(arguments.trust.unwrap().to_str(), Some("ca.pem"));
        assert_eq!(arguments.pin_policy, PinPolicy::Strict);
        let arguments = Arguments::parse(&["--auto", "--pin-policy", "pharmacy"]).unwrap();
        assert_eq!(arguments.pin_policy, PinPolicy::Pharmacy);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let arguments = Arguments::parse(&["--clients", "no/such.toml"]).unwrap();
        let said = arguments.check_files().unwrap_err().to_string();
        assert!(said.contains("no/such.toml"), "{said}");
        let arguments = Arguments::parse(&["--clients", "Cargo.toml"]).unwrap();
        assert!(arguments.check_files().is_ok());
    }

    #[test]
    fn mistakes_are_named() {
        assert!(
            Arguments::parse(&["--onec"])
                .unwrap_err()
                .to_string()
                .contains("--onec")
        );
        assert!(Arguments::parse(&["--clients"]).is_err());
        assert!(Arguments::parse(&["--trust"]).is_err());
        assert!(Arguments::parse(&["--pin-policy"]).is_err());
        assert!(Arguments::parse(&["--pin-policy", "lax"]).is_err());
        assert!(Arguments::parse(&["--once", "--auto"]).is_err());
        assert!(Arguments::parse(&["--attack", "--auto"]).is_err());
        let arguments = Arguments::parse(&["--attack", "--json"]).unwrap();
        assert!(arguments.attack && arguments.answers_itself());
    }
}
