//! French or English: the visitor's choice, then the browser's, then French.

use axum::http::{HeaderMap, header};

/// The language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    French,
    English,
}

impl Language {
    /// The tag for `lang` and `ui_locales`.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }

    /// Reads a language tag; regional forms count as their language.
    pub(crate) fn parse(tag: &str) -> Option<Self> {
        match tag
            .trim()
            .split(['-', '_', ';'])
            .next()?
            .to_ascii_lowercase()
            .as_str()
        {
            "fr" => Some(Self::French),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// The language for a request: the cookie of an earlier choice, else `Accept-Language`.
    pub(crate) fn of(headers: &HeaderMap, cookie: Option<&str>) -> Self {
        let accepted = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .and_then(|list| list.split(',').take(16).find_map(Self::parse));
        cookie
            .and_then(Self::parse)
            .or(accepted)
            .unwrap_or(Self::French)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::Language;

    #[test]
    fn the_choice_wins_over_the_browser_and_french_is_the_default() {
        let mut headers = HeaderMap::new();
        assert_eq!(Language::of(&headers, None), Language::French);
        headers.insert(
            "accept-language",
            "de, en-GB;q=0.8, fr;q=0.5".parse().unwrap(),
        );
        assert_eq!(Language::of(&headers, None), Language::English);
        assert_eq!(Language::of(&headers, Some("fr")), Language::French);
    }
}
