//! `cardea approvals …`: what waits for the cards of two operators (docs/console.md). No command
//! confirms anything: it proves no person.

use std::io::{self, Write};
use std::process::ExitCode;

use cardea_provider::Approvals;
use cardea_storage::Store;
use clap::{Args, Subcommand};
use serde::Serialize;
use time::format_description::well_known::Rfc3339;

use super::clients::{Answer, Common, Complaint, say};
use super::operator;
use super::table::Table;
use super::terminal_text::shown;
use crate::administration::four_eyes_of_commands;
use crate::app::open_store;
use crate::approval_view::{ChangeView, ProposalList, ProposalView};
use crate::config::Config;

const AFTER_HELP: &str = "\
Run it as the server's own user, to whom the database belongs. Proposals are confirmed with an \
operator's card alone, in the console or through the admin API.

Exit status: 0 done, 1 refused (no such proposal, one that is decided), 2 the configuration or the \
database cannot be used.";

/// Commands about proposals.
#[derive(Debug, Subcommand)]
#[command(after_long_help = AFTER_HELP)]
pub(super) enum ApprovalsCommand {
    /// List what waits for another operator, and what was decided lately.
    List(Common),
    /// Take a proposal back.
    Cancel(OneProposal),
}

/// Arguments of `cancel`.
#[derive(Debug, Args)]
pub(super) struct OneProposal {
    /// The proposal, as `cardea approvals list` prints it.
    #[arg(allow_hyphen_values = true)]
    id: String,
    #[command(flatten)]
    common: Common,
}

/// What was taken back.
#[derive(Debug, Serialize)]
struct Cancelled {
    cancelled: ProposalView,
}

/// Runs one of the commands.
///
/// # Errors
/// When standard output is closed, or the asynchronous runtime cannot be started.
pub(super) fn run(command: &ApprovalsCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        match command {
            ApprovalsCommand::List(it) => say(it, list(it).await),
            ApprovalsCommand::Cancel(it) => say(&it.common, cancel(it).await),
        }
    })?;
    Ok(ExitCode::from(exit))
}

async fn list(arguments: &Common) -> Result<ProposalList, Complaint> {
    let (store, approvals) = open(arguments).await?;
    let proposals = approvals.list().await;
    store.close().await;
    let proposals = proposals?.iter().map(ProposalView::from).collect();
    Ok(ProposalList { proposals })
}

async fn cancel(arguments: &OneProposal) -> Result<Cancelled, Complaint> {
    let (store, approvals) = open(&arguments.common).await?;
    let cancelled = approvals.cancel(&arguments.id).await;
    store.close().await;
    let cancelled = ProposalView::from(&cancelled?);
    Ok(Cancelled { cancelled })
}

async fn open(common: &Common) -> Result<(Store, Approvals), Complaint> {
    let config = Config::load(common.config())?;
    let store = open_store(&config.database.url).await?;
    let four_eyes = four_eyes_of_commands(&config.admin);
    let approvals = Approvals::of_command(operator::records(&store), four_eyes);
    Ok((store, approvals))
}

/// Says that a command's change waits for two operators.
pub(super) fn write_proposed(proposal: &ProposalView, output: &mut dyn Write) -> io::Result<()> {
    let until = proposal.expires_at.format(&Rfc3339).unwrap_or_default();
    writeln!(output, "proposal: {}", proposal.proposal)?;
    writeln!(
        output,
        "Nothing is changed yet: a second pair of eyes is needed. Two operators confirm it with \
         their cards by {until}: the first takes it over, the second confirms."
    )
}

fn words(change: &ChangeView) -> String {
    match change {
        ChangeView::LiftStop { stop, service, .. } => {
            format!("lift the stop {stop} at {}", shown(service))
        }
        ChangeView::AddAnchor {
            trust_anchor,
            sha256,
            ..
        } => format!("add {sha256} to {}", shown(trust_anchor)),
        ChangeView::RemoveAnchor {
            trust_anchor,
            sha256,
        } => format!("remove {sha256} from {}", shown(trust_anchor)),
        ChangeView::Other {} => "a change of a newer program".to_owned(),
    }
}

impl Answer for Cancelled {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        writeln!(
            output,
            "The proposal {} is cancelled.",
            self.cancelled.proposal
        )
    }
}

impl Answer for ProposalList {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["id", "state", "change", "operator", "until"]);
        for proposal in &self.proposals {
            table.push([
                proposal.proposal.clone(),
                proposal.state.to_owned(),
                words(&proposal.change),
                proposal.proposer.clone().unwrap_or_default(),
                proposal.expires_at.format(&Rfc3339).unwrap_or_default(),
            ]);
        }
        table.write(output)
    }
}
