//! The configuration file `witness.toml`; `witness.example.toml` beside this crate explains every
//! key.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use cardea_transparency::{KeyName, ORIGIN_BYTES_MAX, SignatureKind, VerifierKey};
use serde::{Deserialize, Deserializer};

use crate::Error;

/// The longest configuration file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
const LOGS_MAX: usize = 1024;
const KEYS_OF_A_LOG_MAX: usize = 16;
const PORT: u16 = 47_180;

/// The configuration, checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name in the witness's own signatures.
    #[serde(deserialize_with = "key_name")]
    pub name: KeyName,
    /// Its private key.
    pub key_file: PathBuf,
    /// Where it keeps what it cosigned last.
    pub state_folder: PathBuf,
    /// Where it listens.
    #[serde(default)]
    pub serve: ServeConfig,
    /// The logs that it watches; none yet where its key is made first.
    #[serde(rename = "log", default, deserialize_with = "logs")]
    pub logs: Vec<LogConfig>,
}

/// `[serve]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawServeConfig")]
pub struct ServeConfig {
    /// The address.
    pub listen: SocketAddr,
    /// The most connections at a time.
    pub connections_max: u32,
    /// The most requests at work at a time.
    pub requests_max: u32,
    /// How long a stop waits for requests that are at work.
    pub stop_seconds: u32,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawServeConfig {
    listen: Option<SocketAddr>,
    connections_max: Option<u32>,
    requests_max: Option<u32>,
    stop_seconds: Option<u32>,
    #[serde(default)]
    plain_http_on_the_network: bool,
}

/// `[[log]]`: a log that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// The first line of its checkpoints.
    #[serde(deserialize_with = "origin")]
    pub origin: String,
    /// The keys that it signs with; several while it changes them.
    #[serde(deserialize_with = "log_keys")]
    pub keys: Vec<VerifierKey>,
}

impl Config {
    /// Reads and checks the file; files that it names lie beside it.
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
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let mut config = Self::parse(&text, path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.key_file = folder.join(config.key_file);
        config.state_folder = folder.join(config.state_folder);
        Ok(config)
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
        serde_path_to_error::deserialize(document).map_err(|error| {
            let key = error.path().to_string();
            refused(error.inner(), &key)
        })
    }

    /// The log of this origin.
    #[must_use]
    pub fn log(&self, origin: &str) -> Option<&LogConfig> {
        self.logs.iter().find(|log| log.origin == origin)
    }
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            connections_max: 256,
            requests_max: 32,
            stop_seconds: 10,
        }
    }
}

impl TryFrom<RawServeConfig> for ServeConfig {
    type Error = String;

    fn try_from(raw: RawServeConfig) -> Result<Self, String> {
        let usual = Self::default();
        let listen = raw.listen.unwrap_or(usual.listen);
        // Every answer is signed and nothing in it is secret, but who stands in between could
        // hold back what a log needs; TLS belongs into the proxy in front.
        if !listen.ip().to_canonical().is_loopback() && !raw.plain_http_on_the_network {
            return Err(
                "listen: beyond this machine a proxy with TLS belongs in front; \
                 plain_http_on_the_network = true allows it without"
                    .to_owned(),
            );
        }
        let within = |name: &str, value: Option<u32>, usual: u32, most: u32| {
            let value = value.unwrap_or(usual);
            if (1..=most).contains(&value) {
                Ok(value)
            } else {
                Err(format!("{name}: from 1 to {most}"))
            }
        };
        let (connections, requests) = (usual.connections_max, usual.requests_max);
        Ok(Self {
            listen,
            connections_max: within("connections_max", raw.connections_max, connections, 65_536)?,
            requests_max: within("requests_max", raw.requests_max, requests, 1_024)?,
            stop_seconds: within("stop_seconds", raw.stop_seconds, usual.stop_seconds, 300)?,
        })
    }
}

fn key_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeyName, D::Error> {
    let text = String::deserialize(deserializer)?;
    KeyName::new(&text).map_err(serde::de::Error::custom)
}

fn origin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_line = !text.is_empty() && text.len() <= ORIGIN_BYTES_MAX && !text.contains('\n');
    if is_line {
        Ok(text)
    } else {
        Err(serde::de::Error::custom(
            "an origin is one line of a checkpoint",
        ))
    }
}

fn log_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<VerifierKey>, D::Error> {
    use serde::de::Error as _;
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.is_empty() || texts.len() > KEYS_OF_A_LOG_MAX {
        return Err(D::Error::custom("a log has 1 to 16 keys"));
    }
    texts
        .iter()
        .map(|text| {
            let key = VerifierKey::parse(text).map_err(D::Error::custom)?;
            // A witness's key in place of the log's would let that witness speak for the log.
            if key.kind() == SignatureKind::Ed25519 {
                Ok(key)
            } else {
                Err(D::Error::custom("this is a witness's key, not a log's"))
            }
        })
        .collect()
}

fn logs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LogConfig>, D::Error> {
    use serde::de::Error as _;
    let logs = Vec::<LogConfig>::deserialize(deserializer)?;
    if logs.len() > LOGS_MAX {
        return Err(D::Error::custom("a witness watches 1024 logs at most"));
    }
    let mut origins: Vec<&str> = logs.iter().map(|log| log.origin.as_str()).collect();
    origins.sort_unstable();
    origins.dedup();
    if origins.len() < logs.len() {
        return Err(D::Error::custom("two logs have the same origin"));
    }
    Ok(logs)
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
