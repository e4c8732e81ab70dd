//! What every text that a certificate gives must be.

/// Longest value read; the standards' own bounds are 64 and 128.
const VALUE_CHARACTERS_MAX: usize = 128;

/// Refuses a value that is empty, over-long, or not what people see.
pub(super) fn check(value: &str) -> Result<(), &'static str> {
    if value.is_empty() || value.chars().count() > VALUE_CHARACTERS_MAX {
        return Err("a value is empty or too long");
    }
    if value.chars().any(is_deceptive) {
        return Err("a value has control or direction characters");
    }
    Ok(())
}

/// Characters that are not seen or that change how the rest is seen: NUL and other controls,
/// zero-width and bidirectional formatting (Unicode TR 36).
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}
