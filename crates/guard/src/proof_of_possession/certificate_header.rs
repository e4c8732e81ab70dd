//! A caller's certificate in the words of the proxy that ended its TLS connection.

use axum::http::{HeaderMap, HeaderName};
use openssl::base64::decode_block;
use openssl::sha::sha256;
use openssl::x509::X509;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::AccessError;

/// RFC 9440 section 2.2.
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const X_SSL_CLIENT_CERT: HeaderName = HeaderName::from_static("x-ssl-client-cert");
const X_FORWARDED_TLS_CLIENT_CERT: HeaderName =
    HeaderName::from_static("x-forwarded-tls-client-cert");
/// Longest header: a certificate of 16 KiB, escaped.
const HEADER_BYTES_MAX: usize = 24 * 1024;

/// In which form a proxy passes a caller's certificate on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateHeader {
    /// `Client-Cert`, base64 of DER between colons (RFC 9440).
    Rfc9440,
    /// `X-SSL-Client-Cert`, PEM with percent escapes: nginx's `$ssl_client_escaped_cert`.
    PemUrlencoded,
    /// `X-Forwarded-Tls-Client-Cert`, base64 of DER, the leaf first: Traefik's `passTLSClientCert`.
    Traefik,
}

/// The SHA-256 of a certificate as `x5t#S256` has it (RFC 8705 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateDigest(String);

impl CertificateDigest {
    /// Of a certificate in DER.
    #[must_use]
    pub fn of_der(der: &[u8]) -> Self {
        Self(cardea_jose::base64url(&sha256(der)))
    }

    /// 43 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CertificateHeader {
    /// Reads a trusted proxy's header; none where it saw no certificate.
    ///
    /// One that stands twice is refused: one of the two is not the proxy's, which then does not
    /// take away what callers write.
    pub(crate) fn read(
        self,
        headers: &HeaderMap,
    ) -> Result<Option<CertificateDigest>, AccessError> {
        let name = match self {
            Self::Rfc9440 => CLIENT_CERT,
            Self::PemUrlencoded => X_SSL_CLIENT_CERT,
            Self::Traefik => X_FORWARDED_TLS_CLIENT_CERT,
        };
        let mut values = headers.get_all(name).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let malformed = AccessError::CertificateHeaderMalformed;
        if values.next().is_some() || value.len() > HEADER_BYTES_MAX {
            return Err(malformed);
        }
        let Ok(text) = value.to_str() else {
            return Err(malformed);
        };
        let text = text.trim_matches([' ', '\t']);
        if text.is_empty() {
            return Ok(None);
        }
        let der = self.der_of(text).ok_or(malformed)?;
        Ok(Some(CertificateDigest::of_der(&der)))
    }

    /// The leaf's DER, as OpenSSL reads it.
    fn der_of(self, text: &str) -> Option<Vec<u8>> {
        let certificate = match self {
            Self::Rfc9440 => {
                let inner = text.strip_prefix(':')?.strip_suffix(':')?;
                X509::from_der(&base64(inner)?).ok()?
            }
            Self::PemUrlencoded => {
                let pem: Vec<u8> = percent_decode_str(text).collect();
                X509::from_pem(&pem).ok()?
            }
            Self::Traefik => {
                let text = percent_decode_str(text).decode_utf8().ok()?;
                let leaf = text.split(',').next()?;
                X509::from_der(&base64(leaf)?).ok()?
            }
        };
        certificate.to_der().ok()
    }
}

/// Base64 and nothing else: two values that were joined by a comma are none.
fn base64(text: &str) -> Option<Vec<u8>> {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_base64) {
        return None;
    }
    decode_block(text).ok()
}
