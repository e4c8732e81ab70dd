//! The server's own TLS: 1.2 and 1.3 with Mozilla's intermediate list, no renegotiation
//! (attack H11).

use std::fs;
use std::path::Path;

use axum_server::tls_openssl::OpenSSLConfig;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    AlpnError, SslAcceptor, SslAcceptorBuilder, SslMethod, SslOptions, SslVersion,
    select_next_proto,
};
use openssl::x509::X509;
use std::sync::Arc;
use zeroize::Zeroizing;

use crate::config::TlsConfig;
use crate::error::Error;
use crate::key_file::unusable;

/// HTTP/2 first; agents' WebSockets offer HTTP/1.1 alone.
const PROTOCOLS: &[u8] = b"\x02h2\x08http/1.1";

/// Reads certificate and key.
pub(crate) fn load(config: &TlsConfig) -> Result<OpenSSLConfig, Error> {
    let chain = fs::read(&config.certificate).map_err(|source| {
        unusable(
            &config.certificate,
            "the certificate cannot be read",
            source,
        )
    })?;
    let key = Zeroizing::new(
        fs::read(&config.key)
            .map_err(|source| unusable(&config.key, "the key cannot be read", source))?,
    );
    let mut builder = new_builder().map_err(at(&config.certificate))?;
    set_chain(&mut builder, &chain).map_err(at(&config.certificate))?;
    set_key(&mut builder, &key).map_err(at(&config.key))?;
    Ok(OpenSSLConfig::from_acceptor(Arc::new(builder.build())))
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
