//! `cardea incident …`: what somebody has to look into, and who was looked up (docs/incidents.md).

mod answers;
mod report;

use std::process::ExitCode;

use cardea_provider::incident::{IncidentBy, IncidentKind, Incidents, OpenIncident};
use cardea_storage::Store;
use clap::{Args, Subcommand};

use self::answers::{Changed, Opened};
use self::report::ReportArguments;
use super::clients::{Common, Complaint, say};
use super::operator;
use crate::app::open_store;
use crate::config::Config;
use crate::incident_report::view::{CaseView, IncidentList, IncidentView};

const AFTER_HELP: &str = "\
Run it as the server's own user, to whom the database belongs. What you do stands in the record \
for good, with your account; so does that you asked for a report.

Exit status: 0 done, 1 refused (no such incident, one that is closed already, no words), or the \
log does not agree with what it reports, 2 the configuration, the database or the input cannot be \
used.";

/// Commands about incidents.
#[derive(Debug, Subcommand)]
#[command(after_long_help = AFTER_HELP)]
pub(super) enum IncidentCommand {
    /// List the incidents that nobody has closed, the newest first.
    List(ListArguments),
    /// Show an incident with its notes and its timeline.
    Show(OneIncident),
    /// Open an incident.
    Open(OpenArguments),
    /// Say that you work on an incident.
    Take(OneIncident),
    /// Write something down about an incident.
    Note(WordsArguments),
    /// Close an incident, and say why.
    Close(CloseArguments),
    /// Say which patients were looked up, when and from where: for a person, a session, a card or
    /// a span of time.
    Report(ReportArguments),
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Those that are closed, too.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    common: Common,
}

/// One incident.
#[derive(Debug, Args)]
pub(super) struct OneIncident {
    /// Its id, as `cardea incident list` prints it.
    #[arg(allow_hyphen_values = true)]
    id: String,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `note`.
#[derive(Debug, Args)]
pub(super) struct WordsArguments {
    /// What you write down: it stands there for good, with your account.
    #[arg(long)]
    words: String,
    #[command(flatten)]
    one: OneIncident,
}

/// Arguments of `close`.
#[derive(Debug, Args)]
pub(super) struct CloseArguments {
    /// What came out, and why it is over.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    one: OneIncident,
}

/// Arguments of `open`.
#[derive(Debug, Args)]
pub(super) struct OpenArguments {
    /// What you have seen.
    #[arg(long)]
    words: String,
    /// The person's pseudonym (`sub`).
    #[arg(long, value_name = "SUB", allow_hyphen_values = true)]
    person: Option<String>,
    /// The session.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    session: Option<String>,
    /// The portal.
    #[arg(long, value_name = "CLIENT_ID")]
    portal: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Runs one of the commands.
///
/// # Errors
/// When standard output is closed, or the asynchronous runtime cannot be started.
pub(super) fn run(command: &IncidentCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        match command {
            IncidentCommand::List(it) => say(&it.common, list(it).await),
            IncidentCommand::Show(it) => say(&it.common, show(it).await),
            IncidentCommand::Open(it) => say(&it.common, open_one(it).await),
            IncidentCommand::Take(it) => say(&it.common, take(it).await),
            IncidentCommand::Note(it) => say(&it.one.common, note(it).await),
            IncidentCommand::Close(it) => say(&it.one.common, close(it).await),
            IncidentCommand::Report(it) => report::run(it).await,
        }
    })?;
    Ok(ExitCode::from(exit))
}

async fn list(arguments: &ListArguments) -> Result<IncidentList, Complaint> {
    let (_, store, incidents) = open(&arguments.common).await?;
    let found = match arguments.all {
        true => incidents.list_all().await,
        false => incidents.list().await,
    };
    store.close().await;
    let incidents = found?.into_iter().map(IncidentView::from).collect();
    Ok(IncidentList { incidents })
}

async fn show(arguments: &OneIncident) -> Result<CaseView, Complaint> {
    let (_, store, incidents) = open(&arguments.common).await?;
    let case = incidents.show(&arguments.id).await;
    store.close().await;
    Ok(case?.into())
}

async fn open_one(arguments: &OpenArguments) -> Result<Opened, Complaint> {
    let (_, store, incidents) = open(&arguments.common).await?;
    let by = IncidentBy::Operator(operator::find().into());
    let open = OpenIncident {
        sub: arguments.person.clone(),
        session_id: arguments.session.clone(),
        client_id: arguments.portal.clone(),
        words: Some(arguments.words.clone()),
        ..OpenIncident::new(IncidentKind::Operator, by)
    };
    let opened = incidents.open(open).await;
    store.close().await;
    Ok(Opened { opened: opened? })
}

async fn take(arguments: &OneIncident) -> Result<Changed, Complaint> {
    let (_, store, incidents) = open(&arguments.common).await?;
    let done = incidents.take_up(&arguments.id).await;
    store.close().await;
    done?;
    Ok(Changed::new(&arguments.id, "in_work"))
}

async fn note(arguments: &WordsArguments) -> Result<Changed, Complaint> {
    let (_, store, incidents) = open(&arguments.one.common).await?;
    let noted = incidents.note(&arguments.one.id, &arguments.words).await;
    store.close().await;
    noted?;
    Ok(Changed::new(&arguments.one.id, "noted"))
}

async fn close(arguments: &CloseArguments) -> Result<Changed, Complaint> {
    let (_, store, incidents) = open(&arguments.one.common).await?;
    let closed = incidents.close(&arguments.one.id, &arguments.reason).await;
    store.close().await;
    closed?;
    Ok(Changed::new(&arguments.one.id, "closed"))
}

async fn open(common: &Common) -> Result<(Config, Store, Incidents), Complaint> {
    let config = Config::load(common.config())?;
    let store = open_store(&config.database.url).await?;
    let incidents = Incidents::new(operator::records(&store));
    Ok((config, store, incidents))
}
