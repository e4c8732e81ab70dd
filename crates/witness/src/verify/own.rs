//! Whether the file of a person's own log (docs/activity.md) is what the log's checkpoint covers,
//! without server and database.
//!
//! What it shows: each entry in the file stands in the log, unchanged, and is about the person
//! whose file it is. What it cannot show: that the file has all of her entries; who holds the
//! whole export checks that with `cardea-witness verify`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_transparency::{
    Checkpoint, ExportedEntry, Flags, Hash, Note, PROOF_HASHES_MAX, PersonalPart, PublicPart, Rest,
    Salt, VerifierKey, verify_inclusion,
};
use serde::Deserialize;

use super::{cosignatures, verify};
use crate::Error;

/// The form of the file that this reads.
const FORMAT: &str = "cardea-own-log/1";
/// The longest file that is read.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// More entries than any file has.
const ENTRIES_MAX: usize = 100_000;

/// What has to hold.
#[derive(Clone, Debug)]
pub struct OwnDemand {
    /// The file.
    pub file: PathBuf,
    /// The log's own key, known from elsewhere.
    pub log_key: VerifierKey,
    /// Who has to have cosigned, all of them.
    pub witness_keys: Vec<VerifierKey>,
}

/// What was found, up to the first thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnFindings {
    /// What the log says of itself, once its signature has verified.
    pub head: Option<Checkpoint>,
    /// Which witnesses cosigned, and when (seconds since 1970).
    pub witnesses: Vec<(String, u64)>,
    /// Whose file it is, as the log has her.
    pub sub: Option<String>,
    /// Entries that are proven.
    pub entries: u64,
    /// Whether the file says that more of her entries are in another one.
    pub is_cut: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "a file with other members is none of this form")]
struct OwnLog {
    format: String,
    issuer: String,
    sub: String,
    made_at: i64,
    from: Option<i64>,
    until: Option<i64>,
    waiting: u64,
    next: Option<String>,
    checkpoint: String,
    entries: Vec<OwnEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnEntry {
    index: u64,
    flags: u8,
    leaf: String,
    id: String,
    kind: String,
    occurred_at: i64,
    salt: String,
    personal: Personal,
    proof: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Personal {
    authorization_request_id: Option<String>,
    session_id: Option<String>,
    sub: Option<String>,
    client_id: Option<String>,
    code: Option<String>,
    details: String,
}

/// Checks all of it: first who signed, then each entry in its order, its leaf and its proof.
///
/// # Errors
/// [`Error::FileUnreadable`], [`Error::ExportMalformed`], [`Error::CheckpointRefused`],
/// [`Error::CosignatureMissing`], [`Error::EntryAltered`], [`Error::EntryMisplaced`],
/// [`Error::EntryUnproven`], [`Error::EntryForeign`].
pub fn run(demand: &OwnDemand, findings: &mut OwnFindings) -> Result<(), Error> {
    let malformed = |reason: String| Error::ExportMalformed {
        file: demand.file.clone(),
        line: 0,
        reason,
    };
    let bytes = read(&demand.file)?;
    let log: OwnLog = serde_json::from_slice(&bytes).map_err(|it| malformed(it.to_string()))?;
    if log.format != FORMAT || log.entries.len() > ENTRIES_MAX {
        return Err(malformed(format!("it is no file of the form {FORMAT}")));
    }
    let unreadable = |error: cardea_transparency::Error| malformed(error.to_string());
    let note = Note::parse(log.checkpoint.as_bytes()).map_err(unreadable)?;
    let head = Checkpoint::parse(note.text()).map_err(unreadable)?;
    verify(&note, &demand.log_key)?;
    let name = demand.log_key.name().to_string();
    if head.origin() != name {
        let reason = format!("it is of the log {}, and the key of {name}", head.origin());
        return Err(malformed(reason));
    }
    findings.head = Some(head.clone());
    findings.witnesses = cosignatures(&note, &demand.witness_keys)?;
    findings.sub = Some(log.sub.clone());
    findings.is_cut = log.next.is_some();
    let mut after = None;
    for entry in log.entries {
        let index = entry.index;
        // Each once, in its order: nobody counts one entry twice.
        if after.is_some_and(|after| index <= after) {
            let expected = after.map_or(0, |after| after.saturating_add(1));
            return Err(Error::EntryMisplaced {
                index: expected,
                found: index,
            });
        }
        after = Some(index);
        check(entry, &log.sub, &head).map_err(|refused| match refused {
            Refused::Form(reason) => malformed(format!("entry {index}: {reason}")),
            Refused::Wrong(error) => error,
        })?;
        findings.entries += 1;
    }
    Ok(())
}

enum Refused {
    Form(&'static str),
    Wrong(Error),
}

fn check(entry: OwnEntry, sub: &str, head: &Checkpoint) -> Result<(), Refused> {
    let index = entry.index;
    if entry.personal.sub.as_deref() != Some(sub) {
        return Err(Refused::Wrong(Error::EntryForeign { index }));
    }
    if entry.proof.len() > PROOF_HASHES_MAX {
        return Err(Refused::Form("its proof is too long"));
    }
    let proof: Option<Vec<Hash>> = entry.proof.iter().map(|it| hash(it)).collect();
    let proof = proof.ok_or(Refused::Form("its proof is not of hashes in base64url"))?;
    let exported = exported(entry)?;
    // Everything that it says is under its leaf's hash.
    let leaf = exported.leaf().hash();
    if leaf != exported.hash {
        return Err(Refused::Wrong(Error::EntryAltered { index }));
    }
    verify_inclusion(&leaf, index, head.size(), &proof, &head.root())
        .map_err(|source| Refused::Wrong(Error::EntryUnproven { index, source }))
}

fn exported(entry: OwnEntry) -> Result<ExportedEntry, Refused> {
    const FORM: Refused = Refused::Form("a value is not of 32 bytes in base64url");
    let flags = Flags::from_bits(entry.flags);
    let public = PublicPart {
        id: entry.id,
        kind: entry.kind,
        occurred_at: entry.occurred_at,
    };
    let personal = PersonalPart {
        authorization_request_id: entry.personal.authorization_request_id,
        session_id: entry.personal.session_id,
        sub: entry.personal.sub,
        client_id: entry.personal.client_id,
        code: entry.personal.code,
        details: entry.personal.details,
    };
    let salt = hash(&entry.salt).ok_or(FORM)?;
    Ok(ExportedEntry {
        index: entry.index,
        flags: flags.map_err(|_| Refused::Form("its flags have bits that mean nothing"))?,
        hash: hash(&entry.leaf).ok_or(FORM)?,
        rest: Rest::Whole(public, Salt(salt.0), personal),
    })
}

/// 32 bytes in base64url without padding.
fn hash(text: &str) -> Option<Hash> {
    Hash::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::FileUnreadable {
        file: file.to_path_buf(),
        source,
    };
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    let mut bounded = opened.take(FILE_BYTES_MAX.saturating_add(1));
    bounded.read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(Error::ExportMalformed {
            file: file.to_path_buf(),
            line: 0,
            reason: "it is longer than any file of a person's own log".to_owned(),
        });
    }
    Ok(bytes)
}
