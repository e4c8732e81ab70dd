//! `[support]`: whom people call when a card is lost, or was used without them.

use std::path::Path;

use serde::Deserialize;
use url::Url;

use super::load::invalid;
use crate::error::Error;

const TELEPHONE_BYTES_MAX: usize = 32;
const HOURS_BYTES_MAX: usize = 120;

/// `[support]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SupportConfig {
    /// Its number, as people read and dial it.
    pub telephone: Option<String>,
    /// A page of the operator's own about its support.
    pub url: Option<Url>,
    /// When somebody answers, in the words of the people who read it.
    pub hours: Option<String>,
}

impl SupportConfig {
    /// Whether nobody is named whom people could reach.
    pub(crate) fn is_nobody(&self) -> bool {
        self.telephone.is_none() && self.url.is_none()
    }
}

/// Rules on the table.
pub(super) fn check_support(file: &Path, support: &SupportConfig) -> Result<(), Error> {
    let wrong = |key: &str, reason: &str| Err(invalid(file, None, key, reason));
    if let Some(telephone) = &support.telephone {
        let is_sign = |it: char| it.is_ascii_digit() || " +().-".contains(it);
        let digits = telephone.chars().filter(char::is_ascii_digit).count();
        if digits < 2 || telephone.len() > TELEPHONE_BYTES_MAX || !telephone.chars().all(is_sign) {
            return wrong(
                "support.telephone",
                "must be a number of at most 32 digits, spaces and + ( ) . -",
            );
        }
    }
    if support
        .url
        .as_ref()
        .is_some_and(|it| it.scheme() != "https")
    {
        return wrong("support.url", "must be an https address");
    }
    let is_foul = |it: &String| {
        it.trim().is_empty() || it.len() > HOURS_BYTES_MAX || it.chars().any(char::is_control)
    };
    if support.hours.as_ref().is_some_and(is_foul) {
        return wrong(
            "support.hours",
            "must be words of at most 120 bytes in one line",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{SupportConfig, check_support};

    fn check(text: &str) -> Result<(), String> {
        let support: SupportConfig = toml::from_str(text).map_err(|it| it.to_string())?;
        check_support(Path::new("cardea.toml"), &support).map_err(|it| it.to_string())
    }

    #[test]
    fn a_number_a_page_and_hours_that_people_can_use_are_taken() {
        for text in [
            "",
            "telephone = \"01 23 45 67 89\"",
            "telephone = \"+33 (0)1.23-45\"\nhours = \"8 h – 20 h\"",
            "url = \"https://help.example.fr/\"",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_nobody_can_dial_or_read_is_refused_by_key() {
        for (text, key) in [
            ("telephone = \"\"", "support.telephone"),
            ("telephone = \"ask Dominique 12\"", "support.telephone"),
            ("url = \"http://help.example.fr/\"", "support.url"),
            ("url = \"javascript:alert(1)\"", "support.url"),
            ("hours = \" \"", "support.hours"),
            ("hours = \"a\\nb\"", "support.hours"),
            ("fax = \"12\"", "fax"),
        ] {
            let refused = check(text).unwrap_err();
            assert!(refused.contains(key), "{refused}");
        }
    }
}
