//! `cardea-witness`: cosigns checkpoints of logs, and verifies exported logs.

mod verify_own;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use cardea_transparency::VerifierKey;
use cardea_witness::verify::{self, Demand, Findings, Report};
use cardea_witness::{Config, Error, Witness, accept_restore, make_key, public_key, unix_seconds};
use clap::{Args, Parser, Subcommand};

/// Cosigns the checkpoints of logs that have only grown, and verifies exported logs.
#[derive(Parser)]
#[command(name = "cardea-witness", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answers logs that ask for a cosignature.
    Serve(ConfigFile),
    /// Checks an exported log. Exit code 0: good, 1: something is wrong, 2: it can't be checked.
    Verify(Verify),
    /// Checks the file of a person's own log. Exit codes as of `verify`.
    VerifyOwn(verify_own::VerifyOwn),
    /// Looks after the witness's own key.
    Key {
        #[command(subcommand)]
        action: KeyAction,
    },
    /// Looks after the logs that are watched.
    Log {
        #[command(subcommand)]
        action: LogAction,
    },
    /// Looks after the configuration file.
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
}

#[derive(Subcommand)]
enum KeyAction {
    /// Makes the key and prints its public half, as logs configure it.
    New(ConfigFile),
    /// Prints the public half.
    Show(ConfigFile),
}

#[derive(Subcommand)]
enum LogAction {
    /// Says, once, that nothing was cosigned of a log yet.
    Begin {
        #[command(flatten)]
        file: ConfigFile,
        /// The first line of the log's checkpoints.
        origin: String,
    },
    /// Takes up a log again that was restored from a backup, by the record that its keeper has
    /// given you, and prints the record with this witness's cosignature.
    AcceptRestore {
        #[command(flatten)]
        file: ConfigFile,
        /// The restore record.
        record: PathBuf,
    },
}

#[derive(Subcommand)]
enum ConfigAction {
    /// Says whether the file can be followed, and if not, what is wrong and where.
    Check(ConfigFile),
}

#[derive(Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Args)]
struct Verify {
    /// The folder that `cardea ledger export` made.
    folder: PathBuf,
    /// The log's verifier key (name+id+key), known from elsewhere.
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    log_key: VerifierKey,
    /// The verifier key of a witness that has to have cosigned; may stand several times.
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    witness_key: Vec<VerifierKey>,
    /// A checkpoint kept from earlier, with which the log has to begin; may stand several times.
    #[arg(long, value_name = "FILE")]
    known: Vec<PathBuf>,
    /// Prints one JSON document.
    #[arg(long)]
    json: bool,
}

fn parse_key(text: &str) -> Result<VerifierKey, cardea_transparency::Error> {
    VerifierKey::parse(text)
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Serve(file) => serve(&file.config),
        Command::Verify(verify) => return run_verify(verify),
        Command::VerifyOwn(own) => return verify_own::run(own),
        Command::Key {
            action: KeyAction::New(file),
        } => load(&file).and_then(|config| print(&make_key(&config)?)),
        Command::Key {
            action: KeyAction::Show(file),
        } => load(&file).and_then(|config| print(&public_key(&config)?)),
        Command::Log {
            action: LogAction::Begin { file, origin },
        } => load(&file).and_then(|config| Ok(Witness::begin(&config, &origin, unix_seconds())?)),
        Command::Log {
            action: LogAction::AcceptRestore { file, record },
        } => load(&file).and_then(|config| {
            let cosigned = accept_restore(&config, &record, unix_seconds())?;
            Ok(write!(std::io::stdout(), "{cosigned}")?)
        }),
        Command::Config {
            action: ConfigAction::Check(file),
        } => load(&file).and_then(|_| print(&format!("{} is good", file.config.display()))),
    };
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    let code = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Error>());
    let code = code.map_or_else(String::new, |error| format!(" ({})", error.code()));
    eprintln!("cardea-witness: {error:#}{code}");
    ExitCode::FAILURE
}

fn load(file: &ConfigFile) -> anyhow::Result<Config> {
    Ok(Config::load(&file.config)?)
}

fn print(line: &impl std::fmt::Display) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn serve(file: &Path) -> anyhow::Result<()> {
    let config = Config::load(file)?;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("can't start a runtime")?;
    runtime.block_on(cardea_witness::serve(&config))?;
    Ok(())
}

fn run_verify(verify: Verify) -> ExitCode {
    let Verify {
        folder,
        log_key,
        witness_key,
        known,
        json,
    } = verify;
    let demand = Demand {
        folder,
        log_key,
        witness_keys: witness_key,
        known,
    };
    let mut findings = Findings::default();
    let outcome = verify::run(&demand, &mut findings);
    let report = Report::new(&findings, &outcome);
    let text = if json {
        serde_json::to_string(&report).unwrap_or_else(|error| error.to_string())
    } else {
        report.to_string()
    };
    let printed = writeln!(std::io::stdout(), "{text}");
    match (outcome, printed) {
        (Ok(()), Ok(())) => ExitCode::SUCCESS,
        (Err(Error::FileUnreadable { .. }), _) | (_, Err(_)) => ExitCode::from(2),
        (Err(_), Ok(())) => ExitCode::FAILURE,
    }
}
