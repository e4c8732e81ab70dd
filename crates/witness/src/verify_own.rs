//! `cardea-witness verify-own`: checks the file of a person's own log.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use cardea_transparency::VerifierKey;
use cardea_witness::Error;
use cardea_witness::verify::own::{self, OwnDemand, OwnFindings};
use clap::Args;
use serde_json::{Value, json};

/// What is to be checked, and by which keys.
#[derive(Args)]
pub(crate) struct VerifyOwn {
    /// The JSON file that the account page gave out.
    file: PathBuf,
    /// The log's verifier key (name+id+key), known from elsewhere.
    #[arg(long, value_name = "KEY", value_parser = super::parse_key)]
    log_key: VerifierKey,
    /// The verifier key of a witness that has to have cosigned; may stand several times.
    #[arg(long, value_name = "KEY", value_parser = super::parse_key)]
    witness_key: Vec<VerifierKey>,
    /// Prints one JSON document.
    #[arg(long)]
    json: bool,
}

/// Exit code 0: good, 1: something is wrong, 2: it can't be checked.
pub(crate) fn run(own: VerifyOwn) -> ExitCode {
    let demand = OwnDemand {
        file: own.file,
        log_key: own.log_key,
        witness_keys: own.witness_key,
    };
    let mut findings = OwnFindings::default();
    let outcome = own::run(&demand, &mut findings);
    let report = match own.json {
        true => as_json(&findings, &outcome).to_string(),
        false => as_text(&findings, &outcome),
    };
    let printed = writeln!(std::io::stdout(), "{report}");
    match (outcome, printed) {
        (Ok(()), Ok(())) => ExitCode::SUCCESS,
        (Err(Error::FileUnreadable { .. }), _) | (_, Err(_)) => ExitCode::from(2),
        (Err(_), Ok(())) => ExitCode::FAILURE,
    }
}

fn as_json(findings: &OwnFindings, outcome: &Result<(), Error>) -> Value {
    let error = outcome.as_ref().err();
    let witnesses = findings.witnesses.iter();
    json!({
        "valid": error.is_none(),
        "code": error.map(Error::code),
        "reason": error.map(Error::to_string),
        "first_bad_index": error.and_then(Error::first_bad_index),
        "origin": findings.head.as_ref().map(|head| head.origin()),
        "size": findings.head.as_ref().map(|head| head.size()),
        "sub": findings.sub,
        "entries": findings.entries,
        "more_elsewhere": findings.is_cut,
        "witnesses": witnesses.map(|(name, _)| name).collect::<Vec<_>>(),
    })
}

fn as_text(findings: &OwnFindings, outcome: &Result<(), Error>) -> String {
    let mut lines = Vec::new();
    if let Some(head) = &findings.head {
        lines.push(format!(
            "log      {} of {} entries",
            head.origin(),
            head.size()
        ));
    }
    for (name, _) in &findings.witnesses {
        lines.push(format!("witness  {name}"));
    }
    if let Some(sub) = &findings.sub {
        // A file that somebody made may say what a terminal would obey.
        lines.push(format!("person   {}", sub.escape_debug()));
    }
    lines.push(format!("proven   {} entries", findings.entries));
    if findings.is_cut {
        lines.push("more     there are later entries, in another file".to_owned());
    }
    lines.push(match outcome {
        Ok(()) => "good     every entry in the file stands in the log".to_owned(),
        Err(error) => format!(
            "WRONG    {} ({})",
            error.to_string().escape_debug(),
            error.code()
        ),
    });
    lines.join("\n")
}
