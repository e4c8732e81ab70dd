//! `cardea pki validate`: one certification path, or a batch of them.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cardea_provider::Clock as _;
use clap::Args;

use super::batch;
use super::case::{Case, PolicySwitches, Revocation, moment, policies};
use super::input_error::InputError;
use super::judge::Judge;
use super::report::Answer;
use crate::clock::SystemClock;
use crate::command::terminal_text::write_json;

const AFTER_HELP: &str = "\
A PATH is a DER or PEM file (several certificates or CRLs in a PEM file are all read) or a folder, \
which is read without its subfolders; files in it that hold nothing of the kind are stepped over. \
Where LEAF is a PEM file of several certificates, the first is judged and the others may help to \
build the path.

Without --profile the path is judged by RFC 5280 alone. With one it must also do for a login \
(client authentication, strict form), and the person is read from it; test cards and real ones are \
both accepted, and `identity.test` tells which it is.

Revocation evidence counts from its thisUpdate to its nextUpdate; limits on its age are for logins.

Exit status: 0 valid, 1 not valid, 2 the input cannot be used. A batch exits with 0 once every \
line has been answered, whatever the answers, and with 2 when the batch itself cannot be read.

  cardea pki validate --anchors roots.pem --intermediates issuing.pem --crls crl/ --profile cps \
card.pem
  cardea pki validate --json --batch cases.jsonl";

/// Arguments of `validate`.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
pub(in crate::command) struct ValidateArguments {
    /// Print JSON: one document, or one on each line with --batch.
    #[arg(long)]
    json: bool,
    /// Trust anchors: files or folders.
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "batch")]
    anchors: Vec<PathBuf>,
    /// Certificates that may stand between, and that may have signed CRLs: files or folders.
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "batch")]
    intermediates: Vec<PathBuf>,
    /// CRLs, delta CRLs too: files or folders.
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "batch")]
    crls: Vec<PathBuf>,
    /// OCSP responses in DER: files or folders.
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "batch")]
    ocsp: Vec<PathBuf>,
    /// Judge as of this moment, such as 2018-06-01T00:00:00Z [default: now].
    #[arg(long, value_name = "RFC3339", conflicts_with = "batch")]
    at: Option<String>,
    /// A policy of the initial set (RFC 5280 section 6.1.1 (c)); may stand several times, all
    /// policies when absent.
    #[arg(long = "initial-policy", value_name = "OID", conflicts_with = "batch")]
    initial_policies: Vec<String>,
    /// The path must be valid for one of the initial policies.
    #[arg(long, conflicts_with = "batch")]
    require_explicit_policy: bool,
    /// Policy mappings do not count.
    #[arg(long, conflicts_with = "batch")]
    inhibit_policy_mapping: bool,
    /// `anyPolicy` does not stand for other policies.
    #[arg(long, conflicts_with = "batch")]
    inhibit_any_policy: bool,
    /// `hard`: every certificate below the anchor needs a current CRL or OCSP answer.
    #[arg(long, value_enum, default_value_t = Revocation::Hard, conflicts_with = "batch")]
    revocation: Revocation,
    /// Read the person by a profile: cps, piv, hba, or a TOML file.
    #[arg(long, value_name = "NAME", conflicts_with = "batch")]
    profile: Option<String>,
    /// Judge a case a line, `{"id","leaf","anchors":[…],…}`, and answer a line a case; `-` is
    /// standard input. Paths start from the file's folder (with `-`, from the current one).
    #[arg(long, value_name = "FILE.jsonl")]
    batch: Option<PathBuf>,
    /// The certificate to judge. Right after a list of paths, the last path is LEAF.
    #[arg(conflicts_with = "batch")]
    leaf: Option<PathBuf>,
}

/// Runs the command and gives its exit status.
///
/// # Errors
/// When standard output is closed.
pub(super) fn run(arguments: &ValidateArguments) -> anyhow::Result<u8> {
    if let Some(file) = &arguments.batch {
        return batch::run(file);
    }
    let case = case_of(arguments);
    let at = case.as_ref().ok().map(|case| case.at);
    let answer = Answer::of(case.and_then(|case| Judge::default().judge(&case)));
    let mut output = std::io::stdout().lock();
    let written = if arguments.json {
        write_json(&mut output, &answer)
    } else {
        answer.write_text(&mut output, at)
    };
    written
        .and_then(|()| output.flush())
        .context("standard output is closed")?;
    Ok(answer.exit())
}

fn case_of(arguments: &ValidateArguments) -> Result<Case, InputError> {
    let mut lists = Lists::of(arguments);
    let leaf = match &arguments.leaf {
        Some(leaf) => leaf.clone(),
        None => lists
            .take_last(std::env::args_os())
            .ok_or_else(|| InputError::case("LEAF is missing: name the certificate to judge"))?,
    };
    let switches = PolicySwitches {
        require_explicit_policy: arguments.require_explicit_policy,
        inhibit_policy_mapping: arguments.inhibit_policy_mapping,
        inhibit_any_policy: arguments.inhibit_any_policy,
    };
    let here = Path::new("").to_owned();
    Ok(Case {
        leaf,
        anchors: lists.anchors,
        intermediates: lists.intermediates,
        crls: lists.crls,
        ocsp: lists.ocsp,
        at: moment(arguments.at.as_deref(), SystemClock.now())?,
        policies: policies(&arguments.initial_policies, switches)?,
        revocation: arguments.revocation,
        profile: arguments.profile.clone().map(|name| (name, here)),
    })
}

/// The options that take several paths.
struct Lists {
    anchors: Vec<PathBuf>,
    intermediates: Vec<PathBuf>,
    crls: Vec<PathBuf>,
    ocsp: Vec<PathBuf>,
}

impl Lists {
    fn of(arguments: &ValidateArguments) -> Self {
        Self {
            anchors: arguments.anchors.clone(),
            intermediates: arguments.intermediates.clone(),
            crls: arguments.crls.clone(),
            ocsp: arguments.ocsp.clone(),
        }
    }

    /// In `--anchors A LEAF` the parser cannot know that LEAF is no anchor: the last word of the
    /// command line is taken back out of the list that was given last.
    fn take_last(&mut self, words: impl Iterator<Item = OsString>) -> Option<PathBuf> {
        let words: Vec<OsString> = words.collect();
        let last = words.last()?;
        let option = words.iter().rev().find(|word| {
            word.to_str()
                .is_some_and(|text| text.starts_with("--") && text != "--")
        })?;
        let list = match option.to_str()? {
            "--anchors" => &mut self.anchors,
            "--intermediates" => &mut self.intermediates,
            "--crls" => &mut self.crls,
            "--ocsp" => &mut self.ocsp,
            _ => return None,
        };
        let is_more_than_one = list.len() > 1 && list.last().is_some_and(|path| path == last);
        if is_more_than_one { list.pop() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::Lists;

    #[test]
    fn the_last_path_of_the_last_list_is_the_leaf() {
        for (words, anchors, expected) in [
            ("--anchors a leaf", vec!["a", "leaf"], Some("leaf")),
            (
                "--anchors a --anchors b leaf",
                vec!["a", "b", "leaf"],
                Some("leaf"),
            ),
            ("--anchors leaf", vec!["leaf"], None),
            ("--anchors a b --json", vec!["a", "b"], None),
        ] {
            let mut lists = Lists {
                anchors: anchors.into_iter().map(PathBuf::from).collect(),
                intermediates: Vec::new(),
                crls: Vec::new(),
                ocsp: Vec::new(),
            };
            let taken = lists.take_last(words.split(' ').map(Into::into));
            assert_eq!(taken, expected.map(PathBuf::from), "{words}");
        }
    }
}
