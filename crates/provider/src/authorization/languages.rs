//! The languages that a client asked its pages in (`ui_locales`, OIDC Core section 3.1.2.1), as far
//! as they are stored: anybody can begin a login, so its row keeps the languages and not the text.

use cardea_oauth2_types::AuthorizationParameters;

/// More tell nothing: the pages look no further either.
const LANGUAGES_MAX: usize = 16;
/// A primary subtag has two or three letters, and never more than eight (RFC 5646 section 2.1).
const LETTERS_MAX: usize = 8;

/// The languages in order of preference, without their regions; none when no tag is one.
pub(crate) fn asked_languages(parameters: &AuthorizationParameters) -> Option<String> {
    let mut languages: Vec<&str> = Vec::new();
    for tag in parameters.ui_locales.as_deref()?.split(' ') {
        let language = tag.split('-').next().unwrap_or(tag);
        let letters = language.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_one = letters && (2..=LETTERS_MAX).contains(&language.len());
        if is_one && !languages.contains(&language) && languages.len() < LANGUAGES_MAX {
            languages.push(language);
        }
    }
    (!languages.is_empty()).then(|| languages.join(" "))
}

#[cfg(test)]
mod tests {
    use cardea_oauth2_types::AuthorizationParameters;

    use super::asked_languages;

    fn asked(ui_locales: &str) -> Option<String> {
        asked_languages(&AuthorizationParameters {
            ui_locales: Some(ui_locales.to_owned()),
            ..AuthorizationParameters::default()
        })
    }

    #[test]
    fn languages_keep_their_order() {
        assert_eq!(asked("en fr-CA fr").as_deref(), Some("en fr"));
        assert_eq!(asked("de-CH-1996 en").as_deref(), Some("de en"));
        assert_eq!(asked_languages(&AuthorizationParameters::default()), None);
    }

    /// Attack H9: what a stranger stores with each login is bounded.
    #[test]
    fn what_is_no_language_is_not_stored() {
        for text in ["", " ", "x", "-fr", "f1", "<b>", &"s".repeat(4_000)] {
            assert_eq!(asked(text), None, "{text}");
        }
        assert_eq!(asked(&"fr ".repeat(1_000)).as_deref(), Some("fr"));
        let letters = || b'a'..=b'z';
        let pairs = letters().flat_map(|one| letters().map(move |two| (one, two)));
        let many: Vec<_> = pairs
            .map(|(one, two)| format!("{}{}abcdef", char::from(one), char::from(two)))
            .collect();
        let stored = asked(&many.join(" ")).unwrap();
        assert_eq!(stored.len(), 16 * 9 - 1);
    }
}
