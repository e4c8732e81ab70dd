//! The frame of the account page: who is signed in, the sections, and the way out.

use askama::Template;
use cardea_provider::{ACCOUNT_PATH, AccountSession};

use crate::account::Section;
use crate::language::{Language, Text};

/// Everything that the page shows.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage<'a> {
    language: Language,
    person_name: &'a str,
    form_token: &'a str,
    sections: &'a [Section],
    notice: Option<&'static str>,
}

impl<'a> AccountPage<'a> {
    pub(crate) fn new(
        language: Language,
        session: &'a AccountSession,
        sections: &'a [Section],
    ) -> Self {
        Self {
            language,
            person_name: &session.person_name,
            form_token: &session.form_token,
            sections,
            notice: None,
        }
    }

    /// Says above the sections what a form has just done.
    pub(crate) fn with_notice(self, notice: Option<Text>) -> Self {
        let notice = notice.map(|text| text.in_language(self.language));
        Self { notice, ..self }
    }

    fn heading(&self) -> &'static str {
        HEADING.in_language(self.language)
    }

    fn switch(&self) -> &'static str {
        super::SWITCH.in_language(self.language)
    }

    fn switch_href(&self) -> String {
        format!("{ACCOUNT_PATH}?lang={}", self.language.other().tag())
    }

    fn jumps(&self) -> &'static str {
        JUMPS.in_language(self.language)
    }

    fn until(&self) -> &'static str {
        UNTIL.in_language(self.language)
    }

    fn close(&self) -> &'static str {
        CLOSE.in_language(self.language)
    }
}

/// What stands where somebody did not sign in, or has left.
#[derive(Template)]
#[template(path = "account_closed.html")]
pub(crate) struct AccountClosedPage {
    language: Language,
}

impl AccountClosedPage {
    pub(crate) fn new(language: Language) -> Self {
        Self { language }
    }

    fn heading(&self) -> &'static str {
        CLOSED.in_language(self.language)
    }

    fn detail(&self) -> &'static str {
        CLOSED_DETAIL.in_language(self.language)
    }

    fn open(&self) -> &'static str {
        OPEN.in_language(self.language)
    }

    fn switch(&self) -> &'static str {
        super::SWITCH.in_language(self.language)
    }

    fn switch_href(&self) -> String {
        format!("{ACCOUNT_PATH}/closed?lang={}", self.language.other().tag())
    }

    fn account_path(&self) -> &'static str {
        ACCOUNT_PATH
    }
}

const HEADING: Text = Text::new("My account and activity", "Mon compte et mon activité");
const JUMPS: Text = Text::new("On this page", "Sur cette page");
const UNTIL: Text = Text::new(
    "This page closes after half an hour, or as soon as you take your card out.",
    "Cette page se ferme au bout d’une demi-heure, ou dès que vous retirez votre carte.",
);
const CLOSE: Text = Text::new("Close this page", "Fermer cette page");
const CLOSED: Text = Text::new("Your account page is closed", "Votre compte est fermé");
const CLOSED_DETAIL: Text = Text::new(
    "Nobody can see it until you open it again with your card and your code.",
    "Personne ne peut le consulter tant que vous ne l’ouvrez pas à nouveau avec votre carte et \
     votre code.",
);
const OPEN: Text = Text::new("Open with my card", "Ouvrir avec ma carte");
