//! Cases a line in, answers a line out. No case ends the batch.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use anyhow::Context;
use cardea_provider::Clock as _;

use super::case_line;
use super::input_error::InputError;
use super::judge::Judge;
use super::report::Answer;
use super::{EXIT_GOOD, EXIT_UNUSABLE};
use crate::clock::SystemClock;
use crate::command::terminal_text::{shown, write_json};

/// Most bytes of one line, its end not counted.
const LINE_BYTES_MAX: u64 = 1024 * 1024;
/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Most names of ignored members that are told; a batch of noise has nothing to tell.
const NOTED_MAX: usize = 100;

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
    let mut batch = Batch {
        judge: Judge::default(),
        noted: HashSet::new(),
        file,
        folder,
    };
    let mut output = io::stdout().lock();
    let mut number = 0_u64;
    loop {
        let mut line = match next_line(&mut input) {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(EXIT_GOOD),
            Err(source) => return complain(file, source),
        };
        number += 1;
        if let Line::Whole(bytes) = &mut line
            && number == 1
            && bytes.starts_with(BYTE_ORDER_MARK)
        {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        if let Line::Whole(bytes) = &line
            && bytes.trim_ascii().is_empty()
        {
            continue;
        }
        let answer = batch.answer(&line, number);
        write_json(&mut output, &answer)
            .and_then(|()| output.flush())
            .context("standard output is closed")?;
    }
}

/// A batch under way.
struct Batch<'a> {
    judge: Judge,
    /// Ignored members that were told.
    noted: HashSet<String>,
    file: &'a Path,
    folder: &'a Path,
}

impl Batch<'_> {
    fn answer(&mut self, line: &Line, number: u64) -> Answer {
        let Line::Whole(bytes) = line else {
            let error = InputError::TooLarge {
                file: format!("{} line {number}", self.file.display()).into(),
                bound: LINE_BYTES_MAX,
                unit: "bytes",
            };
            return with_id(Answer::of(Err(error)), serde_json::Value::Null);
        };
        let read = case_line::read(bytes, self.folder, SystemClock.now());
        let read = read.map_err(|error| match error {
            InputError::CaseMalformed { reason } => {
                InputError::case(format!("line {number}: {reason}"))
            }
            other => other,
        });
        let outcome = read.and_then(|read| {
            self.note(&read.ignored, number);
            self.judge.judge(&read.case)
        });
        with_id(Answer::of(outcome), case_line::read_id(bytes))
    }

    /// Tells once of each member that is ignored; who closed standard error wants to hear nothing.
    fn note(&mut self, ignored: &[String], number: u64) {
        for name in ignored {
            if self.noted.len() < NOTED_MAX && self.noted.insert(name.clone()) {
                let name = shown(name);
                let _ = writeln!(
                    io::stderr(),
                    "cardea: line {number}: the member \"{name}\" is unknown and ignored"
                );
            }
        }
    }
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
