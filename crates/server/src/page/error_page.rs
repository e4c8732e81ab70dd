//! The page for a request that cannot go on, and that must not redirect anywhere.

use askama::Template;

use crate::language::{Language, Text};

/// What went wrong and what to do, with the code and a reference for support.
#[derive(Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage<'a> {
    pub(crate) language: Language,
    pub(crate) heading: &'a str,
    pub(crate) detail: &'a str,
    pub(crate) code: &'a str,
    /// Shown to people so that support finds the line in the log.
    pub(crate) reference: &'a str,
}

impl ErrorPage<'_> {
    fn code_label(&self) -> &'static str {
        CODE.in_language(self.language)
    }

    fn explain_label(&self) -> &'static str {
        EXPLAIN.in_language(self.language)
    }

    /// The request itself may not be safe to repeat: the other language explains its code.
    fn switch(&self) -> &'static str {
        super::SWITCH.in_language(self.language)
    }

    fn reference_label(&self) -> &'static str {
        REFERENCE.in_language(self.language)
    }
}

const CODE: Text = Text::new("Code:", "Code :");
const EXPLAIN: Text = Text::new("What this code means", "Ce que ce code veut dire");
const REFERENCE: Text = Text::new("Reference for support:", "Référence pour l’assistance :");
