//! User codes: what a person reads on one screen and types at another (RFC 8628 section 6.1).

use cardea_jose::{parse_base64url, random_base64url};
use cardea_storage::SecretDigest;

use crate::Error;

/// Consonants alone, so that no code is a word and no letter passes for a digit.
const ALPHABET: [char; 20] = [
    'B', 'C', 'D', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X',
    'Z',
];
/// 34.5 bits. Guesses are counted by address, and the codes that wait are bounded.
const LETTERS: usize = 8;
/// What a browser may send: a code with every separator that people put in.
const TYPED_BYTES_MAX: usize = 64;

/// A code as it is compared: eight letters.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct UserCode(String);

impl UserCode {
    pub(super) fn random() -> Result<Self, Error> {
        let mut letters = String::new();
        while letters.len() < LETTERS {
            // Twelve times the alphabet: above, some letters would come more often.
            let bytes = parse_base64url(&random_base64url(2 * LETTERS)?)?;
            let fair = bytes.into_iter().filter(|byte| *byte < 240);
            let letter = |byte: u8| ALPHABET.get(usize::from(byte % 20));
            let missing = LETTERS - letters.len();
            letters.extend(fair.filter_map(letter).take(missing));
        }
        Ok(Self(letters))
    }

    /// Reads what a person typed: in either case, with or without the hyphen.
    pub(super) fn parse(typed: &str) -> Result<Self, Error> {
        if typed.len() > TYPED_BYTES_MAX {
            return Err(Error::DeviceUserCodeUnknown);
        }
        let is_separator = |it: &char| it.is_whitespace() || matches!(it, '-' | '.' | '_' | '–');
        let letters: String = typed
            .chars()
            .filter(|it| !is_separator(it))
            .map(|it| it.to_ascii_uppercase())
            .collect();
        let ours = letters.chars().all(|it| ALPHABET.contains(&it));
        if ours && letters.len() == LETTERS {
            Ok(Self(letters))
        } else {
            Err(Error::DeviceUserCodeUnknown)
        }
    }

    /// As it is shown: `WDJB-MJHT`.
    pub(super) fn shown(&self) -> String {
        let (first, last) = self.0.split_at(LETTERS / 2);
        format!("{first}-{last}")
    }

    pub(super) fn digest(&self) -> SecretDigest {
        SecretDigest::of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ALPHABET, UserCode};

    #[test]
    fn codes_are_read_however_a_person_types_them() {
        let code = UserCode::parse("WDJB-MJHT").unwrap();
        for typed in ["wdjbmjht", " WDJB MJHT ", "wdjb–mjht", "W D J B - M J H T"] {
            assert!(UserCode::parse(typed).unwrap() == code, "{typed}");
        }
        assert_eq!(code.shown(), "WDJB-MJHT");
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let long = "B".repeat(65);
        for typed in [
            "",
            "WDJB-MJH",
            "WDJB-MJHTB",
            "AEIO-UYAE",
            "1234-5678",
            &long,
        ] {
            let Err(error) = UserCode::parse(typed) else {
                panic!("{typed}");
            };
            assert_eq!(error.code(), "provider.device_user_code_unknown");
        }
    }

    #[test]
    fn every_letter_comes_and_codes_do_not_repeat() {
        let codes: Vec<_> = (0..500).map(|_| UserCode::random().unwrap().0).collect();
        let letters: BTreeSet<char> = codes.iter().flat_map(|code| code.chars()).collect();
        assert_eq!(letters.len(), ALPHABET.len());
        assert!(codes.iter().all(|code| UserCode::parse(code).is_ok()));
        let distinct: BTreeSet<_> = codes.iter().collect();
        assert_eq!(distinct.len(), codes.len());
    }
}
