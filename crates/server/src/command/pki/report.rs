//! A verdict in JSON for programs and in words for people.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::input_error::InputError;
use super::judge::Verdict;
use super::{EXIT_BAD, EXIT_GOOD, EXIT_UNUSABLE};
use crate::command::terminal_text::shown;
use crate::error_list;

/// Things that were not used which one reason names.
const NOT_USED_NAMED_MAX: usize = 3;

/// The answer to one case. `code` and `reason` are null when it is valid; `path` and `policies`
/// are always there, `identity` only when valid and asked for.
#[derive(Serialize)]
pub(super) struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Value>,
    valid: bool,
    code: Option<&'static str>,
    reason: Option<String>,
    path: Vec<String>,
    policies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<cardea_pki::ProfessionalIdentity>,
    #[serde(skip)]
    exit: u8,
}

impl Answer {
    /// Words a judgement.
    pub(super) fn of(outcome: Result<Verdict, InputError>) -> Self {
        match outcome {
            Ok(verdict) => Self::of_verdict(verdict),
            Err(error) => Self {
                id: None,
                valid: false,
                code: Some(error.code()),
                reason: Some(error.to_string()),
                path: Vec::new(),
                policies: Vec::new(),
                identity: None,
                exit: EXIT_UNUSABLE,
            },
        }
    }

    fn of_verdict(verdict: Verdict) -> Self {
        let valid = verdict.refusal.is_none();
        Self {
            id: None,
            valid,
            code: verdict.refusal.as_ref().map(|error| error.code()),
            reason: reason(&verdict),
            path: verdict
                .path
                .iter()
                .map(|certificate| certificate.subject().to_string())
                .collect(),
            policies: verdict
                .policies
                .iter()
                .map(|policy| policy.as_str().to_owned())
                .collect(),
            identity: verdict.identity,
            exit: if valid { EXIT_GOOD } else { EXIT_BAD },
        }
    }

    /// The exit status of this answer.
    pub(super) fn exit(&self) -> u8 {
        self.exit
    }

    /// Writes the answer for people.
    ///
    /// # Errors
    /// When `output` cannot be written to.
    pub(super) fn write_text(
        &self,
        output: &mut impl Write,
        at: Option<OffsetDateTime>,
    ) -> io::Result<()> {
        let whole_second = at.and_then(|at| at.replace_nanosecond(0).ok());
        let at = whole_second.and_then(|at| at.format(&Rfc3339).ok());
        let at = at.map(|at| format!(" at {at}")).unwrap_or_default();
        match self.exit {
            EXIT_GOOD => writeln!(output, "valid{at}")?,
            EXIT_BAD => writeln!(output, "NOT VALID{at}")?,
            _ => writeln!(output, "not judged: the input cannot be used")?,
        }
        if let Some(code) = self.code {
            writeln!(output, "  code        {code}")?;
        }
        if let Some(reason) = &self.reason {
            writeln!(output, "  reason      {}", shown(reason))?;
        }
        if let Some(entry) = self.code.and_then(error_list::find) {
            writeln!(output, "  who can fix {}", entry.who)?;
            writeln!(output, "  what to do  {}", entry.advice)?;
        }
        for (index, subject) in self.path.iter().enumerate() {
            let label = if index == 0 { "path" } else { "" };
            let issued_by = if index == 0 { "" } else { "issued by " };
            writeln!(output, "  {label:<11} {issued_by}{}", shown(subject))?;
        }
        for (index, policy) in self.policies.iter().enumerate() {
            let label = if index == 0 { "policies" } else { "" };
            writeln!(output, "  {label:<11} {policy}")?;
        }
        match &self.identity {
            Some(identity) => write_identity(output, identity),
            None => Ok(()),
        }
    }
}

/// The contract's members, one on a line, so that a new member needs no change here.
fn write_identity(output: &mut impl Write, identity: &impl Serialize) -> io::Result<()> {
    let Ok(Value::Object(members)) = serde_json::to_value(identity) else {
        return Ok(());
    };
    writeln!(output, "  identity")?;
    for (name, value) in members {
        let text = match value {
            Value::String(text) => text,
            Value::Object(parts) => parts
                .into_iter()
                .map(|(part, value)| match value {
                    Value::String(text) => format!("{part} {text}"),
                    other => format!("{part} {other}"),
                })
                .collect::<Vec<_>>()
                .join(", "),
            other => other.to_string(),
        };
        writeln!(output, "    {name:<16} {}", shown(&text))?;
    }
    Ok(())
}

/// The refusal with its causes, and with the input that could have helped but cannot be used.
fn reason(verdict: &Verdict) -> Option<String> {
    let error = verdict.refusal.as_ref()?;
    let mut text = error.to_string();
    for (index, not_used) in verdict.not_used.iter().enumerate() {
        if index == NOT_USED_NAMED_MAX {
            let more = verdict.not_used.len() - NOT_USED_NAMED_MAX;
            text.push_str(&format!("; {more} more could not be used"));
            break;
        }
        let (file, error) = (not_used.file.display(), &not_used.error);
        text.push_str(&format!("; {file} could not be used ({error})"));
    }
    Some(text)
}
