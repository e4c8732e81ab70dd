//! The page's HTML and its words.

use std::fmt::Write as _;

use crate::doctor::{Finding, Report, Severity};
use crate::language::Language;
use crate::own_page::{STYLE, escape};
use crate::status_command::StatusReport;
use crate::status_command::words::card_word;

/// How often an open page looks again, in seconds.
const AGAIN_SECONDS: u32 = 20;

const OWN_STYLE: &str = "
main { max-width: 46rem; }
h2 { margin: 1.75rem 0 0.5rem; font-size: 1.125rem; }
ol { margin: 0 0 1.5rem; padding-left: 1.5rem; display: grid; gap: 1.25rem; }
ol p, li p { margin: 0.25rem 0; }
.state { font-size: 1.375rem; font-weight: 700; margin: 0; }
.said { border-left: 0.375rem solid var(--strong); padding-left: 1rem; }
.end { border-color: #b3261e; }
code { display: block; background: var(--soft); padding: 0.5rem 0.75rem; border-radius: 0.375rem; }
small { color: inherit; }
form { display: inline-block; margin: 0 0.75rem 0.75rem 0; }
li span { display: inline; }
";

/// What one look at the page shows.
pub(super) struct Shown<'a> {
    pub(super) language: Language,
    pub(super) status: &'a StatusReport,
    pub(super) report: &'a Report,
    pub(super) ended: Option<Option<usize>>,
}

impl Shown<'_> {
    pub(super) fn document(&self, nonce: &str) -> String {
        let lang = self.say("fr", "en");
        let title = self.say("Cardea sur ce poste", "Cardea on this workstation");
        let mut body = format!("<h1>{title}</h1>\n");
        self.ended(&mut body);
        self.notices(&mut body);
        self.card(&mut body);
        self.sessions(&mut body);
        self.findings(&mut body);
        self.thumbprint(&mut body);
        format!(
            "<!DOCTYPE html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"refresh\" content=\"{AGAIN_SECONDS}\">\n\
             <title>{title}</title>\n<style nonce=\"{nonce}\">{STYLE}{OWN_STYLE}</style>\n</head>\n\
             <body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
        )
    }

    fn say(&self, french: &'static str, english: &'static str) -> &'static str {
        self.language.say(french, english)
    }

    /// What became of the button.
    fn ended(&self, body: &mut String) {
        let Some(ended) = self.ended else { return };
        let said = match ended {
            Some(0) => self.say("Aucune session n’était ouverte.", "No session was open."),
            Some(_) => self.say(
                "Vos sessions sont terminées ; les portails en sont prévenus.",
                "Your sessions have ended; the portals are told.",
            ),
            None => self.say(
                "Cardea ne répond pas : retirez la carte pour mettre fin à vos sessions.",
                "Cardea does not answer: pull the card to end your sessions.",
            ),
        };
        let _ = writeln!(body, "<p class=\"said\" role=\"status\">{said}</p>");
    }

    /// What was told of other uses of the card, with the way to the page that says more.
    fn notices(&self, body: &mut String) {
        let Some(own) = self
            .status
            .status
            .as_ref()
            .filter(|own| !own.notices.is_empty())
        else {
            return;
        };
        let heading = self.say("Votre carte ailleurs", "Your card elsewhere");
        let _ = writeln!(body, "<h2>{heading}</h2>\n<ul>");
        for notice in &own.notices {
            let words = escape(&self.language.listed_notice(notice));
            let (address, open) = (escape(&notice.account), self.language.open_account());
            let _ = writeln!(
                body,
                "<li>{words} <a href=\"{address}\" rel=\"noreferrer\">{open}</a></li>"
            );
        }
        body.push_str("</ul>\n");
    }

    fn card(&self, body: &mut String) {
        let heading = self.say("Carte", "Card");
        let _ = writeln!(body, "<h2>{heading}</h2>");
        let Some(own) = &self.status.status else {
            let stopped = self.say("Cardea n’est pas démarré.", "Cardea is not running.");
            let _ = writeln!(body, "<p class=\"state\">{stopped}</p>");
            return;
        };
        let word = card_word(&own.standing, self.language);
        let mut word = word.chars();
        let first = word
            .next()
            .map_or_else(String::new, |it| it.to_uppercase().collect());
        let _ = writeln!(body, "<p class=\"state\">{first}{}</p>", word.as_str());
        for card in &own.cards {
            let _ = writeln!(body, "<p>{}</p>", escape(&card.words(self.language)));
        }
    }

    fn sessions(&self, body: &mut String) {
        let Some(own) = &self.status.status else {
            return;
        };
        let heading = self.say(
            "Sessions ouvertes avec la carte",
            "Sessions opened with the card",
        );
        let _ = writeln!(body, "<h2>{heading}</h2>");
        if own.standing.sessions.is_empty() {
            let none = self.say("Aucune.", "None.");
            let _ = writeln!(body, "<p>{none}</p>");
            return;
        }
        for session in &own.standing.sessions {
            let _ = writeln!(body, "<p>{}</p>", escape(&session.words(self.language)));
        }
        let end = self.say("Mettre fin à toutes mes sessions", "End all my sessions");
        let _ = writeln!(
            body,
            "<form method=\"post\">\
             <button class=\"end\" name=\"end\" value=\"1\">{end}</button></form>"
        );
    }

    fn findings(&self, body: &mut String) {
        let heading = self.say("Diagnostic", "Diagnosis");
        let _ = writeln!(body, "<h2>{heading}</h2>");
        let is_wrong = |it: &&Finding| it.cause().severity() > Severity::Note;
        if self.report.is_sound() {
            let sound = self.say("Tout est en ordre.", "All is well.");
            let _ = writeln!(body, "<p>{sound}</p>");
        } else {
            let order = if self.report.has_fault() {
                self.say(
                    "À corriger, dans cet ordre\u{a0}:",
                    "To be mended, in this order:",
                )
            } else {
                self.say(
                    "Rien ne vous empêche de vous connecter. Il reste à améliorer\u{a0}:",
                    "Nothing keeps you from signing in. This could be better:",
                )
            };
            let _ = writeln!(body, "<p>{order}</p>\n<ol>");
            for finding in self.report.findings().iter().filter(is_wrong) {
                self.finding(body, finding);
            }
            body.push_str("</ol>\n");
        }
        for part in self.report.sound_parts() {
            let _ = writeln!(body, "<p>✓ {}</p>", escape(&part));
        }
        let again = self.say("Examiner à nouveau", "Look again");
        let _ = writeln!(
            body,
            "<form method=\"post\"><button name=\"look\" value=\"1\">{again}</button></form>"
        );
    }

    fn thumbprint(&self, body: &mut String) {
        let own = self.status.status.as_ref();
        if let Some(words) = own.and_then(|own| own.thumbprint_words(self.language)) {
            let words = self.language.keep_marks(&words);
            let _ = writeln!(body, "<p><small>{}</small></p>", escape(&words));
        }
    }

    fn finding(&self, body: &mut String, finding: &Finding) {
        let [title, detail, fix] = [
            finding.title(self.language),
            finding.detail(self.language),
            finding.fix(self.language),
        ]
        .map(|text| escape(&text));
        let warning = match finding.cause().severity() {
            Severity::Warning => self.say("Avertissement\u{a0}: ", "Warning: "),
            Severity::Note | Severity::Fault => "",
        };
        let _ = writeln!(
            body,
            "<li><strong>{warning}{title}</strong><p>{detail}</p><p>{fix}</p>"
        );
        if let Some(command) = finding.command() {
            let run = self.say(
                "À saisir dans un terminal\u{a0}:",
                "To be typed in a terminal:",
            );
            let _ = writeln!(body, "<p>{run}</p><code>{}</code>", escape(&command));
        }
        let code = finding.cause().code();
        let named = self.say("Code pour l’assistance\u{a0}:", "Code for support:");
        let _ = writeln!(body, "<small>{named} {code}</small></li>");
    }
}
