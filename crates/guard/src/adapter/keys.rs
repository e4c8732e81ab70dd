//! The keys that portal and guard share, and what is sealed with them.
//!
//! A sealed text is `key id.payload.code`: the payload is JSON in base64url, the code is the
//! HMAC-SHA-256 of the purpose, a line feed, and all that stands before its dot. So nothing that
//! is sealed for one purpose is good for another.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_jose::{constant_time_eq, parse_base64url};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::AdapterError;

const FILE_BYTES_MAX: u64 = 16 * 1024;
const KEYS_MAX: usize = 8;
const KEY_ID_BYTES_MAX: usize = 32;
/// Shorter keys can be guessed; longer ones than a block add nothing.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 32..=64;
/// The longest sealed text: a thousand pseudonyms and a presence.
pub(crate) const SEALED_BYTES_MAX: usize = 64 * 1024;

/// A key for HMAC-SHA-256, overwritten when it goes. Not by OpenSSL, which looks the algorithm up
/// by its name for each code, and takes longer for that than for the code.
pub(super) type HmacKey = Hmac<Sha256>;

/// What a text is sealed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    LookUp,
    Presence,
    Access,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::LookUp => "cardea-look-up-1",
            Self::Presence => "cardea-presence-1",
            Self::Access => "cardea-access-1",
        }
    }
}

/// The keys of a file: the first seals, all open. Never printed.
#[derive(Clone)]
pub struct StatementKeys(Vec<(String, HmacKey)>);

impl std::fmt::Debug for StatementKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<_> = self.0.iter().map(|(id, _)| id).collect();
        formatter.debug_tuple("StatementKeys").field(&ids).finish()
    }
}

impl StatementKeys {
    /// Reads a file that its owner alone may read: a key a line, as an id of letters, digits, `-`
    /// and `_`, a blank, and 32 to 64 bytes in base64url. `#` begins a remark.
    ///
    /// # Errors
    /// [`AdapterError::KeyFileUnusable`].
    pub fn load(file: &Path) -> Result<Self, AdapterError> {
        let text = read_secret(file)?;
        Self::parse(&text).map_err(|reason| unusable(file, reason))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut keys: Vec<(String, HmacKey)> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |reason: &str| format!("line {}: {reason}", number + 1);
            let (id, key) = line
                .split_once(char::is_whitespace)
                .ok_or_else(|| wrong("an id and a key are expected"))?;
            if !is_key_id(id) {
                return Err(wrong("the id has other characters, or more than 32"));
            }
            if keys.iter().any(|(known, _)| known == id) {
                return Err(wrong("the id stands twice"));
            }
            keys.push((
                id.to_owned(),
                parse_key(key.trim()).map_err(|it| wrong(&it))?,
            ));
        }
        match keys.len() {
            0 => Err("it has no key".to_owned()),
            1..=KEYS_MAX => Ok(Self(keys)),
            _ => Err(format!("it has more than {KEYS_MAX} keys")),
        }
    }

    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        content: &impl Serialize,
    ) -> Result<String, AdapterError> {
        let (id, key) = self.0.first().ok_or(AdapterError::StatementKeyUnknown)?;
        let content = serde_json::to_vec(content).map_err(|_| malformed("it is no JSON"))?;
        let mut sealed = String::with_capacity(content.len() * 2);
        sealed.push_str(id);
        sealed.push('.');
        URL_SAFE_NO_PAD.encode_string(&content, &mut sealed);
        let code = code(key, purpose, &sealed);
        sealed.push('.');
        URL_SAFE_NO_PAD.encode_string(code, &mut sealed);
        Ok(sealed)
    }

    pub(crate) fn open<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        sealed: &str,
    ) -> Result<T, AdapterError> {
        if sealed.len() > SEALED_BYTES_MAX {
            return Err(malformed("it is too long"));
        }
        let shape = || malformed("it has not three parts");
        let (head, given) = sealed.rsplit_once('.').ok_or_else(shape)?;
        let (id, payload) = head.split_once('.').ok_or_else(shape)?;
        let found = self.0.iter().find(|(known, _)| known == id);
        let (_, key) = found.ok_or(AdapterError::StatementKeyUnknown)?;
        let given = parse_base64url(given).map_err(|_| malformed("its code is no base64url"))?;
        if !constant_time_eq(&code(key, purpose, head), &given) {
            return Err(AdapterError::StatementForged);
        }
        let payload = parse_base64url(payload).map_err(|_| malformed("it is no base64url"))?;
        serde_json::from_slice(&payload).map_err(|_| malformed("a member is missing or unknown"))
    }
}

pub(crate) fn malformed(reason: &'static str) -> AdapterError {
    AdapterError::StatementMalformed { reason }
}

pub(super) fn unusable(file: &Path, reason: String) -> AdapterError {
    AdapterError::KeyFileUnusable {
        file: file.to_path_buf(),
        reason,
    }
}

pub(super) fn parse_key(text: &str) -> Result<HmacKey, String> {
    let bytes = parse_base64url(text).map_err(|_| "the key is no base64url".to_owned())?;
    let bytes = Zeroizing::new(bytes);
    if !KEY_BYTES.contains(&bytes.len()) {
        return Err("the key has not 32 to 64 bytes".to_owned());
    }
    HmacKey::new_from_slice(&bytes).map_err(|error| error.to_string())
}

/// The code of a message that stands in parts.
pub(super) fn hmac(key: &HmacKey, parts: &[&[u8]]) -> [u8; 32] {
    let mut code = key.clone();
    for part in parts {
        code.update(part);
    }
    code.finalize().into_bytes().into()
}

fn code(key: &HmacKey, purpose: Purpose, head: &str) -> [u8; 32] {
    hmac(key, &[purpose.word().as_bytes(), b"\n", head.as_bytes()])
}

fn is_key_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=KEY_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_plain)
}

/// The text of a file that nobody but its owner can read.
pub(super) fn read_secret(file: &Path) -> Result<Zeroizing<String>, AdapterError> {
    let unreadable = |error: std::io::Error| unusable(file, error.to_string());
    let metadata = std::fs::metadata(file).map_err(unreadable)?;
    if metadata.permissions().mode() & 0o077 != 0 {
        let reason = "others than its owner may open it: chmod 600".to_owned();
        return Err(unusable(file, reason));
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(unusable(file, "it has more than 16 KiB".to_owned()));
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    Ok(Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{Purpose, StatementKeys, read_secret};

    const NEW: &str = "new AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    const OLD: &str = "old BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA\n";

    #[test]
    fn the_first_key_seals_and_every_key_opens() {
        let before = StatementKeys::parse(OLD).unwrap();
        let after = StatementKeys::parse(&format!("# since today\n{NEW}\n{OLD}")).unwrap();
        let old = before.seal(Purpose::LookUp, &"x").unwrap();
        assert_eq!(after.open::<String>(Purpose::LookUp, &old).unwrap(), "x");
        let new = after.seal(Purpose::LookUp, &"y").unwrap();
        let refused = before.open::<String>(Purpose::LookUp, &new).unwrap_err();
        assert_eq!(refused.code(), "guard.statement_key_unknown");
        assert!(!format!("{after:?}").contains("AAAA"));
    }

    /// Whoever has no key makes nothing, and what is sealed for one purpose is good for no other.
    #[test]
    fn a_text_of_another_key_or_purpose_is_refused() {
        let keys = StatementKeys::parse(NEW).unwrap();
        let sealed = keys.seal(Purpose::Presence, &"x").unwrap();
        let (head, code) = sealed.rsplit_once('.').unwrap();
        let other = StatementKeys::parse(&OLD.replace("old", "new")).unwrap();
        let longer = format!("{head}.{code}{}", "A".repeat(70_000));
        for (text, purpose, expected) in [
            (sealed.clone(), Purpose::LookUp, "guard.statement_forged"),
            (
                other.seal(Purpose::Presence, &"x").unwrap(),
                Purpose::Presence,
                "guard.statement_forged",
            ),
            (
                format!("{head}.AAAA"),
                Purpose::Presence,
                "guard.statement_forged",
            ),
            (
                format!("{head}.!"),
                Purpose::Presence,
                "guard.statement_malformed",
            ),
            (
                head.to_owned(),
                Purpose::Presence,
                "guard.statement_malformed",
            ),
            (
                String::new(),
                Purpose::Presence,
                "guard.statement_malformed",
            ),
            (longer, Purpose::Presence, "guard.statement_malformed"),
        ] {
            let refused = keys.open::<String>(purpose, &text).unwrap_err();
            assert_eq!(refused.code(), expected, "{text:.80}");
        }
        // Another type than what was sealed.
        let refused = keys
            .open::<Vec<u8>>(Purpose::Presence, &sealed)
            .unwrap_err();
        assert_eq!(refused.code(), "guard.statement_malformed");
    }

    #[test]
    fn a_file_that_cannot_be_followed_is_refused() {
        for text in [
            "",
            "# nothing\n",
            "alone\n",
            "a.b AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
            "short AAAA\n",
            &NEW.repeat(2),
            &(0..9)
                .map(|it| NEW.replace("new", &format!("k{it}")))
                .collect::<String>(),
        ] {
            assert!(StatementKeys::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_that_others_can_open_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, NEW).unwrap();
        for (mode, is_fine) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_secret(&file).is_ok(), is_fine, "{mode:o}");
        }
        let refused = StatementKeys::load(&folder.path().join("none")).unwrap_err();
        assert_eq!(refused.code(), "guard.key_file_unusable");
    }
}
