//! `cardea keys …`: root keys, challenge keys and the list that binds them, and token keys.

pub(super) mod challenge_list;
pub(super) mod token_keys;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use cardea_jose::Algorithm;
use clap::Subcommand;

use crate::key_file::create_key;

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

/// Makes a P-256 key and prints its public half as a JWK.
pub(super) fn new_key(out: &Path) -> anyhow::Result<()> {
    let key = create_key(out, Algorithm::Es256)?;
    let jwk = serde_json::to_string(key.public_jwk())?;
    writeln!(std::io::stdout(), "{jwk}").context("the public key could not be printed")
}
