//! A caller's certificate in the words of the proxy that ended its TLS connection.

use axum::http::{HeaderMap, HeaderName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cardea_jose::sha256;
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

    /// The leaf's DER. It is not read any further: its digest is all that counts, the proxy's
    /// handshake has proven its key, and OpenSSL takes longer to parse a certificate than all the
    /// rest takes together.
    fn der_of(self, text: &str) -> Option<Vec<u8>> {
        let der = match self {
            Self::Rfc9440 => base64(text.strip_prefix(':')?.strip_suffix(':')?)?,
            Self::PemUrlencoded => {
                let text = percent_decode_str(text).decode_utf8().ok()?;
                let (_, text) = text.split_once("-----BEGIN CERTIFICATE-----")?;
                let (text, _) = text.split_once("-----END CERTIFICATE-----")?;
                let is_kept = |character: &char| !character.is_ascii_whitespace();
                base64(&text.chars().filter(is_kept).collect::<String>())?
            }
            Self::Traefik => {
                let text = percent_decode_str(text).decode_utf8().ok()?;
                base64(text.split(',').next()?)?
            }
        };
        is_one_sequence(&der).then_some(der)
    }
}

/// Whether these bytes are one ASN.1 SEQUENCE and nothing behind it (X.690 section 10.1).
fn is_one_sequence(der: &[u8]) -> bool {
    let (length, content) = match der {
        [0x30, 0x82, high, low, content @ ..] => {
            (u16::from_be_bytes([*high, *low]).into(), content)
        }
        [0x30, 0x81, length, content @ ..] => ((*length).into(), content),
        [0x30, length, content @ ..] if *length < 0x80 => ((*length).into(), content),
        _ => return false,
    };
    let length: usize = length;
    length == content.len()
}

/// Base64 and nothing else: two values that were joined by a comma are none.
fn base64(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text).ok()?;
    Some(bytes).filter(|it| !it.is_empty())
}
