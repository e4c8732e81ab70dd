//! Text from certificates, file names and answers, made fit for a terminal.
//!
//! A name in a certificate is whatever its issuer, or a forger, wrote: escape sequences that move
//! the cursor, characters that turn the direction of the text, a megabyte of one letter. In text
//! for people such characters are shown by their number; in JSON they are escaped, so that the
//! document says the same and still cannot command the terminal.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

/// Most characters of one value on one line.
pub(super) const VALUE_CHARACTERS_MAX: usize = 300;
/// Combining marks that may follow one letter; more of them cover the neighbouring lines.
const COMBINING_IN_A_ROW_MAX: usize = 2;

/// The text on one line, cut at [`VALUE_CHARACTERS_MAX`], with deceptive characters by number.
pub(super) fn shown(text: &str) -> String {
    shown_within(text, VALUE_CHARACTERS_MAX)
}

/// As [`shown`], with a bound of its own.
pub(super) fn shown_within(text: &str, characters_max: usize) -> String {
    let mut out = String::new();
    let mut combining = 0;
    for (index, character) in text.chars().enumerate() {
        if index >= characters_max {
            out.push('…');
            break;
        }
        combining = if is_combining(character) {
            combining + 1
        } else {
            0
        };
        if is_deceptive(character) || combining > COMBINING_IN_A_ROW_MAX {
            // Writing into a String does not fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

/// Control characters, line and paragraph ends, and what is not seen or changes how the rest is
/// seen: zero-width, direction, variation and tag characters (Unicode TR 36).
pub(super) fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{10ffff}')
}

fn is_combining(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Writes one JSON document and a line end, with deceptive characters escaped.
///
/// # Errors
/// When `output` cannot be written to.
pub(super) fn write_json(output: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *output, TerminalSafe);
    document
        .serialize(&mut serializer)
        .map_err(io::Error::from)?;
    output.write_all(b"\n")
}

/// Compact JSON whose strings hold no deceptive characters but their escapes (RFC 8259 section 7).
struct TerminalSafe;

impl Formatter for TerminalSafe {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let mut rest = fragment;
        while let Some((before, found, after)) = split_at_deceptive(rest) {
            writer.write_all(before.as_bytes())?;
            for unit in found.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = after;
        }
        writer.write_all(rest.as_bytes())
    }
}

fn split_at_deceptive(text: &str) -> Option<(&str, char, &str)> {
    let (at, found) = text.char_indices().find(|(_, it)| is_deceptive(*it))?;
    let before = text.get(..at)?;
    let after = text.get(at + found.len_utf8()..)?;
    Some((before, found, after))
}

#[cfg(test)]
mod tests {
    use super::{shown, shown_within, write_json};

    #[test]
    fn names_are_shown_as_they_are() {
        for text in [
            "CHARLES D'URAND",
            "Sage-Femme",
            "Ο Γιατρός",
            "渋谷",
            "e\u{301}té",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn what_could_command_or_deceive_is_shown_by_number() {
        for (text, expected) in [
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\nb\r\tc", "a\\u{a}b\\u{d}\\u{9}c"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("nom\u{202e}txt", "nom\\u{202e}txt"),
            ("a\u{200b}b\u{2066}c", "a\\u{200b}b\\u{2066}c"),
            ("e\u{301}\u{301}\u{301}", "e\u{301}\u{301}\\u{301}"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn long_values_are_cut_visibly() {
        assert_eq!(shown_within("abcdef", 3), "abc…");
        assert_eq!(shown_within("abc", 3), "abc");
    }

    #[test]
    fn json_says_the_same_in_characters_that_are_harmless() {
        let text = "a\u{1b}[2J\u{202e}\u{9b}\"é\u{e0041}z";
        let mut out = Vec::new();
        write_json(&mut out, &text).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert!(
            !line.trim_end().chars().any(super::is_deceptive),
            "{line:?}"
        );
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
