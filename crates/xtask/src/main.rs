//! Entry point of `cargo xtask`.

use std::process::ExitCode;

use cardea_xtask::{command_line, output};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match command_line::run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            output::note(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
