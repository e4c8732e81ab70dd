//! `[state]` of guard.toml.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// Where the accounts' states are kept beyond this process.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateConfig {
    /// The file that survives a restart.
    pub(crate) snapshot_file: Option<PathBuf>,
    pub(super) snapshot_seconds: Between<1, 3_600>,
    /// Where several guards share their states.
    pub(crate) redis: Option<RedisConfig>,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self {
            snapshot_file: None,
            snapshot_seconds: Between(30),
            redis: None,
        }
    }
}

impl StateConfig {
    pub(crate) fn snapshot_every(&self) -> Duration {
        Duration::from_secs(self.snapshot_seconds.0)
    }
}

/// `[state.redis]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    pub(crate) host: String,
    #[serde(default = "usual_port")]
    pub(crate) port: u16,
    #[serde(default)]
    pub(crate) database: u8,
    pub(crate) user: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    /// Without it everything between guard and store can be read and changed on the way.
    #[serde(default = "yes")]
    pub(crate) tls: bool,
    /// The only authorities that the store's certificate may come from, where not the system's.
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(default = "usual_prefix")]
    pub(crate) prefix: String,
    #[serde(default)]
    connections: Connections,
    #[serde(default)]
    timeout_milliseconds: Timeout,
    #[serde(default)]
    kept_days: KeptDays,
}

fn usual_port() -> u16 {
    6379
}

fn yes() -> bool {
    true
}

fn usual_prefix() -> String {
    "cardea-guard:".to_owned()
}

impl RedisConfig {
    pub(crate) fn connections(&self) -> usize {
        usize::try_from(self.connections.0.0).unwrap_or(1)
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_milliseconds.0.0)
    }

    /// How long an account that does nothing is kept.
    pub(crate) fn kept_ms(&self) -> u64 {
        self.kept_days.0.0 * 86_400_000
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
struct Connections(Between<1, 256>);

impl Default for Connections {
    fn default() -> Self {
        Self(Between(8))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
struct Timeout(Between<10, 10_000>);

impl Default for Timeout {
    fn default() -> Self {
        Self(Between(250))
    }
}

/// Never less than patients are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
struct KeptDays(Between<36, 400>);

impl Default for KeptDays {
    fn default() -> Self {
        Self(Between(40))
    }
}

/// A number within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Between<const LEAST: u64, const MOST: u64>(u64);

impl<const LEAST: u64, const MOST: u64> TryFrom<u64> for Between<LEAST, MOST> {
    type Error = String;

    fn try_from(value: u64) -> Result<Self, String> {
        if (LEAST..=MOST).contains(&value) {
            return Ok(Self(value));
        }
        Err(format!("{value} is not from {LEAST} to {MOST}"))
    }
}
