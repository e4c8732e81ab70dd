//! Patterns of identifiers and numbers: fixed characters, and runs of one class of characters.
//!
//! `8{digit:11}` is an 8 and eleven digits; `3{alnum:9}/{alnum:1-20}` is a 3, nine digits or
//! capital letters, a slash, and one to twenty more of them. No pattern can be ambiguous or slow:
//! a run of varying length ends the pattern, or a character outside its class follows it.

/// Most characters that one run may match.
const RUN_CHARACTERS_MAX: usize = 128;
/// Most parts of one pattern.
const PARTS_MAX: usize = 16;

/// A checked pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Fixed(String),
    Run {
        class: Class,
        min: usize,
        max: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// `0` to `9`.
    Digit,
    /// Digits and `A` to `Z`.
    Alnum,
    /// Digits and `a` to `f`.
    Hex,
    /// Any visible ASCII character; no space.
    Visible,
}

impl Class {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "digit" => Self::Digit,
            "alnum" => Self::Alnum,
            "hex" => Self::Hex,
            "visible" => Self::Visible,
            _ => return None,
        })
    }

    fn has(self, character: char) -> bool {
        match self {
            Self::Digit => character.is_ascii_digit(),
            Self::Alnum => character.is_ascii_digit() || character.is_ascii_uppercase(),
            Self::Hex => matches!(character, '0'..='9' | 'a'..='f'),
            Self::Visible => character.is_ascii_graphic(),
        }
    }
}

impl Pattern {
    /// Parses a pattern; the error says what it must be.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after_brace) = rest.strip_prefix('{') {
                let (run, after) = after_brace
                    .split_once('}')
                    .ok_or("must close each { with a }")?;
                parts.push(parse_run(run)?);
                rest = after;
            } else {
                let end = rest.find('{').unwrap_or(rest.len());
                let (fixed, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                if fixed.contains('}') || !fixed.chars().all(|c| c.is_ascii_graphic()) {
                    return Err("must have visible ASCII characters and {class:count} alone");
                }
                parts.push(Part::Fixed(fixed.to_owned()));
                rest = after;
            }
        }
        if parts.is_empty() || parts.len() > PARTS_MAX {
            return Err("must have 1 to 16 parts");
        }
        check_unambiguous(&parts)?;
        Ok(Self { parts })
    }

    /// Whether the whole of a text has this form.
    pub(super) fn fits(&self, text: &str) -> bool {
        let mut rest = text;
        for part in &self.parts {
            let matched = match part {
                Part::Fixed(fixed) => rest.starts_with(fixed.as_str()).then_some(fixed.len()),
                Part::Run { class, min, max } => {
                    let run = rest.chars().take(*max).take_while(|c| class.has(*c));
                    // The classes are ASCII: characters are bytes.
                    let length = run.count();
                    (length >= *min).then_some(length)
                }
            };
            let Some(after) = matched.and_then(|length| rest.get(length..)) else {
                return false;
            };
            rest = after;
        }
        rest.is_empty()
    }
}

fn parse_run(run: &str) -> Result<Part, &'static str> {
    let (class, count) = run
        .split_once(':')
        .ok_or("must say how many, such as {digit:11} or {digit:1-3}")?;
    let class = Class::parse(class).ok_or("must use a class of digit, alnum, hex, visible")?;
    let (min, max) = count.split_once('-').unwrap_or((count, count));
    let number = |text: &str| text.parse::<usize>().ok();
    match (number(min), number(max)) {
        (Some(min), Some(max)) if (1..=max).contains(&min) && max <= RUN_CHARACTERS_MAX => {
            Ok(Part::Run { class, min, max })
        }
        _ => Err("must count from 1 to 128, the smaller number first"),
    }
}

fn check_unambiguous(parts: &[Part]) -> Result<(), &'static str> {
    for (part, next) in parts.iter().zip(parts.iter().skip(1)) {
        let Part::Run { class, min, max } = part else {
            continue;
        };
        let ends_run = match next {
            Part::Fixed(fixed) => !fixed.starts_with(|c| class.has(c)),
            Part::Run { .. } => false,
        };
        if min != max && !ends_run {
            return Err("must have a character of another class after a run of varying length");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_pattern_matches_the_whole_text() {
        for (pattern, text, fits) in [
            ("8{digit:11}", "899700366240", true),
            ("8{digit:11}", "89970036624", false),
            ("8{digit:11}", "8997003662401", false),
            ("8{digit:11}", "8\u{0660}9970036624", false),
            ("3{alnum:9}/{alnum:1-20}", "30B0057881/CPET0002", true),
            ("3{alnum:9}/{alnum:1-20}", "30B0057881/", false),
            ("3{alnum:9}/{alnum:1-20}", "30B0057881/CPE/T", false),
            ("3{alnum:9}/{alnum:1-20}", "30B0057881/cpet", false),
            ("{digit:1-3}", "1000", false),
            ("{digit:1-3}", "", false),
            ("{hex:8}-{hex:4}", "00ff00ff-abcd", true),
            ("{hex:8}-{hex:4}", "00FF00FF-ABCD", false),
            ("{digit:1-2}-{visible:1-125}", "1-1a25sd-d529", true),
            ("{digit:1-2}-{visible:1-125}", "1-1a25 sd", false),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.fits(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_that_could_be_ambiguous_or_endless_is_refused() {
        for pattern in [
            "",
            "{digit}",
            "{digit:0}",
            "{digit:0-3}",
            "{digit:3-1}",
            "{digit:129}",
            "{digit:-1}",
            "{letters:3}",
            "{digit:3",
            "a}b",
            "a b",
            "é",
            "{digit:1-3}{digit:2}",
            "{digit:1-3}4",
            "{visible:1-3}-x",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
        assert!(Pattern::parse("{digit:1-3}A{digit:2}").is_ok());
        assert!(Pattern::parse("{digit:3}{alnum:2}").is_ok());
    }
}
