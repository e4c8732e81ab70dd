//! `cardea-guard`: judges acts in front of a portal's API, or replays recorded ones.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use cardea_guard::{Config, Error, replay, simulator};
use clap::{Parser, Subcommand};

/// Tells a robot from a person in front of a portal's API.
#[derive(Parser)]
#[command(name = "cardea-guard", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answers a proxy's question whether a request may pass.
    Serve {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Runs recorded acts through the rules, one decision a line.
    Replay {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The acts, one JSON object a line; `-` for standard input.
        #[arg(long, value_name = "FILE")]
        json: PathBuf,
    },
    /// Makes traffic of honest people and of robots, one act a line, as `replay` takes it.
    Simulate(simulator::command::Simulate),
    /// Lifts what holds an account, in the guard that serves on this machine.
    Lift {
        /// The configuration file; its `admin_socket` is asked.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The subject, as access tokens name it.
        subject: String,
    },
    /// Sends the reports that the issuer had refused once more, from `refused.jsonl`.
    Resend {
        /// The configuration file; its `[reports]` says where they lie.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Looks after the configuration file.
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
}

#[derive(Subcommand)]
enum ConfigAction {
    /// Says whether the file can be followed, and if not, what is wrong and where.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    let CommandLine { command } = CommandLine::parse();
    let outcome = match command {
        Command::Serve { config } => serve(&config),
        Command::Replay { config, json } => run_replay(&config, &json),
        Command::Simulate(simulate) => simulate.run(),
        Command::Lift { config, subject } => lift(&config, &subject),
        Command::Resend { config } => resend(&config),
        Command::Config {
            action: ConfigAction::Check { config },
        } => check(&config),
    };
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    let code = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Error>());
    let code = code.map_or_else(String::new, |error| format!(" ({})", error.code()));
    eprintln!("cardea-guard: {error:#}{code}");
    ExitCode::FAILURE
}

fn serve(file: &Path) -> anyhow::Result<()> {
    let config = Config::load(file)?;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("can't start a runtime")?;
    runtime.block_on(cardea_guard::serve(&config, file))?;
    Ok(())
}

fn lift(file: &Path, subject: &str) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let look_ups = Config::load(file)?.look_ups;
    let look_ups = look_ups.context("the configuration has no table [look_ups]")?;
    let socket = look_ups.below(folder).admin_socket;
    let socket = socket.context("the configuration names no admin_socket")?;
    cardea_guard::lift(&socket, subject)?;
    Ok(())
}

fn resend(file: &Path) -> anyhow::Result<()> {
    use std::io::Write as _;
    let folder = file.parent().unwrap_or(Path::new(""));
    let config = Config::load(file)?;
    let reports = config
        .reports
        .context("the configuration has no table [reports]")?;
    let token = config
        .token
        .context("the configuration has no table [token]")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("can't start a runtime")?;
    let (reports, token) = (reports.below(folder), token.below(folder));
    let clock = std::sync::Arc::new(cardea_guard::SystemClock::default());
    let resent = runtime.block_on(cardea_guard::resend(&reports, &token, clock))?;
    let (taken, refused) = (resent.taken, resent.refused);
    writeln!(std::io::stdout(), "{taken} taken, {refused} refused again")?;
    anyhow::ensure!(refused == 0, "{refused} reports are refused as before");
    Ok(())
}

fn run_replay(config: &Path, acts: &Path) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let output = std::io::stdout().lock();
    let mistakes = if acts == Path::new("-") {
        replay::run(&config, std::io::stdin().lock(), output)?
    } else {
        let file = std::fs::File::open(acts).map_err(|source| Error::FileUnreadable {
            file: acts.to_path_buf(),
            source,
        })?;
        replay::run(&config, file, output)?
    };
    // Whoever writes the decisions into a file sees nothing of them.
    if mistakes > 0 {
        eprintln!("cardea-guard: lines that are no acts: {mistakes} (guard.replay_line_invalid)");
    }
    Ok(())
}

fn check(config: &Path) -> anyhow::Result<()> {
    use std::io::Write as _;
    Config::load(config)?;
    writeln!(std::io::stdout(), "{} is good", config.display())?;
    Ok(())
}
