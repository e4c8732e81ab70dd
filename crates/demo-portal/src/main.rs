//! Entry point of `cardea-demo-portal`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cardea_demo_portal::config::Config;
use cardea_demo_portal::error::Error;
use cardea_demo_portal::{attack, once, serve};
use clap::{Parser, Subcommand};

/// A sample portal for health professionals that signs people in with Cardea.
#[derive(Parser)]
#[command(name = "cardea-demo-portal", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the portal until it is stopped.
    Serve {
        /// The portal's settings (TOML); keys of its look-up service are made beside them.
        #[arg(long)]
        config: PathBuf,
    },
    /// Signs in once without a browser, through the agent on this machine, and prints one JSON
    /// document with the tokens. The agent still asks for the PIN.
    Once {
        /// The portal's settings (TOML).
        #[arg(long)]
        config: PathBuf,
    },
    /// Signs in as `once` does, lets a robot with that session walk the look-up service, and says
    /// how far the guard let it. Fails when it was not stopped.
    Attack {
        /// The portal's settings (TOML); keys are made beside them.
        #[arg(long)]
        config: PathBuf,
        /// One JSON document instead of words.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .json()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .init();
    match run(CommandLine::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "error: {} ({})",
                error.chain(),
                error.code()
            );
            ExitCode::FAILURE
        }
    }
}

fn folder_of(config: &Path) -> &Path {
    config.parent().unwrap_or(Path::new("."))
}

#[tokio::main]
async fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Serve { config } => serve::run(Config::load(&config)?, folder_of(&config)).await,
        Command::Attack { config, json } => {
            let document = attack::run(&Config::load(&config)?, folder_of(&config)).await?;
            let text = if json {
                document.to_string()
            } else {
                attack::text(&document)
            };
            writeln!(std::io::stdout(), "{text}").map_err(|source| Error::Output { source })?;
            if document.get("stopped").is_some_and(|it| !it.is_null()) {
                Ok(())
            } else {
                Err(Error::RobotNotStopped)
            }
        }
        Command::Once { config } => {
            let document = once::run(&Config::load(&config)?).await?;
            writeln!(std::io::stdout(), "{document}").map_err(|source| Error::Output { source })
        }
    }
}
