//! Connections to an issuer: bounded, without redirects, trusting a private authority if pinned.

use std::time::Duration;

use native_tls::{Certificate, TlsConnector};
use openssl::x509::X509;

use crate::Error;
use crate::enrolment::Enrolment;

/// How long one fetch may take in all.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

const FAILED: Error = Error::Internal {
    reason: "the TLS library could not be set up",
};

/// An HTTP client for this issuer alone.
///
/// # Errors
/// [`Error::Internal`].
pub(crate) fn http_client(enrolment: &Enrolment) -> Result<reqwest::Client, Error> {
    http_client_with(enrolment, connector(enrolment)?)
}

/// The same with TLS that other connections share: the system's authorities are in memory once.
///
/// # Errors
/// [`Error::Internal`].
pub(crate) fn http_client_with(
    enrolment: &Enrolment,
    tls: TlsConnector,
) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(FETCH_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        // Requests are minutes apart: a connection that waits for the next one costs memory alone.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("cardea-agent/", env!("CARGO_PKG_VERSION")));
    if enrolment.issuer.is_loopback() {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|_| FAILED)
}

/// TLS for all connections to this issuer.
///
/// # Errors
/// [`Error::Internal`].
pub(crate) fn connector(enrolment: &Enrolment) -> Result<TlsConnector, Error> {
    let mut builder = TlsConnector::builder();
    for der in private_authorities(enrolment)? {
        builder.add_root_certificate(Certificate::from_der(&der).map_err(|_| FAILED)?);
    }
    builder
        .min_protocol_version(Some(native_tls::Protocol::Tlsv12))
        .build()
        .map_err(|_| FAILED)
}

fn private_authorities(enrolment: &Enrolment) -> Result<Vec<Vec<u8>>, Error> {
    let Some(pem) = &enrolment.ca_pem else {
        return Ok(Vec::new());
    };
    let certificates = X509::stack_from_pem(pem).map_err(|_| FAILED)?;
    certificates
        .iter()
        .map(|certificate| certificate.to_der().map_err(|_| FAILED))
        .collect()
}
