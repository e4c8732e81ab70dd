//! `cardea pki …`: the verifier on the command line.
//!
//! `validate` judges a certification path from files, `inspect` reads one certificate aloud
//! without judging it, `status` tells how this server's own anchors and lists are doing.
//! Text from a certificate reaches the terminal through [`super::terminal_text`] alone.

mod batch;
mod case;
mod case_line;
mod input_error;
mod inspect;
mod judge;
mod material;
mod material_file;
mod profile_choice;
mod report;
mod status;
mod unknown_member;
mod validate;

use std::process::ExitCode;

use clap::Subcommand;

pub(super) use self::input_error::InputError;
use self::inspect::InspectArguments;
use self::status::StatusArguments;
use self::validate::ValidateArguments;

/// Commands about certificates.
#[derive(Debug, Subcommand)]
pub(super) enum PkiCommand {
    /// Validate a certification path from files: certificate, anchors, intermediates, CRLs.
    Validate(Box<ValidateArguments>),
    /// Show what a certificate says, in words. Nothing is verified.
    Inspect(InspectArguments),
    /// Show this server's trust anchors, stored CRLs and responders, and what needs attention.
    Status(StatusArguments),
}

/// The answer is yes: valid, or nothing needs attention.
const EXIT_GOOD: u8 = 0;
/// The answer is no: not valid, or something needs attention.
const EXIT_BAD: u8 = 1;
/// There is no answer: the input or the configuration cannot be used.
const EXIT_UNUSABLE: u8 = 2;

/// Runs one of the commands.
///
/// # Errors
/// When standard output is closed.
pub(super) fn run(command: PkiCommand) -> anyhow::Result<ExitCode> {
    let exit = match command {
        PkiCommand::Validate(arguments) => validate::run(&arguments)?,
        PkiCommand::Inspect(arguments) => inspect::run(&arguments)?,
        PkiCommand::Status(arguments) => status::run(&arguments)?,
    };
    Ok(ExitCode::from(exit))
}
