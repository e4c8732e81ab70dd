//! No function is longer than a screen.

use crate::tidy::source_text::SourceText;
use crate::tidy::{Complaint, SourceFile};

const LINES_MAX: usize = 70;

pub(super) fn check(file: &SourceFile, source: &SourceText) -> Vec<Complaint> {
    functions(&source.code)
        .into_iter()
        .filter(|function| function.lines > LINES_MAX)
        .map(|function| {
            let advice = format!(
                "`{}` has {} lines, at most {LINES_MAX} are allowed: give its steps names of their \
                 own",
                function.name, function.lines
            );
            file.complain(function.first_line, advice)
        })
        .collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    first_line: usize,
    lines: usize,
}

fn functions(code: &[String]) -> Vec<Function> {
    let mut found = Vec::new();
    for (index, line) in code.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        if let Some(lines) = body_lines(code.get(index..).unwrap_or_default()) {
            found.push(Function {
                name,
                first_line: index + 1,
                lines,
            });
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let start = line.find("fn ").filter(|start| {
        *start == 0
            || line
                .get(..*start)
                .is_some_and(|before| before.ends_with([' ', '(']))
    })?;
    let name: String = line
        .get(start + 3..)?
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// Lines from the signature to the closing brace; none for a function without body.
fn body_lines(code: &[String]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut brackets = 0_usize;
    for (index, line) in code.iter().enumerate() {
        for character in line.chars() {
            match character {
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets = brackets.saturating_sub(1),
                '{' => depth += 1,
                '}' if depth == 1 => return Some(index + 1),
                '}' => depth = depth.saturating_sub(1),
                ';' if depth == 0 && brackets == 0 => return None,
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::functions;

    fn lines(text: &str) -> Vec<(String, usize, usize)> {
        let code: Vec<String> = text.lines().map(str::to_owned).collect();
        functions(&code)
            .into_iter()
            .map(|f| (f.name, f.first_line, f.lines))
            .collect()
    }

    #[test]
    fn a_function_reaches_from_its_signature_to_its_last_brace() {
        let found = lines("pub fn a(\n  b: [u8; 2],\n) -> C {\n  if d { e }\n}\nfn f() {}\n");
        assert_eq!(found, [("a".into(), 1, 5), ("f".into(), 6, 1)]);
    }

    #[test]
    fn declarations_without_body_do_not_count() {
        assert_eq!(
            lines("trait T {\n  fn a(&self);\n}\ntype F = fn(u8);\n"),
            []
        );
    }
}
