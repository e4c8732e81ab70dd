//! `cardea stops …`: the accounts that guards have stopped at a service (docs/guard.md).

use std::io::{self, Write};
use std::process::ExitCode;

use cardea_provider::{AccountStops, Approvals, Outcome};
use cardea_storage::Store;
use clap::{Args, Subcommand};
use serde::Serialize;
use time::format_description::well_known::Rfc3339;

use super::approvals::write_proposed;
use super::clients::{Answer, Common, Complaint, say};
use super::operator;
use super::table::Table;
use super::terminal_text::shown;
use crate::administration::four_eyes_of_commands;
use crate::app::open_store;
use crate::approval_view::ProposalView;
use crate::config::Config;
use crate::stop_view::{StopList, StopView};

const AFTER_HELP: &str = "\
Run it as the server's own user, to whom the database belongs.

Where the configuration asks for four eyes, lifting is proposed, and done once two operators have \
confirmed it with their cards (docs/console.md).

Exit status: 0 done or proposed, 1 refused (no such stop, one that is lifted already, no reason), \
2 the configuration, the database or the input cannot be used.";

/// Commands about accounts that guards have stopped.
#[derive(Debug, Subcommand)]
#[command(after_long_help = AFTER_HELP)]
pub(super) enum StopsCommand {
    /// List the accounts that are stopped, the newest first.
    List(Common),
    /// Lift the stop of an account at all guards of its service, once you have made sure who asks.
    Lift(OneStop),
}

/// Arguments of `lift`.
#[derive(Debug, Args)]
pub(super) struct OneStop {
    /// The stop's id, as `cardea stops list` prints it.
    #[arg(allow_hyphen_values = true)]
    id: String,
    /// How you made sure who asks: it stands in the record for good, with your account.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    common: Common,
}

/// What was lifted, or proposed where it takes two operators.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Lift {
    Lifted(Box<StopView>),
    Proposed(Box<ProposalView>),
}

/// Runs one of the commands.
///
/// # Errors
/// When standard output is closed, or the asynchronous runtime cannot be started.
pub(super) fn run(command: &StopsCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        match command {
            StopsCommand::List(it) => say(it, list(it).await),
            StopsCommand::Lift(it) => say(&it.common, lift(it).await),
        }
    })?;
    Ok(ExitCode::from(exit))
}

async fn list(arguments: &Common) -> Result<StopList, Complaint> {
    let (store, stops) = open(arguments).await?;
    let found = stops.list().await;
    store.close().await;
    let stops = found?.into_iter().map(StopView::from).collect();
    Ok(StopList { stops })
}

async fn lift(arguments: &OneStop) -> Result<Lift, Complaint> {
    let config = Config::load(arguments.common.config())?;
    let store = open_store(&config.database.url).await?;
    let four_eyes = four_eyes_of_commands(&config.admin);
    let approvals = Approvals::of_command(operator::records(&store), four_eyes);
    let lifted = approvals.lift_stop(&arguments.id, &arguments.reason).await;
    store.close().await;
    Ok(match lifted? {
        Outcome::Done(stop) => Lift::Lifted(Box::new(stop.into())),
        Outcome::Proposed(proposal) => Lift::Proposed(Box::new(ProposalView::from(&*proposal))),
    })
}

async fn open(common: &Common) -> Result<(Store, AccountStops), Complaint> {
    let config = Config::load(common.config())?;
    let store = open_store(&config.database.url).await?;
    let stops = AccountStops::new(operator::records(&store));
    Ok((store, stops))
}

impl Answer for Lift {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Lifted(stop) => {
                let service = shown(&stop.service);
                writeln!(
                    output,
                    "The stop at {service} is lifted; its guards know within a second."
                )
            }
            Self::Proposed(proposal) => write_proposed(proposal, output),
        }
    }
}

impl Answer for StopList {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new([
            "id", "person", "portal", "service", "guard", "stopped", "why",
        ]);
        for stop in &self.stops {
            table.push([
                stop.id.clone(),
                stop.sub.clone().unwrap_or_default(),
                stop.client_id.clone(),
                stop.service.clone(),
                stop.guard.clone(),
                stop.stopped_at.format(&Rfc3339).unwrap_or_default(),
                stop.why(),
            ]);
        }
        table.write(output)
    }
}
