//! `[look_ups]` of guard.toml.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::address_range::AddressRange;

/// Who tells the guard what was looked up. Without this table acts are not counted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookUpsConfig {
    /// The name of the service in `[rules]`.
    pub service: String,
    /// The keys that the portal's adapter shares.
    pub keys_file: PathBuf,
    /// The portals that may ask, by address; the machine itself where it is left out.
    #[serde(default = "loopback")]
    pub(crate) portals: Vec<AddressRange>,
    /// A Unix socket for the operator, by which a stop is lifted.
    pub admin_socket: Option<PathBuf>,
}

fn loopback() -> Vec<AddressRange> {
    let both = ["127.0.0.1", "::1"].into_iter();
    both.filter_map(|address| address.parse().ok()).collect()
}

impl LookUpsConfig {
    /// A service whose statements are made in this process or by portals of this machine.
    #[must_use]
    pub fn new(service: impl Into<String>, keys_file: impl Into<PathBuf>) -> Self {
        Self {
            service: service.into(),
            keys_file: keys_file.into(),
            portals: loopback(),
            admin_socket: None,
        }
    }

    /// The same, with files that lie below a folder unless their paths are absolute.
    #[must_use]
    pub fn below(mut self, folder: &Path) -> Self {
        self.keys_file = folder.join(self.keys_file);
        self.admin_socket = self.admin_socket.map(|socket| folder.join(socket));
        self
    }
}
