//! `cardea keys …`: root keys, challenge keys and the list that binds them, and token keys.

pub(super) mod challenge_list;
pub(super) mod token_keys;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use cardea_jose::{Algorithm, SigningKey};
use clap::Subcommand;

use crate::key_file::{check_absent, create_key, load_key, write_public};

use self::challenge_list::{ChallengeListCommand, SignArguments};
use self::token_keys::{Common, RotateArguments};

pub use self::challenge_list::{ChallengeListRequest, sign as sign_challenge_list};

const AFTER_HELP: &str = "\
Run it as the server's own user, to whom the database and the keys belong.

Exit status: 0 done, 1 refused (a rotation is under way, no such key), 2 the configuration, the \
database or the keys cannot be used.";

/// Commands about token keys, and about the list of challenge keys.
#[derive(Debug, Subcommand)]
pub(super) enum ServerKeysCommand {
    /// List the token keys: what each does, and until when.
    #[command(after_long_help = AFTER_HELP)]
    List(Common),
    /// Begin a rotation of the token keys now; or, in an emergency, take keys out at once.
    #[command(after_long_help = AFTER_HELP)]
    Rotate(RotateArguments),
    /// Encrypt the token keys anew, after the key-encryption key was changed.
    #[command(after_long_help = AFTER_HELP)]
    Reencrypt(Common),
    /// Sign the list of challenge keys with a root key, and publish it.
    #[command(subcommand)]
    ChallengeList(ChallengeListCommand),
    /// As `challenge-list sign`.
    #[command(hide = true)]
    SignChallengeList(SignArguments),
}

/// Runs one of the commands.
///
/// # Errors
/// Whatever it could not do; when standard output is closed.
pub(super) fn run(command: ServerKeysCommand) -> anyhow::Result<ExitCode> {
    match command {
        ServerKeysCommand::List(common) => return token_keys::list(&common),
        ServerKeysCommand::Rotate(arguments) => return token_keys::rotate(&arguments),
        ServerKeysCommand::Reencrypt(common) => return token_keys::reencrypt(&common),
        ServerKeysCommand::ChallengeList(command) => challenge_list::run(command)?,
        ServerKeysCommand::SignChallengeList(arguments) => {
            challenge_list::run(ChallengeListCommand::Sign(arguments))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a P-256 key and gives its public half as a JWK, on standard output or in a file.
pub(super) fn new_key(out: &Path, public_out: Option<&Path>) -> anyhow::Result<()> {
    public_out.map_or(Ok(()), check_absent)?;
    let key = create_key(out, Algorithm::Es256)?;
    give_public(&key, public_out)
}

/// Gives the public half of a key again.
pub(super) fn show_public(file: &Path, public_out: Option<&Path>) -> anyhow::Result<()> {
    public_out.map_or(Ok(()), check_absent)?;
    give_public(&load_key(file)?, public_out)
}

fn give_public(key: &SigningKey, public_out: Option<&Path>) -> anyhow::Result<()> {
    let jwk = serde_json::to_string(key.public_jwk())?;
    match public_out {
        Some(file) => Ok(write_public(file, format!("{jwk}\n").as_bytes())?),
        None => writeln!(std::io::stdout(), "{jwk}").context("the public key could not be printed"),
    }
}
