//! A client's certificate in the words of the proxy that ended its TLS connection.

use axum::http::{HeaderMap, HeaderName};
use cardea_pki::EXTRA_CERTIFICATES_MAX;
use cardea_provider::Error;
use openssl::base64::decode_block;
use openssl::x509::X509;
use percent_encoding::percent_decode;

use crate::config::CertificateHeader;
use crate::tls::client_certificate::PeerCertificates;

/// RFC 9440 section 2.2.
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
/// RFC 9440 section 2.3.
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const X_SSL_CLIENT_CERT: HeaderName = HeaderName::from_static("x-ssl-client-cert");

/// Takes the certificates out of a request's headers; none where the proxy saw none.
///
/// A header that stands twice is refused: one of the two is not the proxy's, which then does not
/// take away what callers write.
pub(super) fn take(
    form: CertificateHeader,
    headers: &mut HeaderMap,
) -> Result<Option<PeerCertificates>, Error> {
    let leaf_first = match form {
        CertificateHeader::Rfc9440 => take_binary(headers)?,
        CertificateHeader::PemUrlencoded => take_pem(headers)?,
    };
    PeerCertificates::new(leaf_first).map_err(|_| Error::ClientCertificateHeaderMalformed)
}

/// RFC 9440: a byte sequence of structured fields, and a list of such.
fn take_binary(headers: &mut HeaderMap) -> Result<Vec<Vec<u8>>, Error> {
    let leaf = take_one(headers, &CLIENT_CERT)?;
    let chain = take_one(headers, &CLIENT_CERT_CHAIN)?;
    let Some(leaf) = leaf else {
        // Section 2.3: the chain never stands alone.
        return match chain {
            None => Ok(Vec::new()),
            Some(_) => Err(Error::ClientCertificateHeaderMalformed),
        };
    };
    let mut leaf_first = vec![byte_sequence(&leaf)?];
    let chain = chain.unwrap_or_default();
    for item in chain.split(',').filter(|_| !chain.is_empty()) {
        // The bound on all of them stands behind; this one bounds the work.
        if leaf_first.len() > EXTRA_CERTIFICATES_MAX {
            return Err(Error::ClientCertificateHeaderMalformed);
        }
        leaf_first.push(byte_sequence(item.trim_matches([' ', '\t']))?);
    }
    Ok(leaf_first)
}

fn take_pem(headers: &mut HeaderMap) -> Result<Vec<Vec<u8>>, Error> {
    let malformed = |_| Error::ClientCertificateHeaderMalformed;
    let Some(text) = take_one(headers, &X_SSL_CLIENT_CERT)? else {
        return Ok(Vec::new());
    };
    let pem: Vec<u8> = percent_decode(text.as_bytes()).collect();
    let stack = X509::stack_from_pem(&pem).map_err(malformed)?;
    if stack.is_empty() || stack.len() > EXTRA_CERTIFICATES_MAX.saturating_add(1) {
        return Err(Error::ClientCertificateHeaderMalformed);
    }
    let ders = stack.iter().map(|it| it.to_der().map_err(malformed));
    ders.collect()
}

/// The value of a header that must not stand twice; an empty one is a certificate that is not
/// there. The header leaves the request.
fn take_one(headers: &mut HeaderMap, name: &HeaderName) -> Result<Option<String>, Error> {
    let malformed = Error::ClientCertificateHeaderMalformed;
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(malformed);
    }
    let text = match value.map(|value| value.to_str()) {
        None => None,
        Some(Ok(text)) => Some(text.trim_matches([' ', '\t']).to_owned()),
        Some(Err(_)) => return Err(malformed),
    };
    headers.remove(name);
    Ok(text.filter(|text| !text.is_empty()))
}

/// RFC 8941 section 3.3.5: base64 between colons. Two values that were joined by a comma are none.
fn byte_sequence(item: &str) -> Result<Vec<u8>, Error> {
    let inner = item.strip_prefix(':').and_then(|it| it.strip_suffix(':'));
    let inner = inner.filter(|inner| {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        !inner.is_empty() && inner.bytes().all(is_base64)
    });
    inner
        .and_then(|inner| decode_block(inner).ok())
        .ok_or(Error::ClientCertificateHeaderMalformed)
}
