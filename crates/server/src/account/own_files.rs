//! Her log in several files, where one does not hold it: how many there are, and each one's
//! buttons.

use askama::Template;
use cardea_provider::{AccountSession, OWN_FILES_MAX, OwnFile};

use crate::language::{Language, Text};
use crate::moment::Moments;
use crate::page::chart::number;

/// The page.
#[derive(Template)]
#[template(path = "own_files.html")]
pub(super) struct OwnFilesPage<'a> {
    language: Language,
    moments: Moments,
    session: &'a AccountSession,
    /// The days that she named, as her form said them.
    days: (&'a str, &'a str),
    files: Vec<(usize, &'a OwnFile)>,
    is_cut: bool,
}

impl<'a> OwnFilesPage<'a> {
    pub(super) fn new(
        moments: Moments,
        session: &'a AccountSession,
        days: (&'a str, &'a str),
        files: &'a [OwnFile],
    ) -> Self {
        let most = usize::try_from(OWN_FILES_MAX).unwrap_or(usize::MAX);
        Self {
            language: moments.language(),
            moments,
            session,
            days,
            files: (1..).zip(files).collect(),
            is_cut: files.len() >= most,
        }
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn heading(&self) -> String {
        let count = self.files.len().to_string();
        self.say(HEADING).replace("{count}", &count)
    }

    fn told(&self) -> String {
        let entries = self.files.iter().map(|(_, file)| file.entries).sum();
        let entries = number(entries, self.language);
        let text = if self.is_cut { TOLD_CUT } else { TOLD };
        self.say(text).replace("{entries}", &entries)
    }

    /// `File 2 of 3`.
    fn name(&self, place: &usize) -> String {
        let name = self.say(FILE).replace("{place}", &place.to_string());
        name.replace("{count}", &self.files.len().to_string())
    }

    /// From when to when, and how much.
    fn span(&self, file: &OwnFile) -> String {
        let (first, last) = (file.first_at, file.last_at);
        let entries = number(file.entries, self.language);
        let words = match self.moments.is_same_day(first, last) {
            true => self.say(ON_DAY),
            false => self.say(FROM_DAY),
        };
        let words = words.replace("{first}", &self.moments.day(first));
        let words = words.replace("{last}", &self.moments.day(last));
        words.replace("{entries}", &entries)
    }

    fn after(&self, file: &'a OwnFile) -> &'a str {
        file.after.as_deref().unwrap_or_default()
    }
}

const HEADING: Text = Text::new(
    "Your history: {count} files",
    "Votre historique\u{a0}: {count} fichiers",
);
const TOLD: Text = Text::new(
    "It has {entries} entries, more than one file holds. Take the files one after the other: \
     together they are all of it. At most ten can be taken in a minute.",
    "Il compte {entries} entrées, plus qu’un fichier n’en contient. Prenez les fichiers l’un après \
     l’autre\u{a0}: ensemble, ils forment le tout. Dix au plus peuvent être pris par minute.",
);
const TOLD_CUT: Text = Text::new(
    "The first {entries} entries are listed here; there may be more. Name a later first day to \
     have what follows. At most ten files can be taken in a minute.",
    "Les {entries} premières entrées sont listées ici\u{a0}; il peut y en avoir d’autres. Indiquez \
     un premier jour plus tardif pour la suite. Dix fichiers au plus peuvent être pris par minute.",
);
const FILE: Text = Text::new("File {place} of {count}", "Fichier {place} sur {count}");
const FROM_DAY: Text = Text::new(
    "{first} to {last} – entries: {entries}",
    "Du {first} au {last} – entrées\u{a0}: {entries}",
);
const ON_DAY: Text = Text::new(
    "{first} – entries: {entries}",
    "{first} – entrées\u{a0}: {entries}",
);
const AS_PDF: Text = Text::new("Document (PDF)", "Document (PDF)");
const AS_JSON: Text = Text::new("File with proofs (JSON)", "Fichier avec preuves (JSON)");
const BACK: Text = Text::new("Back to my activity", "Retour à mon activité");

#[cfg(test)]
mod tests {
    use askama::Template as _;
    use cardea_provider::{AccountSession, OwnFile};
    use time::macros::datetime;

    use super::OwnFilesPage;
    use crate::language::Language;
    use crate::moment::Moments;

    fn session() -> AccountSession {
        AccountSession {
            sub: "sub".to_owned(),
            session_id: "session".to_owned(),
            instance_jkt: "jkt".to_owned(),
            card_sha256: "card".to_owned(),
            person_name: "Claire MARTIN".to_owned(),
            form_token: "token".to_owned(),
        }
    }

    fn files() -> Vec<OwnFile> {
        let first = OwnFile {
            after: None,
            entries: 1_000,
            first_at: datetime!(2026-11-01 08:00 UTC),
            last_at: datetime!(2026-11-12 08:00 UTC),
        };
        let second = OwnFile {
            after: Some("18a-0-x_".to_owned()),
            entries: 234,
            first_at: datetime!(2026-11-12 08:00 UTC),
            last_at: datetime!(2026-11-12 09:00 UTC),
        };
        vec![first, second]
    }

    #[test]
    fn every_file_has_its_place_its_days_and_its_buttons() {
        let (session, files) = (session(), files());
        let cases = [
            (
                Language::English,
                [
                    "Your history: 2 files",
                    "1,234 entries",
                    "File 1 of 2",
                    "1 November 2026 to 12 November 2026 – entries: 1,000",
                    "File 2 of 2",
                ],
            ),
            (
                Language::French,
                [
                    "Votre historique\u{a0}: 2 fichiers",
                    "1\u{202f}234 entrées",
                    "Fichier 1 sur 2",
                    "Du 1er novembre 2026 au 12 novembre 2026 – entrées\u{a0}: 1\u{202f}000",
                    "Fichier 2 sur 2",
                ],
            ),
        ];
        for (language, parts) in cases {
            let days = ("2026-11-01", "");
            let page = OwnFilesPage::new(Moments::utc(language), &session, days, &files);
            let html = page.render().unwrap();
            for part in parts {
                assert!(html.contains(part), "{part} is not in {html}");
            }
            assert_eq!(html.matches("name=\"form\" value=\"pdf\"").count(), 2);
            assert_eq!(html.matches("name=\"form\" value=\"json\"").count(), 2);
            assert!(html.contains("name=\"after\" value=\"18a-0-x_\""), "{html}");
            assert_eq!(
                html.matches("name=\"from\" value=\"2026-11-01\"").count(),
                2
            );
        }
    }
}
