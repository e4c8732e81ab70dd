//! `cardea-agent`: runs the agent of this workstation's user, or shows its state.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use cardea_agent::config::{Config, Environment};
use cardea_agent::{Agent, LocalApi, Pinentry, peer_check, status_command};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// How long a stopping agent takes to tell departures.
const DEPARTURE_LIMIT: Duration = Duration::from_secs(3);

/// Lets a professional log in to web portals with the smart card in front of them.
#[derive(Parser)]
#[command(name = "cardea-agent", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the agent until it is stopped.
    Run {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Shows whether the agent runs, and whether a card is inserted.
    Status {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let CommandLine { command } = CommandLine::parse();
    let outcome = match command {
        Command::Run { config } => run(config),
        Command::Status { config, json } => status(config, json),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("cardea-agent: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(config: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    start_log();
    // No core dump, and no debugger of the same user, may see a PIN that passes through.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .context("core dumps cannot be switched off")?;
    let config = load(config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(serve(config))?;
    // A card call or a prompt that hangs must not keep a stopped agent alive.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let prompt = Pinentry::find(&config)?;
    let api = LocalApi::bind(config.port).await?;
    let cards = cardea_card::Backend::from(&config.backend);
    let issuers = config.enrolments.len();
    let agent = Agent::new(config, cards, prompt)?;
    tracing::info!(address = %api.address(), issuers, "listening");
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    api.serve(agent.clone(), peer_check::of_this_platform(), stop)
        .await?;
    tracing::info!("stopping");
    agent.depart(DEPARTURE_LIMIT).await;
    Ok(())
}

fn status(config: Option<PathBuf>, json: bool) -> anyhow::Result<ExitCode> {
    let config = load(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(status_command::ask(&config))?;
    if json {
        print(&format!("{}\n", serde_json::to_string(&report)?))?;
    } else {
        print(&report.to_string())?;
    }
    Ok(if report.running {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn load(config: Option<PathBuf>) -> anyhow::Result<Config> {
    let path = match config {
        Some(path) => path,
        None => default_config().context("HOME is not set: name a file with --config")?,
    };
    Ok(Config::load(&path, &Environment::read())?)
}

/// `$XDG_CONFIG_HOME/cardea/agent.toml`, else `~/.config/cardea/agent.toml`.
fn default_config() -> Option<PathBuf> {
    let home = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")))?;
    Some(home.join("cardea/agent.toml"))
}

/// One JSON document a line on standard error; `CARDEA_LOG` sets the level (default: info).
fn start_log() {
    use tracing_subscriber::EnvFilter;
    let level = EnvFilter::try_from_env("CARDEA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // The pinentry crate logs parts of its conversation: what a person types stays far from a log.
    let filter = match "pinentry=off".parse() {
        Ok(silent) => level.add_directive(silent),
        Err(_) => EnvFilter::new("off"),
    };
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

fn print(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    std::io::stdout().write_all(text.as_bytes())
}
