//! `cardea-vcard`: makes virtual cards of a test PKI and plugs them into a reader.

use std::process::ExitCode;

use clap::Parser;

mod cli;
mod clock;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::complain(&error);
            ExitCode::FAILURE
        }
    }
}
