//! Signing out: the question, and what either answer leads to.

use askama::Template;
use url::form_urlencoded::Serializer;

use crate::language::{Language, Text};

/// Asks before ending a session, so that a link or an image elsewhere cannot (attack H2).
#[derive(Template)]
#[template(path = "logout.html")]
pub(crate) struct LogoutPage<'a> {
    language: Language,
    client_name: Option<&'a str>,
    switch_href: String,
}

/// Says how the question was answered.
#[derive(Template)]
#[template(path = "logout_answer.html")]
pub(crate) struct LogoutAnswerPage {
    language: Language,
    tone: &'static str,
    heading: Text,
    detail: Text,
    /// What else there is to do.
    hint: Option<Text>,
    path: &'static str,
}

/// Whether people may have signed in here without the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentlessLogins {
    /// Then their browser keeps the certificate that they chose, until it is closed.
    On,
    /// Nobody has.
    Off,
}

/// Where the answered question stands in other languages.
pub(crate) const SIGNED_OUT_PATH: &str = "/logout/done";
pub(crate) const STAYED_PATH: &str = "/logout/stay";

/// The portal that asks, where it is known.
#[derive(Clone, Copy)]
pub(crate) struct AskedBy<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> LogoutPage<'a> {
    /// The other language asks anew, with the portal alone: no hint at a person is repeated, and
    /// nothing else of the request matters to whoever is asked.
    pub(crate) fn new(language: Language, asked_by: Option<AskedBy<'a>>) -> Self {
        let mut query = Serializer::new(String::new());
        query.append_pair("lang", language.other().tag());
        if let Some(asked_by) = asked_by {
            query.append_pair("client_id", asked_by.client_id);
        }
        Self {
            language,
            client_name: asked_by.map(|asked_by| asked_by.name),
            switch_href: format!("/logout?{}", query.finish()),
        }
    }

    fn asked_by(&self) -> &'static str {
        ASKED_BY.in_language(self.language)
    }

    fn heading(&self) -> &'static str {
        ASK_HEADING.in_language(self.language)
    }

    fn detail(&self) -> &'static str {
        ASK_DETAIL.in_language(self.language)
    }

    fn button(&self) -> &'static str {
        SIGN_OUT.in_language(self.language)
    }

    fn stay(&self) -> &'static str {
        STAY.in_language(self.language)
    }

    fn stay_path(&self) -> &'static str {
        STAYED_PATH
    }

    fn switch(&self) -> &'static str {
        super::SWITCH.in_language(self.language)
    }
}

impl LogoutAnswerPage {
    /// The session is over.
    pub(crate) fn signed_out(language: Language, agentless: AgentlessLogins) -> Self {
        Self {
            language,
            tone: "success",
            heading: DONE_HEADING,
            detail: DONE_DETAIL,
            hint: (agentless == AgentlessLogins::On).then_some(DONE_WITHOUT_AGENT),
            path: SIGNED_OUT_PATH,
        }
    }

    /// The person said no.
    pub(crate) fn stayed(language: Language) -> Self {
        Self {
            language,
            tone: "card",
            heading: STAYED_HEADING,
            detail: STAYED_DETAIL,
            hint: None,
            path: STAYED_PATH,
        }
    }

    fn heading(&self) -> &'static str {
        self.heading.in_language(self.language)
    }

    fn detail(&self) -> &'static str {
        self.detail.in_language(self.language)
    }

    fn hint(&self) -> Option<&'static str> {
        self.hint.map(|hint| hint.in_language(self.language))
    }

    fn switch(&self) -> &'static str {
        super::SWITCH.in_language(self.language)
    }
}

const ASK_HEADING: Text = Text::new("Sign out?", "Vous déconnecter\u{a0}?");
const ASK_DETAIL: Text = Text::new(
    "This ends your session on every portal that you opened with this card.",
    "Votre session prendra fin sur tous les portails ouverts avec cette carte.",
);
const ASKED_BY: Text = Text::new("Asked by:", "À la demande de\u{a0}:");
const SIGN_OUT: Text = Text::new("Sign out", "Me déconnecter");
const STAY: Text = Text::new("Stay signed in", "Rester connecté");
const DONE_HEADING: Text = Text::new("You are signed out", "Déconnexion effectuée");
const DONE_DETAIL: Text = Text::new(
    "You can take your card out of the reader.",
    "Vous pouvez retirer votre carte du lecteur.",
);
const DONE_WITHOUT_AGENT: Text = Text::new(
    "If you signed in without the agent, close all windows of this browser too: it keeps your \
     card’s certificate for whoever comes next.",
    "Si vous vous êtes connecté sans l’agent, fermez aussi toutes les fenêtres de ce \
     navigateur\u{a0}: il garde le certificat de votre carte pour la personne suivante.",
);
const STAYED_HEADING: Text = Text::new("Nothing was changed", "Rien n’a été changé");
const STAYED_DETAIL: Text = Text::new(
    "Whatever you were signed in to, you still are. You can close this page.",
    "Vos sessions ouvertes le restent. Vous pouvez fermer cette page.",
);

#[cfg(test)]
mod tests {
    use super::*;

    /// A browser goes on to show the certificate that was chosen once.
    #[test]
    fn who_signed_in_without_the_agent_is_told_to_close_the_browser() {
        let page = |language, agentless| {
            let page = LogoutAnswerPage::signed_out(language, agentless);
            page.render().unwrap()
        };
        let english = page(Language::English, AgentlessLogins::On);
        assert!(english.contains("close all windows"), "{english}");
        let french = page(Language::French, AgentlessLogins::On);
        assert!(french.contains("fermez aussi"), "{french}");
        let off = page(Language::English, AgentlessLogins::Off);
        assert!(!off.contains("close all windows"), "{off}");
    }
}
