//! `cardea anchors …`: the certificates of the trust anchors, and those that are added to the
//! database, which running servers follow within seconds.
//!
//! Those of the configuration's files are listed too, and changed in their files alone.

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cardea_pki::Certificate;
use cardea_provider::{
    AnchorRegistrations, AnchorRole, Approvals, CardRules, Outcome, canonical_fingerprint,
};
use cardea_storage::Store;
use clap::{Args, Subcommand};
use serde::Serialize;
use time::format_description::well_known::Rfc3339;

use super::approvals::write_proposed;
use super::clients::{Answer, Common, Complaint, say};
use super::keys::token_keys::is_confirmed;
use super::operator;
use super::table::Table;
use super::terminal_text::shown;
use crate::admin_api::{AnchorList, AnchorSource, AnchorView};
use crate::administration::four_eyes_of_commands;
use crate::anchor_reload::{ConfiguredAnchor, read_configured};
use crate::anchor_view::{added_view, configured_views};
use crate::app::open_store;
use crate::approval_view::ProposalView;
use crate::config::Config;
use crate::error::Error;

/// A certificate that is longer is none.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Characters of a name in a table's cell, with one to spare.
const SUBJECT_CHARACTERS_MAX: usize = 63;
const AFTER_HELP: &str = "\
Run it as the server's own user, to whom the database belongs.

Where the configuration asks for four eyes, a change is proposed, and done once two operators have \
confirmed it with their cards (docs/console.md).

Exit status: 0 done or proposed, 1 refused (no such certificate, one that is there already or is \
not the one whose fingerprint was given, one that nobody has said yes to, one that is no \
authority's, expired or too weak), 2 the configuration, the database or the input cannot be used.";

/// Commands about trust anchors.
#[derive(Debug, Subcommand)]
#[command(after_long_help = AFTER_HELP)]
pub(super) enum AnchorsCommand {
    /// Add an authority's certificate to a trust anchor, once its fingerprint has been compared.
    Add(AddArguments),
    /// Take an added certificate away; the sessions of cards that led to it alone end.
    Remove(RemoveArguments),
    /// List every certificate with its fingerprint and validity.
    List(Common),
}

/// Arguments of `add`.
#[derive(Debug, Args)]
pub(super) struct AddArguments {
    /// The certificate's file, PEM or DER, with this one certificate.
    file: PathBuf,
    /// The name of the [[trust_anchor]]; may be left out where there is one alone.
    #[arg(long = "to", value_name = "NAME")]
    rules: Option<String>,
    /// An issuing authority, which helps to find a path and is trusted for nothing.
    #[arg(long)]
    intermediate: bool,
    /// The certificate's SHA-256 as its authority publishes it, in hexadecimal, with or without
    /// colons; another certificate is not added.
    #[arg(long, value_name = "FINGERPRINT")]
    sha256: Option<String>,
    /// Add it whichever it is, without a question.
    #[arg(long, conflicts_with = "sha256")]
    yes: bool,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `remove`.
#[derive(Debug, Args)]
pub(super) struct RemoveArguments {
    /// The certificate's SHA-256, in hexadecimal, with or without colons.
    sha256: String,
    /// The name of the [[trust_anchor]]; may be left out where there is one alone.
    #[arg(long = "from", value_name = "NAME")]
    rules: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// What was added, or proposed where it takes two operators.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Added {
    Added(Box<AnchorView>),
    Proposed(Box<ProposalView>),
}

/// What was taken away, or proposed.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Removed {
    Done {
        trust_anchor: String,
        sha256: String,
    },
    Proposed {
        proposed: Box<ProposalView>,
    },
}

/// The anchors of one server.
struct Anchors {
    configured: Vec<ConfiguredAnchor>,
    config: Config,
    registrations: AnchorRegistrations,
    store: Store,
}

/// Runs one of the commands.
///
/// # Errors
/// When standard output is closed, or the asynchronous runtime cannot be started.
pub(super) fn run(command: &AnchorsCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        match command {
            AnchorsCommand::Add(it) => say(&it.common, add(it).await),
            AnchorsCommand::Remove(it) => say(&it.common, remove(it).await),
            AnchorsCommand::List(it) => say(it, list(it).await),
        }
    })?;
    Ok(ExitCode::from(exit))
}

async fn add(arguments: &AddArguments) -> Result<Added, Complaint> {
    let certificate = read_certificate(&arguments.file)?;
    compare(arguments, &certificate).map_err(Complaint::Configured)?;
    let anchors = Anchors::open(arguments.common.config()).await?;
    let outcome = match anchors.rules(arguments.rules.as_deref()) {
        Ok(rules) => {
            let role = match arguments.intermediate {
                true => AnchorRole::Intermediate,
                false => AnchorRole::Anchor,
            };
            let store = &rules.trust_store;
            let own: Vec<_> = store.anchors().chain(store.intermediates()).collect();
            let approvals = anchors.approvals();
            let added = approvals.add_anchor(&rules.name, role, &certificate, &own);
            added.await.map_err(Complaint::from)
        }
        Err(complaint) => Err(complaint),
    };
    anchors.store.close().await;
    outcome.map(|added| match added {
        Outcome::Done(added) => Added::Added(Box::new(added_view(&added))),
        Outcome::Proposed(proposal) => Added::Proposed(Box::new(ProposalView::from(&*proposal))),
    })
}

async fn remove(arguments: &RemoveArguments) -> Result<Removed, Complaint> {
    let sha256 = canonical_fingerprint(&arguments.sha256);
    let anchors = Anchors::open(arguments.common.config()).await?;
    let outcome = match anchors.rules(arguments.rules.as_deref()) {
        Ok(rules) => {
            let approvals = anchors.approvals();
            let removed = approvals.remove_anchor(&rules.name, &sha256).await;
            removed.map_err(|error| anchors.explain(rules, &sha256, error))
        }
        Err(complaint) => Err(complaint),
    };
    let rules = anchors.rules(arguments.rules.as_deref());
    let trust_anchor = rules.map(|rules| rules.name.clone()).unwrap_or_default();
    anchors.store.close().await;
    outcome.map(|removed| match removed {
        Outcome::Done(()) => Removed::Done {
            trust_anchor,
            sha256,
        },
        Outcome::Proposed(proposal) => Removed::Proposed {
            proposed: Box::new(ProposalView::from(&*proposal)),
        },
    })
}

async fn list(arguments: &Common) -> Result<AnchorList, Complaint> {
    let opened = Anchors::open(arguments.config()).await?;
    let listed = opened.registrations.list().await;
    opened.store.close().await;
    let (added, unreadable) = listed?;
    for (sha256, error) in unreadable {
        let code = error.code();
        tracing::error!(sha256, cause = code, "an added certificate cannot be read");
    }
    let mut anchors = configured_views(&opened.configured);
    anchors.extend(added.iter().map(added_view));
    Ok(AnchorList { anchors })
}

impl Anchors {
    async fn open(config: &Path) -> Result<Self, Complaint> {
        let config = Config::load(config)?;
        let configured = read_configured(&config.trust_anchor)?;
        let store = open_store(&config.database.url).await?;
        let registrations = AnchorRegistrations::new(operator::records(&store));
        Ok(Self {
            configured,
            config,
            registrations,
            store,
        })
    }

    /// What changes them, or proposes it where that takes two operators.
    fn approvals(&self) -> Approvals {
        let four_eyes = four_eyes_of_commands(&self.config.admin);
        Approvals::of_command(operator::records(&self.store), four_eyes)
    }

    /// The trust anchor that is meant.
    fn rules(&self, name: Option<&str>) -> Result<&CardRules, Complaint> {
        let unknown = |name: &str| cardea_provider::Error::AnchorRulesUnknown {
            name: name.to_owned(),
        };
        let mut all = self.configured.iter().map(|anchor| &anchor.rules);
        match (name, self.configured.as_slice()) {
            (None, [only]) => Ok(&only.rules),
            (None, _) => Err(unknown("(none was given)").into()),
            (Some(name), _) => all
                .find(|rules| rules.name == name)
                .ok_or_else(|| unknown(name).into()),
        }
    }

    /// Names the file of a certificate that stands in one.
    fn explain(&self, rules: &CardRules, sha256: &str, error: cardea_provider::Error) -> Complaint {
        let is_it = |it: &Certificate| cardea_provider::fingerprint(it) == sha256;
        let store = &rules.trust_store;
        let mut tables = self.config.trust_anchor.iter();
        let table = tables.find(|table| table.name == rules.name);
        let file = table.and_then(|table| {
            if store.anchors().any(is_it) {
                return Some(table.anchors.clone());
            }
            let in_file = store.intermediates().any(is_it);
            table.intermediates.clone().filter(|_| in_file)
        });
        match file {
            Some(file) => Complaint::Configured(Error::AnchorConfigured { file }),
            None => error.into(),
        }
    }
}

/// Has the certificate's fingerprint compared with what its authority publishes, before anybody is
/// let in by it.
fn compare(arguments: &AddArguments, certificate: &Certificate) -> Result<(), Error> {
    let is = cardea_provider::fingerprint(certificate);
    if let Some(wanted) = &arguments.sha256 {
        let file = arguments.file.clone();
        let is_it = canonical_fingerprint(wanted) == is;
        return match is_it {
            true => Ok(()),
            false => Err(Error::AnchorFingerprintMismatch { file, is }),
        };
    }
    let what = format!(
        "{} has the SHA-256 {is}, which must be the one that the authority publishes",
        certificate.subject()
    );
    if arguments.yes || (io::stdin().is_terminal() && is_confirmed(&what)) {
        return Ok(());
    }
    let flag = "--sha256 or --yes";
    Err(Error::ConfirmationMissing { what, flag })
}

/// The end of a long name, where authorities of one organisation differ.
fn telling_end(subject: &str) -> String {
    match subject.char_indices().rev().nth(SUBJECT_CHARACTERS_MAX - 1) {
        Some((at, _)) if at > 0 => format!("…{}", subject.get(at..).unwrap_or_default()),
        _ => subject.to_owned(),
    }
}

fn read_certificate(file: &Path) -> Result<Certificate, Error> {
    let unusable = |reason: String| Error::AnchorUnusable {
        file: file.to_owned(),
        reason,
    };
    let length = std::fs::metadata(file).map_err(|error| unusable(error.to_string()))?;
    if length.len() > FILE_BYTES_MAX {
        return Err(unusable("is too long for a certificate".to_owned()));
    }
    let bytes = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    if !bytes.starts_with(b"-----") && !bytes.windows(10).any(|it| it == b"-----BEGIN") {
        return Certificate::parse(&bytes).map_err(|error| unusable(error.to_string()));
    }
    let all = Certificate::parse_pem_bundle(&bytes).map_err(|error| unusable(error.to_string()))?;
    match <[Certificate; 1]>::try_from(all) {
        Ok([certificate]) => Ok(certificate),
        Err(all) => Err(unusable(format!(
            "must hold one certificate, and holds {}",
            all.len()
        ))),
    }
}

impl Answer for Added {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let added = match self {
            Self::Added(added) => added,
            Self::Proposed(proposal) => return write_proposed(proposal, output),
        };
        let until = added.not_after.format(&Rfc3339).unwrap_or_default();
        writeln!(output, "trust anchor: {}", shown(&added.trust_anchor))?;
        writeln!(output, "subject: {}", shown(&added.subject))?;
        writeln!(output, "SHA-256: {}", added.sha256)?;
        writeln!(output, "valid until: {until}")?;
        if added.expires_soon {
            writeln!(output, "It expires within 90 days.")?;
        }
        writeln!(output, "Running servers know within two seconds.")
    }
}

impl Answer for Removed {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Done {
                trust_anchor,
                sha256,
            } => writeln!(
                output,
                "{} is taken away from {}. Running servers know within two seconds; the sessions \
                 of cards that led to it alone end.",
                shown(sha256),
                shown(trust_anchor)
            ),
            Self::Proposed { proposed } => write_proposed(proposed, output),
        }
    }
}

impl Answer for AnchorList {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let header = [
            "trust anchor",
            "role",
            "SHA-256",
            "subject",
            "until",
            "source",
        ];
        let mut table = Table::new(header);
        for anchor in &self.anchors {
            let role = match anchor.role {
                AnchorRole::Anchor => "anchor",
                AnchorRole::Intermediate => "intermediate",
            };
            let source = match anchor.source {
                AnchorSource::File => "file",
                AnchorSource::Database => "database",
            };
            let until = anchor.not_after.date().to_string();
            let soon = if anchor.expires_soon { " (soon)" } else { "" };
            table.push([
                anchor.trust_anchor.clone(),
                role.to_owned(),
                anchor.sha256.clone(),
                telling_end(&anchor.subject),
                format!("{until}{soon}"),
                source.to_owned(),
            ]);
        }
        table.write(output)
    }
}

#[cfg(test)]
mod tests {
    use super::{canonical_fingerprint, telling_end};

    #[test]
    fn a_long_name_keeps_its_end() {
        assert_eq!(telling_end("C=FR, CN=a"), "C=FR, CN=a");
        assert_eq!(telling_end(&"é".repeat(63)), "é".repeat(63));
        let long = format!("C=FR, O={}, CN=AC ÉLÉMENTS", "x".repeat(80));
        let end = telling_end(&long);
        assert!(
            end.starts_with("…x") && end.ends_with("CN=AC ÉLÉMENTS"),
            "{end}"
        );
        assert_eq!(end.chars().count(), 64);
    }

    #[test]
    fn a_fingerprint_is_taken_as_tools_write_it() {
        assert_eq!(canonical_fingerprint("AB:CD:0f"), "abcd0f");
    }
}
