//! Rust source split into what is code and what is comment, line by line.
//!
//! This is no parser: it only knows where comments, strings and characters begin and end, which is
//! all that the rules need. Everything that is not wanted is replaced by spaces.

/// The two views of a source file; both have the lines and columns of the original.
pub(super) struct SourceText {
    /// Code without comments and without what stands in quotes.
    pub(super) code: Vec<String>,
    /// Comments alone.
    pub(super) comments: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Code,
    LineComment,
    BlockComment { depth: u32 },
    Text,
    RawText { hashes: usize },
}

impl SourceText {
    pub(super) fn read(text: &str) -> Self {
        let mut reader = Reader {
            rest: text,
            place: Place::Code,
            code: String::new(),
            comments: String::new(),
        };
        while reader.step() {}
        let lines = |text: &str| text.lines().map(str::to_owned).collect();
        Self {
            code: lines(&reader.code),
            comments: lines(&reader.comments),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    place: Place,
    code: String,
    comments: String,
}

impl Reader<'_> {
    /// Takes the next piece; false at the end.
    fn step(&mut self) -> bool {
        if self.rest.is_empty() {
            return false;
        }
        match self.place {
            Place::Code => self.step_code(),
            Place::LineComment => {
                if self.rest.starts_with('\n') {
                    self.place = Place::Code;
                }
                self.take(1);
            }
            Place::BlockComment { depth } => self.step_block_comment(depth),
            Place::Text => self.step_text(),
            Place::RawText { hashes } => {
                let end = format!("\"{}", "#".repeat(hashes));
                if self.rest.starts_with(&end) {
                    self.take(end.len());
                    self.place = Place::Code;
                } else {
                    self.take(1);
                }
            }
        }
        true
    }

    fn step_code(&mut self) {
        if self.rest.starts_with("//") {
            self.place = Place::LineComment;
        } else if self.rest.starts_with("/*") {
            self.place = Place::BlockComment { depth: 0 };
        } else if let Some(hashes) = raw_text_start(self.rest) {
            self.take(hashes + 2);
            self.place = Place::RawText { hashes };
        } else if self.rest.starts_with('"') {
            self.take(1);
            self.place = Place::Text;
        } else if let Some(length) = character_length(self.rest) {
            let place = std::mem::replace(&mut self.place, Place::Text);
            self.take(length);
            self.place = place;
        } else {
            self.take_word();
        }
    }

    /// A whole word at once, so that its last letter is not taken for the `r` of `r"…"`.
    fn take_word(&mut self) {
        let word = self
            .rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .count();
        self.take(word.max(1));
    }

    fn step_text(&mut self) {
        if self.rest.starts_with('\\') {
            self.take(2);
            return;
        }
        let ends = self.rest.starts_with('"');
        self.take(1);
        if ends {
            self.place = Place::Code;
        }
    }

    fn step_block_comment(&mut self, depth: u32) {
        if self.rest.starts_with("/*") {
            self.take(2);
            self.place = Place::BlockComment { depth: depth + 1 };
        } else if self.rest.starts_with("*/") {
            self.take(2);
            self.place = match depth {
                0 | 1 => Place::Code,
                _ => Place::BlockComment { depth: depth - 1 },
            };
        } else {
            self.take(1);
        }
    }

    /// Moves characters into the view they belong to, and spaces into the other.
    fn take(&mut self, count: usize) {
        for character in self.rest.chars().take(count) {
            let (code, comment) = match (self.place, character) {
                (_, '\n') => ('\n', '\n'),
                (Place::Code, _) => (character, ' '),
                (Place::LineComment | Place::BlockComment { .. }, _) => (' ', character),
                (Place::Text | Place::RawText { .. }, _) => (' ', ' '),
            };
            self.code.push(code);
            self.comments.push(comment);
        }
        let end = self
            .rest
            .char_indices()
            .nth(count)
            .map_or(self.rest.len(), |(index, _)| index);
        self.rest = self.rest.get(end..).unwrap_or_default();
    }
}

/// The number of `#` of a raw string that starts here.
fn raw_text_start(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.chars().take_while(|c| *c == '#').count();
    after.get(hashes..)?.starts_with('"').then_some(hashes)
}

/// The length of a character literal that starts here; a lifetime is none.
fn character_length(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let mut characters = inside.chars();
    match characters.next()? {
        '\\' => inside
            .chars()
            .skip(2)
            .position(|c| c == '\'')
            .map(|end| end + 4),
        '\'' => None,
        _ => (characters.next() == Some('\'')).then_some(3),
    }
}

#[cfg(test)]
mod tests {
    use super::SourceText;

    fn check(text: &str, code: &str, comment: &str) {
        let source = SourceText::read(text);
        let squeeze = |lines: &[String]| {
            lines
                .join("|")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(squeeze(&source.code), code, "code of {text}");
        assert_eq!(squeeze(&source.comments), comment, "comments of {text}");
    }

    #[test]
    fn strings_characters_and_comments_are_told_apart() {
        check("a(\"}\"); // b {", "a(\" );", "// b {");
        check("a('{', 'b, '\\'', x)", "a( , 'b, , x)", "");
        check("/* a /* b */ c */ d", "d", "/* a /* b */ c */");
        check("let a = r#\"{\"}\"#; b", "let a = r#\" ; b", "");
        check("var\"x\"", "var\"", "");
    }

    #[test]
    fn lines_stay_where_they_are() {
        let source = SourceText::read("a\n/* b\nc */ d\n");
        assert_eq!(source.code.len(), 3);
        assert!(source.code[2].ends_with(" d"));
    }
}
