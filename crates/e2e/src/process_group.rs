//! Browsers start processes of their own, which outlast them.

use std::process::{Command, Stdio};

/// Kills every process in the group that `leader` leads; nothing where it has ended already.
pub(crate) fn kill(leader: Option<u32>) {
    let Some(leader) = leader else {
        return;
    };
    let _ = Command::new("kill")
        .args(["-KILL", "--", &format!("-{leader}")])
        .stderr(Stdio::null())
        .status();
}
