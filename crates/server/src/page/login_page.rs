//! The login page: the portal's name, one state at a time, one button.

use askama::Template;

use super::panel::{self, Panel};
use super::suspend_page::SUSPEND_PATH;
use crate::language::{Language, Text};

/// Everything that the login page shows.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    language: Language,
    client_name: &'a str,
    issuer_host: &'a str,
    start: Start,
    switch_href: String,
    challenge_path: String,
    assertion_path: String,
    cancel_path: String,
    lost_href: String,
    agentless: Agentless,
    say: Texts,
}

/// The way without the agent, as the page shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Agentless {
    /// Not at all.
    #[default]
    Absent,
    /// In words: this login asks for more.
    Impossible,
    /// As a link to the listener that asks for the card's certificate.
    At(String),
}

/// Who asks the agent for the card, and with it for the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// The page itself: the person has just pressed something that led here.
    ByItself,
    /// The person, with the page's own button.
    ByButton,
}

/// Fixed words of the page in one language.
struct Texts {
    title: &'static str,
    portal: &'static str,
    back: &'static str,
    reference: &'static str,
    switch: &'static str,
    no_script: &'static str,
    origin: &'static str,
    no_password: &'static str,
    lost: &'static str,
    agentless: &'static str,
    agentless_impossible: &'static str,
}

impl<'a> LoginPage<'a> {
    pub(crate) fn new(
        language: Language,
        start: Start,
        login_path: &str,
        client_name: &'a str,
        issuer_host: &'a str,
    ) -> Self {
        let say = Texts {
            title: TITLE.in_language(language),
            portal: PORTAL.in_language(language),
            back: BACK.in_language(language),
            reference: REFERENCE.in_language(language),
            switch: super::SWITCH.in_language(language),
            no_script: NO_SCRIPT.in_language(language),
            origin: ORIGIN.in_language(language),
            no_password: NO_PASSWORD.in_language(language),
            lost: LOST.in_language(language),
            agentless: AGENTLESS.in_language(language),
            agentless_impossible: AGENTLESS_IMPOSSIBLE.in_language(language),
        };
        Self {
            language,
            client_name,
            issuer_host,
            start,
            switch_href: format!("{login_path}?lang={}", language.other().tag()),
            challenge_path: format!("{login_path}/challenge"),
            // What follows is in the language of this page.
            assertion_path: format!("{login_path}/assertion?lang={}", language.tag()),
            cancel_path: format!("{login_path}/cancel?lang={}", language.tag()),
            lost_href: format!("{SUSPEND_PATH}?lang={}", language.tag()),
            agentless: Agentless::Absent,
            say,
        }
    }

    /// The person answers for another device: what she goes back to is there, and no portal.
    pub(crate) fn for_device(mut self) -> Self {
        self.say.portal = ON_DEVICE.in_language(self.language);
        self.say.back = REFUSE_DEVICE.in_language(self.language);
        self
    }

    /// Shows the way without the agent.
    pub(crate) fn with_agentless(mut self, agentless: Agentless) -> Self {
        self.agentless = match agentless {
            Agentless::At(address) => {
                Agentless::At(format!("{address}?lang={}", self.language.tag()))
            }
            other => other,
        };
        self
    }

    fn starts_by_itself(&self) -> bool {
        self.start == Start::ByItself
    }

    fn panels(&self) -> impl Iterator<Item = &'static Panel> {
        panel::all()
    }

    /// The text before and after the place where the script writes what it learns, and which that
    /// is: the number of tries left, the agent's own advice, or the minutes to wait.
    fn around_place(&self, line: &'static str) -> (&'static str, &'static str, &'static str) {
        for (written, attribute) in PLACES {
            if let Some((before, after)) = line.split_once(written) {
                return (before, attribute, after);
            }
        }
        (line, "", "")
    }
}

/// How a place is written in a text, and the attribute by which the script finds it.
const PLACES: [(&str, &str); 3] = [
    ("{tries}", "data-tries"),
    ("{advice}", "data-advice"),
    ("{minutes}", "data-minutes"),
];

const TITLE: Text = Text::new("Sign in with your card", "Connexion avec votre carte");
const PORTAL: Text = Text::new("You are signing in to", "Vous vous connectez à");
const BACK: Text = Text::new("Back to the portal", "Retour au portail");
const ON_DEVICE: Text = Text::new(
    "You are signing in on another device, to",
    "Vous vous connectez sur un autre appareil, à",
);
const REFUSE_DEVICE: Text = Text::new(
    "Do not sign in on the other device",
    "Ne pas connecter l’autre appareil",
);
const REFERENCE: Text = Text::new("Reference for support:", "Référence pour l’assistance :");
const NO_SCRIPT: Text = Text::new(
    "This page needs JavaScript to reach your card reader. Allow JavaScript for this site in your \
     browser's settings, then reload the page.",
    "Cette page a besoin de JavaScript pour joindre votre lecteur de carte. Autorisez JavaScript \
     pour ce site dans les réglages du navigateur, puis rechargez la page.",
);
const ORIGIN: Text = Text::new("This page belongs to", "Cette page appartient à");
const AGENTLESS: Text = Text::new(
    "No agent on this workstation? Sign in without the agent",
    "Pas d’agent sur ce poste ? Se connecter sans l’agent",
);
const AGENTLESS_IMPOSSIBLE: Text = Text::new(
    "This portal wants your PIN now: signing in without the agent is not enough for it.",
    "Ce portail exige votre code maintenant : la connexion sans l’agent ne lui suffit pas.",
);
const NO_PASSWORD: Text = Text::new(
    "No password is ever asked for here.",
    "Aucun mot de passe n’y est jamais demandé.",
);

const LOST: Text = Text::new("Lost or stolen card?", "Carte perdue ou volée ?");

#[cfg(test)]
mod tests {
    use askama::Template;

    use super::{LoginPage, Start};
    use crate::language::Language;

    fn page(language: Language, name: &str) -> String {
        LoginPage::new(
            language,
            Start::ByButton,
            "/login/abc",
            name,
            "login.example.test",
        )
        .render()
        .unwrap()
    }

    #[test]
    fn names_of_clients_are_escaped() {
        let html = page(Language::English, "<script>alert(1)</script>");
        assert!(!html.contains("<script>alert"));
    }

    #[test]
    fn both_languages_offer_one_button_with_its_words() {
        let english = page(Language::English, "Portal");
        assert!(english.contains("Sign in with my card"));
        assert!(english.contains(r#"<a href="/suspend?lang=en">Lost or stolen card?</a>"#));
        let french = page(Language::French, "Portail");
        assert!(french.contains("Me connecter avec ma carte"));
        assert!(french.contains(r#"<html lang="fr">"#));
        assert!(french.contains("<a href=\"/suspend?lang=fr\">Carte perdue ou volée\u{a0}?</a>"));
    }

    #[test]
    fn nothing_is_inline_or_from_elsewhere() {
        let html = page(Language::French, "Portail");
        assert!(!html.contains("style="));
        assert!(!html.contains("onclick"));
        assert!(!html.contains("://"), "no address of another host");
    }
}
