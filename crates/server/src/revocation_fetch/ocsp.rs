//! OCSP over HTTP POST (RFC 6960 appendix A.1), never cached: the answer is asked for now.

use std::time::Duration;

use cardea_pki::EvidenceSource;
use cardea_pki::revocation::{OCSP_RESPONSE_BYTES_MAX, ocsp_request};
use reqwest::StatusCode;
use url::Url;

use crate::http_client::{Budget, HttpClient};

/// A person waits for it, and a CRL may do instead.
const OCSP_BUDGET: Budget = Budget {
    time: Duration::from_secs(2),
    bytes_max: OCSP_RESPONSE_BYTES_MAX,
};
/// RFC 9654 section 2.1 asks for 32 octets.
const NONCE_BYTES: usize = 32;

/// The responder's body and the nonce that was sent; none when it did not answer.
pub(super) async fn fetch(
    http: &HttpClient,
    url: &Url,
    source: &EvidenceSource,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut nonce = vec![0; NONCE_BYTES];
    openssl::rand::rand_bytes(&mut nonce).ok()?;
    let request = match ocsp_request(&source.certificate, &source.issuer, Some(&nonce)) {
        Ok(request) => request,
        Err(error) => {
            tracing::warn!(code = error.code(), "an OCSP request could not be made");
            return None;
        }
    };
    let host = url.host_str().unwrap_or_default();
    let answer = http
        .post(
            url.clone(),
            "application/ocsp-request",
            request,
            OCSP_BUDGET,
        )
        .await;
    let reason = match answer {
        Ok(answer) if answer.status == StatusCode::OK => return Some((answer.body, nonce)),
        Ok(answer) => format!("status {}", answer.status.as_u16()),
        Err(error) => error.to_string(),
    };
    tracing::warn!(
        host,
        reason,
        code = "pki.revocation_unreachable",
        "an OCSP responder did not answer"
    );
    None
}
