//! The rows of docs/errors.md, embedded so that `/errors/{code}` and the document never differ.

const DOCUMENT: &str = include_str!("../../../docs/errors.md");

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) code: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) who: &'static str,
    pub(crate) advice: &'static str,
}

/// Finds a code's row.
pub(crate) fn find(code: &str) -> Option<Entry> {
    DOCUMENT
        .lines()
        .filter_map(parse_row)
        .find(|entry| entry.code == code)
}

/// Reads ``| `code` | meaning | who | what to do |``.
fn parse_row(line: &'static str) -> Option<Entry> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let code = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
    let (meaning, who, advice) = (cells.next()?, cells.next()?, cells.next()?);
    Some(Entry {
        code,
        meaning,
        who,
        advice,
    })
}

#[cfg(test)]
mod tests {
    use super::{find, parse_row};

    #[test]
    fn rows_are_read() {
        let entry = parse_row("| `a.b` | Meaning. | developer | Do this. |").unwrap();
        assert_eq!(entry.code, "a.b");
        assert_eq!(entry.advice, "Do this.");
        assert!(parse_row("| code | meaning | who can fix it | what to do |").is_none());
    }

    #[test]
    fn the_document_is_found() {
        assert!(find("server.config_invalid").is_some());
        assert!(find("no.such_code").is_none());
    }
}
