//! Making text from outside fit to be shown in a prompt.
//!
//! Names come from a portal's registration or from a certificate. Before one is shown, it loses
//! everything that could make the prompt read differently from what it says: control characters,
//! invisible and direction-changing ones, line breaks, markup and our own quotation marks.

/// Most characters of one shown name.
const CHARS_MAX: usize = 80;
/// Most bytes of one shown name as the pinentry protocol carries it. Its lines end at 1000 bytes,
/// and a description holds four names and the path of a program.
const ENCODED_BYTES_MAX: usize = 128;
/// Combining marks that may follow one letter; more of them cover the neighbouring lines.
const COMBINING_IN_A_ROW_MAX: usize = 2;

/// The text as it may be shown: one line, cut to 80 characters. May be empty.
#[must_use]
pub(crate) fn for_display(text: &str) -> String {
    let mut shown = String::new();
    let (mut chars, mut combining) = (0, 0);
    for character in text
        .chars()
        .map(replace)
        .filter(|character| !is_removed(*character))
    {
        combining = if is_combining(character) {
            combining + 1
        } else {
            0
        };
        let repeated_space = character == ' ' && (shown.is_empty() || shown.ends_with(' '));
        if repeated_space || combining > COMBINING_IN_A_ROW_MAX {
            continue;
        }
        shown.push(character);
        chars += 1;
        if chars > CHARS_MAX {
            break;
        }
    }
    shown.truncate(shown.trim_end().len());
    cut(shown, ENCODED_BYTES_MAX)
}

/// Cuts a text that may be shown to fewer bytes, for a prompt that has more to say.
#[must_use]
pub(crate) fn cut_to(text: &str, encoded_bytes_max: usize) -> String {
    cut(text.to_owned(), encoded_bytes_max)
}

/// Cuts to the limits, visibly.
fn cut(mut text: String, encoded_bytes_max: usize) -> String {
    if fits(&text, CHARS_MAX, encoded_bytes_max) {
        return text;
    }
    while !fits(
        &text,
        CHARS_MAX - 1,
        encoded_bytes_max.saturating_sub('…'.len_utf8()),
    ) {
        if text.pop().is_none() {
            break;
        }
    }
    text.truncate(text.trim_end().len());
    text.push('…');
    text
}

fn fits(text: &str, chars_max: usize, encoded_bytes_max: usize) -> bool {
    // Assuan escapes a percent sign as three bytes.
    let encoded = text.len() + 2 * text.matches('%').count();
    text.chars().count() <= chars_max && encoded <= encoded_bytes_max
}

/// White space becomes a space; characters with a meaning in prompts become look-alikes without.
fn replace(character: char) -> char {
    match character {
        // Some pinentry programs read "<" as the beginning of markup.
        '<' => '‹',
        '>' => '›',
        // The prompt quotes names in these: a name must not be able to end its own quotation.
        '«' | '»' | '“' | '”' | '„' | '"' => '\'',
        _ if character.is_whitespace() => ' ',
        _ => character,
    }
}

/// Control characters, and the invisible ones of Unicode's categories Cf, Co and Cn that change
/// direction, join, tag, or show nothing at all.
fn is_removed(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{2800}' | '\u{3164}' | '\u{E000}'..='\u{F8FF}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFF}' | '\u{1BCA0}'..='\u{1BCAF}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{10FFFF}')
}

fn is_combining(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_shown_as_they_are() {
        for text in [
            "Ameli Pro – démonstration",
            "Camille D'URAND",
            "Ο Γιατρός",
            "渋谷クリニック",
        ] {
            assert_eq!(for_display(text), text);
        }
    }

    #[test]
    fn what_could_mislead_is_taken_out() {
        let cases = [
            ("a\u{202E}b\u{2066}c\u{200B}d\u{200F}e", "abcde"),
            ("a\nb\r\nc\u{2028}d\te\u{85}f", "a b c d e f"),
            ("a\u{0}\u{7}\u{1B}[31mb\u{7F}", "a[31mb"),
            ("  a   b \u{A0} ", "a b"),
            ("<b>Bank</b>", "‹b›Bank‹/b›"),
            ("Portal » (par Banque) «", "Portal ' (par Banque) '"),
            ("e\u{301}\u{301}\u{301}\u{301}\u{301}", "e\u{301}\u{301}"),
            ("a\u{E0041}\u{FEFF}\u{AD}b", "ab"),
            ("\u{3164}\u{2800}\u{200B}", ""),
            ("", ""),
        ];
        for (text, shown) in cases {
            assert_eq!(for_display(text), shown, "{text:?}");
        }
    }

    #[test]
    fn long_names_are_cut_visibly_and_within_the_protocols_lines() {
        for letter in ["x", "é", "渋", "%", "𝒳", "x ", "ab\u{301}"] {
            let shown = for_display(&letter.repeat(4096));
            assert!(shown.ends_with('…'), "{letter}");
            assert!(
                shown.chars().count() <= 80,
                "{letter}: {}",
                shown.chars().count()
            );
            assert!(
                shown.replace('%', "%25").len() <= 128,
                "{letter}: {}",
                shown.len()
            );
        }
        assert_eq!(for_display(&"x".repeat(80)), "x".repeat(80));
        assert_eq!(for_display(&"x".repeat(81)), format!("{}…", "x".repeat(79)));
    }
}
