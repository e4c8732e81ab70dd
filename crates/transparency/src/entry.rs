//! The leaves of Cardea's log (docs/ledger.md): what stays for ever and says nothing of a person,
//! and beside it what can be erased.
//!
//! The commitment is over a random salt and the personal part: whoever has both can check them
//! against the leaf. Once the salt is erased the commitment tells nothing, not even to somebody
//! who guesses the personal part.

use std::fmt;

use crate::hash::digest;
use crate::{Error, Hash, leaf_hash};

/// The bytes of a salt.
pub const SALT_BYTES: usize = 32;
/// The bytes of a leaf.
pub const LEAF_BYTES: usize = 34;
const PERSONAL_DOMAIN: &[u8] = b"cardea ledger personal 1\0";
const ENTRY_DOMAIN: &[u8] = b"cardea ledger entry 1\0";
const LEAF_VERSION: u8 = 1;

/// What stands in the tree: the version, the flags, and the digest of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// What may become of the entry, and how it came.
    pub flags: Flags,
    /// [`PublicPart::digest`].
    pub entry: Hash,
}

/// Bits of a leaf, outside the entry's digest: they can be read when the entry is forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The event concerns no person and no session: its row may go.
    pub may_be_forgotten: bool,
    /// The leaf was made afterwards, for a row of a program from before the log.
    pub made_afterwards: bool,
}

/// What is known of an event for ever, unless it may be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicPart {
    /// The event's name: a time and random characters.
    pub id: String,
    /// What happened.
    pub kind: String,
    /// When; seconds since 1970.
    pub occurred_at: i64,
}

/// What can be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalPart {
    /// The login it belongs to.
    pub authorization_request_id: Option<String>,
    /// The session it belongs to.
    pub session_id: Option<String>,
    /// The person.
    pub sub: Option<String>,
    /// The client.
    pub client_id: Option<String>,
    /// The code of a refusal or the reason of an end.
    pub code: Option<String>,
    /// Further members, as JSON; its bytes count as they are.
    pub details: String,
}

/// What makes a commitment unguessable; erased with the personal part.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt(pub [u8; SALT_BYTES]);

impl Leaf {
    /// The bytes whose hash stands in the tree.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; LEAF_BYTES] {
        let mut bytes = [0; LEAF_BYTES];
        let Self { flags, entry } = self;
        let parts = [LEAF_VERSION, flags.bits()].into_iter().chain(entry.0);
        for (byte, part) in bytes.iter_mut().zip(parts) {
            *byte = part;
        }
        bytes
    }

    /// Reads what [`Leaf::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::EntryMalformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let Some(([version, flags], entry)) = bytes.split_first_chunk() else {
            return malformed("a leaf has 34 bytes");
        };
        if *version != LEAF_VERSION {
            return malformed("its version is unknown");
        }
        let Ok(entry) = Hash::from_slice(entry) else {
            return malformed("a leaf has 34 bytes");
        };
        let flags = Flags::from_bits(*flags)?;
        Ok(Self { flags, entry })
    }

    /// Its hash in the tree.
    #[must_use]
    pub fn hash(&self) -> Hash {
        leaf_hash(&self.to_bytes())
    }
}

impl Flags {
    const MAY_BE_FORGOTTEN: u8 = 1;
    const MADE_AFTERWARDS: u8 = 2;

    /// The byte that stands in the leaf.
    #[must_use]
    pub fn bits(self) -> u8 {
        let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        bit(self.may_be_forgotten, Self::MAY_BE_FORGOTTEN)
            | bit(self.made_afterwards, Self::MADE_AFTERWARDS)
    }

    /// Reads the byte; bits that mean nothing are refused.
    ///
    /// # Errors
    /// [`Error::EntryMalformed`].
    pub fn from_bits(bits: u8) -> Result<Self, Error> {
        if bits & !(Self::MAY_BE_FORGOTTEN | Self::MADE_AFTERWARDS) != 0 {
            return malformed("its flags have bits that mean nothing");
        }
        Ok(Self {
            may_be_forgotten: bits & Self::MAY_BE_FORGOTTEN != 0,
            made_afterwards: bits & Self::MADE_AFTERWARDS != 0,
        })
    }
}

impl PublicPart {
    /// The digest over this and the commitment to the personal part.
    #[must_use]
    pub fn digest(&self, commitment: &Hash) -> Hash {
        let Self {
            id,
            kind,
            occurred_at,
        } = self;
        let mut bytes = ENTRY_DOMAIN.to_vec();
        text(&mut bytes, id);
        text(&mut bytes, kind);
        bytes.extend(occurred_at.to_be_bytes());
        bytes.extend(commitment.0);
        digest(&[&bytes])
    }
}

impl PersonalPart {
    /// The commitment to it under a salt.
    #[must_use]
    pub fn commitment(&self, salt: &Salt) -> Hash {
        let Self {
            authorization_request_id,
            session_id,
            sub,
            client_id,
            code,
            details,
        } = self;
        let mut bytes = [PERSONAL_DOMAIN, &salt.0].concat();
        for part in [authorization_request_id, session_id, sub, client_id, code] {
            match part {
                None => bytes.push(0),
                Some(part) => {
                    bytes.push(1);
                    text(&mut bytes, part);
                }
            }
        }
        text(&mut bytes, details);
        digest(&[&bytes])
    }
}

impl Salt {
    /// Takes bytes that a database gives back.
    ///
    /// # Errors
    /// [`Error::EntryMalformed`].
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        let Ok(bytes) = bytes.try_into() else {
            return malformed("a salt has 32 bytes");
        };
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Salt(…)")
    }
}

/// A text in a hash: its length, then itself, so that no two lists of texts give the same bytes.
fn text(bytes: &mut Vec<u8>, text: &str) {
    // No text here comes near 4 GiB: they are rows of a database, or lines of bounded length.
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    bytes.extend(length.to_be_bytes());
    bytes.extend(text.as_bytes());
}

fn malformed<T>(reason: &'static str) -> Result<T, Error> {
    Err(Error::EntryMalformed { reason })
}

#[cfg(test)]
pub(crate) mod tests;
