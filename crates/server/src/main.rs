//! The program `cardea`.

use std::process::ExitCode;

use cardea_server::command::{self, CommandLine};

fn main() -> ExitCode {
    let command_line = match CommandLine::read() {
        Ok(command_line) => command_line,
        Err(exit) => return exit,
    };
    match command::run(command_line) {
        Ok(exit) => exit,
        Err(error) => {
            // The whole chain of causes, in one line.
            match command::code_of(&error) {
                Some(code) => eprintln!("cardea: {error:#} [{code}]"),
                None => eprintln!("cardea: {error:#}"),
            }
            ExitCode::FAILURE
        }
    }
}
