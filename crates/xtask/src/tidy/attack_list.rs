//! `docs/attacks.md`: every number is listed, and what a row names bears the number and tests it.

use std::path::Path;

use crate::tidy::{Complaint, SourceFile};

pub(super) const FILE: &str = "docs/attacks.md";

/// The sections whose every number has a test, or a reason why it has none yet.
const WHOLE_SECTIONS: [(char, u32); 6] = [
    ('C', 12),
    ('D', 17),
    ('E', 23),
    ('F', 12),
    ('G', 15),
    ('H', 19),
];

/// The section of those that have none.
const WITHOUT_A_TEST: &str = "Not offered yet";

/// One row of a table: its line, its number, and its last cell.
struct Row<'a> {
    line: usize,
    number: &'a str,
    last: &'a str,
    has_test: bool,
}

/// Checks the list; `read` gives the text of a file below `crates/`.
pub(super) fn check(list: &SourceFile, read: impl Fn(&Path) -> Option<String>) -> Vec<Complaint> {
    let rows = rows(&list.text);
    let mut complaints: Vec<_> = rows
        .iter()
        .filter(|row| row.has_test)
        .flat_map(|row| check_row(row, &read))
        .chain(rows.iter().filter_map(check_reason))
        .map(|(line, advice)| list.complain(line, advice))
        .collect();
    for number in WHOLE_SECTIONS
        .into_iter()
        .flat_map(|(section, last)| (1..=last).map(move |number| format!("{section}{number}")))
    {
        let named = rows.iter().filter(|row| row.number == number).count();
        if named == 0 {
            let advice = format!("{number} is missing: name its test, or why it has none yet");
            complaints.push(list.complain(0, advice));
        }
    }
    complaints
}

fn rows(text: &str) -> Vec<Row<'_>> {
    let mut has_test = true;
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("## ") {
            has_test = title != WITHOUT_A_TEST;
        }
        let mut cells = line.split('|').map(str::trim);
        let (Some(""), Some(number)) = (cells.next(), cells.next()) else {
            continue;
        };
        if !is_number(number) {
            continue;
        }
        // The last cell is the one before the last bar.
        let last = cells.rev().nth(1).unwrap_or_default();
        rows.push(Row {
            line: index + 1,
            number,
            last,
            has_test,
        });
    }
    rows
}

/// A letter and digits, such as `E17`.
fn is_number(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|first| first.is_ascii_uppercase())
        && word.len() > 1
        && chars.all(|rest| rest.is_ascii_digit())
}

fn check_row(row: &Row<'_>, read: impl Fn(&Path) -> Option<String>) -> Vec<(usize, String)> {
    let number = row.number;
    let mut complaints = Vec::new();
    let mut is_tested = false;
    for file in row.last.split(',').map(|it| it.trim().trim_matches('`')) {
        match read(&Path::new("crates").join(file)) {
            None => complaints.push((row.line, format!("{number}: there is no crates/{file}"))),
            Some(text) if names(&text, number) => {
                is_tested |= text.contains("#[test]") || text.contains("::test");
            }
            Some(_) => {
                let advice = format!("{number}: crates/{file} does not bear the number");
                complaints.push((row.line, advice));
            }
        }
    }
    if !is_tested {
        complaints.push((row.line, format!("{number}: no file of its row has a test")));
    }
    complaints
}

fn check_reason(row: &Row<'_>) -> Option<(usize, String)> {
    let advice = format!("{}: say why there is no test yet", row.number);
    (!row.has_test && row.last.len() < 10).then_some((row.line, advice))
}

/// Whether a text has the number as a word of its own, as in `E17` or `e17_login_csrf`, or within a
/// row of them, as in `E1 to E3`.
fn names(text: &str, number: &str) -> bool {
    let words: Vec<String> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::to_ascii_uppercase)
        .collect();
    let is_within = |words: &[String]| match words {
        [first, to, last] if to == "TO" => {
            is_number(first) && is_number(last) && lies_between(number, first, last)
        }
        _ => false,
    };
    words.iter().any(|word| word == number) || words.windows(3).any(is_within)
}

fn lies_between(number: &str, first: &str, last: &str) -> bool {
    let split = |word: &str| {
        let (section, digits) = word.split_at_checked(1)?;
        Some((section.to_owned(), digits.parse::<u32>().ok()?))
    };
    match (split(number), split(first), split(last)) {
        (Some((asked, number)), Some((from, first)), Some((to, last))) => {
            asked == from && from == to && (first..=last).contains(&number)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{FILE, check, names};
    use crate::tidy::SourceFile;

    /// Every number, each with the same test.
    fn whole_list(change: impl Fn(&str) -> String) -> SourceFile {
        let mut text =
            String::from("## All\n\n| # | attack | expected | see |\n|---|---|---|---|\n");
        for (section, last) in super::WHOLE_SECTIONS {
            for number in 1..=last {
                text.push_str(&change(&format!(
                    "| {section}{number} | a | b | `a/tests/all.rs` |\n"
                )));
            }
        }
        let path = FILE.into();
        SourceFile { path, text }
    }

    fn read(path: &Path) -> Option<String> {
        let text = match path.to_str() {
            Some("crates/a/tests/all.rs") => {
                "/// C1 to C12, D1 to D17, E1 to E23, F1 to F12, G1 to G15, H1 to H19\n#[test]"
            }
            Some("crates/a/src/e1.rs") => "// E1",
            Some("crates/a/src/none.rs") => "#[test]",
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn advice(change: impl Fn(&str) -> String) -> Vec<String> {
        let complaints = check(&whole_list(change), read);
        complaints.into_iter().map(|it| it.advice).collect()
    }

    #[test]
    fn every_number_is_listed_with_a_test_that_bears_it() {
        assert_eq!(advice(str::to_owned), Vec::<String>::new());
        let of_e1 = |file: &'static str| {
            advice(move |row| match row.starts_with("| E1 |") {
                true => format!("| E1 | a | b | `{file}` |\n"),
                false => row.to_owned(),
            })
        };
        assert_eq!(of_e1("a/gone.rs")[0], "E1: there is no crates/a/gone.rs");
        let unnamed = of_e1("a/src/none.rs");
        assert_eq!(
            unnamed[0],
            "E1: crates/a/src/none.rs does not bear the number"
        );
        assert_eq!(of_e1("a/src/e1.rs"), ["E1: no file of its row has a test"]);
        let missing = advice(|row| row.replace("| F11 |", "| - |"));
        assert!(missing[0].starts_with("F11 is missing"), "{missing:?}");
    }

    #[test]
    fn what_has_no_test_has_a_reason() {
        let reason = |reason: &'static str| {
            advice(move |row| match row.starts_with("| H19 |") {
                true => format!("## Not offered yet\n| H19 | a | {reason} |\n"),
                false => row.to_owned(),
            })
        };
        assert_eq!(reason("there are no replicas yet"), Vec::<String>::new());
        assert_eq!(reason("-"), ["H19: say why there is no test yet"]);
    }

    #[test]
    fn a_number_is_a_word_of_its_own_or_within_a_range() {
        for text in ["attack E1.", "fn e1_none", "E1 to E3", "E1, E2", "(E1)"] {
            assert!(names(text, "E1"), "{text}");
        }
        assert!(names("Attacks E1 to E3", "E2"));
        for text in ["E11", "the1", "E10 to E12", "F1 to F3", ""] {
            assert!(!names(text, "E1"), "{text}");
        }
    }
}
