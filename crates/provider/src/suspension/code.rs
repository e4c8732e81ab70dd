//! The code that suspends a card: what is printed, read over the telephone, and typed in a hurry.
//!
//! Sixteen letters and digits in groups of four, without those that are taken for each other on
//! paper (0 and O, 1 and I). Five of them find the card's row, ten are the secret, and the last one
//! checks the others, so that a typing mistake is told from a wrong code without asking anything:
//! who guesses can work it out as well, and learns nothing by it.

use std::fmt;

use cardea_jose::{parse_base64url, random_base64url};
use cardea_storage::SecretDigest;
use openssl::hash::MessageDigest;
use openssl::pkcs5::pbkdf2_hmac;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::Error;

/// 32 letters and digits: five bits each.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const LENGTH: usize = 16;
/// Characters that find the row: 33 million, so that cards rarely collide.
const LOOKUP: usize = 5;
/// Before the check character.
const UNCHECKED: usize = LENGTH - 1;
const GROUP: usize = 4;
/// A code with its hyphens and blanks, and some to spare.
const TYPED_BYTES_MAX: usize = 64;
/// 50 secret bits, and 2^14 hashes a guess: whoever has stolen the database needs some 2^65 hashes
/// for one code. A few milliseconds for us, which the limits on guesses bound.
const ITERATIONS: usize = 20_000;

/// A code that was just made, with what its owner's sheet says of it. Nobody sees it again.
#[derive(Clone, Debug)]
pub struct MadeSuspendCode {
    /// The code.
    pub code: SuspendCode,
    /// Whose card it suspends, as the card has her name.
    pub person_name: String,
    /// The family of the card.
    pub family: String,
    /// The number of the card.
    pub number: String,
    /// When it was made.
    pub made_at: OffsetDateTime,
}

/// A code; wiped when dropped, absent from `Debug` output.
#[derive(Clone)]
pub struct SuspendCode(Zeroizing<String>);

impl SuspendCode {
    /// Makes a fresh code.
    ///
    /// # Errors
    /// [`Error::Jose`] when the system has no random bytes.
    pub(crate) fn random() -> Result<Self, Error> {
        let random = Zeroizing::new(random_base64url(UNCHECKED)?);
        let bytes = Zeroizing::new(parse_base64url(&random)?);
        // 256 is a multiple of 32: each character is as likely as the others.
        let symbols = bytes.iter().map(|byte| byte & 31);
        let mut code = Zeroizing::new(String::with_capacity(LENGTH));
        let mut check = 0;
        for symbol in symbols {
            check = times_alpha(check ^ symbol);
            code.push(letter(symbol));
        }
        code.push(letter(check));
        Ok(Self(code))
    }

    /// Reads what a person typed: in capitals or not, with whatever stands between the groups.
    ///
    /// # Errors
    /// [`Error::SuspendCodeMistyped`] for what is no code of any card.
    pub fn parse(typed: &str) -> Result<Self, Error> {
        if typed.len() > TYPED_BYTES_MAX {
            return Err(Error::SuspendCodeMistyped);
        }
        let mut code = Zeroizing::new(String::with_capacity(TYPED_BYTES_MAX));
        let mut check = 0;
        let mut last = None;
        for character in typed.chars() {
            if character.is_whitespace() || matches!(character, '-' | '.' | '‐' | '‑' | '–') {
                continue;
            }
            let symbol = symbol_of(character).ok_or(Error::SuspendCodeMistyped)?;
            if let Some(before) = last.replace(symbol) {
                check = times_alpha(check ^ before);
            }
            code.push(letter(symbol));
        }
        if code.len() == LENGTH && last == Some(check) {
            Ok(Self(code))
        } else {
            Err(Error::SuspendCodeMistyped)
        }
    }

    /// What its owner is shown, once.
    #[must_use]
    pub fn expose_grouped(&self) -> Zeroizing<String> {
        let mut grouped = Zeroizing::new(String::with_capacity(LENGTH + LENGTH / GROUP));
        for (place, character) in self.0.chars().enumerate() {
            if place > 0 && place % GROUP == 0 {
                grouped.push('-');
            }
            grouped.push(character);
        }
        grouped
    }

    /// The part that finds the card's row; it is no secret, and bounds how often one code is tried.
    #[must_use]
    pub fn lookup(&self) -> &str {
        self.0.get(..LOOKUP).unwrap_or_default()
    }

    /// The only form in which it is kept: slow to compute, for a person types no 256 bits.
    ///
    /// # Errors
    /// [`Error::Jose`] when the cryptographic library fails.
    pub(crate) fn digest(&self) -> Result<SecretDigest, Error> {
        let salt = format!("cardea suspend code\n{}", self.lookup());
        let mut digest = [0; 32];
        let made = pbkdf2_hmac(
            self.0.as_bytes(),
            salt.as_bytes(),
            ITERATIONS,
            MessageDigest::sha256(),
            &mut digest,
        );
        made.map_err(|_| Error::SignerUnavailable)?;
        Ok(SecretDigest::from_sha256(&digest))
    }
}

impl fmt::Debug for SuspendCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SuspendCode(redacted)")
    }
}

fn letter(symbol: u8) -> char {
    let byte = ALPHABET.get(usize::from(symbol & 31));
    char::from(byte.copied().unwrap_or(b'?'))
}

fn symbol_of(character: char) -> Option<u8> {
    let capital = u8::try_from(character.to_ascii_uppercase()).ok()?;
    let place = ALPHABET.iter().position(|letter| *letter == capital)?;
    u8::try_from(place).ok()
}

/// Times the generator of the field with 32 elements (x⁵ + x² + 1). The check character is the
/// value of the code's polynomial there, so that any one wrong character and any two that changed
/// places are noticed.
fn times_alpha(element: u8) -> u8 {
    let shifted = element << 1;
    match shifted & 0b10_0000 {
        0 => shifted,
        _ => (shifted ^ 0b10_0101) & 31,
    }
}

#[cfg(test)]
mod tests {
    use super::{ALPHABET, LENGTH, SuspendCode};

    #[test]
    fn a_code_is_read_back_however_it_is_typed() {
        let code = SuspendCode::random().unwrap();
        let shown = code.expose_grouped().to_string();
        assert_eq!(shown.len(), 19);
        let typings = [
            shown.clone(),
            shown.to_lowercase(),
            shown.replace('-', " "),
            shown.replace('-', ""),
            format!("  {}\u{a0}", shown.replace('-', "\u{2011}")),
        ];
        for typed in typings {
            assert_eq!(*SuspendCode::parse(&typed).unwrap().0, *code.0, "{typed}");
        }
        assert_eq!(code.lookup(), &shown.replace('-', "")[..5]);
        assert!(!format!("{code:?}").contains(&shown[..4]));
    }

    #[test]
    fn any_wrong_character_and_any_two_that_changed_places_are_a_typing_mistake() {
        let code = SuspendCode::random().unwrap();
        let right = code.0.as_bytes().to_vec();
        let is_read = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            SuspendCode::parse(&text).is_ok()
        };
        assert!(is_read(&right));
        for place in 0..LENGTH {
            for letter in ALPHABET {
                let mut wrong = right.clone();
                wrong[place] = *letter;
                assert_eq!(is_read(&wrong), *letter == right[place]);
            }
            for other in 0..place {
                let mut wrong = right.clone();
                wrong.swap(place, other);
                assert_eq!(is_read(&wrong), right[place] == right[other]);
            }
        }
        for typed in ["", "7", "0000-0000-0000-0000", "éééé", &"2".repeat(1000)] {
            let error = SuspendCode::parse(typed).unwrap_err();
            assert_eq!(error.code(), "provider.suspend_code_mistyped", "{typed}");
        }
    }

    #[test]
    fn codes_differ_and_so_do_their_digests() {
        let [one, other] = [(); 2].map(|()| SuspendCode::random().unwrap());
        assert_ne!(*one.0, *other.0);
        assert_ne!(one.digest().unwrap(), other.digest().unwrap());
        assert_eq!(one.digest().unwrap(), one.clone().digest().unwrap());
    }
}
