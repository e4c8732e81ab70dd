//! The incident report on paper, for the data-protection authority's notice: totals first, then
//! what is left to fill in by hand, then from where, when and whom.

#[cfg(test)]
mod tests;
pub(crate) mod words;

use cardea_provider::incident::{IncidentReport, Incidents};
use cardea_provider::{
    ACCOUNT_CLIENT_ID, ACCOUNT_NAME, CONSOLE_CLIENT_ID, CONSOLE_NAME, HistoryEntry,
};
use cardea_storage::event::EventRecord;
use cardea_storage::guard_report::{FoundPatient, FoundSession, Part, Totals};

use self::words as say;
use super::coverage::{CoverageCount, LogCheck};
use super::{Pages, ReportRow, in_words, refused};
use crate::activity::words::{circumstances, sentence};
use crate::error::Error;
use crate::language::{Language, Text};
use crate::moment::Moments;
use crate::pdf::{Block, Document, DocumentLanguage, Section, Table};

/// Look-ups of one document; the file of values has all of them.
const ROWS_MAX: usize = 2_000;
/// Patients of one document, and of its look-ups.
const PATIENTS_MAX: u32 = 3_000;
const PATIENTS_OF_ROWS_MAX: usize = 10_000;
/// Patients of one look-up.
const PATIENTS_OF_ROW_MAX: usize = 20;
/// Places of one document.
const PLACES_MAX: usize = 500;

/// What a document is made of.
pub(crate) struct Material<'a> {
    /// In which language, and by whose clocks.
    pub(crate) moments: Moments,
    pub(crate) issuer: &'a str,
    pub(crate) report: &'a IncidentReport,
    /// The unproven ones last.
    pub(crate) patients: Vec<(Part, FoundPatient)>,
    pub(crate) rows: Vec<ReportRow>,
    pub(crate) coverage: CoverageCount,
    pub(crate) log: &'a LogCheck,
}

/// Reads what a document has room for, and what the log says of it.
///
/// # Errors
/// Those of the database and of the log.
pub(crate) async fn gather<'a>(
    moments: Moments,
    issuer: &'a str,
    report: &'a IncidentReport,
    incidents: &Incidents,
    pages: &'a mut Pages,
) -> Result<Material<'a>, Error> {
    let mut patients = Vec::new();
    for part in [Part::Proven, Part::Unproven] {
        let listed = u32::try_from(patients.len()).unwrap_or(u32::MAX);
        let room = PATIENTS_MAX.saturating_sub(listed);
        let found = incidents.report_patients(&report.scope, part, "", room);
        let found = found.await.map_err(refused)?;
        patients.extend(found.into_iter().map(|it| (part, it)));
    }
    let (mut rows, mut named) = (Vec::new(), 0_usize);
    let mut coverage = CoverageCount::default();
    while let Some(page) = pages.next().await? {
        for row in &page {
            coverage.add(row.coverage);
            named += row.report.patients.len();
        }
        rows.extend(page);
        if rows.len() >= ROWS_MAX || named >= PATIENTS_OF_ROWS_MAX {
            break;
        }
    }
    Ok(Material {
        moments,
        issuer,
        report,
        patients,
        rows,
        coverage,
        log: pages.log(),
    })
}

impl Material<'_> {
    pub(crate) fn document(&self) -> Document {
        let mut sections = vec![self.totals(), self.by_hand(), self.places()];
        sections.extend([self.timeline(), self.patients(), self.look_ups()]);
        sections.push(self.in_log());
        Document {
            language: match self.language() {
                Language::English => DocumentLanguage::English,
                Language::French => DocumentLanguage::French,
            },
            title: self.say(say::TITLE),
            facts: self.facts(),
            sections,
            footer: format!("{} · {}", self.issuer, self.say(say::CONFIDENTIAL)),
        }
    }

    fn language(&self) -> Language {
        self.moments.language()
    }

    fn say(&self, text: Text) -> String {
        text.in_language(self.language()).to_owned()
    }

    /// What stands with what a guard alone vouches for.
    fn mark(&self, part: Part) -> String {
        match part {
            Part::Proven => String::new(),
            Part::Unproven => format!(" {}", self.say(say::UNPROVEN)),
        }
    }

    fn section(&self, heading: Text, blocks: Vec<Block>) -> Section {
        Section {
            heading: self.say(heading),
            blocks,
        }
    }

    fn facts(&self) -> Vec<(String, String)> {
        let scope = &self.report.scope;
        let at = |it: time::OffsetDateTime| self.moments.written(it);
        let mut facts = vec![
            (self.say(say::SERVER), self.issuer.to_owned()),
            (self.say(say::MADE_AT), at(self.report.made_at)),
            (self.say(say::CLOCKS), self.moments.clock()),
        ];
        let named = [
            (say::PERSON, &scope.sub),
            (say::SESSION, &scope.session_id),
            (say::CARD, &scope.card_id),
        ];
        for (name, value) in named {
            facts.extend(value.clone().map(|value| (self.say(name), value)));
        }
        facts.extend(scope.from.map(|it| (self.say(say::FROM), at(it))));
        facts.extend(scope.to.map(|it| (self.say(say::TO), at(it))));
        facts
    }

    fn totals(&self) -> Section {
        let mut blocks = vec![
            Block::Paragraph(self.say(say::TOTALS_TOLD)),
            Block::Facts(counts(&self.report.proven, &self.moments)),
        ];
        if self.report.unproven.reports > 0 {
            blocks.push(Block::Paragraph(self.say(say::UNPROVEN_TOLD)));
            blocks.push(Block::Facts(counts(&self.report.unproven, &self.moments)));
        }
        self.section(say::TOTALS, blocks)
    }

    /// GDPR article 33(3): what no log knows.
    fn by_hand(&self) -> Section {
        let empty = self.say(say::TO_FILL);
        let fact = |name: Text| (self.say(name), empty.clone());
        let blocks = vec![
            Block::Paragraph(self.say(say::BY_HAND_TOLD)),
            Block::Facts(say::BY_HAND_POINTS.map(fact).to_vec()),
        ];
        self.section(say::BY_HAND, blocks)
    }

    fn places(&self) -> Section {
        let at = |milliseconds| self.moments.to_the_second(milliseconds);
        let row = |(part, it): &(Part, FoundSession)| {
            vec![
                format!("{}\n{}", at(it.first_at), at(it.last_at)),
                format!("{} · {}", it.client_id, it.service),
                it.session_id.clone().unwrap_or_default(),
                it.sub.clone().unwrap_or_default(),
                it.instance_jkt.clone().unwrap_or_default(),
                it.card_id.clone().unwrap_or_default(),
                format!("{} / {}{}", it.patients, it.answers, self.mark(*part)),
            ]
        };
        let columns = [
            (say::WHEN, 4),
            (say::WHERE, 4),
            (say::SESSION, 4),
            (say::PERSON, 4),
            (say::WORKSTATION, 4),
            (say::CARD, 3),
            (say::PATIENTS_OF_LOOK_UPS, 3),
        ];
        let listed = self.report.places.iter().take(PLACES_MAX);
        let rows = listed.map(row).collect();
        let mut blocks = vec![self.table(&columns, rows)];
        if self.report.has_more || self.report.places.len() > PLACES_MAX {
            blocks.insert(0, Block::Paragraph(self.say(say::CUT)));
        }
        self.section(say::PLACES, blocks)
    }

    fn timeline(&self) -> Section {
        let row = |it: &EventRecord| {
            vec![
                self.moments.second_of(it.occurred_at),
                self.what_happened(it),
                reference(it),
                it.client_id.clone().unwrap_or_default(),
                it.session_id.clone().unwrap_or_default(),
            ]
        };
        let columns = [
            (say::WHEN, 4),
            (say::EVENT, 7),
            (say::REASON, 4),
            (say::PORTAL, 3),
            (say::SESSION, 4),
        ];
        let rows = self.report.events.iter().map(row).collect();
        let told = Block::Paragraph(self.say(say::TIMELINE_TOLD));
        self.section(say::TIMELINE, vec![told, self.table(&columns, rows)])
    }

    /// An event as its person reads it, and where it was.
    fn what_happened(&self, event: &EventRecord) -> String {
        if event.sub.is_none() {
            return self.say(say::OF_NOBODY);
        }
        let portal = event.client_id.as_deref().map(|id| match id {
            ACCOUNT_CLIENT_ID => ACCOUNT_NAME,
            CONSOLE_CLIENT_ID => CONSOLE_NAME,
            id => id,
        });
        let entry = HistoryEntry::alone(event.clone(), portal.map(str::to_owned));
        let told = sentence(&entry, self.language());
        match circumstances(&entry, self.language()) {
            Some(place) => format!("{told}\n{place}"),
            None => told,
        }
    }

    fn patients(&self) -> Section {
        let row = |(part, it): &(Part, FoundPatient)| {
            let [first, last] = [it.first_at, it.last_at].map(|it| self.moments.second_of(it));
            let patient = format!("{}{}", it.patient, self.mark(*part));
            vec![patient, it.times.to_string(), first, last]
        };
        let columns = [
            (say::PATIENT, 6),
            (say::TIMES, 2),
            (say::FIRST_WHEN, 4),
            (say::LAST_WHEN, 4),
        ];
        let rows = self.patients.iter().map(row).collect();
        let listed = i64::try_from(self.patients.len()).unwrap_or(i64::MAX);
        let mut blocks = vec![Block::Paragraph(self.say(say::PATIENTS_TOLD))];
        let Totals { patients, .. } = self.report.unproven;
        if listed < self.report.proven.patients.saturating_add(patients) {
            blocks.push(Block::Paragraph(self.say(say::CUT)));
        }
        blocks.push(self.table(&columns, rows));
        self.section(say::PATIENT_LIST, blocks)
    }

    fn look_ups(&self) -> Section {
        let row = |it: &ReportRow| {
            let (report, language) = (&it.report, self.language());
            let request = in_words::request(&report.kind, &report.answer, language);
            vec![
                self.moments.to_the_second(report.occurred_at),
                first_patients(&report.patients),
                format!("{request}{}", self.mark(it.part)),
                format!("{} · {}", report.client_id, report.service),
                in_words::coverage(it.coverage, language).to_owned(),
            ]
        };
        let columns = [
            (say::WHEN, 4),
            (say::PATIENT, 5),
            (say::ANSWER, 4),
            (say::WHERE, 4),
            (say::LOG, 4),
        ];
        let all = self.report.proven.reports + self.report.unproven.reports;
        let listed = i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
        let mut blocks = Vec::new();
        if listed < all {
            blocks.push(Block::Paragraph(self.say(say::CUT)));
        }
        blocks.push(self.table(&columns, self.rows.iter().map(row).collect()));
        self.section(say::LOOK_UP_LIST, blocks)
    }

    fn in_log(&self) -> Section {
        let count = &self.coverage;
        let told = match (count.is_tampered(), self.log.checkpoint()) {
            (true, _) => say::LOG_TAMPERED,
            (false, None) => say::LOG_NONE,
            (false, Some(_)) => say::LOG_TOLD,
        };
        let numbers = [
            (say::VERIFIED, count.verified),
            (say::WAITING, count.waiting),
            (say::CHANGED, count.changed),
            (say::MISSING, count.missing),
            (say::UNRECORDED, count.unrecorded),
            (say::UNCHECKED, count.unchecked),
        ];
        let fact = |(name, number): (Text, u64)| (self.say(name), number.to_string());
        let mut facts: Vec<_> = numbers.into_iter().map(fact).collect();
        facts.push((self.say(say::LOG_NAME), self.log.origin().to_owned()));
        if let Some(key) = self.log.key() {
            facts.push((self.say(say::LOG_KEY), key.to_string()));
        }
        if let Some(checkpoint) = self.log.checkpoint() {
            facts.push((self.say(say::LOG_SIZE), checkpoint.size.to_string()));
            facts.push((self.say(say::LOG_ROOT), checkpoint.root.to_base64()));
        }
        let blocks = vec![Block::Paragraph(self.say(told)), Block::Facts(facts)];
        self.section(say::IN_LOG, blocks)
    }

    fn table<const COLUMNS: usize>(
        &self,
        columns: &[(Text, u32); COLUMNS],
        rows: Vec<Vec<String>>,
    ) -> Block {
        let zone = self.moments.zone_name();
        let head = |name: Text| self.say(name).replace("{zone}", zone);
        Block::Table(Table {
            columns: columns.map(|(name, part)| (head(name), part)).to_vec(),
            rows,
        })
    }
}

/// The code under which docs/errors.md explains it; its sentence says every other one in words.
fn reference(event: &EventRecord) -> String {
    let code = event.code.as_deref().filter(|it| it.contains('.'));
    code.unwrap_or_default().to_owned()
}

/// How much, each with its name.
pub(crate) fn counts(totals: &Totals, moments: &Moments) -> Vec<(String, String)> {
    let say = |text: Text| text.in_language(moments.language()).to_owned();
    let numbers = [
        (words::PATIENTS, totals.patients),
        (words::DATA_SETS, totals.data_sets),
        (words::LOOK_UPS, totals.look_ups),
        (words::WRITES, totals.writes),
        (words::STEP_UPS, totals.step_ups),
        (words::SLOWED, totals.slowed),
        (words::STOPPED, totals.stopped),
        (words::ACCOUNTS, totals.persons),
        (words::SESSIONS, totals.sessions),
        (words::PORTALS, totals.clients),
        (words::SERVICES, totals.services),
        (words::WORKSTATIONS, totals.workstations),
    ];
    let fact = |(name, number): (Text, i64)| (say(name), number.to_string());
    let mut facts: Vec<_> = numbers.into_iter().map(fact).collect();
    let ends = [
        (words::FIRST, totals.first_at),
        (words::LAST, totals.last_at),
    ];
    for (name, at) in ends {
        let at = at.map_or_else(|| "–".to_owned(), |it| moments.to_the_second(it));
        facts.push((say(name), at));
    }
    facts
}

/// The first patients of a look-up, a line each, and how many more it names.
pub(crate) fn first_patients(patients: &[String]) -> String {
    let first: Vec<_> = patients.iter().take(PATIENTS_OF_ROW_MAX).cloned().collect();
    let more = patients.len().saturating_sub(PATIENTS_OF_ROW_MAX);
    match more {
        0 => first.join("\n"),
        more => format!("{}\n… + {more}", first.join("\n")),
    }
}
