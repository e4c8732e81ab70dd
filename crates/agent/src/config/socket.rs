//! Where the agent's own socket stands, and which browser extensions may reach it.

use std::path::{Path, PathBuf};

use super::{Environment, invalid};
use crate::Error;

/// The socket's name in its folder.
const NAME: &str = "agent.sock";

/// The configured path, else in the user's folder for sockets, else with the agent's state.
pub(super) fn path(
    configured: Option<PathBuf>,
    folder: &Path,
    environment: &Environment,
    state_dir: &Path,
) -> PathBuf {
    match (configured, &environment.runtime_dir) {
        (Some(path), _) => folder.join(path),
        (None, Some(runtime_dir)) => runtime_dir.join("cardea-agent").join(NAME),
        (None, None) => state_dir.join(NAME),
    }
}

/// Checks the form of extension ids: Chromium's 32 letters from a to p, or Gecko's name@domain.
pub(super) fn extensions(ids: Vec<String>, path: &Path) -> Result<Vec<String>, Error> {
    let chromium =
        |id: &str| id.len() == 32 && id.bytes().all(|byte| (b'a'..=b'p').contains(&byte));
    let gecko = |id: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._-".contains(&byte);
        id.len() <= 80 && id.contains('@') && id.bytes().all(plain)
    };
    match ids.iter().find(|id| !chromium(id) && !gecko(id)) {
        None => Ok(ids),
        Some(id) => Err(invalid(
            path,
            "browser_extensions",
            format!("{id:?} is the id of no extension"),
        )),
    }
}
