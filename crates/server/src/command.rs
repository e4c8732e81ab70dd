//! The command line of `cardea`.

mod anchors;
mod approvals;
mod backup;
mod cards;
mod clients;
mod config_check;
mod config_file;
pub mod enrolment;
mod incident;
mod instances;
pub mod keys;
mod ledger;
mod mistake;
mod openapi;
mod operator;
mod pki;
mod restore;
pub mod serve;
mod stops;
mod table;
mod terminal_text;

use std::path::PathBuf;
use std::process::ExitCode;

use cardea_assertion::EnrolledLog;
use clap::{Parser, Subcommand};

use self::anchors::AnchorsCommand;
use self::approvals::ApprovalsCommand;
use self::cards::CardsCommand;
use self::clients::ClientsCommand;
use self::incident::IncidentCommand;
use self::instances::InstancesCommand;
use self::ledger::LedgerCommand;
use self::pki::PkiCommand;
use self::stops::StopsCommand;
use crate::config::Issuer;

/// Cardea: sign in to portals with a smart card.
#[derive(Debug, Parser)]
#[command(name = "cardea", version, about)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

impl CommandLine {
    /// Reads the program's arguments.
    ///
    /// # Errors
    /// The exit status, after the help or the mistake has been printed. Where `--json` was asked of
    /// a command that has it, a mistake is one JSON document as well.
    pub fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| {
            // There is nobody left to tell when the standard streams are closed.
            let _ = error.print();
            if error.use_stderr() {
                mistake::report_command_line(std::env::args_os().skip(1), &error.to_string());
            }
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX))
        })
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve {
        /// The configuration file.
        #[arg(long, default_value_os_t = config_file::default_config())]
        config: PathBuf,
    },
    /// Look over the configuration and the files that it names, and change nothing.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Copy the whole database into one file, beside a running server.
    Backup {
        /// The new file.
        #[arg(long)]
        out: PathBuf,
        /// The configuration file.
        #[arg(long, default_value_os_t = config_file::default_config())]
        config: PathBuf,
    },
    /// Replace the database by a backup, and end everything that may have been used since.
    Restore(restore::RestoreArguments),
    /// Make the keys that agents pin, and the list that they fetch.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Register clients in the database, list them and take them out; running servers follow.
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// Add certificates to the trust anchors, list them and take them away; running servers follow.
    #[command(subcommand)]
    Anchors(AnchorsCommand),
    /// List cards, suspend a lost one, and let one in again.
    #[command(subcommand)]
    Cards(CardsCommand),
    /// List workstations, trust one, and take one out.
    #[command(subcommand)]
    Instances(InstancesCommand),
    /// Look after the accounts that guards have stopped.
    #[command(subcommand)]
    Stops(StopsCommand),
    /// What waits for the cards of two operators: list it, take it back.
    #[command(subcommand)]
    Approvals(ApprovalsCommand),
    /// Look after incidents, and report which patients were looked up.
    #[command(subcommand)]
    Incident(IncidentCommand),
    /// The log of everything that happened, which shows when it was changed.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Print the OpenAPI document of what the server speaks beside OAuth and OpenID Connect.
    Openapi,
    /// Validate certificates, read them aloud, and look after this server's trust anchors.
    #[command(subcommand)]
    Pki(PkiCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say every mistake in it, with file, line, key and reason.
    Check {
        /// The configuration file.
        #[arg(long, default_value_os_t = config_file::default_config())]
        config: PathBuf,
        /// Read the database as well: clients that stand in both.
        #[arg(long)]
        database: bool,
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    #[command(flatten)]
    OfServer(keys::ServerKeysCommand),
    /// Make an offline root key and print its public half, which agents pin.
    NewRoot {
        /// The new file.
        #[arg(long)]
        out: PathBuf,
        /// A new file for the public half. Default: standard output.
        #[arg(long, value_name = "JWK_FILE")]
        public_out: Option<PathBuf>,
    },
    /// Make a key that signs login challenges and print its public half.
    NewChallengeKey {
        /// The new file.
        #[arg(long)]
        out: PathBuf,
        /// A new file for the public half. Default: standard output.
        #[arg(long, value_name = "JWK_FILE")]
        public_out: Option<PathBuf>,
    },
    /// Print the public half of a root key or a challenge key.
    Public {
        /// The private key's file.
        file: PathBuf,
        /// A new file for the public half. Default: standard output.
        #[arg(long, value_name = "JWK_FILE")]
        public_out: Option<PathBuf>,
    },
    /// Sign the document that workstations enrol by, and print the fingerprints of the root keys.
    SignEnrolment {
        /// The root key that signs, one of the two that workstations pin.
        #[arg(long)]
        root: PathBuf,
        /// The public half of the other root key, as `cardea keys new-root` printed it.
        #[arg(long, value_name = "JWK_FILE")]
        second_root: Option<PathBuf>,
        /// The issuer, as in the configuration.
        #[arg(long, value_parser = parse_issuer)]
        issuer: Issuer,
        /// The name that prompts show.
        #[arg(long)]
        name: String,
        /// An origin of its login pages; may stand several times. Default: the issuer's own.
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<String>,
        /// The log's verifier key, as `cardea ledger key` prints it: agents then believe no other.
        #[arg(long, value_name = "KEY")]
        log_key: Option<String>,
        /// The verifier key of a witness of the log; may stand several times.
        #[arg(long = "witness-key", value_name = "KEY", requires = "log_key")]
        witness_keys: Vec<String>,
        /// How many of them must have cosigned what agents believe. Default: all.
        #[arg(long, value_name = "COUNT", requires = "witness_keys")]
        quorum: Option<u32>,
        /// The document's file.
        #[arg(long)]
        out: PathBuf,
    },
    /// Print what an enrolment document says, and the fingerprints to be compared.
    ShowEnrolment {
        /// The document's file.
        file: PathBuf,
    },
}

/// Runs what the command line asks for, and gives the program's exit status.
///
/// # Errors
/// Whatever the command could not do; its text is for the operator.
pub fn run(command_line: CommandLine) -> anyhow::Result<ExitCode> {
    match command_line.command {
        Command::Serve { config } => serve::run(&config)?,
        Command::Config(ConfigCommand::Check {
            config,
            database,
            json,
        }) => {
            return config_check::run(&config, database, json);
        }
        Command::Backup { out, config } => backup::run(&config, &out)?,
        Command::Restore(arguments) => restore::run(&arguments)?,
        Command::Keys(command) => return run_keys(command),
        Command::Clients(command) => return clients::run(&command),
        Command::Anchors(command) => return anchors::run(&command),
        Command::Cards(command) => return cards::run(&command),
        Command::Instances(command) => return instances::run(&command),
        Command::Stops(command) => return stops::run(&command),
        Command::Approvals(command) => return approvals::run(&command),
        Command::Incident(command) => return incident::run(&command),
        Command::Ledger(command) => return ledger::run(&command),
        Command::Openapi => openapi::print()?,
        Command::Pki(command) => return pki::run(command),
    }
    Ok(ExitCode::SUCCESS)
}

fn run_keys(command: KeysCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::OfServer(command) => return keys::run(command),
        KeysCommand::NewRoot { out, public_out }
        | KeysCommand::NewChallengeKey { out, public_out } => {
            keys::new_key(&out, public_out.as_deref())?;
        }
        KeysCommand::Public { file, public_out } => {
            keys::show_public(&file, public_out.as_deref())?;
        }
        KeysCommand::SignEnrolment {
            root,
            second_root,
            issuer,
            name,
            origins,
            log_key,
            witness_keys,
            quorum,
            out,
        } => enrolment::sign(&enrolment::Introduction {
            root,
            second_root,
            issuer,
            name,
            origins,
            log: log_key.map(|key| EnrolledLog {
                key,
                witnesses: witness_keys,
                quorum,
            }),
            out,
        })?,
        KeysCommand::ShowEnrolment { file } => enrolment::show(&file)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The stable code of what a command could not do, where it has one.
#[must_use]
pub fn code_of(error: &anyhow::Error) -> Option<&'static str> {
    error.chain().find_map(|cause| {
        let own = cause.downcast_ref::<crate::error::Error>();
        let storage = cause.downcast_ref::<cardea_storage::Error>();
        let provider = cause.downcast_ref::<cardea_provider::Error>();
        own.map(crate::error::Error::code)
            .or_else(|| storage.map(cardea_storage::Error::code))
            .or_else(|| provider.map(cardea_provider::Error::code))
    })
}

fn parse_issuer(text: &str) -> Result<Issuer, String> {
    Issuer::try_from(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::CommandLine;

    #[test]
    fn command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    /// One id of sixty-four in base64url begins with a hyphen.
    #[test]
    fn an_id_may_begin_with_a_hyphen() {
        for line in [
            "cardea keys rotate --emergency --kid -DxY_1",
            "cardea instances trust -DxY_1 --name Counter --json",
            "cardea instances revoke -DxY_1",
            "cardea instances forget -DxY_1",
            "cardea cards list -DxY_1",
            "cardea ledger erase -DxY_1",
            "cardea incident show -DxY_1",
            "cardea incident report --person -DxY_1 --session -DxY_2",
            "cardea cards suspend -DxY_1 --reason lost",
            "cardea clients remove -DxY_1",
        ] {
            let parsed = CommandLine::try_parse_from(line.split(' '));
            parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
