//! `cardea-agent unblock`: lets sites ask for the card again that the person had blocked, or whose
//! prompts she had cancelled.

use std::fmt::Write as _;

use crate::Error;
use crate::blocked_sites::{BlockedSites, Rest, Resting};
use crate::boot_clock::SinceBoot;
use crate::business_software::Cancellations;
use crate::config::Config;

/// Lets the sites ask again that `site` names, by the portal's name or identifier or the login
/// page's origin, or all sites and programs; what to print.
///
/// # Errors
/// [`Error::StateUnusable`].
pub fn run(config: &Config, site: Option<&str>) -> Result<String, Error> {
    let (sites, now) = (BlockedSites::new(&config.state_dir), SinceBoot::now());
    let mut text = String::new();
    for freed in sites.unblock(site, now)? {
        let _ = writeln!(text, "{}: {}", past(freed.rest), named(&freed));
    }
    let programs = Cancellations::new(&config.state_dir);
    if site.is_none() && programs.seconds_left().is_some() {
        programs.forget()?;
        text.push_str("pause ended: programs of this computer\n");
    }
    if !text.is_empty() {
        return Ok(text);
    }
    let resting = sites.list(now);
    if resting.is_empty() {
        return Ok("no site is blocked or paused\n".to_owned());
    }
    text.push_str("no such site is blocked or paused; these are:\n");
    for site in &resting {
        let _ = writeln!(text, "  {}", described(site, now));
    }
    Ok(text)
}

/// One site that rests, for how long still.
pub(crate) fn described(site: &Resting, now: SinceBoot) -> String {
    let rest = match site.rest {
        Rest::Paused => "paused",
        Rest::Blocked => "blocked",
    };
    let minutes = site.seconds_left(now).div_ceil(60);
    format!("{rest} for {minutes} min: {}", named(site))
}

fn named(site: &Resting) -> String {
    let name = crate::display_text::for_display(&site.name);
    let (id, origin) = (&site.site.client_id, &site.site.origin);
    format!("{name} ({id}) through {origin}")
}

fn past(rest: Rest) -> &'static str {
    match rest {
        Rest::Paused => "pause ended",
        Rest::Blocked => "unblocked",
    }
}
