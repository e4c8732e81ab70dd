//! The program `cardea`.

use std::process::ExitCode;

use cardea_server::command::{self, CommandLine};
use clap::Parser;

fn main() -> ExitCode {
    match command::run(CommandLine::parse()) {
        Ok(exit) => exit,
        Err(error) => {
            // The whole chain of causes, in one line.
            eprintln!("cardea: {error:#}");
            ExitCode::FAILURE
        }
    }
}
