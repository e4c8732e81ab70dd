//! The confirmation page of a login without the agent: the portal, the person, and two buttons.

use askama::Template;
use cardea_provider::AgentlessPage as Described;

use crate::language::{Language, Text};

/// Everything that the page shows.
#[derive(Template)]
#[template(path = "agentless.html")]
pub(crate) struct AgentlessPage<'a> {
    language: Language,
    client_name: &'a str,
    person: &'a str,
    title: Option<&'a str>,
    minutes_max: i64,
    confirmation: &'a str,
    action: &'a str,
    host: &'a str,
    switch_href: String,
    say: Texts,
}

/// Fixed words of the page in one language.
struct Texts {
    title: &'static str,
    switch: &'static str,
    portal: &'static str,
    question: &'static str,
    minutes_before: &'static str,
    minutes_after: &'static str,
    unwatched: &'static str,
    unasked: &'static str,
    yes: &'static str,
    no: &'static str,
    origin: &'static str,
    no_password: &'static str,
}

impl<'a> AgentlessPage<'a> {
    /// `path` is the page's own address, where its form goes too; `host` is this listener's.
    pub(crate) fn new(
        language: Language,
        path: &'a str,
        host: &'a str,
        described: &'a Described,
    ) -> Self {
        let say = Texts {
            title: TITLE.in_language(language),
            switch: super::SWITCH.in_language(language),
            portal: PORTAL.in_language(language),
            question: QUESTION.in_language(language),
            minutes_before: MINUTES_BEFORE.in_language(language),
            minutes_after: MINUTES_AFTER.in_language(language),
            unwatched: UNWATCHED.in_language(language),
            unasked: UNASKED.in_language(language),
            yes: YES.in_language(language),
            no: NO.in_language(language),
            origin: ORIGIN.in_language(language),
            no_password: NO_PASSWORD.in_language(language),
        };
        Self {
            language,
            client_name: &described.client_name,
            person: &described.person,
            title: described.title.as_deref(),
            minutes_max: described.minutes_max,
            confirmation: &described.confirmation,
            action: path,
            host,
            switch_href: format!("{path}?lang={}", language.other().tag()),
            say,
        }
    }
}

const TITLE: Text = Text::new("Sign in without the agent", "Connexion sans l’agent");
const PORTAL: Text = Text::new("You are signing in to", "Vous vous connectez à");
const QUESTION: Text = Text::new("Is this you?", "Est-ce bien vous\u{a0}?");
const UNWATCHED: Text = Text::new(
    "Taking your card out will NOT sign you out.",
    "Retirer votre carte ne vous déconnectera PAS.",
);
const MINUTES_BEFORE: Text = Text::new(
    "Sign out on the portal before you leave this workstation; at the latest it ends after",
    "Déconnectez-vous sur le portail avant de quitter ce poste\u{a0}; tout se ferme au plus tard \
     après",
);
const MINUTES_AFTER: Text = Text::new(" minutes.", "\u{a0}minutes.");
const UNASKED: Text = Text::new(
    "You did not ask to sign in just now? Answer no.",
    "Vous ne venez pas de demander cette connexion\u{a0}? Répondez non.",
);
const YES: Text = Text::new("Yes, sign me in", "Oui, me connecter");
const NO: Text = Text::new("No", "Non");
const ORIGIN: Text = Text::new("This page belongs to", "Cette page appartient à");
const NO_PASSWORD: Text = Text::new(
    "No password is ever asked for here.",
    "Aucun mot de passe n’y est jamais demandé.",
);

#[cfg(test)]
mod tests {
    use askama::Template;
    use cardea_provider::AgentlessPage as Described;

    use super::AgentlessPage;
    use crate::language::Language;

    fn page(language: Language) -> String {
        let described = Described {
            client_name: "<b>Portail</b>".to_owned(),
            person: "Anne <i>Durand</i>".to_owned(),
            title: Some("Pharmacien".to_owned()),
            confirmation: "tag".to_owned(),
            ui_locales: None,
            form_action: "https://portal.example.test".to_owned(),
            minutes_max: 15,
        };
        AgentlessPage::new(language, "/agentless/abc", "card.example.test", &described)
            .render()
            .unwrap()
    }

    #[test]
    fn portal_and_person_are_named_and_escaped_in_both_languages() {
        for (language, words) in [
            (
                Language::French,
                "Retirer votre carte ne vous déconnectera PAS",
            ),
            (
                Language::English,
                "Taking your card out will NOT sign you out",
            ),
        ] {
            let html = page(language);
            assert!(html.contains(words), "{html}");
            assert!(html.contains("&#60;b&#62;Portail"), "{html}");
            assert!(html.contains("Anne &#60;i&#62;Durand"), "{html}");
            assert!(html.contains("Pharmacien"), "{html}");
            assert!(!html.contains("<i>") && !html.contains("<script"), "{html}");
        }
    }
}
