//! Taking back what a grant gave. Families before access tokens, as where a session ends: what a
//! refresh is about to store is then waited for, and taken back too.

use cardea_storage::{SecretDigest, Transaction, access_grant, refresh_token};
use time::OffsetDateTime;

use crate::Error;
use crate::event::EventKind;

/// How much was taken back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Revoked {
    pub(crate) families: u64,
    pub(crate) grants: u64,
}

impl Revoked {
    /// What is put on record of a refusal that took this back.
    pub(super) fn refusal(self, error: &Error) -> EventKind {
        EventKind::TokenRefused {
            code: error.code(),
            grants_revoked: self.grants,
            families_revoked: self.families,
        }
    }
}

/// Takes back all that a code led to.
pub(crate) async fn of_code(
    transaction: &mut Transaction,
    code: &SecretDigest,
    now: OffsetDateTime,
) -> Result<Revoked, Error> {
    Ok(Revoked {
        families: refresh_token::revoke_of_code(transaction, code, now).await?,
        grants: access_grant::revoke_of_code(transaction, code, now).await?,
    })
}

/// Takes back a family of refresh tokens with every access token that it led to.
pub(crate) async fn of_family(
    transaction: &mut Transaction,
    family_id: &str,
    now: OffsetDateTime,
) -> Result<Revoked, Error> {
    let was_live = refresh_token::revoke_family(transaction, family_id, now).await?;
    Ok(Revoked {
        families: u64::from(was_live),
        grants: access_grant::revoke_of_family(transaction, family_id, now).await?,
    })
}
