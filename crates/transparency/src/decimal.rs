//! Numbers with one spelling: ASCII digits without a leading zero.

const DIGITS_MAX: usize = 20;

/// The number, unless it is written in another way than [`u64`] would print it.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let has_digits_alone = text.bytes().all(|byte| byte.is_ascii_digit());
    let has_leading_zero = text.len() > 1 && text.starts_with('0');
    if text.len() > DIGITS_MAX || !has_digits_alone || has_leading_zero {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_number_has_one_spelling() {
        for number in [0, 1, 9, 10, 20_852_163, u64::MAX] {
            assert_eq!(parse(&number.to_string()), Some(number));
        }
        for other in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            "1 ",
            " 1",
            "1\n",
            "0x1",
            "1_0",
            "1e3",
            "\u{0661}",
            "18446744073709551616",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
