//! The configuration file `guard.toml`; `guard.example.toml` beside this crate explains every key.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{Error, LookUpsConfig, ServeConfig, SpoolConfig, StateConfig, TokenConfig};

mod budget;
mod rules;
mod signals;
mod unattended;

pub use budget::Budget;
pub use rules::Rules;
pub use signals::Signals;
pub use unattended::{Unattended, UnattendedBudget};

/// The longest configuration file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The configuration, checked. Other parts of the guard have a section each.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What acts are judged by.
    pub rules: Rules,
    /// Where the accounts' states are kept beyond this process.
    pub state: StateConfig,
    /// Whose access tokens are believed; needed to serve.
    pub token: Option<TokenConfig>,
    /// Where a proxy asks; needed to serve.
    pub serve: Option<ServeConfig>,
    /// Who tells what was looked up; without it acts are not counted.
    pub look_ups: Option<LookUpsConfig>,
    /// Where answers wait for the issuer; without it they are reported to nobody.
    pub reports: Option<SpoolConfig>,
}

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`Error::FileUnreadable`], or [`Error::ConfigInvalid`] with file, line, key and reason.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::FileUnreadable {
            file: path.to_path_buf(),
            source,
        };
        let length = std::fs::metadata(path).map_err(unreadable)?.len();
        if length > FILE_BYTES_MAX {
            return Err(invalid(path, 0, "(file)", "it has more than 1 MiB"));
        }
        Self::parse(&std::fs::read_to_string(path).map_err(unreadable)?, path)
    }

    /// Checks the text of a file.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let refused = |error: &toml::de::Error, key: &str| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(0, |before| before.matches('\n').count() + 1);
            invalid(path, line, key, error.message())
        };
        let document = toml::de::Deserializer::parse(text).map_err(|it| refused(&it, "(file)"))?;
        let config: Self = serde_path_to_error::deserialize(document).map_err(|error| {
            let key = error.path().to_string();
            refused(error.inner(), &key)
        })?;
        config.check_tables(path)?;
        Ok(config)
    }

    /// What one table says of another.
    fn check_tables(&self, path: &Path) -> Result<(), Error> {
        // What the issuer takes of it in a report: people read it, and a card signs it.
        let is_letter = |it: u8| it.is_ascii_alphanumeric() || b"._-".contains(&it);
        let is_name = |it: &str| (1..=44).contains(&it.len()) && it.bytes().all(is_letter);
        if self
            .look_ups
            .as_ref()
            .is_some_and(|it| !is_name(&it.service))
        {
            let reason = "a service has 1 to 44 of A-Z, a-z, 0-9, ., _ and -";
            return Err(invalid(path, 0, "look_ups.service", reason));
        }
        if self.reports.is_none() {
            return Ok(());
        }
        let refused = |reason| Err(invalid(path, 0, "reports", reason));
        if self.look_ups.is_none() {
            return refused("there is no table look_ups: nothing would be reported");
        }
        match &self.token {
            Some(token) if !token.has_client() => {
                refused("token.client_id is missing: the issuer takes reports of its clients alone")
            }
            _ => Ok(()),
        }
    }
}

fn invalid(file: &Path, line: usize, key: &str, reason: &str) -> Error {
    Error::ConfigInvalid {
        file: PathBuf::from(file),
        line,
        key: key.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
