//! The same for reading and for printing: her log as a PDF.

use cardea_provider::{AccountSession, HistoryEntry};
use time::OffsetDateTime;

use super::words::{circumstances, sentence};
use crate::language::{Language, Text};
use crate::ledger::inclusion::Proven;
use crate::moment::Moments;
use crate::pdf::{Block, Document, DocumentLanguage, Section, Table};

/// What the document is made of.
pub(crate) struct OwnPaper<'a> {
    pub(crate) moments: Moments,
    pub(crate) issuer: &'a str,
    pub(crate) session: &'a AccountSession,
    pub(crate) entries: &'a [HistoryEntry],
    pub(crate) proven: &'a Proven,
    pub(crate) made_at: OffsetDateTime,
    pub(crate) is_cut: bool,
}

impl OwnPaper<'_> {
    pub(crate) fn document(&self) -> Document {
        let language = self.moments.language();
        let say = |text: Text| text.in_language(language).to_owned();
        let mut told = vec![Block::Paragraph(say(TOLD))];
        if self.is_cut {
            told.push(Block::Paragraph(say(CUT)));
        }
        told.push(Block::Paragraph(self.moments.clock()));
        told.push(self.table());
        Document {
            language: match language {
                Language::French => DocumentLanguage::French,
                Language::English => DocumentLanguage::English,
            },
            title: say(TITLE),
            facts: self.facts(),
            sections: vec![
                Section {
                    heading: say(HISTORY),
                    blocks: told,
                },
                Section {
                    heading: say(PROOF),
                    blocks: self.proof(),
                },
            ],
            footer: format!("{} – {}", self.session.person_name, self.issuer),
        }
    }

    fn facts(&self) -> Vec<(String, String)> {
        let say = |text: Text| text.in_language(self.moments.language()).to_owned();
        let mut facts = vec![
            (say(PERSON), self.session.person_name.clone()),
            (say(SERVICE), self.issuer.to_owned()),
            (say(MADE), self.moments.written(self.made_at)),
            (say(ENTRIES), self.entries.len().to_string()),
        ];
        if let (Some(first), Some(last)) = (self.entries.first(), self.entries.last()) {
            let day = |entry: &HistoryEntry| self.moments.day(entry.event.occurred_at);
            facts.push((say(FROM), day(first)));
            facts.push((say(UNTIL), day(last)));
        }
        facts
    }

    fn table(&self) -> Block {
        let (moments, language) = (&self.moments, self.moments.language());
        let say = |text: Text| text.in_language(language).to_owned();
        let when = say(WHEN).replace("{zone}", moments.zone_name());
        let row = |entry: &HistoryEntry| {
            let at = entry.event.occurred_at;
            vec![
                format!("{} {}", moments.day(at), moments.time(at)),
                sentence(entry, language),
                circumstances(entry, language).unwrap_or_default(),
            ]
        };
        Block::Table(Table {
            columns: vec![(when, 22), (say(WHAT), 45), (say(WHERE), 33)],
            rows: self.entries.iter().map(row).collect(),
        })
    }

    fn proof(&self) -> Vec<Block> {
        let say = |text: Text| text.in_language(self.moments.language()).to_owned();
        let mut blocks = vec![Block::Paragraph(say(PROOF_TOLD))];
        let note = self.proven.checkpoint.to_string();
        let lines = note.lines().filter(|it| !it.is_empty());
        blocks.extend(lines.map(|line| Block::Paragraph(line.to_owned())));
        blocks
    }
}

const TITLE: Text = Text::new("My activity", "Mon activité");
const PERSON: Text = Text::new("Name on the card", "Nom sur la carte");
const SERVICE: Text = Text::new("Service", "Service");
const MADE: Text = Text::new("Made on", "Établi le");
const ENTRIES: Text = Text::new("Entries", "Entrées");
const FROM: Text = Text::new("From", "Du");
const UNTIL: Text = Text::new("To", "Au");
const HISTORY: Text = Text::new("What happened", "Ce qui s’est passé");
const WHEN: Text = Text::new("When ({zone})", "Quand ({zone})");
const WHAT: Text = Text::new("What", "Quoi");
const WHERE: Text = Text::new("Where and how", "Où et comment");
const TOLD: Text = Text::new(
    "Everything that this service has on record about you in this time, the oldest first.",
    "Tout ce que ce service a enregistré à votre sujet sur cette période, du plus ancien au plus \
     récent.",
);
const CUT: Text = Text::new(
    "There is more: this document holds as many entries as one may hold. The next file goes on \
     from here.",
    "Il y en a d’autres\u{a0}: ce document contient le nombre maximal d’entrées. Le fichier \
     suivant continue à partir d’ici.",
);
const PROOF: Text = Text::new("Proof", "Preuve");
const PROOF_TOLD: Text = Text::new(
    "These entries stand in a log that cannot be changed unseen. Its signed state at the time of \
     this document is below. The same entries as a JSON file hold the proof of each, which anybody \
     can check with the log’s key and without this service.",
    "Ces entrées figurent dans un journal qui ne peut pas être modifié sans que cela se voie. Son \
     état signé à la date de ce document est donné ci-dessous. Les mêmes entrées en fichier JSON \
     contiennent la preuve de chacune, que toute personne peut vérifier avec la clé du journal et \
     sans ce service.",
);
