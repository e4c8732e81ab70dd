//! `cardea-host-login`: asks for the card at the workstation when somebody signs in to a Linux host
//! by `ssh`, or uses `sudo` there. The PAM module `pam_cardea` runs it and shows what it says.
//!
//! It follows RFC 8628 as a client of the issuer, verifies the ID token (OIDC Core section
//! 3.1.3.7), and lets in whom the host's own configuration maps to the account that was named. What
//! it deliberately does not do: keep a token or a session, know a password, or let anybody in where
//! something is missing, or wait for somebody who has gone.
//!
//! Its standard output is a line protocol for the module: `I ` something to show, `P ` something to
//! show and wait for Enter, `L ` something for the system's log. Its exit code is the answer.
//!
//! ```text
//! auth required pam_cardea.so
//! ```

mod asker;
mod clock;
mod config;
mod door;
mod error;
mod http_client;
mod id_token;
mod issuer;
mod module;
mod place;
mod protected_file;
mod sign_in;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::config::Config;
use crate::door::Door;
use crate::error::Error;
use crate::module::Module;

/// Asks for the card at the workstation when somebody signs in to this host.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration.
    #[arg(long, default_value = "/etc/cardea/host-login.toml")]
    config: PathBuf,
    /// Only reads the configuration, and says what is wrong with it.
    #[arg(long)]
    check: bool,
    /// With `--check`: also asks the issuer whether it takes this host's client, and takes the
    /// request back.
    #[arg(long, requires = "check")]
    online: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let module = Module::new();
    let config = match Config::read(&arguments.config) {
        Ok(config) => config,
        Err(error) => return module.refuse(&error, words::Language::English),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|_| Error::RuntimeFailed);
    if arguments.check {
        if config.any_account().is_none() {
            module.show("warning: [users] names no account, so nobody can sign in");
        }
        let asked = match (arguments.online, runtime) {
            (false, _) => Ok("the configuration is usable"),
            (true, Err(error)) => Err(error),
            (true, Ok(runtime)) => runtime
                .block_on(sign_in::ask_and_withdraw(&config))
                .map(|()| "the configuration is usable, and the issuer takes this host's requests"),
        };
        return match asked {
            Ok(said) => {
                module.show(said);
                ExitCode::SUCCESS
            }
            Err(error) => {
                // There is no module beside an administrator who reads the log's line.
                module.show(&error.to_string());
                module.refuse(&error, words::Language::English)
            }
        };
    }
    let outcome = runtime.and_then(|runtime| {
        // The environment is the module's own: it takes nothing over from whoever asks.
        let account = std::env::var("PAM_USER").map_err(|_| Error::AccountUnnamed)?;
        let said = |name| std::env::var(name).unwrap_or_default();
        let door = Door::new(account, said("PAM_SERVICE"), said("PAM_RHOST"));
        runtime.block_on(sign_in::sign_in(&config, &door, &module))
    });
    match outcome {
        Ok(person) => {
            module.log(&format!("let in by card: {person}"));
            ExitCode::SUCCESS
        }
        Err(error) => module.refuse(&error, config.language),
    }
}
