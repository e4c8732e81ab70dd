//! A card that opened a session, judged again while the session runs: the steps of a login that
//! time can change.

use cardea_pki::{Certificate, Error as PkiError};
use time::OffsetDateTime;

use crate::authentication::check_profile::check_profile;
use crate::authentication::check_revocation::check_revocation;
use crate::authentication::validate_path::validate_path;
use crate::card_trust::CardTrust;
use crate::event::GraceUsed;
use crate::{Error, RevocationSource};

/// What a card that was good at its login is now.
pub(crate) enum JudgedAgain {
    /// As good as then; with the evidence that only the operator's grace let pass.
    Good(Option<GraceUsed>),
    /// Its certificate leads nowhere any more, or is not of a kind that is accepted.
    CertificateRefused(Error),
    /// It is revoked, or nobody can say whether.
    StatusRefused(Error),
}

/// Judges path, revocation and profile of a card as a login would now. A card that is not accepted
/// any more is so whether or not anybody can say that it is revoked.
pub(crate) async fn judge_again(
    trust: &CardTrust,
    certificate: &Certificate,
    extra: &[Certificate],
    source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> JudgedAgain {
    let path = match validate_path(trust, certificate, extra, now) {
        Ok(path) => path,
        Err(error) => return JudgedAgain::CertificateRefused(error),
    };
    let first_profile = check_profile(&path);
    match check_revocation(extra, path, source, now).await {
        Ok((path, checked)) => match check_profile(&path) {
            Ok(_) => JudgedAgain::Good(checked.grace),
            Err(error) => JudgedAgain::CertificateRefused(error),
        },
        Err(error @ Error::Pki(PkiError::CertificateRevoked { .. })) => {
            JudgedAgain::StatusRefused(error)
        }
        Err(error) => match first_profile {
            Ok(_) => JudgedAgain::StatusRefused(error),
            Err(refused) => JudgedAgain::CertificateRefused(refused),
        },
    }
}
