//! The caller's language (RFC 9110 section 12.5.4): French, unless it asks for English.

use axum::http::{HeaderMap, header};

use crate::Language;

/// Ranges that are looked at.
const RANGES_MAX: usize = 16;

pub(super) fn language_of(headers: &HeaderMap) -> Language {
    let value = headers.get(header::ACCEPT_LANGUAGE);
    let value = value.and_then(|value| value.to_str().ok());
    let mut best: Option<(Language, f32)> = None;
    for range in value.unwrap_or_default().split(',').take(RANGES_MAX) {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default();
        let language = match tag.split('-').next().unwrap_or_default() {
            primary if primary.eq_ignore_ascii_case("fr") => Language::French,
            primary if primary.eq_ignore_ascii_case("en") => Language::English,
            _ => continue,
        };
        let quality = parts
            .find_map(|part| part.strip_prefix("q="))
            .map_or(1.0, |value| value.parse().unwrap_or(0.0));
        if quality > best.map_or(0.0, |(_, best)| best) {
            best = Some((language, quality));
        }
    }
    best.map_or(Language::French, |(language, _)| language)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::language_of;
    use crate::Language;

    #[test]
    fn the_callers_preference_decides() {
        for (text, expected) in [
            ("fr-FR,fr;q=0.9,en;q=0.8", Language::French),
            ("en-GB,en;q=0.9,fr;q=0.8", Language::English),
            ("en;q=0.5, fr;q=0.9", Language::French),
            ("en;q=0", Language::French),
            ("de", Language::French),
            (";;q=,,=", Language::French),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(text));
            assert_eq!(language_of(&headers), expected, "{text}");
        }
        assert_eq!(language_of(&HeaderMap::new()), Language::French);
    }
}
