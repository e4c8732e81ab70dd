//! Step 5: the certificate leads to a trust anchor of ours, now (RFC 5280 section 6).

use cardea_pki::{Certificate, Error as PkiError, KnownPaths, ValidatedPath};
use time::OffsetDateTime;

use crate::Error;
use crate::card_trust::{CardTrust, TrustedRules};
use crate::config::CardRules;

/// A path, and the rules whose anchors it leads to: the later steps use the same rules.
#[derive(Debug)]
pub(crate) struct PathValidated<'a> {
    pub(crate) path: ValidatedPath,
    pub(crate) rules: &'a CardRules,
    pub(crate) known_paths: &'a KnownPaths,
}

/// A card seen before costs a look-up, as long as nothing that its path rests on has changed.
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) fn validate_path<'a>(
    trust: &'a CardTrust,
    certificate: &Certificate,
    extra: &[Certificate],
    now: OffsetDateTime,
) -> Result<PathValidated<'a>, Error> {
    let mut refused = None;
    for TrustedRules { rules, known_paths } in trust.rules() {
        let validated = known_paths.validate_certificate(
            certificate,
            extra,
            &rules.trust_store,
            &rules.path_policy,
            now,
        );
        match validated {
            Ok(path) => {
                return Ok(PathValidated {
                    path,
                    rules,
                    known_paths,
                });
            }
            // "Untrusted" by one set of anchors says less than any other refusal.
            Err(error @ PkiError::UntrustedAnchor { .. }) => {
                refused.get_or_insert(error);
            }
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.map_or(Error::CardRulesMissing, Error::Pki))
}
