//! A line of an exported log: an entry whole, erased, or forgotten (docs/ledger.md).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::{Error, Flags, Hash, Leaf, PersonalPart, PublicPart, Salt};

/// The longest line that is read.
pub const EXPORTED_ENTRY_BYTES_MAX: usize = 1024 * 1024;

/// An entry as it was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedEntry {
    /// Its place in the tree, counted from zero.
    pub index: u64,
    /// The leaf's flags.
    pub flags: Flags,
    /// The leaf's hash as the tree has it, which [`ExportedEntry::leaf`] has to give again.
    pub hash: Hash,
    /// What is left of it.
    pub rest: Rest,
}

/// What is left of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// All of it.
    Whole(PublicPart, Salt, PersonalPart),
    /// What is known for ever, and the commitment to what was erased.
    Erased(PublicPart, Hash),
    /// The digest of an entry that concerned nobody.
    Forgotten(Hash),
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    index: u64,
    flags: u8,
    leaf: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    personal: Option<Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commitment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_sha256: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Personal {
    authorization_request_id: Option<String>,
    session_id: Option<String>,
    sub: Option<String>,
    client_id: Option<String>,
    code: Option<String>,
    details: String,
}

impl ExportedEntry {
    /// Reads a line, without its newline.
    ///
    /// # Errors
    /// [`Error::EntryMalformed`].
    pub fn parse(line: &str) -> Result<Self, Error> {
        if line.len() > EXPORTED_ENTRY_BYTES_MAX {
            return malformed("the line is too long");
        }
        let Ok(line) = serde_json::from_str::<Line>(line) else {
            return malformed("its members are others");
        };
        let (index, flags) = (line.index, Flags::from_bits(line.flags)?);
        let hash = decode(&line.leaf)?;
        let rest = line.rest()?;
        if matches!(rest, Rest::Forgotten(_)) && !flags.may_be_forgotten {
            return malformed("an entry is forgotten that may not be");
        }
        Ok(Self {
            index,
            flags,
            hash,
            rest,
        })
    }

    /// The line, without its newline.
    ///
    /// # Errors
    /// [`Error::EntryMalformed`]: not to be expected of texts and numbers.
    pub fn to_line(&self) -> Result<String, Error> {
        let mut line = Line {
            index: self.index,
            flags: self.flags.bits(),
            leaf: URL_SAFE_NO_PAD.encode(self.hash.0),
            ..Line::default()
        };
        match &self.rest {
            Rest::Whole(public, salt, personal) => {
                line.set_public(public);
                line.salt = Some(URL_SAFE_NO_PAD.encode(salt.0));
                line.personal = Some(Personal::from(personal.clone()));
            }
            Rest::Erased(public, commitment) => {
                line.set_public(public);
                line.commitment = Some(URL_SAFE_NO_PAD.encode(commitment.0));
            }
            Rest::Forgotten(entry) => line.entry_sha256 = Some(URL_SAFE_NO_PAD.encode(entry.0)),
        }
        serde_json::to_string(&line).map_err(|_| Error::EntryMalformed {
            reason: "it can't be written as JSON",
        })
    }

    /// The leaf that this makes. All that it says is under that leaf's hash, so where that is
    /// [`ExportedEntry::hash`] nothing of it was changed.
    #[must_use]
    pub fn leaf(&self) -> Leaf {
        let entry = match &self.rest {
            Rest::Whole(public, salt, personal) => public.digest(&personal.commitment(salt)),
            Rest::Erased(public, commitment) => public.digest(commitment),
            Rest::Forgotten(entry) => *entry,
        };
        let flags = self.flags;
        Leaf { flags, entry }
    }
}

impl Line {
    fn set_public(&mut self, public: &PublicPart) {
        self.id = Some(public.id.clone());
        self.kind = Some(public.kind.clone());
        self.occurred_at = Some(public.occurred_at);
    }

    fn rest(self) -> Result<Rest, Error> {
        let public = match (self.id, self.kind, self.occurred_at) {
            (Some(id), Some(kind), Some(occurred_at)) => Some(PublicPart {
                id,
                kind,
                occurred_at,
            }),
            (None, None, None) => None,
            _ => return malformed("its members are others"),
        };
        let (salt, commitment, entry) = (self.salt, self.commitment, self.entry_sha256);
        match (public, salt, self.personal, commitment, entry) {
            (Some(public), Some(salt), Some(personal), None, None) => {
                Ok(Rest::Whole(public, Salt(decode(&salt)?.0), personal.into()))
            }
            (Some(public), None, None, Some(commitment), None) => {
                Ok(Rest::Erased(public, decode(&commitment)?))
            }
            (None, None, None, None, Some(entry)) => Ok(Rest::Forgotten(decode(&entry)?)),
            _ => malformed("its members are others"),
        }
    }
}

impl From<Personal> for PersonalPart {
    fn from(personal: Personal) -> Self {
        Self {
            authorization_request_id: personal.authorization_request_id,
            session_id: personal.session_id,
            sub: personal.sub,
            client_id: personal.client_id,
            code: personal.code,
            details: personal.details,
        }
    }
}

impl From<PersonalPart> for Personal {
    fn from(personal: PersonalPart) -> Self {
        Self {
            authorization_request_id: personal.authorization_request_id,
            session_id: personal.session_id,
            sub: personal.sub,
            client_id: personal.client_id,
            code: personal.code,
            details: personal.details,
        }
    }
}

/// 32 bytes in base64url without padding.
fn decode(text: &str) -> Result<Hash, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    Hash::from_slice(&bytes).map_err(|_| Error::EntryMalformed {
        reason: "a value has not 32 bytes in base64url",
    })
}

fn malformed<T>(reason: &'static str) -> Result<T, Error> {
    Err(Error::EntryMalformed { reason })
}

#[cfg(test)]
mod tests;
