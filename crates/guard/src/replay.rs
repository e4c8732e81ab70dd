//! `cardea-guard replay`: runs recorded acts through the rules, one decision a line.
//!
//! Each line of the input gets exactly one line of the output, in its order, and the output is
//! flushed whenever no further input waits: a program may write an act, read the decision, and only
//! then decide what comes next.

use std::io::{BufRead as _, BufReader, BufWriter, Read, Write};
use std::time::Duration;

use serde::Serialize;

use crate::{Answer, Config, Decider, Decision, Error, Language, Reason};

mod line;

use line::Line;

/// The longest line that is read; more is skipped up to the line's end.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// What some programs write at the beginning of a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads acts, one a line, and writes a decision for each.
///
/// A line that is no act gets a line that says what is wrong and where, and the replay goes on: the
/// number of such lines is given back.
///
/// # Errors
/// [`Error::ReplayBroken`] when the input can't be read or the output not be written.
pub fn run(config: &Config, input: impl Read, output: impl Write) -> Result<u64, Error> {
    let broken = |source| Error::ReplayBroken { source };
    let (mut input, mut output) = (BufReader::new(input), BufWriter::new(output));
    let decider = Decider::new(config.rules.clone());
    let (mut text, mut mistakes) = (Vec::new(), 0);
    for number in 1_u64.. {
        let Some(is_whole) = read_line(&mut input, &mut text)? else {
            break;
        };
        let answer = answer_line(&decider, number, &text, is_whole);
        mistakes += u64::from(matches!(answer, Printed::Mistake { .. }));
        write_line(&mut output, &answer)?;
        // No whole line waits here: whoever reads our answers may be waiting for this one.
        if !input.buffer().contains(&b'\n') {
            output.flush().map_err(broken)?;
        }
    }
    output.flush().map_err(broken)?;
    Ok(mistakes)
}

/// What is printed for a line.
#[derive(Serialize)]
#[serde(untagged)]
enum Printed {
    Decision {
        decision: &'static str,
        reasons: Vec<PrintedReason>,
    },
    Mistake {
        error: &'static str,
        line: u64,
        reason: String,
    },
}

#[derive(Serialize)]
struct PrintedReason {
    code: &'static str,
    count: u32,
    limit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_seconds: Option<u64>,
    en: String,
    fr: String,
}

fn answer_line(decider: &Decider, number: u64, text: &[u8], is_whole: bool) -> Printed {
    let text = match number {
        1 => text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
        _ => text,
    };
    let line = if is_whole {
        Line::parse(text)
    } else {
        Err(format!("it has more than {LINE_BYTES_MAX} bytes"))
    };
    match line {
        Ok(Line::Act(act)) => print_decision(&decider.decide(&act)),
        Ok(Line::FreshSignature { at, subject }) => {
            decider.fresh_signature(&subject, None, at);
            print_decision(&Decision::allow())
        }
        Err(reason) => {
            let error = Error::ReplayLineInvalid {
                line: number,
                reason: reason.clone(),
            };
            Printed::Mistake {
                error: error.code(),
                line: number,
                reason,
            }
        }
    }
}

fn print_decision(decision: &Decision) -> Printed {
    let wait = match decision.answer {
        Answer::Slow { wait } => Some(wait),
        _ => None,
    };
    let reasons = decision.reasons.iter();
    Printed::Decision {
        decision: decision.answer.word(),
        reasons: reasons
            .map(|reason| print_reason(reason, decision.answer, wait))
            .collect(),
    }
}

fn print_reason(reason: &Reason, answer: Answer, wait: Option<Duration>) -> PrintedReason {
    let say = |language| {
        let (sentence, advice) = (reason.sentence(language), answer.advice(language));
        format!("{sentence} {advice}")
    };
    PrintedReason {
        code: reason.code(),
        count: reason.count(),
        limit: reason.limit(),
        wait_seconds: wait.map(|wait| wait.as_secs()),
        en: say(Language::English),
        fr: say(Language::French),
    }
}

/// Reads a line without its end. `None` at the end of the input; `false` when the line is longer
/// than is read, and was skipped.
fn read_line(input: &mut BufReader<impl Read>, text: &mut Vec<u8>) -> Result<Option<bool>, Error> {
    text.clear();
    let (mut is_whole, mut is_anything) = (true, false);
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(Error::ReplayBroken { source }),
        };
        if chunk.is_empty() {
            return Ok(is_anything.then_some(is_whole));
        }
        is_anything = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
        if text.len() + part.len() > LINE_BYTES_MAX {
            is_whole = false;
        } else {
            text.extend_from_slice(part);
        }
        let used = end.map_or(chunk.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(Some(is_whole));
        }
    }
}

fn write_line(output: &mut impl Write, printed: &Printed) -> Result<(), Error> {
    let broken = |source| Error::ReplayBroken { source };
    serde_json::to_writer(&mut *output, printed).map_err(|error| broken(error.into()))?;
    output.write_all(b"\n").map_err(broken)
}

#[cfg(test)]
mod tests;
