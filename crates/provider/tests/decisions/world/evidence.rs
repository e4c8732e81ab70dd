//! Revocation evidence held in memory.

use std::sync::Arc;

use async_trait::async_trait;
use cardea_pki::{Evidence, revocation::sources};
use cardea_provider::{EvidenceRequest, RevocationSource};
use cardea_test_pki::{AuthorityName, CrlSpec, IssuedCertificate, TestPki};
use time::Duration;
use tokio::sync::Semaphore;

/// What every source answers.
pub(crate) enum HeldEvidence {
    /// Each source gives these CRLs; those of other issuers are stepped over.
    Crls(Vec<Vec<u8>>),
    /// No source answers.
    Unreachable,
    /// Sources answer with nothing that speaks of the card.
    Nothing,
    /// What the first gives, once it is let go.
    Gated(Box<HeldEvidence>, Arc<Gate>),
}

/// Where a question for evidence waits.
pub(crate) struct Gate {
    asked: Semaphore,
    go: Semaphore,
}

impl Gate {
    pub(crate) fn shut() -> Arc<Self> {
        Arc::new(Self {
            asked: Semaphore::new(0),
            go: Semaphore::new(0),
        })
    }

    /// Waits for the first question.
    pub(crate) async fn asked(&self) {
        self.asked.acquire().await.unwrap().forget();
    }

    /// Lets all questions go.
    pub(crate) fn open(&self) {
        self.go.add_permits(1000);
    }
}

impl HeldEvidence {
    pub(crate) fn fresh() -> Self {
        Self::Crls(TestPki::shared().unwrap().fresh_crls(&[]).unwrap())
    }

    pub(crate) fn revoking(certificate: &IssuedCertificate) -> Self {
        Self::Crls(
            TestPki::shared()
                .unwrap()
                .fresh_crls(&[certificate])
                .unwrap(),
        )
    }

    /// CRLs whose window closed an hour ago.
    pub(crate) fn stale() -> Self {
        let pki = TestPki::shared().unwrap();
        let crls = AuthorityName::all().map(|name| {
            let mut spec = CrlSpec::new(name, pki.at());
            spec.this_update = pki.at() - Duration::days(2);
            spec.next_update = Some(pki.at() - Duration::HOUR);
            pki.authority(name).unwrap().crl(&spec).unwrap()
        });
        Self::Crls(crls.collect())
    }
}

#[async_trait]
impl RevocationSource for HeldEvidence {
    async fn fetch(&self, wanted: EvidenceRequest<'_>) -> Evidence {
        if let Self::Gated(inner, gate) = self {
            gate.asked.add_permits(1);
            gate.go.acquire().await.unwrap().forget();
            return inner.fetch(wanted).await;
        }
        let mut evidence = Evidence::default();
        for source in &sources(wanted.path) {
            match self {
                Self::Crls(crls) => {
                    for crl in crls {
                        evidence
                            .add_crl(source, "http://crl.example.fr", crl)
                            .unwrap();
                    }
                }
                Self::Unreachable => {
                    for url in source.crl_urls.iter().chain(&source.ocsp_urls) {
                        evidence.note_unreachable(source, url);
                    }
                }
                Self::Nothing | Self::Gated(..) => {}
            }
        }
        evidence
    }
}
