//! A client's secret, and the one that it replaced while both are still accepted.

use cardea_jose::constant_time_eq;
use cardea_storage::SecretDigest;
use time::OffsetDateTime;

/// What a secret is compared with. Secrets themselves are never kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSecret {
    /// The digest of the secret in use.
    pub current: SecretDigest,
    /// The secret before it, so that a rotation needs no outage.
    pub previous: Option<RetiringSecret>,
}

/// A secret that was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiringSecret {
    /// Its digest.
    pub digest: SecretDigest,
    /// From this moment on it is refused.
    pub accepted_until: OffsetDateTime,
}

impl From<SecretDigest> for ClientSecret {
    fn from(current: SecretDigest) -> Self {
        Self {
            current,
            previous: None,
        }
    }
}

impl ClientSecret {
    /// Whether a text is the secret in use.
    #[must_use]
    pub fn is(&self, secret: &str) -> bool {
        same(&self.current, &SecretDigest::of(secret))
    }

    /// Whether a presented secret is the client's. Digests are compared, so that their bytes tell
    /// nothing about the secret's prefix, and both of them whichever fits.
    pub(crate) fn accepts(&self, presented: &SecretDigest, now: OffsetDateTime) -> bool {
        let is_current = same(&self.current, presented);
        let is_previous = self.previous.as_ref().is_some_and(|previous| {
            same(&previous.digest, presented) && now < previous.accepted_until
        });
        is_current | is_previous
    }
}

fn same(one: &SecretDigest, other: &SecretDigest) -> bool {
    constant_time_eq(one.as_str().as_bytes(), other.as_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attack F3: the secret of an old rotation.
    #[test]
    fn a_replaced_secret_is_accepted_until_its_time_and_no_longer() {
        let until = OffsetDateTime::UNIX_EPOCH + time::Duration::DAY;
        let secret = ClientSecret {
            current: SecretDigest::of("new"),
            previous: Some(RetiringSecret {
                digest: SecretDigest::of("old"),
                accepted_until: until,
            }),
        };
        let before = until - time::Duration::SECOND;
        for (presented, now, accepted) in [
            ("new", before, true),
            ("new", until, true),
            ("old", before, true),
            ("old", until, false),
            ("older", before, false),
            ("", before, false),
        ] {
            let outcome = secret.accepts(&SecretDigest::of(presented), now);
            assert_eq!(outcome, accepted, "{presented}");
        }
        let alone = ClientSecret::from(SecretDigest::of("new"));
        assert!(!alone.accepts(&SecretDigest::of("old"), before));
    }
}
