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

impl Language {
    /// One of two texts, French before English.
    pub(crate) fn say<'a>(self, french: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::French => french,
            Self::English => english,
        }
    }

    /// The text with its marks kept on their lines: French sets a space before `: ; ! ?` and within
    /// « », at which no line may break.
    pub(crate) fn keep_marks(self, text: &str) -> String {
        if self == Self::English {
            return text.to_owned();
        }
        let mut kept = text.replace("« ", "«\u{a0}");
        for (loose, bound) in [
            (" :", "\u{a0}:"),
            (" ;", "\u{a0};"),
            (" !", "\u{a0}!"),
            (" ?", "\u{a0}?"),
            (" »", "\u{a0}»"),
        ] {
            kept = kept.replace(loose, bound);
        }
        kept
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
    fn no_line_breaks_before_a_french_mark() {
        let text = "Voici « la carte » : bien ! Et le code ? Oui ; 12:30.";
        let kept =
            "Voici «\u{a0}la carte\u{a0}»\u{a0}: bien\u{a0}! Et le code\u{a0}? Oui\u{a0}; 12:30.";
        assert_eq!(Language::French.keep_marks(text), kept);
        assert_eq!(Language::French.keep_marks(kept), kept);
        assert_eq!(Language::English.keep_marks("a : b"), "a : b");
    }

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
