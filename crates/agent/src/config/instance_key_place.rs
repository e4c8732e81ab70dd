//! The `instance_key` key: where the key lives that tells this agent from every other.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// What to write for a token, in every error about one.
const PKCS11_FORM: &str = "write \"auto\", \"file\" or { pkcs11 = { module = \
    \"/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so\", token_label = \"cardea-agent\", \
    pin_file = \"instance-key-pin\" } }, with token_label or slot";

/// Where the instance key lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InstanceKeyPlace {
    /// In the TPM where one was set up for the agent, else in a file.
    #[default]
    Automatic,
    /// In a file of the agent's user.
    File,
    /// In a token of a PKCS#11 module.
    Pkcs11(TokenPlace),
}

/// A token of a PKCS#11 module, and the file of its PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPlace {
    /// The module's path.
    pub module: PathBuf,
    /// Which of its tokens.
    pub token: TokenName,
    /// The file that holds the token's PIN: the agent's user's alone.
    pub pin_file: PathBuf,
}

/// How a token is told from the module's others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenName {
    /// By its label.
    Label(String),
    /// By the number of its slot.
    Slot(u64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    pkcs11: RawToken,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawToken {
    module: PathBuf,
    token_label: Option<String>,
    slot: Option<u64>,
    pin_file: PathBuf,
}

impl InstanceKeyPlace {
    /// The same with paths that start at the configuration's folder.
    #[must_use]
    pub(crate) fn within(self, folder: &Path) -> Self {
        match self {
            Self::Pkcs11(place) => Self::Pkcs11(TokenPlace {
                module: folder.join(place.module),
                pin_file: folder.join(place.pin_file),
                ..place
            }),
            other => other,
        }
    }
}

impl<'de> Deserialize<'de> for InstanceKeyPlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = || D::Error::custom(PKCS11_FORM);
        let value = toml::Value::deserialize(deserializer)?;
        match value.as_str() {
            Some("auto") => return Ok(Self::Automatic),
            Some("file") => return Ok(Self::File),
            _ => {}
        }
        let table: Table = value.try_into().map_err(|_| form())?;
        let raw = table.pkcs11;
        let token = match (raw.token_label, raw.slot) {
            (Some(label), None) => TokenName::Label(label),
            (None, Some(slot)) => TokenName::Slot(slot),
            _ => return Err(form()),
        };
        Ok(Self::Pkcs11(TokenPlace {
            module: raw.module,
            token,
            pin_file: raw.pin_file,
        }))
    }
}
