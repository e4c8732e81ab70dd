//! The `backend` key: a word, or a table for what needs more than a word.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// What to write for a PKCS#11 module, in every error about one.
const PKCS11_FORM: &str = "`pkcs11` needs one key, `module`, the path of the vendor's library: \
    write backend = { pkcs11 = { module = \"/usr/lib/vendor-pkcs11.so\" } }";

/// How cards are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The PC/SC service for PIV cards, and an installed Cryptolib CPS for what is no PIV card.
    Automatic,
    /// The PC/SC service, for PIV cards only.
    Pcsc,
    /// A vendor's PKCS#11 module.
    Pkcs11 {
        /// The module's path.
        module: PathBuf,
    },
}

impl Backend {
    /// The same with a path that starts at the configuration's folder.
    #[must_use]
    pub(crate) fn within(self, folder: &Path) -> Self {
        match self {
            Self::Pkcs11 { module } => Self::Pkcs11 {
                module: folder.join(module),
            },
            other => other,
        }
    }
}

/// The table as it is written; what is wrong inside is told by [`PKCS11_FORM`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    pkcs11: toml::Value,
}

impl Table {
    fn module(&self) -> Option<PathBuf> {
        let table = self.pkcs11.as_table()?;
        let module = table.get("module")?.as_str()?;
        (table.len() == 1).then(|| module.into())
    }
}

impl<'de> Deserialize<'de> for Backend {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Backend;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("\"auto\", \"pcsc\" or a table for pkcs11")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Backend, E> {
        match word {
            "auto" => Ok(Backend::Automatic),
            "pcsc" => Ok(Backend::Pcsc),
            "pkcs11" => Err(E::custom(PKCS11_FORM)),
            other => Err(E::unknown_variant(other, &["auto", "pcsc", "pkcs11"])),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Backend, A::Error> {
        let module = Table::deserialize(MapAccessDeserializer::new(map))?.module();
        let module = module.ok_or_else(|| A::Error::custom(PKCS11_FORM))?;
        Ok(Backend::Pkcs11 { module })
    }
}
