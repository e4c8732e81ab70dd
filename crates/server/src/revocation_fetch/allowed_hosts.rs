//! The hosts that may be asked for revocation evidence.

use std::collections::HashSet;

use cardea_pki::{Certificate, TrustStore};
use url::Url;

use crate::config::{HostAndPort, Service};

const DIRECTORY_SCHEMES: [&str; 2] = ["ldap", "ldaps"];

/// The hosts of one trust anchor: those that its configuration names, and those that its own
/// certificates name. A card of one issuer cannot have another issuer's hosts asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedHosts(HashSet<Service>);

impl AllowedHosts {
    /// The hosts of one trust anchor.
    pub(crate) fn new(configured: &[HostAndPort], store: &TrustStore) -> Self {
        let configured = configured.iter().flat_map(HostAndPort::services);
        let mut hosts: HashSet<_> = configured.cloned().collect();
        for certificate in store.anchors().chain(store.intermediates()) {
            hosts.extend(hosts_named_by(certificate));
        }
        Self(hosts)
    }

    /// True for an address of an allowed host, without user information.
    pub(crate) fn allow(&self, url: &Url) -> bool {
        url.username().is_empty()
            && url.password().is_none()
            && Service::of(url).is_some_and(|service| self.0.contains(&service))
    }
}

/// Whether an address is a directory's.
pub(super) fn is_directory(url: &Url) -> bool {
    DIRECTORY_SCHEMES.contains(&url.scheme())
}

fn hosts_named_by(certificate: &Certificate) -> impl Iterator<Item = Service> {
    certificate
        .crl_distribution_points()
        .iter()
        .chain(certificate.freshest_crl())
        .chain(certificate.ocsp_urls())
        .filter_map(|url| Url::parse(url).ok())
        .filter_map(|url| Service::of(&url))
}

#[cfg(test)]
mod tests {
    use cardea_pki::{Certificate, TrustStore};
    use cardea_test_pki::{AuthorityName, TestPki};
    use url::Url;

    use super::AllowedHosts;
    use crate::config::HostAndPort;

    /// An address, and whether it may be asked.
    const CASES: &[(&str, &str, bool)] = &[
        (
            "host of the authority's own CRL",
            "http://igc.cardea.test/CRL/x.crl",
            true,
        ),
        (
            "directory of the authority's own CRL",
            "ldap://annuaire.cardea.test/cn=x?deltaRevocationList;binary?base",
            true,
        ),
        (
            "directory at another port",
            "ldap://annuaire.cardea.test:390/cn=x",
            false,
        ),
        ("directory without a host", "ldap:///cn=x", false),
        (
            "directory's host, percent-encoded",
            "ldap://annuaire%2ecardea.test/cn=x",
            false,
        ),
        ("directory elsewhere", "ldap://127.0.0.1/cn=x", false),
        ("configured host", "http://ocsp.example.test:8091/x", true),
        (
            "configured host, other port",
            "http://ocsp.example.test/x",
            false,
        ),
        (
            "another service of the configured host",
            "ldap://ocsp.example.test:8091/cn=x",
            false,
        ),
        (
            "directory at the port of the authority's web server",
            "ldap://igc.cardea.test:80/cn=x",
            false,
        ),
        (
            "web server at the port of the authority's directory",
            "http://annuaire.cardea.test:389/x.crl",
            false,
        ),
        (
            "another port of the authority's web server",
            "https://igc.cardea.test/x.crl",
            false,
        ),
        (
            "configured host below another",
            "http://ocsp.example.test.evil.test:8091/x",
            false,
        ),
        (
            "link-local",
            "http://169.254.169.254/latest/meta-data",
            false,
        ),
        ("loopback", "http://127.0.0.1/crl", false),
        ("loopback as a number", "http://2130706433/crl", false),
        ("loopback of v6", "http://[::1]/crl", false),
        ("user in front", "http://igc.cardea.test@evil.test/", false),
        (
            "user of an allowed host",
            "http://me@igc.cardea.test/",
            false,
        ),
        ("password alone", "http://:x@igc.cardea.test/", false),
        ("file", "file:///etc/passwd", false),
        ("file of an allowed host", "file://igc.cardea.test/x", false),
        ("ftp", "ftp://igc.cardea.test/x.crl", false),
        ("gopher", "gopher://igc.cardea.test/", false),
        ("ldapi", "ldapi://igc.cardea.test/", false),
    ];

    #[test]
    fn only_named_hosts_are_asked() {
        let pki = TestPki::shared().unwrap();
        let authority = pki.authority(AuthorityName::FORT_PERSONNES).unwrap();
        let certificate = Certificate::parse(authority.certificate_der()).unwrap();
        let configured = HostAndPort::try_from("ocsp.example.test:8091".to_owned()).unwrap();
        let hosts = AllowedHosts::new(
            &[configured],
            &TrustStore::new(Vec::new(), vec![certificate]),
        );
        for (name, url, allowed) in CASES {
            assert_eq!(hosts.allow(&Url::parse(url).unwrap()), *allowed, "{name}");
        }
    }
}
