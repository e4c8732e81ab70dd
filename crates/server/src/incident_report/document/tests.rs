use cardea_provider::incident::{IncidentReport, ReportScope};
use cardea_storage::event::EventRecord;
use cardea_storage::guard_report::{FoundPatient, GuardReport, Part, Totals};
use time::OffsetDateTime;
use time::macros::datetime;

use super::super::ReportRow;
use super::super::coverage::{Coverage, CoverageCount, LogCheck};
use super::Material;
use crate::language::Language;
use crate::moment::Moments;
use crate::pdf::{Block, Document, Table};
use crate::time_zone::PageZone;

/// Clocks in Paris show half past two twice on this day; this is the first time.
const AT: OffsetDateTime = datetime!(2026-10-25 00:30 UTC);

fn row(coverage: Coverage) -> ReportRow {
    ReportRow {
        part: Part::Proven,
        report: GuardReport {
            id: "report".to_owned(),
            guard_client_id: "guard".to_owned(),
            sub: Some("sub".to_owned()),
            session_id: Some("session".to_owned()),
            client_id: "portal".to_owned(),
            token_jti: "jti".to_owned(),
            service: "records".to_owned(),
            kind: "look_up".to_owned(),
            answer: "allow".to_owned(),
            reasons: "[]".to_owned(),
            patient_present: false,
            patients: vec!["patient-1".to_owned()],
            part: None,
            unproven: None,
            place: None,
            on_record: None,
            occurred_at: AT.unix_timestamp() * 1_000,
            received_at: AT,
        },
        coverage,
    }
}

fn ended() -> EventRecord {
    EventRecord {
        kind: "session.ended".to_owned(),
        code: Some("guard_stopped".to_owned()),
        ..login(Some("sub"))
    }
}

fn login(sub: Option<&str>) -> EventRecord {
    EventRecord {
        id: "id".to_owned(),
        kind: "login.accepted".to_owned(),
        occurred_at: datetime!(2026-10-25 01:30 UTC),
        authorization_request_id: None,
        session_id: Some("session".to_owned()),
        sub: sub.map(str::to_owned),
        client_id: Some("portal".to_owned()),
        code: None,
        details: r#"{"workstation":"Comptoir 2","reader":"Reader 00"}"#.to_owned(),
    }
}

fn report() -> IncidentReport {
    let of_patients = |patients| Totals {
        patients,
        reports: 1,
        ..Totals::default()
    };
    IncidentReport {
        scope: ReportScope {
            from: Some(AT),
            ..ReportScope::default()
        },
        made_at: datetime!(2026-11-30 22:30 UTC),
        proven: of_patients(1),
        unproven: of_patients(2),
        places: Vec::new(),
        events: vec![login(Some("sub")), login(None), ended()],
        has_more: false,
    }
}

fn document(language: Language, report: &IncidentReport) -> Document {
    let patient = |part, name: &str| {
        let patient = FoundPatient {
            patient: name.to_owned(),
            times: 3,
            first_at: AT,
            last_at: AT,
        };
        (part, patient)
    };
    let log = LogCheck::unsigned("id.example.fr/log");
    let zone = PageZone::try_from("Europe/Paris".to_owned()).unwrap();
    let material = Material {
        moments: Moments::new(language, &zone),
        issuer: "https://id.example.fr",
        report,
        patients: vec![
            patient(Part::Proven, "patient-1"),
            patient(Part::Unproven, "patient-2"),
        ],
        rows: vec![row(Coverage::Verified(7)), row(Coverage::Unrecorded)],
        coverage: CoverageCount::default(),
        log: &log,
    };
    material.document()
}

/// The table of a section, and what is said before it.
fn table(document: &Document, heading: &str) -> (Vec<String>, Table) {
    let found = document.sections.iter();
    let section = found
        .clone()
        .find(|it| it.heading.starts_with(heading))
        .unwrap();
    let mut told = Vec::new();
    for block in &section.blocks {
        match block {
            Block::Paragraph(text) => told.push(text.clone()),
            Block::Table(table) => return (told, table.clone()),
            Block::Facts(_) => {}
        }
    }
    panic!("{heading} has no table: {section:?}");
}

#[test]
fn an_authority_reads_words_in_its_language_by_the_clocks_of_the_pages() {
    let report = report();
    let french = document(Language::French, &report);
    let facts = format!("{:?}", french.facts);
    for part in [
        "fuseau horaire Europe/Paris",
        "30 novembre 2026 à 23:30",
        "25 octobre 2026 à 02:30 (UTC+2)",
    ] {
        assert!(facts.contains(part), "{part}: {facts}");
    }
    let (_, look_ups) = table(&french, "6.");
    assert_eq!(look_ups.columns[0].0, "Quand (Europe/Paris)");
    let cells = &look_ups.rows[0];
    assert_eq!(cells[0], "2026-10-25 02:30:00 (UTC+2)");
    assert_eq!(cells[2], "Consultation\u{a0}: autorisée");
    assert_eq!(cells[4], "conforme au journal");
    assert_eq!(look_ups.rows[1][4], "antérieure à l’inscription au journal");
    let (_, events) = table(&french, "4.");
    assert_eq!(events.rows[0][0], "2026-10-25 02:30:00 (UTC+1)");
    let told = &events.rows[0][1];
    assert!(told.starts_with("Votre carte s’est connectée à"), "{told}");
    assert!(told.contains("\nposte «\u{a0}Comptoir 2\u{a0}»"), "{told}");
    assert!(!events.rows[1][1].contains("Votre"), "{:?}", events.rows[1]);
    let english = document(Language::English, &report);
    let (_, look_ups) = table(&english, "6.");
    assert_eq!(look_ups.rows[0][2], "Look-up: let through");
    let whole = format!("{french:?}{english:?}");
    for word in [
        "look_up",
        "allow",
        "verified",
        "unrecorded",
        "login.",
        "guard_",
    ] {
        assert!(!whole.contains(word), "{word}: {whole}");
    }
}

/// They are people too, whoever vouches for it; and where some are not listed that is said.
#[test]
fn patients_of_a_guards_word_alone_stand_in_the_list_of_patients() {
    let report = report();
    let english = document(Language::English, &report);
    let (told, patients) = table(&english, "5.");
    let names: Vec<_> = patients.rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, ["patient-1", "patient-2 (unproven)"]);
    assert!(told.iter().any(|it| it.contains("The list is cut")));
}
