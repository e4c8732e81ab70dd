//! Rules on single lines.

use crate::tidy::source_text::SourceText;
use crate::tidy::{Complaint, SourceFile};

const COLUMNS_MAX: usize = 100;

/// Kinds of files with short lines; prose and markup wrap by themselves.
const SHORT_LINES: [&str; 5] = ["rs", "sql", "js", "css", "toml"];

pub(super) fn check_columns(file: &SourceFile) -> Vec<Complaint> {
    if !SHORT_LINES.contains(&file.extension()) {
        return Vec::new();
    }
    let too_long = |line: &str| {
        // A word that can't be broken, such as an address or a test vector, may stick out.
        let longest = line
            .split_whitespace()
            .map(|word| word.chars().count())
            .max();
        line.chars().count() > COLUMNS_MAX && longest.is_some_and(|word| word < COLUMNS_MAX / 2)
    };
    file.text
        .lines()
        .enumerate()
        .filter(|(_, line)| too_long(line))
        .map(|(index, _)| {
            file.complain(
                index + 1,
                format!("longer than {COLUMNS_MAX} columns: wrap it"),
            )
        })
        .collect()
}

/// A changed line ending changes a migration's checksum, and every node then refuses to start.
pub(super) fn check_endings(file: &SourceFile) -> Vec<Complaint> {
    let bad = file.text.lines().count() > 0 && file.text.contains("\r\n");
    let advice = "lines end with LF: run `git add --renormalize .`";
    if bad {
        vec![file.complain(0, advice)]
    } else {
        Vec::new()
    }
}

pub(super) fn check_todo(file: &SourceFile, source: &SourceText) -> Vec<Complaint> {
    let open = |line: &str| {
        ["TODO", "FIXME", "XXX"].iter().any(|word| {
            line.split_once(word)
                .is_some_and(|(_, after)| !starts_with_issue_number(after))
        })
    };
    source
        .comments
        .iter()
        .enumerate()
        .filter(|(_, line)| open(line))
        .map(|(index, _)| file.complain(index + 1, "name the issue: `TODO(#12): …`, or do it now"))
        .collect()
}

fn starts_with_issue_number(text: &str) -> bool {
    text.strip_prefix("(#")
        .and_then(|rest| rest.split_once(')'))
        .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::{check_columns, check_endings, check_todo};
    use crate::tidy::SourceFile;
    use crate::tidy::source_text::SourceText;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile {
            path: path.into(),
            text: text.into(),
        }
    }

    #[test]
    fn an_open_end_needs_an_issue() {
        let count = |text: &str| check_todo(&file("a.rs", text), &SourceText::read(text)).len();
        assert_eq!(count("// TODO: later\n"), 1);
        assert_eq!(count("// TODO(#12): later\n"), 0);
        assert_eq!(count("let todo = \"TODO\";\n"), 0);
    }

    #[test]
    fn long_lines_are_refused_but_long_words_are_not() {
        assert_eq!(check_columns(&file("a.rs", &"word ".repeat(21))).len(), 1);
        assert_eq!(check_columns(&file("a.rs", &"x".repeat(101))).len(), 0);
        assert_eq!(check_columns(&file("a.md", &"word ".repeat(21))).len(), 0);
    }

    #[test]
    fn windows_line_endings_are_refused() {
        assert_eq!(check_endings(&file("a.sql", "SELECT 1;\r\n")).len(), 1);
        assert_eq!(check_endings(&file("a.sql", "SELECT 1;\n")).len(), 0);
    }
}
