//! `cardea clients …`: the clients of the database, which running servers follow within seconds.
//!
//! Those of the configuration are listed too, and changed in their file alone.

mod add;
mod certificate_arguments;
mod complaint;
mod initial_access_token;
mod list;
mod registration_arguments;
mod registry;
mod remove;
mod rotate_secret;
mod show;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;

use self::add::AddArguments;
pub(super) use self::complaint::Complaint;
use self::initial_access_token::{NewTokenArguments, OneToken};
use self::registry::Registry;
use self::remove::RemoveArguments;
use self::rotate_secret::RotateArguments;
use super::config_file::default_config;
use super::terminal_text::{shown, write_json};

const AFTER_HELP: &str = "\
Run it as the server's own user, to whom the database belongs.

Exit status: 0 done, 1 refused (no such client, a client_id that is taken, a client of the \
configuration), 2 the configuration, the database or the input cannot be used.";

/// Commands about clients.
#[derive(Debug, Subcommand)]
#[command(after_long_help = AFTER_HELP)]
pub(super) enum ClientsCommand {
    /// Register a client; its secret is printed once and kept nowhere.
    Add(Box<AddArguments>),
    /// List every client, those of the configuration included.
    List(Common),
    /// Show everything that is registered of a client.
    Show(One),
    /// Give a client another secret, which is printed once.
    RotateSecret(RotateArguments),
    /// Take a client out; its codes and tokens end.
    Remove(RemoveArguments),
    /// Make a token that lets somebody register clients; it is printed once and kept nowhere.
    NewInitialAccessToken(NewTokenArguments),
    /// List the tokens that let somebody register clients, without the tokens themselves.
    ListInitialAccessTokens(Common),
    /// Take such a token back; the clients that it let in stay.
    RevokeInitialAccessToken(OneToken),
}

/// What every command takes.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// The server's configuration file.
    #[arg(long, default_value_os_t = default_config())]
    config: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

impl Common {
    /// The server's configuration file.
    pub(super) fn config(&self) -> &Path {
        &self.config
    }
}

/// One client.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The client's identifier.
    #[arg(allow_hyphen_values = true)]
    client_id: String,
    #[command(flatten)]
    common: Common,
}

/// An answer that people and programs read.
pub(super) trait Answer: Serialize {
    /// Writes it for people.
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()>;
}

/// Runs one of the commands.
///
/// # Errors
/// When standard output is closed, or the asynchronous runtime cannot be started.
pub(super) fn run(command: &ClientsCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        match command {
            ClientsCommand::Add(it) => say(&it.common, add::run(it).await),
            ClientsCommand::List(it) => say(it, list::run(it).await),
            ClientsCommand::Show(it) => say(&it.common, show::run(it).await),
            ClientsCommand::RotateSecret(it) => say(&it.one.common, rotate_secret::run(it).await),
            ClientsCommand::Remove(it) => say(&it.one.common, remove::run(it).await),
            ClientsCommand::NewInitialAccessToken(it) => {
                say(&it.common, initial_access_token::create(it).await)
            }
            ClientsCommand::ListInitialAccessTokens(it) => {
                say(it, initial_access_token::list(it).await)
            }
            ClientsCommand::RevokeInitialAccessToken(it) => {
                say(&it.common, initial_access_token::revoke(it).await)
            }
        }
    })?;
    Ok(ExitCode::from(exit))
}

/// Prints an answer or a complaint, and gives the exit status.
pub(super) fn say<T: Answer>(common: &Common, outcome: Result<T, Complaint>) -> anyhow::Result<u8> {
    let mut output = io::stdout().lock();
    let (written, exit) = match outcome {
        Ok(answer) if common.json => (write_json(&mut output, &answer), 0),
        Ok(answer) => (answer.write_text(&mut output), 0),
        Err(complaint) if common.json => (
            write_json(&mut output, &complaint.document()),
            complaint.exit(),
        ),
        Err(complaint) => {
            let text = shown(&complaint.to_string());
            let code = complaint.code();
            let written = writeln!(io::stderr(), "cardea: {text} [{code}]");
            (written, complaint.exit())
        }
    };
    written
        .and_then(|()| output.flush())
        .context("standard output is closed")?;
    Ok(exit)
}
