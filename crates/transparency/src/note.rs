//! Signed notes (C2SP signed-note): a text, and under it one line for each signature.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::{KEY_ID_BYTES, KEY_NAME_BYTES_MAX, KeyName, SignatureKind, VerifierKey};
use crate::{Error, cosignature};

/// The longest note that is read; signatures of other kinds, which are passed over, may be long.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;
/// The most signatures that a note may have.
pub const SIGNATURES_MAX: usize = 32;
/// An em dash and a space begin each line of a signature.
const LINE_BEGIN: &str = "\u{2014} ";

/// A text and who signed it; nothing of it is believed before [`Note::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One line under a note, of a key that is known or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    key_id: [u8; KEY_ID_BYTES],
    bytes: Vec<u8>,
}

/// A signature that verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    /// Whose it is.
    pub key: &'a VerifierKey,
    /// When it was made, for a cosignature; seconds since 1970.
    pub timestamp: Option<u64>,
}

impl Note {
    /// A note that nobody has signed yet.
    ///
    /// # Errors
    /// [`Error::NoteMalformed`]: the text is empty, does not end with its line, or has control
    /// characters.
    pub fn new(text: String) -> Result<Self, Error> {
        let has_control = |text: &str| text.chars().any(|letter| letter < ' ' && letter != '\n');
        if text.is_empty() || !text.ends_with('\n') {
            return malformed("its text does not end with a newline");
        }
        if has_control(&text) {
            return malformed("it has control characters");
        }
        if text.len() > NOTE_BYTES_MAX {
            return malformed("it is too long");
        }
        Ok(Self {
            text,
            signatures: Vec::new(),
        })
    }

    /// Reads a note with at least one signature.
    ///
    /// # Errors
    /// [`Error::NoteMalformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > NOTE_BYTES_MAX {
            return malformed("it is too long");
        }
        let Ok(whole) = std::str::from_utf8(bytes) else {
            return malformed("it is not UTF-8");
        };
        let Some((text, signatures)) = whole.rsplit_once("\n\n") else {
            return malformed("no empty line separates text and signatures");
        };
        let mut note = Self::new(format!("{text}\n"))?;
        if signatures.is_empty() {
            return malformed("it has no signature");
        }
        note.append(signatures)?;
        Ok(note)
    }

    /// Adds signature lines, such as a witness answers.
    ///
    /// # Errors
    /// [`Error::NoteMalformed`]: a line is none, or a key signs a second time.
    pub fn append(&mut self, lines: &str) -> Result<(), Error> {
        let Some(lines) = lines.strip_suffix('\n') else {
            return malformed("its last line does not end");
        };
        // The bound is kept by `add`, line by line.
        for line in lines.split('\n') {
            self.add(NoteSignature::parse(line)?)?;
        }
        Ok(())
    }

    /// Adds a signature.
    ///
    /// # Errors
    /// [`Error::NoteMalformed`]: there are [`SIGNATURES_MAX`], or this key has signed.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), Error> {
        if self.signatures.len() >= SIGNATURES_MAX {
            return malformed("it has too many signatures");
        }
        if self
            .signatures
            .iter()
            .any(|it| it.is_of_the_key_of(&signature))
        {
            return malformed("two signatures are of the same key");
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// The same text with the signatures of these keys alone. Whether they are good
    /// [`Note::verify`] says.
    #[must_use]
    pub fn only(&self, keys: &[VerifierKey]) -> Self {
        let is_kept = |signature: &&NoteSignature| keys.iter().any(|key| signature.is_of(key));
        Self {
            text: self.text.clone(),
            signatures: self.signatures.iter().filter(is_kept).cloned().collect(),
        }
    }

    /// The text, with its last newline; what is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures as they stand there, of known keys or not.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Which of these keys have signed. Signatures of other keys are passed over; one that names a
    /// key of these and does not verify spoils the note.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`], [`Error::SignatureMissing`].
    pub fn verify<'a>(&self, keys: &'a [VerifierKey]) -> Result<Vec<Verified<'a>>, Error> {
        let mut verified = Vec::new();
        for signature in &self.signatures {
            let Some(key) = keys.iter().find(|key| signature.is_of(key)) else {
                continue;
            };
            let timestamp = self.verify_one(signature, key)?;
            verified.push(Verified { key, timestamp });
        }
        if verified.is_empty() {
            return Err(Error::SignatureMissing);
        }
        Ok(verified)
    }

    fn verify_one(
        &self,
        signature: &NoteSignature,
        key: &VerifierKey,
    ) -> Result<Option<u64>, Error> {
        let invalid = || Error::SignatureInvalid {
            name: key.name().to_string(),
        };
        let (message, bytes, timestamp) = match key.kind() {
            SignatureKind::Ed25519 => (None, signature.bytes.as_slice(), None),
            SignatureKind::Cosignature => {
                let (timestamp, bytes) =
                    cosignature::split(&signature.bytes).ok_or_else(invalid)?;
                let message = cosignature::message(timestamp, &self.text);
                (Some(message), bytes, Some(timestamp))
            }
        };
        let message = message.as_deref().unwrap_or(&self.text);
        if key.is_signature_of(bytes, message.as_bytes())? {
            Ok(timestamp)
        } else {
            Err(invalid())
        }
    }
}

/// The whole note, as it is sent and kept.
impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| writeln!(formatter, "{signature}"))
    }
}

impl NoteSignature {
    /// A signature by a key, made elsewhere: in a token, or by [`crate::NoteSigner`].
    #[must_use]
    pub fn new(key: &VerifierKey, bytes: Vec<u8>) -> Self {
        Self {
            name: key.name().clone(),
            key_id: key.id(),
            bytes,
        }
    }

    /// Reads a line, without its newline.
    ///
    /// # Errors
    /// [`Error::NoteMalformed`].
    pub fn parse(line: &str) -> Result<Self, Error> {
        let Some((name, signature)) = line
            .strip_prefix(LINE_BEGIN)
            .and_then(|line| line.split_once(' '))
        else {
            return malformed("a line under it is no signature");
        };
        if name.len() > KEY_NAME_BYTES_MAX {
            return malformed("a key's name is too long");
        }
        let Ok(name) = KeyName::new(name) else {
            return malformed("a key's name has spaces or `+`");
        };
        let Ok(bytes) = STANDARD.decode(signature) else {
            return malformed("a signature is not in base64");
        };
        match bytes.split_first_chunk::<KEY_ID_BYTES>() {
            Some((key_id, bytes)) if !bytes.is_empty() => Ok(Self {
                name,
                key_id: *key_id,
                bytes: bytes.to_vec(),
            }),
            _ => malformed("a signature is too short"),
        }
    }

    /// The name of its key.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Whether it says to be of this key.
    #[must_use]
    pub fn is_of(&self, key: &VerifierKey) -> bool {
        self.key_id == key.id() && self.name == *key.name()
    }

    fn is_of_the_key_of(&self, other: &Self) -> bool {
        self.key_id == other.key_id && self.name == other.name
    }
}

/// The line, without its newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = STANDARD.encode([&self.key_id, self.bytes.as_slice()].concat());
        write!(formatter, "{LINE_BEGIN}{} {bytes}", self.name)
    }
}

fn malformed<T>(reason: &'static str) -> Result<T, Error> {
    Err(Error::NoteMalformed { reason })
}

#[cfg(test)]
mod tests;
