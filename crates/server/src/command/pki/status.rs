//! `cardea pki status`: how this server's trust anchors, stored lists and responders are doing.
//!
//! It reads the configuration, the certificates that operators added to the database, and the
//! store's folder; it writes nothing, and asks no address unless told to. It says what
//! is there; whether a list's signature is good is the server's to judge.

mod added;
mod authority;
mod list;
mod page;
mod probe;
mod survey;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use cardea_provider::Clock as _;
use clap::Args;
use serde::Serialize;

use self::added::Added;
use self::survey::Survey;
use super::{EXIT_BAD, EXIT_GOOD, EXIT_UNUSABLE};
use crate::clock::SystemClock;
use crate::command::config_file::default_config;
use crate::command::terminal_text::{shown, write_json};
use crate::config::Config;
use crate::error::Error;

const AFTER_HELP: &str = "\
Needs attention: a certificate that cannot be read, is expired, not yet valid or within 30 days of \
its end; a database that cannot be read; a stored list past its nextUpdate or beyond the \
configured age; a store that cannot be read; with --probe, an address that gives no usable \
answer. A list that is missing does not: the server fetches it when a card first needs it.

Run it as the server's own user, whose folder the store is.

Exit status: 0 nothing needs attention, 1 something does, 2 the configuration cannot be used.";

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
pub(in crate::command) struct StatusArguments {
    /// The server's configuration file.
    #[arg(long, default_value_os_t = default_config())]
    config: PathBuf,
    /// Ask every address once, within each trust anchor's time budget.
    #[arg(long)]
    probe: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Why there is no status, as a JSON document.
#[derive(Serialize)]
struct Failure {
    code: &'static str,
    reason: String,
}

/// Runs the command and gives its exit status.
///
/// # Errors
/// When standard output is closed, or the asynchronous runtime cannot be started.
pub(super) fn run(arguments: &StatusArguments) -> anyhow::Result<u8> {
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(error) => return complain(&error, arguments.json),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let added = runtime.block_on(Added::read(&config));
    let mut survey = Survey::take(&config, added, SystemClock.now());
    if arguments.probe {
        let probed = runtime.block_on(probe::ask_all(&mut survey));
        if let Err(source) = probed {
            return complain(&Error::HttpClientUnusable { source }, arguments.json);
        }
    }
    survey.count_attention();
    let mut output = io::stdout().lock();
    let written = if arguments.json {
        write_json(&mut output, &survey)
    } else {
        page::write(&mut output, &survey)
    };
    written
        .and_then(|()| output.flush())
        .context("standard output is closed")?;
    Ok(if survey.attention.is_empty() {
        EXIT_GOOD
    } else {
        EXIT_BAD
    })
}

fn complain(error: &Error, json: bool) -> anyhow::Result<u8> {
    let failure = Failure {
        code: error.code(),
        reason: error.to_string(),
    };
    let written = if json {
        write_json(&mut io::stdout().lock(), &failure)
    } else {
        let text = shown(&failure.reason);
        writeln!(io::stderr(), "cardea: {text} [{}]", failure.code)
    };
    written.context("standard output is closed")?;
    Ok(EXIT_UNUSABLE)
}
