//! What is needed to judge a path, and what the caller could fetch of it.

use super::{Crl, CrlNumbersSeen, OcspResponse};
use crate::{Certificate, Error, ValidatedPath};

/// One certificate whose status is needed, and where evidence is said to be.
///
/// The addresses come out of certificates: whoever fetches must still keep to its own list of
/// allowed hosts.
#[derive(Clone, Debug)]
pub struct EvidenceSource {
    /// The certificate whose status is needed.
    pub certificate: Certificate,
    /// The certificate that issued it.
    pub issuer: Certificate,
    /// Addresses of complete CRLs, `http` and `https` only.
    pub crl_urls: Vec<String>,
    /// Addresses of OCSP responders, `http` and `https` only.
    pub ocsp_urls: Vec<String>,
}

/// Lists what is needed for each certificate below the anchor, the end entity first.
#[must_use]
pub fn sources(path: &ValidatedPath) -> Vec<EvidenceSource> {
    path.issued_pairs()
        .map(|(certificate, issuer)| EvidenceSource {
            certificate: certificate.clone(),
            issuer: issuer.clone(),
            crl_urls: web_urls(certificate.crl_distribution_points()),
            ocsp_urls: web_urls(certificate.ocsp_urls()),
        })
        .collect()
}

fn web_urls(urls: &[String]) -> Vec<String> {
    let is_web = |url: &&String| {
        let scheme = url
            .split_once("://")
            .map(|(scheme, _)| scheme.to_ascii_lowercase());
        matches!(scheme.as_deref(), Some("http" | "https"))
    };
    urls.iter().filter(is_web).cloned().collect()
}

/// A source that gave no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreachableSource {
    /// The certificate whose status was asked for.
    pub certificate: Certificate,
    /// The address that did not answer.
    pub url: String,
}

/// Everything the caller fetched, and what it could not fetch.
///
/// Nothing here is trusted: [`super::check_revocation`] verifies each piece and steps over what
/// does not belong to the path.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Certificate revocation lists.
    pub crls: Vec<Crl>,
    /// OCSP responses.
    pub ocsp: Vec<OcspResponse>,
    /// Sources that failed: no connection, time-out, error status, unreadable body.
    pub unreachable: Vec<UnreachableSource>,
    /// The highest CRL numbers seen so far, against roll-back.
    pub crl_numbers_seen: CrlNumbersSeen,
}

impl Evidence {
    /// Notes that a source did not answer.
    pub fn note_unreachable(&mut self, source: &EvidenceSource, url: &str) {
        self.unreachable.push(UnreachableSource {
            certificate: source.certificate.clone(),
            url: url.to_owned(),
        });
    }

    /// Adds a fetched CRL.
    ///
    /// # Errors
    /// When the bytes are not a CRL, such as an error page with status 200. The source then
    /// counts as unreachable; the error is for the log.
    pub fn add_crl(
        &mut self,
        source: &EvidenceSource,
        url: &str,
        body: &[u8],
    ) -> Result<(), Error> {
        match Crl::parse(body) {
            Ok(crl) => self.crls.push(crl),
            Err(error) => {
                self.note_unreachable(source, url);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Adds a fetched OCSP response; `nonce` is the one that was sent.
    ///
    /// # Errors
    /// When the bytes are not an OCSP response. The source then counts as unreachable; the error
    /// is for the log.
    pub fn add_ocsp_response(
        &mut self,
        source: &EvidenceSource,
        url: &str,
        body: &[u8],
        nonce: Option<&[u8]>,
    ) -> Result<(), Error> {
        match OcspResponse::parse(body, nonce) {
            Ok(response) => self.ocsp.push(response),
            Err(error) => {
                self.note_unreachable(source, url);
                return Err(error);
            }
        }
        Ok(())
    }
}
