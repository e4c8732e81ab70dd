//! `cardea-agent unblock`: lets sites ask for the card again that the person had blocked, or whose
//! prompts she had cancelled.

use std::fmt::Write as _;

use crate::Error;
use crate::blocked_sites::{Asking, BlockedSites, Rest, Resting};
use crate::boot_clock::SinceBoot;
use crate::business_software::Cancellations;
use crate::config::Config;
use crate::language::Language;

/// Lets the sites ask again that `site` names, by the portal's name or identifier or the login
/// page's origin, or all sites and programs; what to print.
///
/// # Errors
/// [`Error::StateUnusable`].
pub fn run(config: &Config, site: Option<&str>) -> Result<String, Error> {
    let language = config.language;
    let (sites, now) = (BlockedSites::new(&config.state_dir), SinceBoot::now());
    let mut text = String::new();
    for freed in sites.unblock(site, now)? {
        let (past, named) = (past(freed.rest, language), named(&freed, language));
        let _ = writeln!(text, "{past} {named}");
    }
    let programs = Cancellations::new(&config.state_dir);
    if site.is_none() && programs.seconds_left().is_some() {
        programs.forget()?;
        text.push_str(language.say(
            "pause terminée\u{a0}: programmes de cet ordinateur\n",
            "pause ended: programs of this computer\n",
        ));
    }
    if !text.is_empty() {
        return Ok(text);
    }
    let resting = sites.list(now);
    if resting.is_empty() {
        let none = (
            "aucun site n’est bloqué ni en pause\n",
            "no site is blocked or paused\n",
        );
        return Ok(language.say(none.0, none.1).to_owned());
    }
    text.push_str(language.say(
        "aucun site de ce nom n’est bloqué ni en pause\u{a0}; voici ceux qui le sont\u{a0}:\n",
        "no such site is blocked or paused; these are:\n",
    ));
    for site in &resting {
        let _ = writeln!(text, "  {}", described(site, now, language));
    }
    Ok(text)
}

/// One site that rests, for how long still.
pub(crate) fn described(site: &Resting, now: SinceBoot, language: Language) -> String {
    let rest = match site.rest {
        Rest::Paused => language.say("en pause", "paused"),
        Rest::Blocked => language.say("bloqué", "blocked"),
    };
    let minutes = site.seconds_left(now).div_ceil(60);
    let named = named(site, language);
    match language {
        Language::French => format!("{rest} encore {minutes}\u{a0}min\u{a0}: {named}"),
        Language::English => format!("{rest} for {minutes} min: {named}"),
    }
}

fn named(site: &Resting, language: Language) -> String {
    let name = crate::display_text::for_display(&site.name);
    let (id, origin) = (&site.site.client_id, &site.site.origin);
    let through = language.say("par", "through");
    let asking = match site.site.asking {
        Asking::SignIn => "",
        Asking::FreshSignature => language.say(
            " (nouvelles signatures seulement)",
            " (fresh signatures alone)",
        ),
    };
    format!("{name} ({id}) {through} {origin}{asking}")
}

fn past(rest: Rest, language: Language) -> &'static str {
    match rest {
        Rest::Paused => language.say("pause terminée\u{a0}:", "pause ended:"),
        Rest::Blocked => language.say("débloqué\u{a0}:", "unblocked:"),
    }
}
