//! What no page may show: a line of French that ends before its high punctuation, or within its
//! quotation marks. Every text of every page stands in these folders, so that their sources are
//! read and no page is forgotten.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the texts of pages stand; the words of commands, on terminals, stand elsewhere.
const TEXTS: [&str; 9] = [
    "src/account",
    "src/activity",
    "src/console",
    "src/handler/console",
    "src/moment.rs",
    "src/page",
    "src/page.rs",
    "src/problem",
    "src/problem.rs",
];

fn files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            files(&entry.unwrap().path(), found);
        }
    } else if !path.ends_with("typesetting.rs") {
        found.push(path.to_owned());
    }
}

/// The texts between quotation marks of a source, as the program has them, up to its tests.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n").replace("'\"'", "");
    let mut literals = Vec::new();
    let mut characters = code.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '"' {
            continue;
        }
        let mut text = String::new();
        while let Some(character) = characters.next().filter(|it| *it != '"') {
            if character != '\\' {
                text.push(character);
                continue;
            }
            match characters.next().unwrap() {
                '\n' => while characters.next_if(|it| it.is_whitespace()).is_some() {},
                'u' => {
                    let digits = characters.by_ref().skip(1).take_while(|it| *it != '}');
                    let code = u32::from_str_radix(&digits.collect::<String>(), 16).unwrap();
                    text.push(char::from_u32(code).unwrap());
                }
                escaped => text.push(escaped),
            }
        }
        literals.push(text);
    }
    literals
}

fn is_typeset(text: &str) -> bool {
    let broken = [" :", " ;", " ?", " !", " »", "« "];
    !broken.iter().any(|mark| text.contains(mark))
}

#[test]
fn no_line_of_french_ends_before_its_high_punctuation_on_any_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for path in TEXTS {
        files(&root.join(path), &mut found);
    }
    let mut texts = 0;
    for file in found {
        for text in literals(&fs::read_to_string(&file).unwrap()) {
            // What is replaced by the other on its way to the page.
            let is_mark = text.starts_with(" {mark}") || text == "« ";
            assert!(is_typeset(&text) || is_mark, "{}: {text}", file.display());
            texts += 1;
        }
    }
    assert!(texts > 500, "{texts} texts alone were read");
}

#[test]
fn texts_are_read_as_the_program_has_them() {
    let source = "// \"none\"\nconst A: Text = Text::new(\"a\", \"qui\\u{a0}? \\\n     oui\");\n";
    assert_eq!(literals(source), ["a", "qui\u{a0}? oui"]);
    assert!(is_typeset("«\u{a0}oui\u{a0}»\u{a0}: 18:04"));
    for bad in ["qui ?", "« oui\u{a0}»", "oui » non"] {
        assert!(!is_typeset(bad), "{bad}");
    }
}
