//! Revocation evidence over HTTP: CRLs with a cache, OCSP with a nonce.
//!
//! Addresses come out of certificates, so only hosts are asked that the configuration or the
//! configured authorities' own certificates name (attack A20). Nothing here judges evidence:
//! `cardea-pki` does. What does not answer is noted as unreachable.

mod allowed_hosts;
mod crl_cache;
mod ocsp;

use std::time::Duration;

use async_trait::async_trait;
use cardea_pki::revocation::{Crl, sources};
use cardea_pki::{Evidence, EvidenceSource};
use cardea_provider::{EvidenceRequest, RevocationSource};
use futures_util::future::join_all;
use url::Url;

pub(crate) use self::allowed_hosts::AllowedHosts;
use self::crl_cache::CrlCache;
use crate::http_client::HttpClient;

/// Fetches evidence for certification paths.
pub(crate) struct RevocationFetcher {
    http: HttpClient,
    hosts: AllowedHosts,
    crls: CrlCache,
}

/// What one address of one certificate gave.
enum Piece {
    Crl(Crl),
    Ocsp { body: Vec<u8>, nonce: Vec<u8> },
    Nothing,
}

impl RevocationFetcher {
    /// `refresh` is the age after which a CRL is fetched anew.
    pub(crate) fn new(http: HttpClient, hosts: AllowedHosts, refresh: Duration) -> Self {
        let crls = CrlCache::new(http.clone(), refresh);
        Self { http, hosts, crls }
    }

    /// Fetches CRLs that will soon be due, so that no login waits for them.
    pub(crate) async fn refresh_crls(&self) {
        self.crls.refresh_due().await;
    }

    async fn fetch_piece(&self, source: &EvidenceSource, kind: Kind, url: &str) -> Piece {
        let Some(url) = self.allowed(url) else {
            return Piece::Nothing;
        };
        match kind {
            Kind::Crl => match self.crls.fetch(&url, &source.issuer).await {
                Some(crl) => Piece::Crl(crl),
                None => Piece::Nothing,
            },
            Kind::Ocsp => match ocsp::fetch(&self.http, &url, source).await {
                Some((body, nonce)) => Piece::Ocsp { body, nonce },
                None => Piece::Nothing,
            },
        }
    }

    fn allowed(&self, url: &str) -> Option<Url> {
        let url = Url::parse(url).ok()?;
        if self.hosts.allow(&url) {
            return Some(url);
        }
        let host = url.host_str().unwrap_or_default();
        tracing::warn!(
            host,
            port = url.port(),
            code = "pki.revocation_unreachable",
            "a certificate names a host for revocation evidence that is not configured"
        );
        None
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Crl,
    Ocsp,
}

#[async_trait]
impl RevocationSource for RevocationFetcher {
    async fn fetch(&self, wanted: EvidenceRequest<'_>) -> Evidence {
        let sources = sources(wanted.path);
        let wanted: Vec<_> = sources
            .iter()
            .flat_map(|source| {
                let crls = source
                    .crl_urls
                    .iter()
                    .map(move |url| (source, Kind::Crl, url.as_str()));
                let ocsp = source
                    .ocsp_urls
                    .iter()
                    .map(move |url| (source, Kind::Ocsp, url.as_str()));
                crls.chain(ocsp)
            })
            .take(ADDRESSES_MAX)
            .collect();
        let pieces = join_all(
            wanted
                .iter()
                .map(|(source, kind, url)| self.fetch_piece(source, *kind, url)),
        )
        .await;
        let mut evidence = Evidence::default();
        for ((source, _, url), piece) in wanted.into_iter().zip(pieces) {
            match piece {
                Piece::Crl(crl) => evidence.crls.push(crl),
                Piece::Ocsp { body, nonce } => {
                    let added = evidence.add_ocsp_response(source, url, &body, Some(&nonce));
                    if let Err(error) = added {
                        tracing::warn!(code = error.code(), "an OCSP responder gave no answer");
                    }
                }
                Piece::Nothing => evidence.note_unreachable(source, url),
            }
        }
        evidence.crl_numbers_seen = self.crls.numbers_seen();
        evidence
    }
}

/// Addresses asked for one path: three certificates with a few addresses each.
const ADDRESSES_MAX: usize = 12;
