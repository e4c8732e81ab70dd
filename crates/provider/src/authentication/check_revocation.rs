//! Step 6: no certificate of the path is revoked. The only step that asks the outside world.

use cardea_pki::revocation::check_revocation as decide;
use time::OffsetDateTime;

use crate::authentication::validate_path::PathValidated;
use crate::event::{EvidenceUsed, GraceUsed};
use crate::{Error, EvidenceRequest, RevocationSource};

/// Proof that nothing on the path is revoked, and what it rests on.
pub(super) struct RevocationChecked {
    /// The evidence for the card itself.
    pub(super) card: EvidenceUsed,
    /// The oldest evidence of the path that only the operator's grace let pass.
    pub(super) grace: Option<GraceUsed>,
}

pub(super) async fn check_revocation(
    validated: &PathValidated<'_>,
    source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> Result<RevocationChecked, Error> {
    let policy = &validated.rules.revocation_policy;
    let wanted = EvidenceRequest {
        card_rules: &validated.rules.name,
        path: &validated.path,
        policy,
        at: now,
    };
    let evidence = source.fetch(wanted).await;
    let good = decide(&validated.path, &evidence, policy, now)?;
    let all = std::iter::once(good.end_entity()).chain(good.authorities());
    let grace = all
        .filter(|status| status.stale_by_seconds() > 0)
        .map(|status| GraceUsed {
            age_seconds: status.age_seconds(),
            stale_by_seconds: status.stale_by_seconds(),
        })
        .max_by_key(|used| used.age_seconds);
    Ok(RevocationChecked {
        card: EvidenceUsed {
            source: good.source().as_str(),
            age_seconds: good.age_seconds(),
            stale_by_seconds: good.end_entity().stale_by_seconds(),
        },
        grace,
    })
}
