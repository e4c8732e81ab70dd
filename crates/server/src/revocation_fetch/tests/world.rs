//! A card issuer, its publisher, a clock, and fetchers over one folder.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cardea_pki::revocation::{RevocationGood, SourcePreference, check_revocation};
use cardea_pki::{
    Certificate, PathPolicy, RevocationPolicy, TrustStore, ValidatedPath, validate_path,
};
use cardea_provider::{Clock, EvidenceRequest, RevocationSource as _};
use cardea_test_pki::{
    AuthorityName, CardProfile, CertificateSpec, CrlSpec, IssuedCertificate, KeyKind, PkiSettings,
    Pointers, PublicationSettings, RawExtension, TestPki,
};
use tempfile::TempDir;
use time::OffsetDateTime;

use super::publisher::Publisher;
use crate::config::{HostAndPort, RevocationConfig};
use crate::http_client::HttpClient;
use crate::revocation_fetch::{AnchorSettings, RevocationFetcher};

pub(super) const START: OffsetDateTime = time::macros::datetime!(2026-03-02 12:00 UTC);
/// The authority of the cards in these tests, and the root above it.
pub(super) const AUTHORITY: AuthorityName = AuthorityName::FORT_PERSONNES;
pub(super) const RULES: &str = "cards";
/// Long enough for any machine; what must be quick is told by other means.
pub(super) const AMPLE: Duration = Duration::from_secs(20);

/// A clock that the test sets.
#[derive(Debug)]
pub(super) struct TestClock(Mutex<OffsetDateTime>);

impl TestClock {
    pub(super) fn advance(&self, by: time::Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }
}

pub(super) struct World {
    pub(super) pki: Arc<TestPki>,
    pub(super) publisher: Publisher,
    pub(super) clock: Arc<TestClock>,
    pub(super) policy: RevocationPolicy,
    pub(super) config: RevocationConfig,
    pub(super) folder: TempDir,
}

impl World {
    /// Fresh lists are published by all authorities; the time budget is ample.
    pub(super) async fn new(preference: SourcePreference) -> Self {
        let publisher = Publisher::start().await;
        let mut settings = PkiSettings::fast(START);
        settings.publication = PublicationSettings {
            base_url: publisher.base_url(),
            ocsp_url: format!("{}/ocsp", publisher.base_url()),
            // Nobody listens at the discard port.
            ldap_host: "127.0.0.1:9".to_owned(),
        };
        let pki = Arc::new(TestPki::new(&settings).unwrap());
        publisher.serve(Arc::clone(&pki));
        let world = Self {
            pki,
            publisher,
            clock: Arc::new(TestClock(Mutex::new(START))),
            policy: RevocationPolicy {
                preference,
                ..RevocationPolicy::default()
            },
            config: RevocationConfig {
                time_budget_ms: u32::try_from(AMPLE.as_millis()).unwrap(),
                ..RevocationConfig::default()
            },
            folder: tempfile::tempdir().unwrap(),
        };
        for name in AuthorityName::all() {
            world.publish(name, 1, &[]);
        }
        world
    }

    /// A server that has just started over this world's folder.
    pub(super) fn fetcher(&self) -> RevocationFetcher {
        let settings = AnchorSettings::new(RULES, &self.config, &self.trust_store());
        RevocationFetcher::new(
            HttpClient::new().unwrap(),
            Arc::clone(&self.clock) as Arc<dyn Clock>,
            vec![settings],
            Some(&self.dir()),
        )
    }

    pub(super) fn dir(&self) -> std::path::PathBuf {
        self.folder.path().join("revocation")
    }

    pub(super) fn allow(&mut self, host: &str) {
        let host = HostAndPort::try_from(host.to_owned()).unwrap();
        self.config.hosts.push(host);
    }

    /// A card with the addresses that its issuer writes into cards.
    pub(super) fn card(&self) -> Card {
        self.issue(|_| {})
    }

    /// A card with these addresses alone.
    pub(super) fn card_naming(&self, pointers: Vec<RawExtension>) -> Card {
        self.issue(|spec| {
            spec.pointers = Pointers::None;
            spec.extra_extensions = pointers;
        })
    }

    fn issue(&self, change: impl FnOnce(&mut CertificateSpec)) -> Card {
        let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
        let mut spec = profile.authentication(START).unwrap();
        change(&mut spec);
        let issued = self.pki.issue(&spec).unwrap();
        let certificate = Certificate::parse(&issued.der).unwrap();
        let store = self.trust_store();
        let path = validate_path(&certificate, &[], &store, &PathPolicy::login(), START).unwrap();
        self.publisher.know(&issued);
        Card { issued, path }
    }

    fn trust_store(&self) -> TrustStore {
        let parse = |all: Vec<Vec<u8>>| {
            all.iter()
                .map(|der| Certificate::parse(der).unwrap())
                .collect()
        };
        TrustStore::new(
            parse(self.pki.card_anchors_der()),
            parse(self.pki.intermediates_der()),
        )
    }

    /// The list of `authority`, made at the present moment.
    pub(super) fn list(
        &self,
        authority: AuthorityName,
        number: u64,
        revoked: &[&IssuedCertificate],
    ) -> CrlSpec {
        let now = self.clock.now();
        let mut spec = CrlSpec::new(authority, now);
        spec.number = Some(number);
        spec.this_update = now;
        for certificate in revoked {
            spec = spec.revoke(certificate, now);
        }
        spec
    }

    pub(super) fn publish(
        &self,
        authority: AuthorityName,
        number: u64,
        revoked: &[&IssuedCertificate],
    ) {
        let spec = self.list(authority, number, revoked);
        let der = self.pki.authority(authority).unwrap().crl(&spec).unwrap();
        self.publisher.put(&list_path(authority), der);
    }

    /// Fetches and decides as a login does; an error is told by its code.
    pub(super) async fn judge(
        &self,
        fetcher: &RevocationFetcher,
        card: &Card,
    ) -> Result<RevocationGood, &'static str> {
        let at = self.clock.now();
        let wanted = EvidenceRequest {
            card_rules: RULES,
            path: &card.path,
            policy: &self.policy,
            at,
        };
        let evidence = fetcher.fetch(wanted).await;
        check_revocation(&card.path, &evidence, &self.policy, at).map_err(|error| error.code())
    }

    /// Judges until `is_met`, since what is fetched in the background comes when it comes.
    pub(super) async fn judge_until(
        &self,
        fetcher: &RevocationFetcher,
        card: &Card,
        is_met: impl Fn(&Result<RevocationGood, &'static str>) -> bool,
    ) -> usize {
        let waited = async {
            for logins in 1_usize.. {
                if is_met(&self.judge(fetcher, card).await) {
                    return logins;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            0
        };
        tokio::time::timeout(AMPLE, waited).await.expect("it comes")
    }
}

pub(super) struct Card {
    pub(super) issued: IssuedCertificate,
    pub(super) path: ValidatedPath,
}

/// Where an authority's list is.
pub(super) fn list_path(authority: AuthorityName) -> String {
    format!("/CRL/{}.crl", authority.file_name())
}

/// CRL distribution points (RFC 5280 section 4.2.1.13), one for each address.
pub(super) fn distribution_points(urls: &[&str]) -> RawExtension {
    points("2.5.29.31", urls)
}

/// Freshest CRL (RFC 5280 section 4.2.1.15).
pub(super) fn freshest_crl(urls: &[&str]) -> RawExtension {
    points("2.5.29.46", urls)
}

/// Authority information access with OCSP responders (RFC 5280 section 4.2.2.1).
pub(super) fn responders(urls: &[&str]) -> RawExtension {
    const ID_AD_OCSP: [u8; 10] = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, 1];
    let descriptions: Vec<u8> = urls
        .iter()
        .flat_map(|url| {
            tlv(
                0x30,
                &[&ID_AD_OCSP[..], &tlv(0x86, url.as_bytes())].concat(),
            )
        })
        .collect();
    extension("1.3.6.1.5.5.7.1.1", tlv(0x30, &descriptions))
}

fn points(oid: &str, urls: &[&str]) -> RawExtension {
    let points: Vec<u8> = urls
        .iter()
        .flat_map(|url| {
            let name = tlv(0xa0, &tlv(0xa0, &tlv(0x86, url.as_bytes())));
            tlv(0x30, &name)
        })
        .collect();
    extension(oid, tlv(0x30, &points))
}

fn extension(oid: &str, der: Vec<u8>) -> RawExtension {
    RawExtension {
        oid: oid.parse().unwrap(),
        critical: false,
        der,
    }
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut der = match length {
        [0, short @ 0..0x80] => vec![tag, short],
        [high, low] => vec![tag, 0x82, high, low],
    };
    // One octet would be enough for some of the long ones; DER then wants one.
    if let [_, 0x82, 0, long] = der[..] {
        der = vec![tag, 0x81, long];
    }
    der.extend_from_slice(content);
    der
}
