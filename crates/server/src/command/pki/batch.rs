//! Cases a line in, answers a line out. No case ends the batch.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use anyhow::Context;
use cardea_provider::Clock as _;

use super::case_line;
use super::input_error::InputError;
use super::judge::Judge;
use super::report::Answer;
use super::terminal_text::{shown, write_json};
use super::{EXIT_GOOD, EXIT_UNUSABLE};
use crate::clock::SystemClock;

/// Most bytes of one line, its end not counted.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Judges a file of cases, or standard input for `-`.
///
/// # Errors
/// When standard output is closed.
pub(super) fn run(file: &Path) -> anyhow::Result<u8> {
    if file == Path::new("-") {
        return answer_all(io::stdin().lock(), file, Path::new(""));
    }
    match File::open(file) {
        Ok(input) => {
            let folder = file.parent().unwrap_or_else(|| Path::new(""));
            answer_all(BufReader::new(input), file, folder)
        }
        Err(source) => complain(file, source),
    }
}

fn answer_all(mut input: impl BufRead, file: &Path, folder: &Path) -> anyhow::Result<u8> {
    let mut judge = Judge::default();
    let mut output = io::stdout().lock();
    let mut number = 0_u64;
    loop {
        let line = match next_line(&mut input) {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(EXIT_GOOD),
            Err(source) => return complain(file, source),
        };
        number += 1;
        if let Line::Whole(bytes) = &line
            && bytes.trim_ascii().is_empty()
        {
            continue;
        }
        let answer = answer(&mut judge, &line, file, folder, number);
        write_json(&mut output, &answer)
            .and_then(|()| output.flush())
            .context("standard output is closed")?;
    }
}

fn answer(judge: &mut Judge, line: &Line, file: &Path, folder: &Path, number: u64) -> Answer {
    let Line::Whole(bytes) = line else {
        let error = InputError::TooLarge {
            file: format!("{} line {number}", file.display()).into(),
            bound: LINE_BYTES_MAX,
            unit: "bytes",
        };
        return with_id(Answer::of(Err(error)), serde_json::Value::Null);
    };
    let outcome = case_line::read(bytes, folder, SystemClock.now())
        .map_err(|error| match error {
            InputError::CaseMalformed { reason } => {
                InputError::case(format!("line {number}: {reason}"))
            }
            other => other,
        })
        .and_then(|case| judge.judge(&case));
    with_id(Answer::of(outcome), case_line::read_id(bytes))
}

fn with_id(mut answer: Answer, id: serde_json::Value) -> Answer {
    answer.id = Some(id);
    answer
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
}

/// The next line without its end; `None` at the end of the input. Of a line that is too long the
/// rest is read past, so that the next case is found.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut bytes = Vec::new();
    let read = input
        .by_ref()
        .take(LINE_BYTES_MAX + 1)
        .read_until(b'\n', &mut bytes)?;
    if read == 0 {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        return Ok(Some(Line::Whole(bytes)));
    }
    if u64::try_from(read).is_ok_and(|read| read <= LINE_BYTES_MAX) {
        return Ok(Some(Line::Whole(bytes)));
    }
    input.skip_until(b'\n')?;
    Ok(Some(Line::TooLong))
}

/// The batch itself cannot be read: that is for the person who started it, not for its reader.
fn complain(file: &Path, source: io::Error) -> anyhow::Result<u8> {
    let error = InputError::Unreadable {
        file: file.to_owned(),
        source,
    };
    let text = shown(&error.to_string());
    writeln!(io::stderr(), "cardea: {text} [{}]", error.code())
        .context("standard error is closed")?;
    Ok(EXIT_UNUSABLE)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{LINE_BYTES_MAX, Line, next_line};

    #[test]
    fn a_line_that_is_too_long_does_not_hide_the_next() {
        let longest = "x".repeat(usize::try_from(LINE_BYTES_MAX).unwrap());
        let mut input = Cursor::new(format!("{longest}\n{longest}y\nthird\n\nlast"));
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).unwrap() {
            lines.push(match line {
                Line::Whole(bytes) => Some(bytes.len()),
                Line::TooLong => None,
            });
        }
        assert_eq!(
            lines,
            [Some(longest.len()), None, Some(5), Some(0), Some(4)]
        );
    }
}
