//! The page that carries an answer to the portal (OAuth 2.0 Form Post Response Mode).

use askama::Template;

use crate::language::{Language, Text};

/// A form that its script sends at once, and a person's press where there is no script. The
/// template escapes every value (attack E8).
#[derive(Template)]
#[template(path = "form_post.html")]
pub(crate) struct FormPostPage<'a> {
    pub(crate) language: Language,
    pub(crate) action: &'a str,
    pub(crate) fields: &'a [(&'static str, String)],
}

impl FormPostPage<'_> {
    fn heading(&self) -> &'static str {
        HEADING.in_language(self.language)
    }

    fn detail(&self) -> &'static str {
        DETAIL.in_language(self.language)
    }

    fn button(&self) -> &'static str {
        BUTTON.in_language(self.language)
    }
}

const HEADING: Text = Text::new("Back to the portal", "Retour au portail");
const DETAIL: Text = Text::new(
    "You are being taken back to the portal. If nothing happens, press the button.",
    "Retour au portail en cours. Si rien ne se passe, appuyez sur le bouton.",
);
const BUTTON: Text = Text::new("Continue to the portal", "Continuer vers le portail");

#[cfg(test)]
mod tests {
    use askama::Template;

    use super::FormPostPage;
    use crate::language::Language;

    #[test]
    fn hostile_values_stay_values_and_nothing_is_inline() {
        let state = r#""><script>alert(1)</script><input value='"#.to_owned();
        let page = FormPostPage {
            language: Language::French,
            action: "https://portal.example.test/cb?a=1&b=\"2",
            fields: &[("code", "abc".to_owned()), ("state", state)],
        };
        let html = page.render().unwrap();
        assert!(!html.contains("<script>"), "{html}");
        assert_eq!(html.matches("<script").count(), 1, "the file alone");
        assert_eq!(html.matches("<input").count(), 2, "one a value");
        assert!(html.contains(r#"name="code" value="abc""#));
        assert!(!html.contains("onload") && !html.contains("style="));
        assert!(html.contains("Continuer vers le portail"));
    }
}
