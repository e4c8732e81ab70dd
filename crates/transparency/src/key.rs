//! Who signs notes: names, key ids, keys that verify and keys that sign.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::pkey::{Id, PKey, Private};
use openssl::sign::{Signer, Verifier};

use crate::hash::digest;
use crate::{Error, Hash, Note, NoteSignature, cosignature};

/// The longest name of a key, or of a log.
pub const KEY_NAME_BYTES_MAX: usize = 256;
pub(crate) const KEY_ID_BYTES: usize = 4;
const PUBLIC_KEY_BYTES: usize = 32;
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// A name without spaces and `+`, by custom a URL without scheme.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// What a key's signature is over; the byte that stands for it in a verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// Over the note's text: a log's own signature.
    Ed25519,
    /// Over a time and the note's text: a witness's (C2SP tlog-cosignature, `cosignature/v1`).
    Cosignature,
}

/// A public key with its name, as others configure it: `name+id+key`.
///
/// ```
/// use cardea_transparency::{Note, VerifierKey};
///
/// // The example of Go's golang.org/x/mod/sumdb/note.
/// let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
/// let key = VerifierKey::parse(key)?;
/// let note = "If you think cryptography is the answer to your problem,\n\
///     then you don't know what your problem is.\n\n\
///     — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN\
///     1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
/// let note = Note::parse(note.as_bytes())?;
/// assert_eq!(note.verify(&[key])?.len(), 1);
/// # Ok::<(), cardea_transparency::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    kind: SignatureKind,
    public: [u8; PUBLIC_KEY_BYTES],
}

/// A private Ed25519 key with its name.
#[derive(Clone)]
pub struct NoteSigner {
    verifier: VerifierKey,
    key: PKey<Private>,
}

impl KeyName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Error::KeyMalformed`].
    pub fn new(name: &str) -> Result<Self, Error> {
        let reason = if name.is_empty() {
            "the name is empty"
        } else if name.len() > KEY_NAME_BYTES_MAX {
            "the name is too long"
        } else if name.contains('+') {
            "the name has a `+`"
        } else if name.chars().any(|it| it.is_whitespace() || it.is_control()) {
            "the name has spaces or control characters"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(Error::KeyMalformed { reason })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl SignatureKind {
    fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Ed25519, Self::Cosignature]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }
}

impl VerifierKey {
    /// Puts a key together; 32 bytes of public key as in RFC 8032.
    #[must_use]
    pub fn new(name: KeyName, kind: SignatureKind, public: [u8; PUBLIC_KEY_BYTES]) -> Self {
        Self { name, kind, public }
    }

    /// Reads `name+id+key`, and checks that the id is this key's.
    ///
    /// # Errors
    /// [`Error::KeyMalformed`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refused = |reason| Error::KeyMalformed { reason };
        // Base64 has `+` too, so the name and the id are taken off from the left.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refused("it is not name+id+key"));
        };
        let name = KeyName::new(name)?;
        let bytes = STANDARD.decode(key);
        let bytes = bytes.map_err(|_| refused("the key is not in base64"))?;
        let (kind, public) = bytes.split_first().ok_or(refused("the key is missing"))?;
        let kind = SignatureKind::from_byte(*kind);
        let kind = kind.ok_or(refused(
            "the kind is neither 1 (Ed25519) nor 4 (cosignature)",
        ))?;
        let public = public.try_into();
        let public = public.map_err(|_| refused("an Ed25519 key has 32 bytes"))?;
        let key = Self { name, kind, public };
        if key.id_text() != id {
            return Err(refused("the id is another key's"));
        }
        Ok(key)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// What its signatures are over.
    #[must_use]
    pub fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// The key itself, whatever it is called.
    #[must_use]
    pub fn public(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.public
    }

    /// The first four bytes of a hash over name, kind and key: they tell keys apart and prove
    /// nothing.
    #[must_use]
    pub fn id(&self) -> [u8; KEY_ID_BYTES] {
        let kind = [self.kind.byte()];
        let parts: [&[u8]; 4] = [self.name.0.as_bytes(), b"\n", &kind, &self.public];
        let Hash([a, b, c, d, ..]) = digest(&parts);
        [a, b, c, d]
    }

    fn id_text(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.id()))
    }

    pub(crate) fn is_signature_of(&self, signature: &[u8], message: &[u8]) -> Result<bool, Error> {
        if signature.len() != SIGNATURE_BYTES {
            return Ok(false);
        }
        // Any 32 bytes can be given as a key; those that are no point verify nothing.
        let key = PKey::public_key_from_raw_bytes(&self.public, Id::ED25519)?;
        let mut verifier = Verifier::new_without_digest(&key)?;
        Ok(verifier.verify_oneshot(signature, message).unwrap_or(false))
    }
}

/// `name+id+key`, as it is configured.
impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([[self.kind.byte()].as_slice(), &self.public].concat());
        write!(formatter, "{}+{}+{key}", self.name, self.id_text())
    }
}

impl NoteSigner {
    /// Takes a private key in the name under which others know it.
    ///
    /// # Errors
    /// [`Error::KeyMalformed`]: it is not an Ed25519 key.
    pub fn new(name: KeyName, kind: SignatureKind, key: PKey<Private>) -> Result<Self, Error> {
        let refused = Error::KeyMalformed {
            reason: "it is not an Ed25519 key",
        };
        if key.id() != Id::ED25519 {
            return Err(refused);
        }
        let public = key.raw_public_key()?;
        let public = public.try_into().map_err(|_| refused)?;
        let verifier = VerifierKey { name, kind, public };
        Ok(Self { verifier, key })
    }

    /// The public half, which others configure.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs the text of a note. A cosigner's key says when; another's has no time to say.
    ///
    /// # Errors
    /// [`Error::CryptoFailed`].
    pub fn sign(&self, note: &Note, unix_seconds: u64) -> Result<NoteSignature, Error> {
        let sign = |message: &[u8]| -> Result<Vec<u8>, Error> {
            let mut signer = Signer::new_without_digest(&self.key)?;
            Ok(signer.sign_oneshot_to_vec(message)?)
        };
        let bytes = match self.verifier.kind {
            SignatureKind::Ed25519 => sign(note.text().as_bytes())?,
            SignatureKind::Cosignature => {
                let message = cosignature::message(unix_seconds, note.text());
                cosignature::join(unix_seconds, &sign(message.as_bytes())?)
            }
        };
        Ok(NoteSignature::new(&self.verifier, bytes))
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NoteSigner({})", self.verifier)
    }
}

#[cfg(test)]
mod tests;
