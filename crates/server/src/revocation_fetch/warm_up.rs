//! The lists that can be foreseen: those that the configured authorities' own certificates name.

use cardea_pki::Certificate;
use url::Url;

use super::address::Kind;
use super::allowed_hosts::is_directory;
use super::{AnchorSettings, RevocationFetcher};

impl RevocationFetcher {
    /// Makes a place for the lists of the configured authorities, so that they are fetched.
    pub(super) fn warm_up(&self, anchor: &AnchorSettings) {
        for authority in &anchor.authorities {
            for issuer in issuers_of(authority, &anchor.authorities) {
                let urls = authority.crl_distribution_points().iter();
                // Directories stand in for web servers, which a login finds out.
                for url in urls.filter_map(|url| Url::parse(url).ok()) {
                    if anchor.hosts.allow(&url) && !is_directory(&url) {
                        self.lists.slot(anchor, &url, issuer, Kind::Complete);
                    }
                }
            }
        }
    }
}

/// The configured certificates that may have issued `authority`: a guess that costs a fetch at
/// worst, since evidence is judged along the validated path.
fn issuers_of<'a>(
    authority: &'a Certificate,
    all: &'a [Certificate],
) -> impl Iterator<Item = &'a Certificate> {
    let key = authority.authority_key_identifier();
    all.iter().filter(move |issuer| {
        let fits = match (key, issuer.subject_key_identifier()) {
            (Some(wanted), Some(given)) => wanted == given,
            _ => true,
        };
        fits && issuer.subject() == authority.issuer() && *issuer != authority
    })
}
