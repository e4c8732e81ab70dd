//! The server's own TLS: 1.2 and 1.3 with Mozilla's intermediate list, no renegotiation
//! (attack H11).

pub(crate) mod client_certificate;
pub(crate) mod own_errors;

use std::fs;
use std::path::Path;
use std::time::Duration;

use axum_server::tls_openssl::{OpenSSLAcceptor, OpenSSLConfig};
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    AlpnError, SslAcceptor, SslAcceptorBuilder, SslMethod, SslOptions, SslVersion,
    select_next_proto,
};
use openssl::x509::X509;
use std::sync::Arc;

use crate::config::TlsConfig;
use crate::connection_limit::BoundedAcceptor;
use crate::error::Error;
use crate::key_file::{read_private, unusable};
use crate::tls::client_certificate::{CertificateAcceptor, ClientCertificates};

/// Time for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// HTTP/2 first; agents' WebSockets offer HTTP/1.1 alone.
const PROTOCOLS: &[u8] = b"\x02h2\x08http/1.1";

/// A listener's TLS: new handshakes take whichever certificate was swapped in last, and connections
/// that stand go on with theirs.
#[derive(Clone, Debug)]
pub(crate) struct ReloadableTls(OpenSSLConfig);

/// A certificate and key that were read and fit together, to be swapped in.
pub(crate) struct PreparedTls {
    listener: ReloadableTls,
    next: Arc<SslAcceptor>,
}

impl ReloadableTls {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// [`Error::TlsUnusable`], [`Error::FileUnusable`], [`Error::KeyNotPrivate`].
    pub(crate) fn load(files: &TlsConfig, clients: &ClientCertificates) -> Result<Self, Error> {
        let acceptor = Arc::new(read(files, clients)?);
        Ok(Self(OpenSSLConfig::from_acceptor(acceptor)))
    }

    /// When the certificate that new handshakes get runs out, in Unix seconds.
    pub(crate) fn end(&self) -> Option<i64> {
        let acceptor = self.0.get_inner();
        let certificate = acceptor.context().certificate()?;
        let epoch = Asn1Time::from_unix(0).ok()?;
        let left = epoch.diff(certificate.not_after()).ok()?;
        Some(i64::from(left.days) * 86_400 + i64::from(left.secs))
    }

    /// Reads certificate and key anew, and changes nothing yet.
    ///
    /// # Errors
    /// As [`ReloadableTls::load`].
    pub(crate) fn prepare(
        &self,
        files: &TlsConfig,
        clients: &ClientCertificates,
    ) -> Result<PreparedTls, Error> {
        Ok(PreparedTls {
            listener: self.clone(),
            next: Arc::new(read(files, clients)?),
        })
    }

    /// What accepts the connections of a listener.
    pub(crate) fn acceptor(&self, bounded: BoundedAcceptor) -> CertificateAcceptor {
        let tls = OpenSSLAcceptor::new(self.0.clone()).handshake_timeout(HANDSHAKE_TIMEOUT);
        CertificateAcceptor::new(tls.acceptor(bounded))
    }
}

impl PreparedTls {
    /// Has new handshakes take the certificate that was read.
    pub(crate) fn swap(self) {
        self.listener.0.reload_from_acceptor(self.next);
    }
}

fn read(files: &TlsConfig, clients: &ClientCertificates) -> Result<SslAcceptor, Error> {
    let chain = fs::read(&files.certificate)
        .map_err(|source| unusable(&files.certificate, "the certificate cannot be read", source))?;
    let key = read_private(&files.key)?;
    let mut builder = new_builder().map_err(at(&files.certificate))?;
    set_chain(&mut builder, &chain).map_err(at(&files.certificate))?;
    set_key(&mut builder, &key).map_err(at(&files.key))?;
    clients.set(&mut builder).map_err(at(&files.certificate))?;
    Ok(builder.build())
}

fn new_builder() -> Result<SslAcceptorBuilder, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_options(SslOptions::NO_RENEGOTIATION);
    builder.set_alpn_protos(PROTOCOLS)?;
    builder.set_alpn_select_callback(|_, offered| {
        select_next_proto(PROTOCOLS, offered).ok_or(AlpnError::NOACK)
    });
    Ok(builder)
}

fn set_chain(builder: &mut SslAcceptorBuilder, pem: &[u8]) -> Result<(), ErrorStack> {
    let mut certificates = X509::stack_from_pem(pem)?.into_iter();
    let leaf = match certificates.next() {
        Some(leaf) => leaf,
        // Has OpenSSL say that there is no certificate.
        None => X509::from_pem(pem)?,
    };
    builder.set_certificate(&leaf)?;
    for certificate in certificates {
        builder.add_extra_chain_cert(certificate)?;
    }
    Ok(())
}

fn set_key(builder: &mut SslAcceptorBuilder, pem: &[u8]) -> Result<(), ErrorStack> {
    let key = PKey::private_key_from_pem(pem)?;
    builder.set_private_key(&key)?;
    builder.check_private_key()
}

fn at(file: &Path) -> impl FnOnce(ErrorStack) -> Error {
    let file = file.to_owned();
    move |source| Error::TlsUnusable { file, source }
}

#[cfg(test)]
mod tests;
