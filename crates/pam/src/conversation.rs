//! The lines of the helper, and what is done with each.

use std::io::{BufRead, BufReader, Read};

/// Lines of one sign-in; there are seven.
const LINES_MAX: usize = 64;
/// Longest line, in bytes.
const LINE_BYTES_MAX: u64 = 4096;

/// A line of the helper.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Show(String),
    WaitForEnter(String),
    Log(String),
}

/// Reads the helper's lines as they come; ends at its end, and at the first that is none.
pub(crate) fn lines(output: impl Read) -> impl Iterator<Item = Line> {
    let mut output = BufReader::new(output);
    std::iter::from_fn(move || read_line(&mut output)).take(LINES_MAX)
}

fn read_line(output: &mut impl BufRead) -> Option<Line> {
    let mut bytes = Vec::new();
    let mut bounded = output.take(LINE_BYTES_MAX);
    bounded.read_until(b'\n', &mut bytes).ok()?;
    let line = std::str::from_utf8(&bytes).ok()?.strip_suffix('\n')?;
    let (kind, text) = line.split_once(' ')?;
    let text = text.to_owned();
    match kind {
        "I" => Some(Line::Show(text)),
        "P" => Some(Line::WaitForEnter(text)),
        "L" => Some(Line::Log(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, lines};

    #[test]
    fn lines_are_read_until_one_is_none() {
        let text = "I ouvrez\nP Entrée : \nL noted\nX other\nI never\n";
        let read: Vec<_> = lines(text.as_bytes()).collect();
        let expected = [
            Line::Show("ouvrez".to_owned()),
            Line::WaitForEnter("Entrée : ".to_owned()),
            Line::Log("noted".to_owned()),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn neither_a_long_line_nor_many_are_read() {
        let long = format!("I {}\n", "x".repeat(5_000));
        assert_eq!(lines(long.as_bytes()).count(), 0);
        let many = "I x\n".repeat(1_000);
        assert_eq!(lines(many.as_bytes()).count(), 64);
        assert_eq!(lines("I cut off".as_bytes()).count(), 0);
    }
}
