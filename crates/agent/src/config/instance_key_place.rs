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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Written {
        instance_key: InstanceKeyPlace,
    }

    fn read(value: &str) -> Result<InstanceKeyPlace, String> {
        let written: Result<Written, _> = toml::from_str(&format!("instance_key = {value}"));
        match written {
            Ok(written) => Ok(written.instance_key.within(Path::new("/etc/cardea"))),
            Err(error) => Err(error.message().to_owned()),
        }
    }

    #[test]
    fn a_place_is_a_word_or_a_token_and_paths_start_at_the_configuration() {
        assert_eq!(read("\"auto\""), Ok(InstanceKeyPlace::Automatic));
        assert_eq!(read("\"file\""), Ok(InstanceKeyPlace::File));
        for (naming, token) in [
            ("token_label = \"t\"", TokenName::Label("t".to_owned())),
            ("slot = 3", TokenName::Slot(3)),
        ] {
            let value =
                format!("{{ pkcs11 = {{ module = \"/m.so\", {naming}, pin_file = \"pin\" }} }}");
            let expected = InstanceKeyPlace::Pkcs11(TokenPlace {
                module: "/m.so".into(),
                token,
                pin_file: "/etc/cardea/pin".into(),
            });
            assert_eq!(read(&value), Ok(expected));
        }
    }

    #[test]
    fn anything_else_is_answered_with_the_form() {
        let token = |rest: &str| format!("{{ pkcs11 = {{ module = \"/m.so\", {rest} }} }}");
        for value in [
            "\"tpm\"".to_owned(),
            "true".to_owned(),
            token("pin_file = \"pin\""),
            token("token_label = \"t\", slot = 1, pin_file = \"pin\""),
            token("token_label = \"t\", pin = \"1234\""),
        ] {
            let refused = read(&value).unwrap_err();
            assert!(refused.contains("pin_file ="), "{value}: {refused}");
        }
    }
}
