//! A patient's number as the guard may know it.

use std::path::Path;

use cardea_jose::base64url;

use super::AdapterError;
use super::keys::{HmacKey, hmac, parse_key, read_secret, unusable};

/// Bytes of a pseudonym: two patients of a country share none.
const PSEUDONYM_BYTES: usize = 16;

/// The portal's own key. The guard does not have it: with it, all numbers of a country could be
/// tried. It does not change: with another one every patient would be new.
#[derive(Clone)]
pub struct PseudonymKey(HmacKey);

impl std::fmt::Debug for PseudonymKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PseudonymKey(…)")
    }
}

impl PseudonymKey {
    /// Reads a file that its owner alone may read: 32 to 64 bytes in base64url.
    ///
    /// # Errors
    /// [`AdapterError::KeyFileUnusable`].
    pub fn load(file: &Path) -> Result<Self, AdapterError> {
        let text = read_secret(file)?;
        let key = parse_key(text.trim()).map_err(|reason| unusable(file, reason))?;
        Ok(Self(key))
    }

    /// The pseudonym of a number, written in whatever way: blanks and hyphens are no part of it.
    #[must_use]
    pub fn pseudonym(&self, number: &str) -> String {
        let is_part = |character: &char| !character.is_whitespace() && *character != '-';
        let number: String = number.chars().filter(is_part).collect();
        let code = hmac(&self.0, &[number.to_uppercase().as_bytes()]);
        base64url(code.first_chunk::<PSEUDONYM_BYTES>().unwrap_or(&[0; 16]))
    }
}

#[cfg(test)]
mod tests {
    use super::PseudonymKey;
    use crate::adapter::keys::parse_key;

    #[test]
    fn a_number_has_one_pseudonym_under_each_key() {
        let key = |byte: &str| PseudonymKey(parse_key(&byte.repeat(44)).unwrap());
        let (ours, theirs) = (key("A"), key("Q"));
        let pseudonym = ours.pseudonym("2 99 01 75-056 001 17");
        assert_eq!(pseudonym, ours.pseudonym("299017505600117"));
        assert_eq!(pseudonym.len(), 22);
        assert_ne!(pseudonym, ours.pseudonym("299017505600118"));
        assert_ne!(pseudonym, theirs.pseudonym("299017505600117"));
        assert!(!format!("{ours:?}").contains("AAAA"));
    }
}
