//! What the tree holds of a row: its public part, and a commitment to everything else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_storage::event::EventRecord;
use cardea_storage::ledger::{self, LedgerEntry};
use cardea_storage::retention::may_be_forgotten;
use cardea_transparency::{Flags, Hash, Leaf, PersonalPart, PublicPart, Rest, SALT_BYTES, Salt};

use crate::Error;

/// Reads the salt of a row.
pub(crate) fn parse_salt(text: &str) -> Option<Salt> {
    Salt::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// The leaf of a new place.
pub(crate) fn leaf_of(event: &EventRecord, salt: &Salt, made_afterwards: bool) -> Leaf {
    let commitment = personal_part(event).commitment(salt);
    Leaf {
        flags: Flags {
            may_be_forgotten: may_be_forgotten(event),
            made_afterwards,
        },
        entry: public_part(event).digest(&commitment),
    }
}

/// What a row shows of its entry; nothing where it has neither salt nor commitment, or both.
pub(crate) fn shown_by(row: &LedgerEntry) -> Option<Rest> {
    let public = public_part(&row.event);
    match (&row.salt, &row.commitment) {
        (Some(salt), None) => {
            let salt = parse_salt(salt)?;
            Some(Rest::Whole(public, salt, personal_part(&row.event)))
        }
        (None, Some(commitment)) if has_nothing_personal(&row.event) => {
            let commitment = Hash::from_base64(commitment).ok()?;
            Some(Rest::Erased(public, commitment))
        }
        _ => None,
    }
}

/// What an export shows of a row that is not what any leaf was made of: as it stands, and so that
/// it cannot fit, whatever the leaf.
pub(crate) fn shown_as_it_stands(row: &LedgerEntry) -> Rest {
    let no_salt = Salt([0; SALT_BYTES]);
    Rest::Whole(public_part(&row.event), no_salt, personal_part(&row.event))
}

/// The digest of an entry.
pub(crate) fn digest_of(rest: &Rest) -> Hash {
    match rest {
        Rest::Whole(public, salt, personal) => public.digest(&personal.commitment(salt)),
        Rest::Erased(public, commitment) => public.digest(commitment),
        Rest::Forgotten(entry) => *entry,
    }
}

/// A leaf out of its row.
pub(crate) fn parse_leaf(stored: &ledger::Leaf) -> Result<Leaf, Error> {
    let damaged = |_| Error::TreeDamaged {
        what: "a stored leaf is none",
    };
    let bits = u8::try_from(stored.flags).unwrap_or(u8::MAX);
    Ok(Leaf {
        flags: Flags::from_bits(bits).map_err(damaged)?,
        entry: Hash::from_base64(&stored.entry_sha256).map_err(damaged)?,
    })
}

/// As an erasure leaves it.
fn has_nothing_personal(event: &EventRecord) -> bool {
    personal_part(event)
        == PersonalPart {
            authorization_request_id: None,
            session_id: None,
            sub: None,
            client_id: None,
            code: None,
            details: "{}".to_owned(),
        }
}

fn public_part(event: &EventRecord) -> PublicPart {
    PublicPart {
        id: event.id.clone(),
        kind: event.kind.clone(),
        occurred_at: event.occurred_at.unix_timestamp(),
    }
}

fn personal_part(event: &EventRecord) -> PersonalPart {
    PersonalPart {
        authorization_request_id: event.authorization_request_id.clone(),
        session_id: event.session_id.clone(),
        sub: event.sub.clone(),
        client_id: event.client_id.clone(),
        code: event.code.clone(),
        details: event.details.clone(),
    }
}
