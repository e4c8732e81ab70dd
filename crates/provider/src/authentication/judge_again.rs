//! A card that opened a session, judged again while the session runs: the steps of a login that
//! time can change.

use cardea_pki::Certificate;
use time::OffsetDateTime;

use crate::authentication::check_revocation::check_revocation;
use crate::authentication::validate_path::validate_path;
use crate::event::GraceUsed;
use crate::{Error, Provider, RevocationSource};

/// What a card that was good at its login is now.
pub(crate) enum JudgedAgain {
    /// As good as then; with the evidence that only the operator's grace let pass.
    Good(Option<GraceUsed>),
    /// Its certificate leads nowhere any more.
    PathRefused(Error),
    /// It is revoked, or nobody can say whether.
    StatusRefused(Error),
}

/// Judges path and revocation of a card as a login would now.
pub(crate) async fn judge_again(
    provider: &Provider,
    certificate: &Certificate,
    extra: &[Certificate],
    source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> JudgedAgain {
    let trust = provider.card_trust();
    let path = match validate_path(&trust, certificate, extra, now) {
        Ok(path) => path,
        Err(error) => return JudgedAgain::PathRefused(error),
    };
    match check_revocation(extra, path, source, now).await {
        Ok((_, checked)) => JudgedAgain::Good(checked.grace),
        Err(error) => JudgedAgain::StatusRefused(error),
    }
}
