//! The two languages that a practitioner may see.

use serde::Deserialize;

/// A language of prompts and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// French.
    French,
    /// English.
    English,
}

impl Language {
    /// The language of a locale such as `en_GB.UTF-8`, where no configuration has said another.
    #[must_use]
    pub fn of_locale(locale: Option<&str>) -> Self {
        LanguageChoice::Auto.resolve(locale)
    }
}

/// The `language` key of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum LanguageChoice {
    #[serde(rename = "fr")]
    French,
    #[serde(rename = "en")]
    English,
    #[default]
    #[serde(rename = "auto")]
    Auto,
}

impl LanguageChoice {
    /// The language to use; French where the locale names neither, as most of its readers are.
    pub(crate) fn resolve(self, locale: Option<&str>) -> Language {
        match self {
            Self::French => Language::French,
            Self::English => Language::English,
            Self::Auto => match locale {
                Some(locale) if locale.starts_with("en") => Language::English,
                _ => Language::French,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_unless_the_configuration_does() {
        let cases = [
            (LanguageChoice::Auto, Some("en_GB.UTF-8"), Language::English),
            (LanguageChoice::Auto, Some("fr_FR.UTF-8"), Language::French),
            (LanguageChoice::Auto, Some("C.UTF-8"), Language::French),
            (LanguageChoice::Auto, None, Language::French),
            (LanguageChoice::English, Some("fr_FR"), Language::English),
            (LanguageChoice::French, Some("en_US"), Language::French),
        ];
        for (choice, locale, language) in cases {
            assert_eq!(choice.resolve(locale), language, "{choice:?} {locale:?}");
        }
    }
}
