//! The consent page: the portal, what it will receive, and two buttons.

use askama::Template;
use cardea_provider::{ConsentPage as Described, Datum};

use crate::language::{Language, Text};

/// Everything that the page shows.
#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct ConsentPage<'a> {
    language: Language,
    client_name: &'a str,
    data: &'a [Datum],
    shown: &'a str,
    action: &'a str,
    switch_href: String,
    say: Texts,
}

/// Fixed words of the page in one language.
struct Texts {
    title: &'static str,
    portal: &'static str,
    switch: &'static str,
    question: &'static str,
    receives: &'static str,
    allow: &'static str,
    refuse: &'static str,
    afterwards: &'static str,
}

impl<'a> ConsentPage<'a> {
    /// `path` is the page's own address, where its form goes too.
    pub(crate) fn new(language: Language, path: &'a str, described: &'a Described) -> Self {
        let say = Texts {
            title: TITLE.in_language(language),
            portal: PORTAL.in_language(language),
            switch: SWITCH.in_language(language),
            question: QUESTION.in_language(language),
            receives: RECEIVES.in_language(language),
            allow: ALLOW.in_language(language),
            refuse: REFUSE.in_language(language),
            afterwards: AFTERWARDS.in_language(language),
        };
        Self {
            language,
            client_name: &described.client_name,
            data: &described.data,
            shown: &described.shown,
            action: path,
            switch_href: format!("{path}?lang={}", language.other().tag()),
            say,
        }
    }

    fn data_in_words(&self) -> impl Iterator<Item = &'static str> {
        self.data
            .iter()
            .map(|datum| words_of(*datum).in_language(self.language))
    }
}

fn words_of(datum: Datum) -> Text {
    match datum {
        Datum::SignIn => Text::new(
            "that you signed in, when and how, and an identifier for you",
            "votre connexion (quand et comment) et un identifiant qui vous désigne",
        ),
        Datum::Name => Text::new("your first and last name", "vos nom et prénom"),
        Datum::ProfessionalNumber => Text::new(
            "your number in the professional register",
            "votre numéro dans le répertoire professionnel",
        ),
        Datum::Profession => Text::new(
            "your title and profession",
            "votre civilité et votre profession",
        ),
        Datum::Structure => Text::new(
            "the organisation that you work for",
            "la structure dans laquelle vous exercez",
        ),
        Datum::Card => Text::new(
            "the kind and number of your card",
            "le type et le numéro de votre carte",
        ),
        Datum::TestCard => Text::new(
            "whether your card is a test card",
            "s’il s’agit d’une carte de test",
        ),
        // Whatever has no words yet is at least named as something.
        _ => Text::new(
            "further data on your card",
            "d’autres données de votre carte",
        ),
    }
}

const TITLE: Text = Text::new("Your consent", "Votre accord");
const PORTAL: Text = Text::new("You are signing in to", "Vous vous connectez à");
const SWITCH: Text = Text::new("Français", "English");
const QUESTION: Text = Text::new("Do you agree?", "Êtes-vous d’accord ?");
const RECEIVES: Text = Text::new(
    "This portal will receive, from your card:",
    "Ce portail recevra, depuis votre carte :",
);
const ALLOW: Text = Text::new("Allow", "Autoriser");
const REFUSE: Text = Text::new("Refuse", "Refuser");
const AFTERWARDS: Text = Text::new(
    "If you refuse, the portal receives none of this and you are not signed in to it.",
    "Si vous refusez, le portail ne reçoit rien de tout cela et vous n’y êtes pas connecté.",
);

#[cfg(test)]
mod tests {
    use askama::Template;
    use cardea_provider::{ConsentPage as Described, Datum};

    use super::ConsentPage;
    use crate::language::Language;

    fn page(language: Language, data: Vec<Datum>) -> String {
        let described = Described {
            client_name: "<b>Portail</b>".to_owned(),
            data,
            shown: "digest".to_owned(),
            ui_locales: None,
            form_action: "https://portal.example.test".to_owned(),
        };
        ConsentPage::new(language, "/consent/abc", &described)
            .render()
            .unwrap()
    }

    #[test]
    fn each_datum_is_named_in_both_languages_and_no_other_is() {
        let french = page(Language::French, vec![Datum::SignIn, Datum::Name]);
        assert!(french.contains("vos nom et prénom"), "{french}");
        assert!(!french.contains("votre profession"), "{french}");
        let english = page(Language::English, vec![Datum::SignIn, Datum::Profession]);
        assert!(english.contains("your title and profession"), "{english}");
        assert!(!english.contains("last name"), "{english}");
    }

    #[test]
    fn names_of_clients_are_escaped_and_both_answers_are_buttons() {
        let html = page(Language::French, vec![Datum::SignIn]);
        assert!(!html.contains("<b>Portail"), "{html}");
        assert!(html.contains(r#"name="answer" value="allow""#));
        assert!(html.contains(r#"name="answer" value="refuse""#));
        assert!(html.contains(r#"name="shown" value="digest""#));
        assert!(!html.contains("<script"), "no script is needed");
    }
}
