//! `[ledger]`: the log that shows when it was changed (docs/ledger.md).

use std::path::{Path, PathBuf};

use cardea_transparency::{KeyName, SignatureKind, VerifierKey};
use serde::Deserialize;
use url::Url;

use super::check::check_range;
use super::database::DatabaseUrl;
use super::issuer::{Issuer, is_loopback};
use super::load::invalid;
use super::{Config, TestCardsConfig};
use crate::error::Error;

/// A note has room for thirty-two signatures, and each of these is asked for each checkpoint.
const WITNESSES_MAX: usize = 16;
/// As many as agents are told of.
const RESTORE_RECORDS_MAX: usize = 8;

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
    /// Programs of others that cosign checkpoints (docs/witness.md).
    pub witness: Vec<LedgerWitnessConfig>,
    /// How many of them must cosign; all of them where it is absent.
    pub quorum: Option<u32>,
    /// Seconds between two checkpoints that they are asked to cosign.
    pub witness_seconds: u32,
    /// Whether a service for real cards may do without any.
    pub witness_policy: WitnessPolicy,
    /// Restore records that witnesses have cosigned, for the agents that want that.
    pub restore_records: Vec<PathBuf>,
}

/// `[[ledger.witness]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LedgerWitnessConfig {
    /// Where it is asked: `/add-checkpoint` comes behind it.
    pub url: WitnessUrl,
    /// What its cosignatures are verified by: `name+id+key`.
    pub verifier_key: WitnessKey,
}

/// The address of a witness: https, or http on this very machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WitnessUrl(Url);

/// The verifier key of a witness.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WitnessKey(VerifierKey);

/// `witness_policy`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WitnessPolicy {
    /// A service that takes real cards and is reached from elsewhere names a witness.
    #[default]
    Required,
    /// It names none: whoever has its database and its key can write another history, and each
    /// start and `/readyz` say so.
    Waived,
}

impl WitnessUrl {
    /// Where checkpoints are sent.
    #[must_use]
    pub fn add_checkpoint(&self) -> Url {
        let mut url = self.0.clone();
        let path = format!("{}/add-checkpoint", self.0.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }
}

impl TryFrom<String> for WitnessUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let url = Url::parse(&text).map_err(|_| "is not a URL")?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err("must use https: plain http is accepted for a loopback address only"),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must have no query and no fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must name no user");
        }
        Ok(Self(url))
    }
}

impl WitnessKey {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.0
    }
}

impl TryFrom<String> for WitnessKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let key = VerifierKey::parse(text.trim()).map_err(|error| error.to_string())?;
        match key.kind() {
            SignatureKind::Cosignature => Ok(Self(key)),
            SignatureKind::Ed25519 => {
                Err("is a log's key; `cardea-witness key` prints a witness's".to_owned())
            }
        }
    }
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            origin: None,
            checkpoint_seconds: 1,
            last_signed_file: None,
            witness: Vec::new(),
            quorum: None,
            witness_seconds: 10,
            witness_policy: WitnessPolicy::default(),
            restore_records: Vec::new(),
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

    /// How many witnesses must cosign.
    #[must_use]
    pub fn quorum(&self) -> u32 {
        let all = u32::try_from(self.witness.len()).unwrap_or(u32::MAX);
        self.quorum.unwrap_or(all)
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
    let key = "ledger.witness_seconds";
    check_range(file, key, config.witness_seconds, 1..=3600)?;
    if config.restore_records.len() > RESTORE_RECORDS_MAX {
        let reason = format!("must name at most {RESTORE_RECORDS_MAX} files");
        return Err(invalid(file, None, "ledger.restore_records", reason));
    }
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
    check_witnesses(file, config)
}

fn check_witnesses(file: &Path, config: &LedgerConfig) -> Result<(), Error> {
    let witnesses = &config.witness;
    if witnesses.len() > WITNESSES_MAX {
        let reason = format!("must not stand there more than {WITNESSES_MAX} times");
        return Err(invalid(file, None, "ledger.witness", reason));
    }
    for (index, witness) in witnesses.iter().enumerate() {
        let mut before = witnesses.iter().take(index);
        // One that counts twice would be a quorum alone.
        let is_same = |it: &LedgerWitnessConfig| {
            let (one, other) = (it.verifier_key.key(), witness.verifier_key.key());
            one.name() == other.name() || one.public() == other.public() || it.url == witness.url
        };
        if before.any(is_same) {
            let key = format!("ledger.witness[{index}]");
            let reason = "must have another url and another key than those before it";
            return Err(invalid(file, None, &key, reason));
        }
    }
    let all = u32::try_from(witnesses.len()).unwrap_or(u32::MAX);
    match config.quorum {
        Some(quorum) if !(1..=all.max(1)).contains(&quorum) || all == 0 => {
            let reason = "must be 1 to the number of [[ledger.witness]]";
            Err(invalid(file, None, "ledger.quorum", reason))
        }
        _ => Ok(()),
    }
}

/// Who runs the log could write another history and sign it, so that people's own log means
/// something only where somebody else watches.
pub(super) fn check_watched(file: &Path, config: &Config) -> Result<(), Error> {
    let ledger = &config.ledger;
    let mut anchors = config.trust_anchor.iter();
    let takes_real_cards = anchors.any(|it| it.test_cards != TestCardsConfig::Require);
    let is_reached = !is_loopback(config.issuer.url());
    let is_waived = ledger.witness_policy == WitnessPolicy::Waived;
    // One on this machine is in the hands of whoever has the log.
    let is_elsewhere = |it: &LedgerWitnessConfig| !is_loopback(&it.url.0);
    let is_watched = ledger.witness.iter().any(is_elsewhere);
    if is_watched && is_waived {
        let reason = "must not be \"waived\" beside a [[ledger.witness]] on another machine";
        return Err(invalid(file, None, "ledger.witness_policy", reason));
    }
    if takes_real_cards && is_reached && !is_watched && !is_waived {
        return Err(invalid(
            file,
            None,
            "ledger.witness_policy",
            "is \"required\", and no [[ledger.witness]] on another machine is named: a service \
             that takes real cards needs a program of somebody else that sees its log grow \
             (docs/witness.md); until there is one, \"waived\" starts the server, which goes on \
             warning",
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
            ("witness_seconds = 0", "ledger.witness_seconds"),
            ("quorum = 1", "ledger.quorum"),
        ] {
            let refused = check(text).unwrap_err();
            assert!(refused.contains(key), "{refused}");
        }
    }
    const KEYS: [&str; 2] = [
        "witness.example.org+8584107c+BAnuhGOx0bEbbR9f+/ZuTlPXR2WUiFSvKdgJHRLCX87Z",
        "other.example.org+0ad1cfdf+BPV9tQxe70ksf/EUhkmb2MYPIqMWLxjgnmdv5PeNj90L",
    ];

    fn witnesses(rest: &str, entries: &[(&str, &str)]) -> String {
        let mut text = format!("{rest}\n");
        for (url, key) in entries {
            text += &format!("[[witness]]\nurl = \"{url}\"\nverifier_key = \"{key}\"\n");
        }
        text
    }

    #[test]
    fn witnesses_are_asked_over_https_and_all_of_them_count() {
        let [one, other] = KEYS;
        let both = [
            ("https://w.example.org/a/", one),
            ("http://127.0.0.1:1", other),
        ];
        let config = check(&witnesses("", &both)).unwrap();
        assert_eq!(config.quorum(), 2);
        let urls = config.witness.iter().map(|it| it.url.add_checkpoint());
        let urls: Vec<String> = urls.map(Into::into).collect();
        let expected = [
            "https://w.example.org/a/add-checkpoint",
            "http://127.0.0.1:1/add-checkpoint",
        ];
        assert_eq!(urls, expected);
        assert_eq!(check(&witnesses("quorum = 1", &both)).unwrap().quorum(), 1);
        assert_eq!(check("").unwrap().quorum(), 0);
    }

    #[test]
    fn what_is_no_witness_is_refused_by_key() {
        let [one, other] = KEYS;
        let url = "https://w.example.org";
        let log = "log.example.org+1fbbf4c1+AUapGavkcZE3yRgqUejohRqgYqX8yIyM6884Tw8hCHmu";
        for (rest, entries, said) in [
            ("", vec![("http://w.example.org", one)], "must use https"),
            ("", vec![("https://w.example.org?a", one)], "no query"),
            ("", vec![("https://a@w.example.org", one)], "no user"),
            ("", vec![(url, "w.example.org")], "verifier_key"),
            ("", vec![(url, log)], "verifier_key"),
            (
                "",
                vec![(url, one), ("https://x.example", one)],
                "ledger.witness[1]",
            ),
            ("", vec![(url, one), (url, other)], "ledger.witness[1]"),
            ("quorum = 2", vec![(url, one)], "ledger.quorum"),
            ("quorum = 0", vec![(url, one)], "ledger.quorum"),
        ] {
            let refused = check(&witnesses(rest, &entries)).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }
}
