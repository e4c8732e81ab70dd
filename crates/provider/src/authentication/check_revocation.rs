//! Step 6: no certificate of the path is revoked. The only step that asks the outside world.

use cardea_pki::revocation::{RevocationGood, check_revocation as decide};
use cardea_pki::{Certificate, Error as PkiError, ValidatedPath};
use time::OffsetDateTime;

use crate::authentication::validate_path::PathValidated;
use crate::config::CardRules;
use crate::event::{EvidenceUsed, GraceUsed};
use crate::{Error, EvidenceRequest, RevocationSource};

/// Proof that nothing on the path is revoked, and what it rests on.
pub(crate) struct RevocationChecked {
    /// The evidence for the card itself.
    pub(crate) card: EvidenceUsed,
    /// The oldest evidence of the path that only the operator's grace let pass.
    pub(crate) grace: Option<GraceUsed>,
}

/// Judges the path, and one other when an authority of the first is revoked or of unknown status:
/// who issued the card may have been certified by another as well. Later steps go by the path that
/// is returned.
#[tracing::instrument(level = "debug", skip_all)]
pub(super) async fn check_revocation<'a>(
    extra: &[Certificate],
    validated: PathValidated<'a>,
    source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> Result<(PathValidated<'a>, RevocationChecked), Error> {
    let rules = validated.rules;
    let refusal = match judge(&validated.path, rules, source, now).await {
        Ok(good) => return Ok((validated, checked(&good))),
        Err(refusal) => refusal,
    };
    let other = validated.known_paths.other_path(
        &validated.path,
        &refusal,
        extra,
        &rules.trust_store,
        &rules.path_policy,
    );
    let Some(path) = other else {
        return Err(refusal.into());
    };
    match judge(&path, rules, source, now).await {
        Ok(good) => Ok((PathValidated { path, ..validated }, checked(&good))),
        // "Revoked" says more than whatever keeps the other path from being used.
        Err(_) if matches!(refusal, PkiError::CertificateRevoked { .. }) => Err(refusal.into()),
        Err(other_refusal) => Err(other_refusal.into()),
    }
}

async fn judge(
    path: &ValidatedPath,
    rules: &CardRules,
    source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> Result<RevocationGood, PkiError> {
    let policy = &rules.revocation_policy;
    let wanted = EvidenceRequest {
        card_rules: &rules.name,
        path,
        policy,
        at: now,
    };
    let evidence = source.fetch(wanted).await;
    decide(path, &evidence, policy, now)
}

fn checked(good: &RevocationGood) -> RevocationChecked {
    let all = std::iter::once(good.end_entity()).chain(good.authorities());
    let grace = all
        .filter(|status| status.stale_by_seconds() > 0)
        .map(|status| GraceUsed {
            age_seconds: status.age_seconds(),
            stale_by_seconds: status.stale_by_seconds(),
        })
        .max_by_key(|used| used.age_seconds);
    RevocationChecked {
        card: EvidenceUsed {
            source: good.source().as_str(),
            age_seconds: good.age_seconds(),
            stale_by_seconds: good.end_entity().stale_by_seconds(),
        },
        grace,
    }
}
