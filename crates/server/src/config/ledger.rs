//! `[ledger]`: the log that shows when it was changed (docs/ledger.md).

use std::path::{Path, PathBuf};

use cardea_transparency::KeyName;
use serde::Deserialize;

use super::check::check_range;
use super::database::DatabaseUrl;
use super::issuer::Issuer;
use super::load::invalid;
use crate::error::Error;

/// `[ledger]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LedgerConfig {
    /// The log's name, under which witnesses and verifiers know it: the issuer without its scheme,
    /// and `/log`, where it is absent.
    pub origin: Option<String>,
    /// Seconds after which an event has its place in the tree, under a signed checkpoint.
    pub checkpoint_seconds: u32,
    /// Where this node keeps what it signed last, outside of the database: beside SQLite's file
    /// where it is absent; with PostgreSQL nowhere then, and each start takes the database as it
    /// is.
    pub last_signed_file: Option<PathBuf>,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            origin: None,
            checkpoint_seconds: 1,
            last_signed_file: None,
        }
    }
}

impl LedgerConfig {
    /// The log's name.
    #[must_use]
    pub fn origin(&self, issuer: &Issuer) -> String {
        let issuer = issuer.as_str();
        let bare = issuer.split_once("://").map_or(issuer, |(_, bare)| bare);
        let default = || format!("{bare}/log");
        self.origin.clone().unwrap_or_else(default)
    }

    /// Where this node keeps what it signed last.
    #[must_use]
    pub fn last_signed_file(&self, database: &DatabaseUrl) -> Option<PathBuf> {
        let beside = || match database {
            DatabaseUrl::Sqlite(file) => {
                let mut name = file.as_os_str().to_owned();
                name.push(".last-signed");
                Some(PathBuf::from(name))
            }
            DatabaseUrl::Postgres(_) => None,
        };
        self.last_signed_file.clone().or_else(beside)
    }
}

/// Rules on the table.
pub(super) fn check_ledger(file: &Path, config: &LedgerConfig) -> Result<(), Error> {
    check_range(
        file,
        "ledger.checkpoint_seconds",
        config.checkpoint_seconds,
        1..=60,
    )?;
    let is_name = |it: &String| KeyName::new(it).is_ok();
    if config.origin.as_ref().is_some_and(|it| !is_name(it)) {
        return Err(invalid(
            file,
            None,
            "ledger.origin",
            "must be a name of at most 256 bytes without spaces and `+`, such as \
             \"login.example.fr/log\"",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{LedgerConfig, check_ledger};
    use crate::config::{DatabaseUrl, Issuer};

    fn check(text: &str) -> Result<LedgerConfig, String> {
        let config: LedgerConfig = toml::from_str(text).map_err(|it| it.to_string())?;
        check_ledger(Path::new("cardea.toml"), &config).map_err(|it| it.to_string())?;
        Ok(config)
    }

    #[test]
    fn the_log_goes_by_the_issuer_unless_it_is_named() {
        let issuer = Issuer::try_from("https://login.example.fr".to_owned()).unwrap();
        let config = check("").unwrap();
        assert_eq!(config.origin(&issuer), "login.example.fr/log");
        let config = check("origin = \"log.example.fr\"\ncheckpoint_seconds = 60").unwrap();
        assert_eq!(config.origin(&issuer), "log.example.fr");
    }

    #[test]
    fn what_was_signed_last_lies_beside_sqlite_or_where_the_file_says() {
        let database = |url: &str| DatabaseUrl::try_from(url.to_owned()).unwrap();
        let (sqlite, postgres) = (database("sqlite:///a/b.sqlite"), database("postgres:///b"));
        let default = check("").unwrap();
        let beside = default.last_signed_file(&sqlite);
        assert_eq!(
            beside.as_deref(),
            Some(Path::new("/a/b.sqlite.last-signed"))
        );
        assert_eq!(default.last_signed_file(&postgres), None);
        let named = check("last_signed_file = \"/c/d\"").unwrap();
        for url in [&sqlite, &postgres] {
            let file = named.last_signed_file(url);
            assert_eq!(file.as_deref(), Some(Path::new("/c/d")));
        }
    }

    #[test]
    fn what_is_no_name_or_no_time_is_refused_by_key() {
        for (text, key) in [
            ("origin = \"\"", "ledger.origin"),
            ("origin = \"a log\"", "ledger.origin"),
            ("origin = \"a+b\"", "ledger.origin"),
            ("checkpoint_seconds = 0", "ledger.checkpoint_seconds"),
            ("checkpoint_seconds = 61", "ledger.checkpoint_seconds"),
            ("interval = 1", "interval"),
        ] {
            let refused = check(text).unwrap_err();
            assert!(refused.contains(key), "{refused}");
        }
    }
}
