//! The two languages of everything that a practitioner reads, and how one is chosen.

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub(crate) enum Language {
    /// French, when nothing else is asked for.
    #[default]
    French,
    /// English.
    English,
}

/// One text in both languages; the compiler refuses a text that lacks one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    /// English.
    pub(crate) en: &'static str,
    /// French.
    pub(crate) fr: &'static str,
}

/// Ranges of an Accept-Language header that are looked at.
const RANGES_MAX: usize = 16;

impl Language {
    /// The language's tag (RFC 5646), for `lang` attributes and `Content-Language`.
    #[must_use]
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }

    /// The other language, for the switch on each page.
    #[must_use]
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::French => Self::English,
            Self::English => Self::French,
        }
    }

    /// Chooses from `ui_locales`: tags in order of preference, parted by spaces
    /// (OpenID Connect Core 1.0 section 3.1.2.1).
    #[must_use]
    pub(crate) fn from_ui_locales(ui_locales: &str) -> Option<Self> {
        ui_locales
            .split(' ')
            .take(RANGES_MAX)
            .find_map(Self::from_tag)
    }

    /// Chooses from an Accept-Language header (RFC 9110 section 12.5.4).
    #[must_use]
    pub(crate) fn from_accept_language(header: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for range in header.split(',').take(RANGES_MAX) {
            let mut parts = range.split(';');
            let Some(language) = parts.next().and_then(|tag| Self::from_tag(tag.trim())) else {
                continue;
            };
            let quality = parts
                .find_map(|part| part.trim().strip_prefix("q="))
                .map_or(1.0, |value| value.trim().parse().unwrap_or(0.0));
            if quality > best.map_or(0.0, |(_, best_quality)| best_quality) {
                best = Some((language, quality));
            }
        }
        best.map(|(language, _)| language)
    }

    fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or(tag);
        if primary.eq_ignore_ascii_case("fr") {
            Some(Self::French)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Self::English)
        } else {
            None
        }
    }
}

impl Text {
    /// Both languages of one text.
    #[must_use]
    pub(crate) const fn new(en: &'static str, fr: &'static str) -> Self {
        Self { en, fr }
    }

    /// The text in `language`.
    #[must_use]
    pub(crate) const fn in_language(&self, language: Language) -> &'static str {
        match language {
            Language::French => self.fr,
            Language::English => self.en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn browser_preference_decides() {
        let cases = [
            (
                "plain",
                "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7",
                Some(Language::French),
            ),
            (
                "english first",
                "en-GB,en;q=0.9,fr;q=0.8",
                Some(Language::English),
            ),
            (
                "quality over order",
                "en;q=0.5, fr;q=0.9",
                Some(Language::French),
            ),
            ("unknown first", "de,en;q=0.3", Some(Language::English)),
            ("refused language", "en;q=0", None),
            ("neither", "de-DE", None),
            ("nonsense", ";;q=,,=", None),
        ];
        for (name, header, expected) in cases {
            assert_eq!(Language::from_accept_language(header), expected, "{name}");
        }
    }

    #[test]
    fn ui_locales_are_in_order() {
        assert_eq!(
            Language::from_ui_locales("de en fr"),
            Some(Language::English)
        );
        assert_eq!(
            Language::from_ui_locales("fr-CA en"),
            Some(Language::French)
        );
        assert_eq!(Language::from_ui_locales("de"), None);
    }
}
