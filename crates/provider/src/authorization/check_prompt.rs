//! Step 9: whether the person may, must or must not be asked (OIDC Core section 3.1.2.1).

use cardea_oauth2_types::AuthorizationParameters;
use time::Duration;

use crate::Error;

/// Ages beyond ten years are a mistake, and would overflow where they are added.
const MAX_AGE_SECONDS_MAX: i64 = 10 * 365 * 24 * 3600;

/// What the client lets us do with the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interaction {
    /// Use a running session if it is young enough, else ask for the card.
    Allowed {
        /// The oldest authentication that the client accepts.
        age_max: Option<Duration>,
    },
    /// Ask for the card in any case.
    Demanded,
    /// Never show a page.
    Forbidden {
        /// The oldest authentication that the client accepts.
        age_max: Option<Duration>,
    },
}

/// What the client lets us do, and whether it wants the person asked in any case.
pub(crate) struct Prompt {
    pub(crate) interaction: Interaction,
    /// `consent`: ask, whatever was answered before.
    pub(crate) consent: bool,
    /// `login` or `max_age`: the person is to prove anew that it is she, by her PIN.
    pub(crate) pin: bool,
}

pub(crate) fn check_prompt(parameters: &AuthorizationParameters) -> Result<Prompt, Error> {
    let age_max = match parameters.max_age.as_deref() {
        None => None,
        Some(text) => Some(parse_max_age(text)?),
    };
    let prompts: Vec<&str> = parameters
        .prompt
        .as_deref()
        .unwrap_or_default()
        .split(' ')
        .filter(|p| !p.is_empty())
        .collect();
    let known = ["none", "login", "consent", "select_account"];
    if prompts.iter().any(|prompt| !known.contains(prompt)) {
        return Err(Error::PromptInvalid);
    }
    let interaction = match prompts.as_slice() {
        [] => Interaction::Allowed { age_max },
        ["none"] => Interaction::Forbidden { age_max },
        // "none" together with another value contradicts itself.
        several if several.contains(&"none") => return Err(Error::PromptInvalid),
        // Whatever else the client wants shown, the person has to act: with the card. It also
        // says which person is there (`select_account`): there is no account but the card's.
        _ => Interaction::Demanded,
    };
    Ok(Prompt {
        interaction,
        consent: prompts.contains(&"consent"),
        pin: prompts.contains(&"login") || age_max.is_some(),
    })
}

fn parse_max_age(text: &str) -> Result<Duration, Error> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::MaxAgeInvalid);
    }
    match text.parse::<i64>() {
        Ok(seconds) if seconds <= MAX_AGE_SECONDS_MAX => Ok(Duration::seconds(seconds)),
        _ => Err(Error::MaxAgeInvalid),
    }
}
