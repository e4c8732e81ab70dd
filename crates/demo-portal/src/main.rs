//! Entry point of `cardea-demo-portal`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use cardea_demo_portal::config::Config;
use cardea_demo_portal::error::Error;
use cardea_demo_portal::{once, serve};
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
        /// The portal's settings (TOML).
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

#[tokio::main]
async fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Serve { config } => serve::run(Config::load(&config)?).await,
        Command::Once { config } => {
            let document = once::run(&Config::load(&config)?).await?;
            writeln!(std::io::stdout(), "{document}").map_err(|source| Error::Output { source })
        }
    }
}
