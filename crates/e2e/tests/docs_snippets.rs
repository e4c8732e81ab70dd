//!
//! A document says `<!-- snippet: FILE NAME -->` before a code block; the file has the same lines
//! between `snippet:begin NAME` and `snippet:end NAME`. With `CARDEA_WRITE_SNIPPETS=1` the test
//! brings the documents up to date instead.

use std::fs;

use anyhow::{Context, Result, bail};
use cardea_xtask::workspace;

const DOCUMENTS: [&str; 1] = ["docs/integrate.md"];

/// Languages of which a reader copies code: none of it may stand in a document untested.
const TESTED_LANGUAGES: [&str; 5] = ["js", "python", "rust", "apache", "toml"];

const MARK: &str = "<!-- snippet: ";

#[test]
fn the_code_in_the_documents_is_the_code_that_is_tested() -> Result<()> {
    for name in DOCUMENTS {
        let path = workspace::root().join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("can't read {name}"))?;
        let renewed = with_snippets(&text, read_snippet)?;
        if std::env::var_os("CARDEA_WRITE_SNIPPETS").is_some() {
            fs::write(&path, &renewed)?;
        } else if let Some((line, (old, new))) = first_difference(&text, &renewed) {
            bail!(
                "{name}, line {line}, shows\n  {old}\nwhere the tested code has\n  {new}\n\
                 CARDEA_WRITE_SNIPPETS=1 cargo test -p cardea-e2e --test docs_snippets renews it"
            );
        }
    }
    Ok(())
}

fn first_difference<'a>(old: &'a str, new: &'a str) -> Option<(usize, (&'a str, &'a str))> {
    let (mut old, mut new) = (old.lines(), new.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return Some((number, (a.unwrap_or_default(), b.unwrap_or_default()))),
        }
    }
    None
}

/// The document with every marked code block taken anew from its source.
fn with_snippets(text: &str, read: impl Fn(&str, &str) -> Result<String>) -> Result<String> {
    let mut renewed = String::with_capacity(text.len());
    let mut lines = text.lines();
    let mut mark: Option<(String, String)> = None;
    while let Some(line) = lines.next() {
        renewed.push_str(line);
        renewed.push('\n');
        if let Some(language) = line.strip_prefix("```") {
            let body = block(&mut lines)?;
            match mark.take() {
                Some((file, name)) => renewed.push_str(&read(&file, &name)?),
                None if TESTED_LANGUAGES.contains(&language) => {
                    bail!("a block of {language} has no `{MARK}…`:\n{body}")
                }
                None => renewed.push_str(&body),
            }
            renewed.push_str("```\n");
        } else if let Some(rest) = line.strip_prefix(MARK) {
            let words = rest.trim_end_matches("-->").trim().split_once(' ');
            let (file, name) = words.with_context(|| format!("no file and name: {line}"))?;
            mark = Some((file.to_owned(), name.to_owned()));
        } else if mark.is_some() {
            bail!("no code block follows a mark, but: {line}");
        }
    }
    Ok(renewed)
}

/// The lines up to the fence that ends a block.
fn block<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<String> {
    let mut body = String::new();
    for line in lines {
        if line == "```" {
            return Ok(body);
        }
        body.push_str(line);
        body.push('\n');
    }
    bail!("a code block does not end:\n{body}")
}

fn read_snippet(file: &str, name: &str) -> Result<String> {
    let path = workspace::root().join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("can't read {file}"))?;
    snippet(&text, name).with_context(|| format!("{file} has no snippet {name}"))
}

/// The lines between the marks of this name, without the indentation that they all have.
fn snippet(text: &str, name: &str) -> Option<String> {
    let is_mark =
        |line: &str, word: &str| line.trim_end().ends_with(&format!("snippet:{word} {name}"));
    let mut lines = text.lines().skip_while(|line| !is_mark(line, "begin"));
    lines.next()?;
    let mut body: Vec<&str> = Vec::new();
    loop {
        let line = lines.next()?;
        if is_mark(line, "end") {
            break;
        }
        body.push(line);
    }
    let filled = body.iter().filter(|line| !line.trim().is_empty());
    let indentation = filled
        .map(|line| line.len() - line.trim_start().len())
        .min()?;
    let cut = |line: &&str| line.get(indentation..).unwrap_or_default().to_owned() + "\n";
    Some(body.iter().map(cut).collect())
}

#[test]
fn a_snippet_loses_its_marks_and_its_indentation() {
    let text = "a\n  # snippet:begin x\n  one\n\n    two\n  # snippet:end x\nb\n";
    assert_eq!(snippet(text, "x").unwrap(), "one\n\n  two\n");
    assert_eq!(snippet(text, "y"), None);
    assert_eq!(snippet("# snippet:begin x\none\n", "x"), None);
}

#[test]
fn a_document_that_differs_is_noticed_and_untested_code_refused() {
    let read = |file: &str, name: &str| Ok(format!("{file} {name}\n"));
    let text = "Text\n<!-- snippet: a.js x -->\n```js\nold\n```\n```console\n$ ls\n```\n";
    let renewed = with_snippets(text, read).unwrap();
    assert_eq!(renewed, text.replace("old", "a.js x"));
    assert_eq!(
        first_difference(text, &renewed),
        Some((4, ("old", "a.js x")))
    );
    assert!(with_snippets("```js\nlet a\n```\n", read).is_err());
    assert!(with_snippets("<!-- snippet: a.js x -->\ntext\n", read).is_err());
}
