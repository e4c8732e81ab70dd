//! The hosts that may be asked for revocation evidence.

use std::collections::HashSet;

use cardea_pki::{Certificate, TrustStore};
use url::Url;

use crate::config::HostAndPort;

/// Hosts from the configuration, and those that the configured certificates themselves name.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedHosts(HashSet<HostAndPort>);

impl AllowedHosts {
    /// Allows the hosts of one trust anchor.
    pub(crate) fn add(&mut self, configured: &[HostAndPort], store: &TrustStore) {
        self.0.extend(configured.iter().cloned());
        for certificate in store.anchors().chain(store.intermediates()) {
            self.0.extend(hosts_named_by(certificate));
        }
    }

    /// True for an http or https address of an allowed host, without user information.
    pub(crate) fn allow(&self, url: &Url) -> bool {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && HostAndPort::of(url).is_some_and(|host| self.0.contains(&host))
    }
}

fn hosts_named_by(certificate: &Certificate) -> impl Iterator<Item = HostAndPort> {
    certificate
        .crl_distribution_points()
        .iter()
        .chain(certificate.ocsp_urls())
        .filter_map(|url| Url::parse(url).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .filter_map(|url| HostAndPort::of(&url))
}

#[cfg(test)]
mod tests {
    use cardea_pki::{Certificate, TrustStore};
    use cardea_test_pki::{AuthorityName, TestPki};
    use url::Url;

    use super::AllowedHosts;
    use crate::config::HostAndPort;

    #[test]
    fn only_named_hosts_are_asked() {
        let pki = TestPki::shared().unwrap();
        let authority = pki.authority(AuthorityName::FORT_PERSONNES).unwrap();
        let certificate = Certificate::parse(authority.certificate_der()).unwrap();
        let mut hosts = AllowedHosts::default();
        let configured = HostAndPort::try_from("ocsp.example.test:8091".to_owned()).unwrap();
        hosts.add(
            &[configured],
            &TrustStore::new(Vec::new(), vec![certificate]),
        );
        let cases = [
            (
                "host of the authority's own CRL",
                "http://igc.cardea.test/CRL/x.crl",
                true,
            ),
            ("configured host", "http://ocsp.example.test:8091/x", true),
            (
                "configured host, other port",
                "http://ocsp.example.test/x",
                false,
            ),
            (
                "link-local",
                "http://169.254.169.254/latest/meta-data",
                false,
            ),
            ("loopback", "http://127.0.0.1/crl", false),
            ("user in front", "http://igc.cardea.test@evil.test/", false),
            (
                "user of an allowed host",
                "http://me@igc.cardea.test/",
                false,
            ),
            ("file", "file:///etc/passwd", false),
            ("gopher", "gopher://igc.cardea.test/", false),
        ];
        for (name, url, allowed) in cases {
            assert_eq!(hosts.allow(&Url::parse(url).unwrap()), allowed, "{name}");
        }
    }
}
