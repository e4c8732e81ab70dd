//! `cardea incident report`.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use cardea_provider::incident::{IncidentReport, Incidents, ReportScope};
use cardea_storage::guard_report::Part;
use cardea_transparency::VerifierKey;
use clap::{Args, ValueEnum};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::open;
use crate::command::clients::{Common, Complaint, say};
use crate::config::Config;
use crate::error::Error;
use crate::incident_report::coverage::{CoverageCount, LogCheck};
use crate::incident_report::view::ReportView;
use crate::incident_report::{Pages, csv, document};
use crate::key_file::unusable;
use crate::language::Language;
use crate::moment::Moments;
use crate::pdf;

/// Patients that the JSON document lists.
const PATIENTS_LISTED: u32 = 10_000;
/// Look-ups that are compared with the log where no file lists them all.
const COMPARED_MAX: u64 = 20_000;

/// Arguments of `report`. What is named must all hold.
#[derive(Debug, Args)]
pub(in crate::command) struct ReportArguments {
    /// The person's pseudonym (`sub`).
    #[arg(
        long,
        value_name = "SUB",
        allow_hyphen_values = true,
        conflicts_with = "subject_id"
    )]
    person: Option<String>,
    /// The person's number, with its register: rpps:899700000001.
    #[arg(long, value_name = "REGISTER:NUMBER")]
    subject_id: Option<String>,
    /// The session, as events name it.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    session: Option<String>,
    /// The card, as `cardea cards list` names it.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    card: Option<String>,
    /// From this moment on (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    from: Option<OffsetDateTime>,
    /// Before this moment (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    to: Option<OffsetDateTime>,
    /// Write all of it as CSV into this new file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write it as PDF into this new file.
    #[arg(long, value_name = "FILE")]
    pdf: Option<PathBuf>,
    /// The language of the PDF.
    #[arg(long, value_enum, default_value_t = Words::Fr)]
    language: Words,
    /// The log's key as you know it, name+id+key. Default: the one of the database.
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    key: Option<VerifierKey>,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Words {
    /// French.
    Fr,
    /// English.
    En,
}

/// Prints the totals, writes the files, and gives the exit status.
///
/// # Errors
/// When standard output is closed.
pub(super) async fn run(arguments: &ReportArguments) -> anyhow::Result<u8> {
    let outcome = make(arguments).await;
    let is_tampered = outcome
        .as_ref()
        .is_ok_and(|it| it.log.look_ups.is_tampered());
    let exit = say(&arguments.common, outcome)?;
    Ok(if is_tampered { 1 } else { exit })
}

async fn make(arguments: &ReportArguments) -> Result<ReportView, Complaint> {
    let (config, store, incidents) = open(&arguments.common).await?;
    let made = make_with(arguments, &config, &incidents).await;
    store.close().await;
    made
}

async fn make_with(
    arguments: &ReportArguments,
    config: &Config,
    incidents: &Incidents,
) -> Result<ReportView, Complaint> {
    let scope = scope_of(arguments, incidents).await?;
    scope.check()?;
    // A file that cannot be written is nobody's question on record.
    let csv_file = arguments.csv.as_deref().map(create).transpose()?;
    let pdf_file = arguments.pdf.as_deref().map(create).transpose()?;
    let form = match (&csv_file, &pdf_file) {
        (Some(_), _) => "csv",
        (None, Some(_)) => "pdf",
        (None, None) => "json",
    };
    let report = incidents.report(scope, form).await?;
    let origin = config.ledger.origin(&config.issuer);
    let mut coverage = CoverageCount::default();
    if let Some((path, file)) = csv_file {
        let mut pages = pages(arguments, incidents, &report, &origin).await?;
        coverage = write_csv(&path, file, &mut pages).await?;
    }
    if let Some((path, mut file)) = pdf_file {
        let mut pages = pages(arguments, incidents, &report, &origin).await?;
        let language = match arguments.language {
            Words::Fr => Language::French,
            Words::En => Language::English,
        };
        let moments = Moments::new(language, &config.pages.time_zone);
        let issuer = config.issuer.to_string();
        let material = document::gather(moments, &issuer, &report, incidents, &mut pages).await?;
        let bytes = pdf::render(&material.document())?;
        let written = file.write_all(&bytes).and_then(|()| file.sync_all());
        written.map_err(|source| not_written(&path, source))?;
    }
    let mut compared = pages(arguments, incidents, &report, &origin).await?;
    if coverage == CoverageCount::default() {
        coverage = compare(&mut compared).await?;
    }
    let patients = incidents
        .report_patients(&report.scope, Part::Proven, "", PATIENTS_LISTED)
        .await?;
    Ok(ReportView::of(report, patients, coverage, compared.log()))
}

async fn scope_of(
    arguments: &ReportArguments,
    incidents: &Incidents,
) -> Result<ReportScope, Complaint> {
    let sub = match &arguments.subject_id {
        Some(subject_id) => Some(incidents.find_person(subject_id).await?),
        None => arguments.person.clone(),
    };
    Ok(ReportScope {
        sub,
        session_id: arguments.session.clone(),
        card_id: arguments.card.clone(),
        from: arguments.from,
        to: arguments.to,
    })
}

async fn pages(
    arguments: &ReportArguments,
    incidents: &Incidents,
    report: &IncidentReport,
    origin: &str,
) -> Result<Pages, Error> {
    let log = LogCheck::begin(incidents.store(), origin, arguments.key.as_ref()).await?;
    Ok(Pages::new(incidents.clone(), report.scope.clone(), log))
}

async fn write_csv(path: &Path, file: File, pages: &mut Pages) -> Result<CoverageCount, Error> {
    let failed = |source| not_written(path, source);
    let mut coverage = CoverageCount::default();
    let mut file = BufWriter::new(file);
    file.write_all(csv::HEADER.as_bytes()).map_err(failed)?;
    while let Some(page) = pages.next().await? {
        for row in &page {
            coverage.add(row.coverage);
        }
        file.write_all(csv::lines(&page).as_bytes())
            .map_err(failed)?;
    }
    file.flush().map_err(failed)?;
    file.get_ref().sync_all().map_err(failed)?;
    Ok(coverage)
}

async fn compare(pages: &mut Pages) -> Result<CoverageCount, Error> {
    let mut coverage = CoverageCount::default();
    while let Some(page) = pages.next().await? {
        for row in &page {
            coverage.add(row.coverage);
        }
        if coverage.looked_at() >= COMPARED_MAX {
            break;
        }
    }
    Ok(coverage)
}

/// Which patients somebody looked up is nobody else's business.
fn create(path: &Path) -> Result<(PathBuf, File), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let file = options.open(path);
    let file = file.map_err(|source| not_written(path, source))?;
    Ok((path.to_owned(), file))
}

fn not_written(path: &Path, source: std::io::Error) -> Error {
    unusable(path, "the report cannot be written", source)
}

fn parse_moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| "a moment as 2026-11-30T08:00:00Z".to_owned())
}

fn parse_key(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(text).map_err(|error| error.to_string())
}
