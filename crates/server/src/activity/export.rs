//! What is on record about a person, in a file of hers with proofs (docs/activity.md): whoever has
//! the log's key checks it with `cardea-witness verify-own`, without this server.

use cardea_jose::base64url;
use cardea_ledger::ProvenEntry;
use cardea_transparency::Rest;
use serde::Serialize;

use crate::ledger::inclusion::Proven;

/// The form of the file.
pub(crate) const FORMAT: &str = "cardea-own-log/1";

/// The whole file.
#[derive(Serialize)]
pub(crate) struct OwnLog<'a> {
    pub(crate) format: &'static str,
    pub(crate) issuer: &'a str,
    /// The person, as the log has her.
    pub(crate) sub: &'a str,
    /// When it was made, in seconds since 1970.
    pub(crate) made_at: i64,
    /// From when on, where she said so; seconds since 1970.
    pub(crate) from: Option<i64>,
    /// Until before when.
    pub(crate) until: Option<i64>,
    /// Entries that no checkpoint covered yet: they are in a file of a second later.
    pub(crate) waiting: usize,
    /// The event behind which the next file goes on; null where this is all.
    pub(crate) next: Option<&'a str>,
    /// The signed note, with every signature.
    pub(crate) checkpoint: String,
    pub(crate) entries: Vec<OwnEntry<'a>>,
}

/// An entry, whole, with the way from its leaf to the checkpoint's root.
#[derive(Serialize)]
pub(crate) struct OwnEntry<'a> {
    index: u64,
    flags: u8,
    leaf: String,
    id: &'a str,
    kind: &'a str,
    occurred_at: i64,
    salt: String,
    personal: Personal<'a>,
    proof: Vec<String>,
}

#[derive(Serialize)]
struct Personal<'a> {
    authorization_request_id: Option<&'a str>,
    session_id: Option<&'a str>,
    sub: Option<&'a str>,
    client_id: Option<&'a str>,
    code: Option<&'a str>,
    details: &'a str,
}

/// The entries of a file. One that is not whole is none of a person: nothing says whose it was.
pub(crate) fn entries<'a>(proven: &'a Proven, sub: &str) -> Vec<OwnEntry<'a>> {
    let own = proven.entries.iter().filter_map(entry);
    own.filter(|it| it.personal.sub == Some(sub)).collect()
}

fn entry(proven: &ProvenEntry) -> Option<OwnEntry<'_>> {
    let Rest::Whole(public, salt, personal) = &proven.entry.rest else {
        return None;
    };
    Some(OwnEntry {
        index: proven.entry.index,
        flags: proven.entry.flags.bits(),
        leaf: base64url(&proven.entry.hash.0),
        id: &public.id,
        kind: &public.kind,
        occurred_at: public.occurred_at,
        salt: base64url(&salt.0),
        personal: Personal {
            authorization_request_id: personal.authorization_request_id.as_deref(),
            session_id: personal.session_id.as_deref(),
            sub: personal.sub.as_deref(),
            client_id: personal.client_id.as_deref(),
            code: personal.code.as_deref(),
            details: &personal.details,
        },
        proof: proven.proof.iter().map(|it| base64url(&it.0)).collect(),
    })
}
