//! The certificates of a trust anchor, and how long they last.

use std::fs;
use std::path::Path;

use cardea_pki::Certificate;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

/// A certificate that ends sooner needs attention: new intermediates take weeks to arrive.
const SOON: Duration = Duration::days(30);

/// What a certificate is configured as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    Anchor,
    Intermediate,
}

/// Its validity, by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Lifetime {
    Current,
    EndsSoon,
    Expired,
    NotYetValid,
}

/// What [`Authority::source`] says of a certificate that operators added.
pub(super) const DATABASE: &str = "database";

/// One certificate of a trust anchor.
#[derive(Serialize)]
pub(super) struct Authority {
    pub(super) role: Role,
    pub(super) subject: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) not_after: OffsetDateTime,
    pub(super) days_left: i64,
    pub(super) sha256: String,
    pub(super) state: Lifetime,
    /// The file that it stands in, or `database`.
    pub(super) source: String,
    #[serde(skip)]
    pub(super) certificate: Certificate,
}

impl Authority {
    pub(super) fn of(
        role: Role,
        certificate: Certificate,
        source: &str,
        now: OffsetDateTime,
    ) -> Self {
        let left = certificate.not_after() - now;
        Self {
            role,
            subject: certificate.subject().to_string(),
            not_after: certificate.not_after(),
            days_left: left.whole_days(),
            sha256: certificate
                .sha256()
                .iter()
                .map(|octet| format!("{octet:02x}"))
                .collect(),
            state: if left.is_negative() {
                Lifetime::Expired
            } else if now < certificate.not_before() {
                Lifetime::NotYetValid
            } else if left < SOON {
                Lifetime::EndsSoon
            } else {
                Lifetime::Current
            },
            source: source.to_owned(),
            certificate,
        }
    }
}

/// Reads a file of certificates as the server does: one that is malformed spoils it.
pub(super) fn read(file: &Path) -> Result<Vec<Certificate>, String> {
    let pem =
        fs::read(file).map_err(|error| format!("{}: cannot be read: {error}", file.display()))?;
    Certificate::parse_pem_bundle(&pem).map_err(|error| {
        let (file, code) = (file.display(), error.code());
        format!("{file}: holds no usable certificates: {error} [{code}]")
    })
}
