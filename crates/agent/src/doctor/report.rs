//! What the doctor says: for people, in order, and as one JSON document.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::cause::{Cause, Severity};
use super::finding::Finding;
use crate::language::Language;

/// Longest line for people.
const COLUMNS: usize = 88;

/// All findings, in the order in which they must be mended, and what was found sound.
#[derive(Clone, Debug)]
pub struct Report {
    language: Language,
    findings: Vec<Finding>,
    /// What is as it should be: French, English.
    seen: Vec<(String, String)>,
    fixed: Vec<&'static str>,
    /// Whether anything could be looked at.
    is_examined: bool,
}

impl Report {
    /// Where nothing could be looked at.
    pub(super) fn of_nothing(language: Language, findings: Vec<Finding>) -> Self {
        Self {
            is_examined: false,
            ..Self::of(language, findings)
        }
    }

    pub(super) fn of(language: Language, findings: Vec<Finding>) -> Self {
        Self {
            language,
            findings,
            seen: Vec::new(),
            fixed: Vec::new(),
            is_examined: true,
        }
    }

    pub(super) fn take(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    pub(super) fn see(&mut self, seen: &[(String, String)]) {
        self.seen.extend_from_slice(seen);
    }

    pub(super) fn fixed(&mut self, codes: Vec<&'static str>) {
        self.fixed = codes;
    }

    /// Causes before their consequences.
    pub(super) fn in_order(&mut self) {
        self.findings.sort_by_key(Finding::cause);
        self.findings.dedup();
    }

    /// The findings, what must be mended first before the rest.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether this was found.
    #[must_use]
    pub fn has(&self, cause: Cause) -> bool {
        self.findings.iter().any(|it| it.cause() == cause)
    }

    /// Whether nothing is to be mended.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.wrong().next().is_none()
    }

    /// Whether something keeps somebody from signing in, or from doing so by one of the ways.
    #[must_use]
    pub fn has_fault(&self) -> bool {
        let is_fault = |it: &Finding| it.cause().severity() == Severity::Fault;
        self.findings.iter().any(is_fault)
    }

    /// Whether anything could be looked at.
    #[must_use]
    pub fn is_examined(&self) -> bool {
        self.is_examined
    }

    fn wrong(&self) -> impl Iterator<Item = &Finding> {
        let is_wrong = |it: &&Finding| it.cause().severity() > Severity::Note;
        self.findings.iter().filter(is_wrong)
    }

    /// The language of its reader.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// What is as it should be, in the reader's language.
    pub(crate) fn sound_parts(&self) -> impl Iterator<Item = String> {
        self.seen.iter().map(|(french, english)| {
            let said = self.language.say(french, english);
            self.language.keep_marks(said)
        })
    }

    /// The document of `--json`.
    #[must_use]
    pub fn json(&self) -> Value {
        let finding = |finding: &Finding| {
            let cause = finding.cause();
            json!({
                "code": cause.code(),
                "severity": cause.severity(),
                "title": finding.title(self.language),
                "detail": finding.detail(self.language),
                "fix": finding.fix(self.language),
                "command": finding.command(),
                "fixable": cause.is_fixable(),
            })
        };
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "sound": self.is_sound(),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "seen": self.sound_parts().collect::<Vec<_>>(),
            "fixed": self.fixed,
        })
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for code in &self.fixed {
            let word = self.say("Corrigé\u{a0}:", "Mended:");
            let _ = writeln!(text, "{word} {code}");
        }
        text.push_str(&self.heading());
        for (number, finding) in (1..).zip(self.wrong()) {
            let code = finding.cause().code();
            let title = finding.title(self.language);
            let warning = match finding.cause().severity() {
                Severity::Warning => self.say("Avertissement\u{a0}: ", "Warning: "),
                Severity::Note | Severity::Fault => "",
            };
            let _ = write!(text, "\n{number}. {warning}{title}  [{code}]\n");
            paragraph(&mut text, &finding.detail(self.language));
            let fix = finding.fix(self.language);
            paragraph(&mut text, &format!("→ {fix}"));
            if let Some(command) = finding.command() {
                let _ = writeln!(text, "       {command}");
            }
        }
        let is_note = |it: &&Finding| it.cause().severity() == Severity::Note;
        let notes = self.findings.iter().filter(is_note);
        let notes: Vec<String> = notes
            .map(|it| format!("{} {}", it.title(self.language), it.detail(self.language)))
            .collect();
        if notes.is_empty() && self.seen.is_empty() {
            return text;
        }
        text.push('\n');
        for note in &notes {
            let _ = writeln!(text, "·  {note}");
        }
        for part in self.sound_parts() {
            let _ = writeln!(text, "✓  {part}");
        }
        text
    }

    fn heading(&self) -> String {
        match (self.wrong().count(), self.language) {
            (0, Language::French) => "Tout est en ordre.\n".to_owned(),
            (0, Language::English) => "All is well.\n".to_owned(),
            _ if !self.has_fault() => self
                .say(
                    "Rien ne vous empêche de vous connecter. Il reste à améliorer\u{a0}:\n",
                    "Nothing keeps you from signing in. This could be better:\n",
                )
                .to_owned(),
            (1, Language::French) => "Un point est à corriger.\n".to_owned(),
            (1, Language::English) => "One thing is to be mended.\n".to_owned(),
            (count, Language::French) => {
                format!("{count} points sont à corriger, dans cet ordre\u{a0}:\n")
            }
            (count, Language::English) => {
                format!("{count} things are to be mended, in this order:\n")
            }
        }
    }

    fn say(&self, french: &'static str, english: &'static str) -> &'static str {
        self.language.say(french, english)
    }
}

/// Indented, and broken into lines between words.
fn paragraph(text: &mut String, said: &str) {
    let mut line = String::new();
    // Not at spaces that keep a French mark on its line.
    for word in said.split_ascii_whitespace() {
        if !line.is_empty() && line.chars().count() + word.chars().count() + 4 > COLUMNS {
            let _ = writeln!(text, "   {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(text, "   {line}");
    }
}
