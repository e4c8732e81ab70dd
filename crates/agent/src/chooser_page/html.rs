//! The page's HTML and its words.

use std::fmt::Write as _;
use std::time::Instant;

use super::answers::Answer;
use super::{Asker, Card};
use crate::display_text::for_display;
use crate::language::Language;
use crate::own_page::{STYLE, escape};

/// One card, with names that are fit to be shown.
pub(super) struct Row {
    person: String,
    kind: String,
    reader: String,
}

impl Row {
    pub(super) fn of(card: &Card) -> Self {
        Self {
            person: card.person.clone(),
            kind: card.kind.clone(),
            reader: for_display(card.insertion.reader()),
        }
    }
}

/// What the page shows.
pub(super) struct Page {
    pub(super) language: Language,
    pub(super) asker: Asker,
    pub(super) cards: Vec<Row>,
    /// When nobody waits for the choice any more.
    pub(super) until: Instant,
}

struct Words {
    lang: &'static str,
    title: &'static str,
    question: &'static str,
    through: &'static str,
    card: &'static str,
    reader: &'static str,
    advice: &'static str,
    cancel: &'static str,
    late: &'static str,
    chosen: &'static str,
    cancelled: &'static str,
    close: &'static str,
}

const FRENCH: Words = Words {
    lang: "fr",
    title: "Cardea – choix de la carte",
    question: "Avec quelle carte vous connecter à",
    through: "par",
    card: "Carte",
    reader: "Lecteur",
    advice: "Plusieurs cartes sont insérées. Votre choix ne vaut que pour cette connexion ; le \
             code sera demandé ensuite dans une autre fenêtre, jamais sur une page.",
    cancel: "Annuler la connexion",
    late: "Le temps imparti est écoulé. Fermez cet onglet et recommencez depuis le portail.",
    chosen: "C’est noté : la suite se passe dans la fenêtre de saisie du code.",
    cancelled: "Connexion annulée.",
    close: "Vous pouvez fermer cet onglet.",
};

const ENGLISH: Words = Words {
    lang: "en",
    title: "Cardea – choice of the card",
    question: "Which card do you want to use for",
    through: "through",
    card: "Card",
    reader: "Reader",
    advice: "Several cards are inserted. Your choice counts for this sign-in alone; the PIN is \
             asked afterwards in another window, never on a page.",
    cancel: "Cancel the sign-in",
    late: "Time is up. Close this tab and start again from the portal.",
    chosen: "Done: please go on in the PIN window.",
    cancelled: "The sign-in was cancelled.",
    close: "You may close this tab.",
};

impl Page {
    fn words(&self) -> &'static Words {
        match self.language {
            Language::French => &FRENCH,
            Language::English => &ENGLISH,
        }
    }

    /// The answer in a form that the page sent.
    pub(super) fn parse(&self, form: &[u8]) -> Option<Answer> {
        if form == b"cancel=1" {
            return Some(Answer::Cancelled);
        }
        let number = std::str::from_utf8(form).ok()?.strip_prefix("card=")?;
        let index: usize = number.parse().ok()?;
        (index < self.cards.len()).then_some(Answer::Card(index))
    }

    /// The cards, a button each. Without a script, the style sheet alone takes the buttons away
    /// when nobody waits for an answer any more.
    pub(super) fn cards(&self, nonce: &str) -> String {
        let words = self.words();
        let left = self
            .until
            .saturating_duration_since(Instant::now())
            .as_secs();
        let mut buttons = String::new();
        for (
            index,
            Row {
                person,
                kind,
                reader,
            },
        ) in self.cards.iter().enumerate()
        {
            let [person, kind, reader] = [person, kind, reader].map(|text| escape(text));
            let Words {
                card,
                reader: label,
                ..
            } = words;
            // Writing to a String cannot fail.
            let _ = writeln!(
                buttons,
                "<li><button name=\"card\" value=\"{index}\"><strong>{person}</strong>\
                 <span>{card} {kind}</span><span>{label}{} {reader}</span></button></li>",
                self.colon(),
            );
        }
        let style = format!(
            "form {{ animation: go 1ms linear {left}s forwards; }}\n\
             .late {{ visibility: hidden; animation: come 1ms linear {left}s forwards; }}\n"
        );
        let (client, issuer) = (escape(&self.asker.client), escape(&self.asker.issuer));
        let Words {
            question,
            through,
            advice,
            cancel,
            late,
            ..
        } = words;
        let (open, close) = self.quotes();
        let body = format!(
            "<h1>{question} {open}{client}{close}{}?</h1>\n\
             <p>{through} {open}{issuer}{close}</p>\n<p>{advice}</p>\n\
             <form method=\"post\">\n<ul>\n{buttons}</ul>\n\
             <button name=\"cancel\" value=\"1\">{cancel}</button>\n</form>\n\
             <p class=\"late\" role=\"status\">{late}</p>",
            self.thin_space(),
        );
        self.document(nonce, &style, &body)
    }

    /// After the choice.
    pub(super) fn chosen(&self, answer: Answer, nonce: &str) -> String {
        let words = self.words();
        let said = match answer {
            Answer::Card(_) => words.chosen,
            Answer::Cancelled => words.cancelled,
        };
        let body = format!("<h1>{said}</h1>\n<p>{}</p>", words.close);
        self.document(nonce, "", &body)
    }

    /// When the choice is over already.
    pub(super) fn over(&self, nonce: &str) -> String {
        let body = format!("<h1>{}</h1>", self.words().late);
        self.document(nonce, "", &body)
    }

    fn document(&self, nonce: &str, style: &str, body: &str) -> String {
        let Words { lang, title, .. } = self.words();
        format!(
            "<!DOCTYPE html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style nonce=\"{nonce}\">{STYLE}{style}</style>\n</head>\n\
             <body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
        )
    }

    fn quotes(&self) -> (&'static str, &'static str) {
        match self.language {
            Language::French => ("«\u{a0}", "\u{a0}»"),
            Language::English => ("“", "”"),
        }
    }

    fn thin_space(&self) -> &'static str {
        match self.language {
            Language::French => "\u{202f}",
            Language::English => "",
        }
    }

    fn colon(&self) -> &'static str {
        match self.language {
            Language::French => "\u{a0}:",
            Language::English => ":",
        }
    }
}
