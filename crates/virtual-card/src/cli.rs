//! The command line.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cardea_virtual_card::{CardDirectory, PkiDirectory};
use clap::{Parser, Subcommand, ValueEnum};

use crate::clock;

mod card_process;
mod insert;
mod issue;
mod issue_all;
mod memory;
mod pinentry;
mod pki;
mod professions;

/// Virtual professional cards for tests and demonstrations. Every holder is invented, and nothing
/// made here may be trusted by a real system.
#[derive(Debug, Parser)]
#[command(name = "cardea-vcard", version, about)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make, publish and export a test PKI.
    #[command(subcommand)]
    Pki(pki::PkiCommand),
    /// Make a card: two certificates of the test PKI, their keys, a PIN.
    Issue(Box<issue::IssueArguments>),
    /// Make a card of every profession, and one in each bad state, with a list of them.
    IssueAll(issue_all::IssueAllArguments),
    /// List the professions that a card can name.
    Professions {
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Revoke both certificates of a card; OCSP and CRL say so at once.
    Revoke {
        /// Folder of the card.
        card: PathBuf,
        /// Folder of the PKI that issued it [default: `pki` beside the card's folder].
        #[arg(long)]
        pki: Option<PathBuf>,
    },
    /// Say what a card's folder holds.
    Show {
        /// Folder of the card.
        card: PathBuf,
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Plug a card into a reader of vpcd, until killed or removed.
    Insert(insert::InsertArguments),
    /// Pull a card that `insert` plugged in.
    Remove {
        /// Folder of the card.
        card: PathBuf,
    },
    /// Block a card's PIN, as three wrong entries would.
    Block {
        /// Folder of the card.
        card: PathBuf,
    },
    /// Give a card's PIN and PUK all their tries back.
    Unblock {
        /// Folder of the card.
        card: PathBuf,
    },
    /// Answer as a pinentry from a script: for tests and demonstrations only.
    Pinentry(pinentry::PinentryArguments),
}

/// Kinds of keys on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyOption {
    /// NIST P-256.
    P256,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 4096 bits.
    Rsa4096,
}

impl From<KeyOption> for cardea_test_pki::KeyKind {
    fn from(option: KeyOption) -> Self {
        match option {
            KeyOption::P256 => Self::P256,
            KeyOption::Rsa2048 => Self::Rsa2048,
            KeyOption::Rsa4096 => Self::Rsa4096,
        }
    }
}

/// Runs a command.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Pki(command) => pki::run(command),
        Command::Issue(arguments) => issue::issue(&arguments),
        Command::IssueAll(arguments) => issue_all::issue_all(&arguments),
        Command::Professions { json } => professions::list(json),
        Command::Revoke { card, pki } => issue::revoke(&card, pki.as_deref()),
        Command::Show { card, json } => issue::show(&card, json),
        Command::Insert(arguments) => insert::insert(&arguments),
        Command::Remove { card } => insert::remove(&card),
        Command::Block { card } => memory::block(&card),
        Command::Unblock { card } => memory::unblock(&card),
        Command::Pinentry(arguments) => pinentry::run(&arguments),
    }
}

/// Opens the folder of a card, or says how to make one.
fn open_card(path: &Path) -> anyhow::Result<CardDirectory> {
    CardDirectory::open(path).with_context(|| {
        let path = path.display();
        format!("{path} holds no card (`cardea-vcard issue --out {path} …` makes one)")
    })
}

/// Opens the folder of a PKI, or says how to make one.
fn open_pki(path: &Path) -> anyhow::Result<PkiDirectory> {
    PkiDirectory::open(path, clock::now()).with_context(|| {
        let path = path.display();
        format!("{path} holds no test PKI (`cardea-vcard pki init {path}` makes one)")
    })
}

/// Prints a line on standard output.
pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")
        .and_then(|()| output.flush())
        .context("standard output is closed")
}

/// Prints an error and its causes on standard error, with the code where there is one.
pub(crate) fn complain(error: &anyhow::Error) {
    let code = error.chain().find_map(|cause| {
        let own = cause
            .downcast_ref::<cardea_virtual_card::Error>()
            .map(|error| error.code());
        own.or_else(|| {
            cause
                .downcast_ref::<cardea_test_pki::Error>()
                .map(|error| error.code())
        })
    });
    let mut output = std::io::stderr().lock();
    let suffix = code.map(|code| format!(" [{code}]")).unwrap_or_default();
    // Nothing is left to tell when standard error is closed too.
    let _ = writeln!(output, "cardea-vcard: {}{suffix}", chain(error));
}

/// The messages of an error and its causes, leaving out a cause that its effect already quotes.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
