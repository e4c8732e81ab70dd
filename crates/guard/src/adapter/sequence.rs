//! Whether somebody counts numbers through, judged on the numbers themselves: a pseudonym has no
//! neighbour.

/// Numbers of a session that a new one is held against: a robot mixes others in.
pub(super) const RECENT: usize = 8;
/// The longest stride that is taken for counting.
const STRIDE_MAX: i64 = 1_000;
/// Digits of a check that some numbers end with: none, one (Luhn), two (a key modulo 97).
const CHECK_DIGITS: [usize; 3] = [0, 1, 2];

/// Whether a number goes on from earlier ones, the newest of which stands last: it is the neighbour
/// of one of them, or as far from the last as that one is from the one before; each of it also
/// without one or two check digits at the end.
///
/// ```
/// use cardea_guard::is_in_sequence;
/// assert!(is_in_sequence(&["1001", "5555"], "1002"));
/// assert!(is_in_sequence(&["1000", "1017"], "1034"));
/// assert!(!is_in_sequence(&["1000", "1017"], "1090"));
/// ```
#[must_use]
pub fn is_in_sequence<S: AsRef<str>>(earlier: &[S], number: &str) -> bool {
    CHECK_DIGITS.into_iter().any(|check| {
        let Some(now) = value(number, check) else {
            return false;
        };
        let values = earlier.iter().rev().take(RECENT);
        let values: Vec<i64> = values.filter_map(|it| value(it.as_ref(), check)).collect();
        let is_neighbour = values.iter().any(|it| it.abs_diff(now) == 1);
        is_neighbour || is_stride(&values, now)
    })
}

fn is_stride(values: &[i64], now: i64) -> bool {
    let [last, before, ..] = values else {
        return false;
    };
    let (step, earlier) = (now.wrapping_sub(*last), last.wrapping_sub(*before));
    step == earlier && step != 0 && (-STRIDE_MAX..=STRIDE_MAX).contains(&step)
}

/// The digits of a number, without its last ones.
fn value(number: &str, check: usize) -> Option<i64> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let kept = digits.len().checked_sub(check)?;
    digits.get(..kept)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::is_in_sequence;

    #[test]
    fn counting_is_seen_up_and_down_and_past_check_digits() {
        for (earlier, number, expected) in [
            (&["1000"][..], "1001", true),
            (&["1000"], "999", true),
            (&["1000"], "1000", false),
            (&["1000"], "1500", false),
            (&[], "1000", false),
            // Luhn: 7992739871 with 3, the next with 1.
            (&["79927398713"], "79927398721", true),
            // Two digits modulo 97: ...001 with 17, ...002 with 14.
            (&["2990175056001 17"], "2990175056002 14", true),
            // Others mixed in.
            (&["1000", "88123", "4417", "59002"], "1001", true),
            (
                &[
                    "70", "1", "2000", "3500", "5200", "7100", "9300", "12000", "20000",
                ],
                "71",
                false,
            ),
            // A stride.
            (&["1000", "1097"], "1194", true),
            (&["1000", "900000"], "1799000", false),
            (&["x", "-"], "none", false),
            (&["999999999999999999"], "999999999999999998", true),
        ] {
            let said = is_in_sequence(earlier, number);
            assert_eq!(said, expected, "{earlier:?} {number}");
        }
    }
}
