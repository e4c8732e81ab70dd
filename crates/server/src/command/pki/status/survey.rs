//! Everything that `status` tells: the JSON document is this.

use std::io;

use cardea_pki::Certificate;
use serde::Serialize;
use time::OffsetDateTime;

use super::added::Added;
use super::authority::{Authority, Lifetime, Role, read};
use super::list::{Limits, List, ListState};
use super::probe::Answer;
use crate::config::{Config, RevocationConfig, TrustAnchorConfig};
use crate::revocation_fetch::{StoredList, stored_lists};

/// Most addresses of one trust anchor.
const ADDRESSES_MAX: usize = 64;

/// The whole status.
#[derive(Serialize)]
pub(super) struct Survey {
    #[serde(with = "time::serde::rfc3339")]
    pub(super) at: OffsetDateTime,
    /// What needs attention, in words; empty when nothing does.
    pub(super) attention: Vec<String>,
    pub(super) trust_anchors: Vec<TrustAnchor>,
    /// The folder of the store.
    pub(super) store: String,
    pub(super) lists: Vec<List>,
    #[serde(skip)]
    problems: Vec<String>,
}

/// One `[[trust_anchor]]`.
#[derive(Serialize)]
pub(super) struct TrustAnchor {
    pub(super) name: String,
    pub(super) profile: String,
    pub(super) certificates: Vec<Authority>,
    pub(super) addresses: Vec<Address>,
    #[serde(skip)]
    pub(super) time_budget_ms: u32,
}

/// What is asked at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AddressKind {
    /// A list.
    Crl,
    /// An OCSP responder.
    Ocsp,
    /// A host that cards' certificates may name.
    Host,
}

/// Somewhere that evidence may come from.
#[derive(Serialize)]
pub(super) struct Address {
    pub(super) kind: AddressKind,
    pub(super) address: String,
    /// `configuration` or `certificate`.
    pub(super) named_by: &'static str,
    /// What it answered; absent unless asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) answer: Option<Answer>,
    /// For an OCSP responder: a certificate to ask about, and its issuer.
    #[serde(skip)]
    pub(super) about: Option<(Certificate, Certificate)>,
}

impl Survey {
    /// Reads certificates and store; `added` is what the database has.
    pub(super) fn take(config: &Config, added: Added, now: OffsetDateTime) -> Self {
        Self::with_lists(config, added, stored_lists(&config.revocation.dir), now)
    }

    fn with_lists(
        config: &Config,
        mut added: Added,
        stored: io::Result<Vec<StoredList>>,
        now: OffsetDateTime,
    ) -> Self {
        let mut survey = Self {
            at: now,
            attention: Vec::new(),
            trust_anchors: Vec::new(),
            store: config.revocation.dir.display().to_string(),
            lists: Vec::new(),
            problems: std::mem::take(&mut added.problems),
        };
        let stored = stored.unwrap_or_else(|error| {
            let store = &survey.store;
            let problem = format!("{store}: the store cannot be read: {error}");
            survey.problems.push(problem);
            Vec::new()
        });
        let mut is_used = vec![false; stored.len()];
        for anchor in &config.trust_anchor {
            let certificates = added.take_of(&anchor.name, now);
            survey.add_anchor(anchor, certificates, &stored, &mut is_used);
        }
        survey.problems.extend(added.of_nobody());
        let defaults = Limits::of(&RevocationConfig::default(), Role::Intermediate);
        for (list, is_used) in stored.iter().zip(is_used) {
            if !is_used {
                survey.lists.push(List::stored(None, list, &defaults, now));
            }
        }
        survey
    }

    fn add_anchor(
        &mut self,
        config: &TrustAnchorConfig,
        added: Vec<Authority>,
        stored: &[StoredList],
        is_used: &mut [bool],
    ) {
        let mut certificates = Vec::new();
        let anchors = [(Role::Anchor, &config.anchors)];
        let intermediates = config.intermediates.iter();
        let files = intermediates.map(|file| (Role::Intermediate, file));
        for (role, file) in anchors.into_iter().chain(files) {
            match read(file) {
                Ok(read) => {
                    let source = file.display().to_string();
                    let of = |it| Authority::of(role, it, &source, self.at);
                    certificates.extend(read.into_iter().map(of));
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        certificates.extend(added);
        for authority in &certificates {
            let limits = Limits::of(&config.revocation, authority.role);
            let mut found_complete = false;
            for (list, is_used) in stored.iter().zip(is_used.iter_mut()) {
                if list.issuer == authority.subject && !*is_used {
                    *is_used = true;
                    found_complete |= !list.is_delta;
                    let name = Some(config.name.as_str());
                    self.lists.push(List::stored(name, list, &limits, self.at));
                }
            }
            if !found_complete {
                self.lists
                    .push(List::missing(&config.name, &authority.subject));
            }
        }
        self.trust_anchors.push(TrustAnchor {
            name: config.name.clone(),
            profile: config.profile.clone(),
            addresses: addresses_of(&config.revocation, &certificates),
            certificates,
            time_budget_ms: config.revocation.time_budget_ms,
        });
    }

    /// Puts into words what needs attention. Called last, after any asking.
    pub(super) fn count_attention(&mut self) {
        let mut attention = self.problems.clone();
        for anchor in &self.trust_anchors {
            for it in &anchor.certificates {
                let what = match it.state {
                    Lifetime::Current => continue,
                    Lifetime::EndsSoon => format!("ends in {} days", it.days_left),
                    Lifetime::Expired => "is expired".to_owned(),
                    Lifetime::NotYetValid => "is not yet valid".to_owned(),
                };
                attention.push(format!("the certificate of {} {what}", it.subject));
            }
            for it in &anchor.addresses {
                if let Some(answer) = it.answer.as_ref().filter(|answer| !answer.usable) {
                    attention.push(format!("{}: {}", it.address, answer.text));
                }
            }
        }
        let stale = |it: &&List| it.state == ListState::Stale && it.trust_anchor.is_some();
        for it in self.lists.iter().filter(stale) {
            attention.push(format!("the list of {} is stale", it.issuer));
        }
        self.attention = attention;
    }
}

/// The addresses that the authorities' own certificates name, and the configured hosts.
fn addresses_of(config: &RevocationConfig, certificates: &[Authority]) -> Vec<Address> {
    let mut addresses: Vec<Address> = Vec::new();
    let mut add = |kind, address: String, named_by, about| {
        let is_known = addresses
            .iter()
            .any(|known| known.kind == kind && known.address == address);
        if !is_known && addresses.len() < ADDRESSES_MAX {
            addresses.push(Address {
                kind,
                address,
                named_by,
                answer: None,
                about,
            });
        }
    };
    for authority in certificates {
        let certificate = &authority.certificate;
        let lists = certificate.crl_distribution_points().iter();
        for url in lists.chain(certificate.freshest_crl()) {
            add(AddressKind::Crl, url.clone(), "certificate", None);
        }
        let issuer = certificates
            .iter()
            .find(|it| it.certificate.subject() == certificate.issuer());
        let about = issuer.map(|issuer| (certificate.clone(), issuer.certificate.clone()));
        for url in certificate.ocsp_urls() {
            add(AddressKind::Ocsp, url.clone(), "certificate", about.clone());
        }
    }
    for host in &config.hosts {
        add(AddressKind::Host, host.to_string(), "configuration", None);
    }
    addresses
}

#[cfg(test)]
mod tests {
    use std::io;

    use cardea_pki::Certificate;
    use cardea_pki::revocation::CrlNumber;
    use cardea_test_pki::{AuthorityName, TestPki};
    use time::{Duration, OffsetDateTime};

    use super::{Added, ListState, Survey};
    use crate::config::Config;
    use crate::revocation_fetch::StoredList;

    const NOW: OffsetDateTime = TestPki::SHARED_AT;

    fn list(issuer: &str, next_update_hours: i64) -> StoredList {
        StoredList {
            issuer: issuer.to_owned(),
            url: "http://igc.cardea.test/x.crl".to_owned(),
            this_update: NOW - Duration::hours(50),
            next_update: Some(NOW + Duration::hours(next_update_hours)),
            number: Some(CrlNumber::from_be_bytes(&[7])),
            entries: 3,
            is_delta: false,
            fetched_at: NOW - Duration::HOUR,
        }
    }

    fn survey(lists: io::Result<Vec<StoredList>>) -> Survey {
        let pki = TestPki::shared().unwrap();
        let pem = |certificates: Vec<Vec<u8>>| -> Vec<u8> {
            let x509 = |der: &Vec<u8>| openssl::x509::X509::from_der(der).unwrap();
            let pem = |der| x509(der).to_pem().unwrap();
            certificates.iter().flat_map(pem).collect()
        };
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        };
        std::fs::create_dir(folder.path().join("pki")).unwrap();
        write("pki/anchors.pem", &pem(pki.card_anchors_der()));
        write("pki/intermediates.pem", &pem(pki.intermediates_der()));
        let example = include_str!("../../../../cardea.example.toml");
        write("cardea.toml", example.as_bytes());
        let config = Config::load(&folder.path().join("cardea.toml")).unwrap();
        let mut survey = Survey::with_lists(&config, Added::default(), lists, NOW);
        survey.count_attention();
        survey
    }

    fn subject(authority: AuthorityName) -> String {
        let pki = TestPki::shared().unwrap();
        let authority = pki.authority(authority).unwrap();
        let certificate = Certificate::parse(authority.certificate_der()).unwrap();
        certificate.subject().to_string()
    }

    #[test]
    fn each_authority_has_its_list_or_the_place_of_one() {
        let fort = subject(AuthorityName::FORT_PERSONNES);
        let standard = subject(AuthorityName::STANDARD_PERSONNES);
        let survey = survey(Ok(vec![
            list(&fort, 10),
            list(&standard, -1),
            list("CN=x", -1),
        ]));
        let state = |issuer: &str| {
            let found = survey.lists.iter().find(|it| it.issuer == issuer);
            found.unwrap().state
        };
        assert_eq!(state(&fort), ListState::Current);
        assert_eq!(state(&standard), ListState::Stale);
        assert_eq!(
            state(&subject(AuthorityName::FORT_PERSONNES.root())),
            ListState::Missing
        );
        let others = survey.lists.iter().filter(|it| it.trust_anchor.is_none());
        assert_eq!(others.count(), 1, "a list of no configured authority");
        assert_eq!(survey.attention.len(), 1, "{:?}", survey.attention);
        assert!(survey.attention[0].contains(&standard) && survey.attention[0].contains("stale"));
        let json = serde_json::to_value(&survey).unwrap();
        let lists = json["lists"].as_array().unwrap();
        let stored = lists.iter().find(|it| it["issuer"] == fort).unwrap();
        assert_eq!(stored["number"], "7");
        assert_eq!(stored["age_seconds"], 50 * 3600);
    }

    #[test]
    fn a_store_that_cannot_be_read_needs_attention() {
        let survey = survey(Err(io::ErrorKind::PermissionDenied.into()));
        assert!(
            survey.attention[0].contains("cannot be read"),
            "{:?}",
            survey.attention
        );
    }
}
