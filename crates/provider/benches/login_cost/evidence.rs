//! Revocation evidence as the server has it: lists that were parsed and verified at an earlier
//! login, and an OCSP answer fetched for this one. The responder's own work is taken off.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use cardea_pki::revocation::{Crl, CrlNumbersSeen, ocsp_request, sources};
use cardea_pki::{Certificate, Evidence, EvidenceSource};
use cardea_provider::{EvidenceRequest, RevocationSource};
use cardea_test_pki::{
    AuthorityName, CrlSpec, IssuedCertificate, OcspSpec, OcspStatus, RevokedEntry, TestPki,
};
use time::OffsetDateTime;

use crate::Failure;
use crate::stopwatch::{Cost, Stopwatch};

/// Entries of the issuing authority's list, as many as lists of the model have.
const ENTRIES: u64 = 1000;
/// RFC 9654 section 2.1 asks for 32 octets.
const NONCE_BYTES: usize = 32;

/// The lists in the cache.
pub(crate) struct CachedLists {
    lists: Vec<Crl>,
    numbers: CrlNumbersSeen,
}

impl CachedLists {
    pub(crate) fn new(pki: &TestPki) -> Result<Self, Failure> {
        let mut cached = Self {
            lists: Vec::new(),
            numbers: CrlNumbersSeen::default(),
        };
        let issuing = AuthorityName::FORT_PERSONNES;
        for name in [issuing, issuing.root()] {
            let mut spec = CrlSpec::new(name, pki.at());
            if name == issuing {
                spec.revoked = (0..ENTRIES).map(|entry| revoked(entry, pki.at())).collect();
            }
            let authority = pki.authority(name)?;
            let list = Crl::parse(&authority.crl(&spec)?)?;
            let issuer = Certificate::parse(authority.certificate_der())?;
            cached.numbers.note(&list, &issuer)?;
            cached.lists.push(list);
        }
        Ok(cached)
    }
}

fn revoked(entry: u64, at: OffsetDateTime) -> RevokedEntry {
    let serial = [&[0x4a; 8][..], &entry.to_be_bytes()].concat();
    RevokedEntry {
        serial,
        at,
        reason: None,
    }
}

/// The evidence for one login.
pub(crate) struct FetchedEvidence<'a> {
    cached: &'a CachedLists,
    pki: &'a TestPki,
    card: &'a IssuedCertificate,
    now: OffsetDateTime,
    responder: Mutex<Responder>,
}

#[derive(Default)]
struct Responder {
    cost: Cost,
    response: Vec<u8>,
}

impl<'a> FetchedEvidence<'a> {
    pub(crate) fn new(
        cached: &'a CachedLists,
        pki: &'a TestPki,
        card: &'a IssuedCertificate,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            cached,
            pki,
            card,
            now,
            responder: Mutex::default(),
        }
    }

    /// What the responder's work cost, which is not the server's.
    pub(crate) fn responder_cost(&self) -> Cost {
        self.lock().cost
    }

    /// The last response.
    pub(crate) fn response(&self) -> Vec<u8> {
        self.lock().response.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Responder> {
        self.responder
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, source: &EvidenceSource, nonce: &[u8]) -> Result<Vec<u8>, Failure> {
        let request = ocsp_request(&source.certificate, &source.issuer, Some(nonce))?;
        let watch = Stopwatch::start();
        let spec = OcspSpec::new(OcspStatus::Good, self.now);
        let response = self.pki.answer_ocsp_request(self.card, &request, &spec)?;
        let mut responder = self.lock();
        responder.response.clone_from(&response);
        responder.cost = responder.cost.plus(watch.stop());
        Ok(response)
    }
}

#[async_trait]
impl RevocationSource for FetchedEvidence<'_> {
    async fn fetch(&self, wanted: EvidenceRequest<'_>) -> Evidence {
        let mut evidence = Evidence {
            crls: self.cached.lists.clone(),
            crl_numbers_seen: self.cached.numbers.clone(),
            ..Evidence::default()
        };
        for source in &sources(wanted.path) {
            for url in &source.ocsp_urls {
                let mut nonce = [0; NONCE_BYTES];
                let answer = openssl::rand::rand_bytes(&mut nonce)
                    .map_err(Failure::from)
                    .and_then(|()| self.ask(source, &nonce))
                    .and_then(|response| {
                        let added =
                            evidence.add_ocsp_response(source, url, &response, Some(&nonce));
                        added.map_err(Failure::from)
                    });
                if answer.is_err() {
                    evidence.note_unreachable(source, url);
                }
            }
        }
        evidence
    }
}
