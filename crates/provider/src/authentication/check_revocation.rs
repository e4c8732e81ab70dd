//! Step 6: no certificate of the path is revoked. The only step that asks the outside world.

use cardea_pki::revocation::{StatusEvidence, check_revocation as decide, sources};
use time::OffsetDateTime;

use crate::authentication::validate_path::PathValidated;
use crate::{Error, RevocationSource};

/// Proof that nothing on the path is revoked.
pub(super) struct RevocationChecked {
    /// Age in seconds of the oldest evidence that only the operator's grace let pass.
    pub(super) stale_age_seconds: Option<i64>,
}

pub(super) async fn check_revocation(
    validated: &PathValidated<'_>,
    source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> Result<RevocationChecked, Error> {
    let evidence = source.fetch(&sources(&validated.path)).await;
    let policy = &validated.rules.revocation_policy;
    let good = decide(&validated.path, &evidence, policy, now)?;
    let all = std::iter::once(good.end_entity()).chain(good.authorities());
    let stale = all.filter(|status| status.stale_by_seconds() > 0);
    Ok(RevocationChecked {
        stale_age_seconds: stale.map(StatusEvidence::age_seconds).max(),
    })
}
