//! `cardea instances …`: the workstations that people sign in from, and which of them an operator
//! trusts or has taken out (docs/instances.md).

use std::io::{self, Write};
use std::process::ExitCode;

use cardea_provider::{Error, TrustedInstances};
use cardea_storage::Store;
use clap::{Args, Subcommand};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::clients::{Answer, Common, Complaint, say};
use super::operator;
use super::table::Table;
use super::terminal_text::shown;
use crate::app::open_store;
use crate::config::Config;
use crate::instance_view::{InstanceList, InstanceView};

const AFTER_HELP: &str = "\
Run it as the server's own user, to whom the database belongs. A workstation is named by the \
thumbprint of its agent's key: `cardea-agent status` prints it there.

Exit status: 0 done, 1 refused (no thumbprint, one that nobody has used, a name \
that is too long, nothing decided), 2 the \
configuration, the database or the input cannot be used.";

/// Commands about workstations.
#[derive(Debug, Subcommand)]
#[command(after_long_help = AFTER_HELP)]
pub(super) enum InstancesCommand {
    /// List the workstations that you have decided about, and those that people have used.
    List(Common),
    /// Trust a workstation, for everybody; also one that was revoked.
    Trust(TrustArguments),
    /// Take a workstation out: it signs nobody in any more, and every session there ends.
    Revoke(RevokeArguments),
    /// Take back what you have said of a workstation.
    Forget(OneInstance),
}

/// Arguments of `trust`.
#[derive(Debug, Args)]
pub(super) struct TrustArguments {
    /// The thumbprint of its agent's key.
    #[arg(allow_hyphen_values = true)]
    thumbprint: String,
    /// What you call it: people read this name, too.
    #[arg(long)]
    name: String,
    /// For your own records.
    #[arg(long)]
    note: Option<String>,
    /// Decide about one that no person has used yet: you have compared the thumbprint.
    #[arg(long)]
    unseen: bool,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `revoke`.
#[derive(Debug, Args)]
pub(super) struct RevokeArguments {
    /// The thumbprint of its agent's key.
    #[arg(allow_hyphen_values = true)]
    thumbprint: String,
    /// For your own records.
    #[arg(long)]
    note: Option<String>,
    /// Decide about one that no person has used yet: you have compared the thumbprint.
    #[arg(long)]
    unseen: bool,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `forget`.
#[derive(Debug, Args)]
pub(super) struct OneInstance {
    /// The thumbprint of its agent's key.
    #[arg(allow_hyphen_values = true)]
    thumbprint: String,
    #[command(flatten)]
    common: Common,
}

/// What became of a workstation.
#[derive(Debug, Serialize)]
struct Changed {
    instance: InstanceView,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions_ended: Option<usize>,
}

/// What was taken back.
#[derive(Debug, Serialize)]
struct Forgotten {
    instance_jkt: String,
}

/// Runs one of the commands.
///
/// # Errors
/// When standard output is closed, or the asynchronous runtime cannot be started.
pub(super) fn run(command: &InstancesCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        match command {
            InstancesCommand::List(it) => say(it, list(it).await),
            InstancesCommand::Trust(it) => say(&it.common, trust(it).await),
            InstancesCommand::Revoke(it) => say(&it.common, revoke(it).await),
            InstancesCommand::Forget(it) => say(&it.common, forget(it).await),
        }
    })?;
    Ok(ExitCode::from(exit))
}

async fn list(arguments: &Common) -> Result<InstanceList, Complaint> {
    let (store, instances) = open(arguments).await?;
    let reports = instances.list().await;
    store.close().await;
    Ok(reports?.into())
}

async fn trust(arguments: &TrustArguments) -> Result<Changed, Complaint> {
    let (store, instances) = open(&arguments.common).await?;
    let note = arguments.note.as_deref();
    let seen = check_seen(&instances, &arguments.thumbprint, arguments.unseen).await;
    let trusted = match seen {
        Ok(()) => {
            instances
                .trust(&arguments.thumbprint, &arguments.name, note)
                .await
        }
        Err(error) => Err(error),
    };
    store.close().await;
    Ok(Changed {
        instance: trusted?.into(),
        sessions_ended: None,
    })
}

async fn revoke(arguments: &RevokeArguments) -> Result<Changed, Complaint> {
    let (store, instances) = open(&arguments.common).await?;
    let note = arguments.note.as_deref();
    let seen = check_seen(&instances, &arguments.thumbprint, arguments.unseen).await;
    let revoked = match seen {
        Ok(()) => instances.revoke(&arguments.thumbprint, note).await,
        Err(error) => Err(error),
    };
    store.close().await;
    let (report, ended) = revoked?;
    Ok(Changed {
        instance: report.into(),
        sessions_ended: Some(ended.len()),
    })
}

async fn forget(arguments: &OneInstance) -> Result<Forgotten, Complaint> {
    let (store, instances) = open(&arguments.common).await?;
    let forgotten = instances.forget(&arguments.thumbprint).await;
    store.close().await;
    forgotten?;
    Ok(Forgotten {
        instance_jkt: arguments.thumbprint.clone(),
    })
}

/// A thumbprint is checked unless whoever gives it says that she has compared it.
async fn check_seen(
    instances: &TrustedInstances,
    thumbprint: &str,
    is_compared: bool,
) -> Result<(), Error> {
    match is_compared {
        true => Ok(()),
        false => instances.check_seen(thumbprint).await,
    }
}

async fn open(common: &Common) -> Result<(Store, TrustedInstances), Complaint> {
    let config = Config::load(common.config())?;
    let store = open_store(&config.database.url).await?;
    let instances = TrustedInstances::new(operator::records(&store));
    Ok((store, instances))
}

fn day(moment: Option<OffsetDateTime>) -> String {
    let written = moment.and_then(|moment| moment.format(&Rfc3339).ok());
    written.unwrap_or_default()
}

impl Answer for Changed {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let instance = &self.instance;
        let name = instance.name.as_ref().or(instance.own_name.as_ref());
        let name = shown(name.map_or(instance.instance_jkt.as_str(), String::as_str));
        match self.sessions_ended {
            Some(ended) => writeln!(
                output,
                "{name} signs nobody in any more. {ended} sessions ended; portals are told by the \
                 running servers."
            ),
            None => writeln!(output, "{name} is trusted, for everybody."),
        }
    }
}

impl Answer for Forgotten {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let thumbprint = shown(&self.instance_jkt);
        writeln!(
            output,
            "Nothing is said of {thumbprint} any more: it is what it is to each person."
        )
    }
}

impl Answer for InstanceList {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let header = [
            "thumbprint",
            "standing",
            "name",
            "calls itself",
            "people",
            "last used",
        ];
        let mut table = Table::new(header);
        for instance in &self.instances {
            table.push([
                instance.instance_jkt.clone(),
                instance.standing.unwrap_or_default().to_owned(),
                instance.name.clone().unwrap_or_default(),
                instance.own_name.clone().unwrap_or_default(),
                instance.people.to_string(),
                day(instance.last_seen_at),
            ]);
        }
        table.write(output)
    }
}
