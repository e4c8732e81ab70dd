//! `cardea-agent unblock`: lets sites ask for the card again that the person had blocked.

use crate::Error;
use crate::blocked_sites::BlockedSites;
use crate::boot_clock::SinceBoot;
use crate::config::Config;

/// Unblocks one origin, or all; what to print.
///
/// # Errors
/// [`Error::StateUnusable`].
pub fn run(config: &Config, origin: Option<&str>) -> Result<String, Error> {
    let freed = BlockedSites::new(&config.state_dir).unblock(origin, SinceBoot::now())?;
    if freed.is_empty() {
        return Ok("no such site is blocked\n".to_owned());
    }
    let lines = freed.iter().map(|origin| format!("unblocked: {origin}\n"));
    Ok(lines.collect())
}
