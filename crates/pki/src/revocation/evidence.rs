//! What is needed to judge a path, and what the caller could fetch of it.

use super::{Crl, CrlNumbersSeen, KnownResponders, OcspResponse};
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
    /// Addresses of complete CRLs in the certificate's order: `http`, `https`, `ldap` and `ldaps`.
    pub crl_urls: Vec<String>,
    /// Addresses of delta CRLs (RFC 5280 section 4.2.1.15), of the same schemes. A complete list
    /// may name more of them: [`Crl::freshest_urls`].
    pub delta_urls: Vec<String>,
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
            crl_urls: urls_of(certificate.crl_distribution_points(), &LIST_SCHEMES),
            delta_urls: urls_of(certificate.freshest_crl(), &LIST_SCHEMES),
            ocsp_urls: urls_of(certificate.ocsp_urls(), &WEB_SCHEMES),
        })
        .collect()
}

/// Schemes of OCSP responders (RFC 6960 appendix A).
const WEB_SCHEMES: [&str; 2] = ["http", "https"];
/// Schemes of lists (RFC 5280 section 4.2.1.13): some publish delta CRLs by LDAP alone.
const LIST_SCHEMES: [&str; 4] = ["http", "https", "ldap", "ldaps"];

fn urls_of(urls: &[String], schemes: &[&str]) -> Vec<String> {
    let is_wanted = |url: &&String| {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| {
            schemes
                .iter()
                .any(|wanted| scheme.eq_ignore_ascii_case(wanted))
        })
    };
    urls.iter().filter(is_wanted).cloned().collect()
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
    /// Certificate revocation lists, complete and delta lists alike, in any order.
    pub crls: Vec<Crl>,
    /// OCSP responses.
    pub ocsp: Vec<OcspResponse>,
    /// Certificates off the path that may have signed a list: candidates, never trusted. Each must
    /// lead to the path's own anchor (RFC 5280 section 6.3.3 (f)).
    pub certificates: Vec<Certificate>,
    /// Sources that failed: no connection, time-out, error status, unreadable body.
    pub unreachable: Vec<UnreachableSource>,
    /// The highest CRL numbers seen so far, against roll-back.
    pub crl_numbers_seen: CrlNumbersSeen,
    /// Responders validated before: give every login the same one, and each responder's
    /// certificate is validated once.
    pub known_responders: KnownResponders,
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
