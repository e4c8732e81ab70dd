//! The consent page: the portal, what it will receive, where it may act, and two buttons.

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
    scope: &'a [String],
    resources: &'a [String],
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
    acts: &'static str,
    service: &'static str,
    right: &'static str,
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
            acts: ACTS.in_language(language),
            service: SERVICE.in_language(language),
            right: RIGHT.in_language(language),
            allow: ALLOW.in_language(language),
            refuse: REFUSE.in_language(language),
            afterwards: AFTERWARDS.in_language(language),
        };
        Self {
            language,
            client_name: &described.client_name,
            data: &described.data,
            scope: &described.scope,
            resources: &described.resources,
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
            "your profession and its title",
            "votre profession et son intitulé",
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
        Datum::CardFamily => Text::new("the kind of your card", "le type de votre carte"),
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
const ACTS: Text = Text::new(
    "It may act in your name, while your card is in its reader:",
    "Il pourra agir en votre nom, tant que votre carte est dans son lecteur :",
);
const SERVICE: Text = Text::new("at the service", "auprès du service");
const RIGHT: Text = Text::new("with the right", "avec le droit");
const ALLOW: Text = Text::new("Allow", "Autoriser");
const REFUSE: Text = Text::new("Refuse", "Refuser");
const AFTERWARDS: Text = Text::new(
    "If you refuse, the portal gets none of this, loses what you had allowed it before, and you \
     are not signed in to it.",
    "Si vous refusez, le portail n’obtient rien de tout cela, perd ce que vous lui aviez autorisé \
     auparavant, et vous n’y êtes pas connecté.",
);

#[cfg(test)]
mod tests {
    use askama::Template;
    use cardea_provider::{ConsentPage as Described, Datum};

    use super::ConsentPage;
    use crate::language::Language;

    fn page(language: Language, data: Vec<Datum>) -> String {
        described(language, data, |_| {})
    }

    fn described(
        language: Language,
        data: Vec<Datum>,
        change: impl FnOnce(&mut Described),
    ) -> String {
        let mut described = Described {
            client_name: "<b>Portail</b>".to_owned(),
            data,
            scope: Vec::new(),
            resources: Vec::new(),
            shown: "digest".to_owned(),
            ui_locales: None,
            form_action: "https://portal.example.test".to_owned(),
        };
        change(&mut described);
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
        assert!(
            english.contains("your profession and its title"),
            "{english}"
        );
        assert!(!english.contains("last name"), "{english}");
    }

    /// Attack E20: what a token lets the portal do is said as well as what it tells.
    #[test]
    fn e20_each_right_and_each_service_is_named_in_both_languages() {
        for (language, words) in [
            (Language::English, "It may act in your name"),
            (Language::French, "Il pourra agir en votre nom"),
        ] {
            let silent = page(language, vec![Datum::SignIn]);
            assert!(!silent.contains(words), "{silent}");
            let html = described(language, vec![Datum::SignIn], |described| {
                described.scope = vec!["patients.write".to_owned(), "a<b".to_owned()];
                described.resources = vec!["https://api.example.test/v1".to_owned()];
            });
            for part in [
                words,
                "<code>patients.write</code>",
                "<code>a&#60;b</code>",
                "<code>https://api.example.test/v1</code>",
            ] {
                assert!(html.contains(part), "{part} is not in {html}");
            }
        }
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
