//! No file holds more than one idea's worth of lines.

use crate::tidy::source_text::SourceText;
use crate::tidy::{Complaint, SourceFile};

const LINES_MAX: usize = 600;
const STEP_LINES_MAX: usize = 300;
const INLINE_TEST_LINES_MAX: usize = 200;

/// Folders whose files are one endpoint or one check each.
const STEP_FOLDERS: [&str; 3] = ["handler", "authentication", "authorization"];

pub(super) fn check(file: &SourceFile, source: &SourceText) -> Vec<Complaint> {
    let tests = inline_test_lines(&source.code);
    let lines = source.code.len().saturating_sub(tests);
    let in_step_folder = file
        .path
        .parent()
        .and_then(|folder| folder.file_name())
        .is_some_and(|name| STEP_FOLDERS.iter().any(|step| name == *step));
    let limit = if in_step_folder {
        STEP_LINES_MAX
    } else {
        LINES_MAX
    };
    let mut complaints = Vec::new();
    if lines > limit {
        let advice = format!(
            "{lines} lines without tests, at most {limit} are allowed: split it by concept, never \
             into a part two"
        );
        complaints.push(file.complain(0, advice));
    }
    if tests > INLINE_TEST_LINES_MAX {
        let advice = format!(
            "{tests} lines of tests in the file, at most {INLINE_TEST_LINES_MAX} are allowed: move \
             them to `<module>/tests.rs`"
        );
        complaints.push(file.complain(source.code.len() - tests + 1, advice));
    }
    complaints
}

/// Lines from `#[cfg(test)]` before an inline module to the end; tests come last in a file.
fn inline_test_lines(code: &[String]) -> usize {
    let begins = |pair: &[String]| match pair {
        [attribute, module] => {
            attribute.trim() == "#[cfg(test)]"
                && module.starts_with("mod ")
                && module.trim_end().ends_with('{')
        }
        _ => false,
    };
    code.windows(2)
        .position(begins)
        .map_or(0, |start| code.len() - start)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::SourceFile;
    use crate::tidy::source_text::SourceText;

    fn complaints(path: &str, lines: usize, tests: usize) -> usize {
        let mut text = "a\n".repeat(lines);
        if tests > 0 {
            text.push_str("#[cfg(test)]\nmod tests {\n");
            text.push_str(&"b\n".repeat(tests - 2));
        }
        let file = SourceFile {
            path: path.into(),
            text,
        };
        check(&file, &SourceText::read(&file.text)).len()
    }

    #[test]
    fn each_kind_of_file_has_its_limit() {
        assert_eq!(complaints("crates/a/src/b.rs", 600, 200), 0);
        assert_eq!(complaints("crates/a/src/b.rs", 601, 0), 1);
        assert_eq!(complaints("crates/a/src/b.rs", 10, 201), 1);
        assert_eq!(complaints("crates/a/src/handler/b.rs", 301, 0), 1);
    }
}
