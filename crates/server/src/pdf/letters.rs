//! Text as the bytes of `WinAnsiEncoding` (ISO 32000-1 annex D), and how wide it is.

use super::width::{BOLD, REGULAR};

/// The first byte that has a letter.
const FIRST: u8 = b' ';
/// What stands for a letter that the encoding does not have.
const UNKNOWN: u8 = b'?';

/// The faces that every reader has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// Helvetica.
    Regular,
    /// Helvetica-Bold.
    Bold,
}

/// The bytes of a text.
pub(super) fn encode(text: &str) -> Vec<u8> {
    text.chars().map(byte_of).collect()
}

/// The byte of a letter.
fn byte_of(letter: char) -> u8 {
    match letter {
        ' '..='~' | '\u{a0}'..='\u{ff}' => u8::try_from(letter).unwrap_or(UNKNOWN),
        '\u{2002}'..='\u{200a}' | '\u{202f}' | '\t' | '\n' => b' ',
        '\u{2010}' | '\u{2011}' => b'-',
        '\u{2212}' | '–' => 0x96,
        '€' => 0x80,
        '‚' => 0x82,
        'ƒ' => 0x83,
        '„' => 0x84,
        '…' => 0x85,
        '†' => 0x86,
        '‡' => 0x87,
        'ˆ' => 0x88,
        '‰' => 0x89,
        'Š' => 0x8a,
        '‹' => 0x8b,
        'Œ' => 0x8c,
        'Ž' => 0x8e,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '—' => 0x97,
        '˜' => 0x98,
        '™' => 0x99,
        'š' => 0x9a,
        '›' => 0x9b,
        'œ' => 0x9c,
        'ž' => 0x9e,
        'Ÿ' => 0x9f,
        _ => UNKNOWN,
    }
}

/// How wide bytes are in a face of a size, in points.
pub(super) fn width(bytes: &[u8], face: Face, size: f32) -> f32 {
    let widths = match face {
        Face::Regular => &REGULAR,
        Face::Bold => &BOLD,
    };
    let of = |byte: &u8| {
        let place = usize::from(byte.saturating_sub(FIRST));
        f32::from(widths.get(place).copied().unwrap_or_default())
    };
    bytes.iter().map(of).sum::<f32>() * size / 1_000.0
}

/// Breaks a text into lines that are no wider than `width_max`: at spaces and line breaks, and
/// within a word that is wider than a line.
pub(super) fn lines(text: &str, face: Face, size: f32, width_max: f32) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line: Vec<u8> = Vec::new();
        for word in paragraph.split(' ') {
            let mut word = encode(word);
            let mut longer = line.clone();
            if !longer.is_empty() {
                longer.push(b' ');
            }
            longer.extend(&word);
            if width(&longer, face, size) <= width_max {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            while width(&word, face, size) > width_max && word.len() > 1 {
                let rest = word.split_off(fitting(&word, face, size, width_max));
                lines.push(std::mem::replace(&mut word, rest));
            }
            line = word;
        }
        lines.push(line);
    }
    lines
}

/// How many of the bytes fit; one at least.
fn fitting(bytes: &[u8], face: Face, size: f32, width_max: f32) -> usize {
    let mut used = 0.0;
    let fits = |byte: &&u8| {
        used += width(&[**byte], face, size);
        used <= width_max
    };
    bytes.iter().take_while(fits).count().max(1)
}
