//! Signing out: the question, and the answer.

use askama::Template;

use crate::language::{Language, Text};

/// Asks before ending a session, so that a link or an image elsewhere cannot (attack H2).
#[derive(Template)]
#[template(path = "logout.html")]
pub(crate) struct LogoutPage<'a> {
    language: Language,
    client_name: Option<&'a str>,
}

/// Says that the session is over.
#[derive(Template)]
#[template(path = "signed_out.html")]
pub(crate) struct SignedOutPage {
    language: Language,
}

impl<'a> LogoutPage<'a> {
    /// `client_name` is the portal that asks, where it is known.
    pub(crate) fn new(language: Language, client_name: Option<&'a str>) -> Self {
        Self {
            language,
            client_name,
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
}

impl SignedOutPage {
    pub(crate) fn new(language: Language) -> Self {
        Self { language }
    }

    fn heading(&self) -> &'static str {
        DONE_HEADING.in_language(self.language)
    }

    fn detail(&self) -> &'static str {
        DONE_DETAIL.in_language(self.language)
    }
}

const ASK_HEADING: Text = Text::new("Sign out?", "Vous déconnecter ?");
const ASK_DETAIL: Text = Text::new(
    "This ends your session on every portal that you opened with this card.",
    "Votre session prendra fin sur tous les portails ouverts avec cette carte.",
);
const ASKED_BY: Text = Text::new("Asked by:", "À la demande de :");
const SIGN_OUT: Text = Text::new("Sign out", "Me déconnecter");
const DONE_HEADING: Text = Text::new("You are signed out", "Déconnexion effectuée");
const DONE_DETAIL: Text = Text::new(
    "You can take your card out of the reader.",
    "Vous pouvez retirer votre carte du lecteur.",
);
