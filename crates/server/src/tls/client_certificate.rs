//! Client certificates as they come out of a TLS handshake: taken here, judged by `pki`.
//!
//! OpenSSL proves that the peer holds the leaf's key, and nothing else: whatever chain comes along
//! is taken and handed on, because who is believed depends on the client or the card, and `pki`
//! decides it with a code of its own for each refusal.
//!
//! What a connection showed in its one handshake goes into each of its requests, also where
//! HTTP/2 carries many at once. No session is ever resumed where certificates are asked for, and
//! nothing is negotiated again: what was shown on one connection says nothing on another.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::http::Request;
use axum_server::accept::Accept;
use axum_server::tls_openssl::OpenSSLAcceptor;
use cardea_pki::{CERTIFICATE_BYTES_MAX, EXTRA_CERTIFICATES_MAX};
use openssl::error::ErrorStack;
use openssl::ssl::{
    AlpnError, SslAcceptorBuilder, SslOptions, SslRef, SslSessionCacheMode, SslVerifyMode,
    SslVersion, select_next_proto,
};
use openssl::x509::X509;
use tokio::net::TcpStream;
use tower::Service;

use crate::connection_limit::BoundedAcceptor;
use crate::tls::own_errors::OwnErrors;

/// Longest chain above the leaf that OpenSSL looks at while it takes a certificate.
const CHAIN_DEPTH_MAX: u32 = 8;
/// What such cards sign a TLS 1.2 handshake with: a browser must not be asked for RSASSA-PSS.
const SCHEMES_WITHOUT_PSS: &str = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:\
                                   RSA+SHA256:RSA+SHA384:RSA+SHA512";
const HTTP_1_1: &[u8] = b"\x08http/1.1";
/// Keeps the sessions of this listener apart, should OpenSSL ever be asked for one.
const SESSION_CONTEXT: &[u8] = b"cardea client certificates";

/// Whether a listener asks its callers for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CertificateDemand {
    /// Never: browsers would ask their users.
    #[default]
    None,
    /// Asked for; without one the handshake goes on, and the request may be refused later.
    Optional,
    /// No handshake without one, and HTTP/1.1 alone: a connection can then be made to end with the
    /// answer to its one request.
    Required,
}

/// Which versions of TLS a listener speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 alone: for cards that cannot sign with RSASSA-PSS, which TLS 1.3 demands.
    Tls12Alone,
}

/// How a listener takes client certificates.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientCertificates {
    pub(crate) demand: CertificateDemand,
    pub(crate) versions: TlsVersions,
    /// The authorities whose names are sent along, so that a browser offers fitting certificates
    /// alone. They are a hint and decide nothing.
    pub(crate) named_authorities: Vec<X509>,
}

/// The certificates of a connection, in DER, the leaf first. Its `Debug` names nobody.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PeerCertificates(Arc<[Vec<u8>]>);

/// Accepts TLS connections, and puts [`PeerCertificates`] into the extensions of their requests
/// where the peer showed any. A connection fails by its own errors alone ([`OwnErrors`]).
#[derive(Clone, Debug)]
pub(crate) struct CertificateAcceptor(OpenSSLAcceptor<BoundedAcceptor>);

/// A service that adds the connection's certificates to each request.
#[derive(Clone, Debug)]
pub(crate) struct WithCertificates<S> {
    inner: S,
    certificates: Option<PeerCertificates>,
}

type TlsStream<S> = <OpenSSLAcceptor<BoundedAcceptor> as Accept<TcpStream, S>>::Stream;
type TlsService<S> = <OpenSSLAcceptor<BoundedAcceptor> as Accept<TcpStream, S>>::Service;
type Accepted<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl ClientCertificates {
    /// Writes the settings into OpenSSL's.
    pub(super) fn set(&self, builder: &mut SslAcceptorBuilder) -> Result<(), ErrorStack> {
        if self.versions == TlsVersions::Tls12Alone {
            builder.set_max_proto_version(Some(SslVersion::TLS1_2))?;
            builder.set_sigalgs_list(SCHEMES_WITHOUT_PSS)?;
        }
        let mode = match self.demand {
            CertificateDemand::None => return Ok(()),
            CertificateDemand::Optional => SslVerifyMode::PEER,
            CertificateDemand::Required => {
                builder.set_alpn_select_callback(|_, offered| {
                    select_next_proto(HTTP_1_1, offered).ok_or(AlpnError::NOACK)
                });
                SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT
            }
        };
        // Any chain will do here; that the key is the peer's is checked whatever this says.
        // Why OpenSSL would not have believed it is on the thread's list, and nobody's business.
        builder.set_verify_callback(mode, |_, _| {
            drop(ErrorStack::get());
            true
        });
        builder.set_verify_depth(CHAIN_DEPTH_MAX);
        for authority in &self.named_authorities {
            builder.add_client_ca(authority)?;
        }
        // A resumed session would bring the certificate of another handshake along, of a card
        // that has left or of a certificate that was judged before: none is kept or given out.
        builder.set_session_cache_mode(SslSessionCacheMode::OFF);
        builder.set_options(SslOptions::NO_TICKET);
        builder.set_num_tickets(0)?;
        builder.set_session_id_context(SESSION_CONTEXT)
    }
}

impl PeerCertificates {
    /// Takes certificates, the leaf first; none where there is no leaf, an error beyond the bounds.
    pub(crate) fn new(leaf_first: Vec<Vec<u8>>) -> Result<Option<Self>, CertificatesTooLarge> {
        if leaf_first.len() > EXTRA_CERTIFICATES_MAX.saturating_add(1)
            || leaf_first
                .iter()
                .any(|der| der.len() > CERTIFICATE_BYTES_MAX)
        {
            return Err(CertificatesTooLarge);
        }
        Ok((!leaf_first.is_empty()).then(|| Self(leaf_first.into())))
    }

    /// The certificates in DER, the leaf first.
    pub(crate) fn leaf_first(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// What the peer of a connection showed. On a server's side OpenSSL keeps the leaf, whose key
    /// the peer has proven to hold, apart from the chain, which anybody can send.
    fn of(ssl: &SslRef) -> io::Result<Option<Self>> {
        let Some(leaf) = ssl.peer_certificate() else {
            return Ok(None);
        };
        let mut leaf_first = vec![leaf.to_der()?];
        for certificate in ssl.peer_cert_chain().into_iter().flatten() {
            let der = certificate.to_der()?;
            if leaf_first.first() != Some(&der) {
                leaf_first.push(der);
            }
        }
        Self::new(leaf_first).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

/// A peer sent more or larger certificates than any PKI has.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the certificates are too many or too large")]
pub(crate) struct CertificatesTooLarge;

impl std::fmt::Debug for PeerCertificates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PeerCertificates({})", self.0.len())
    }
}

impl CertificateAcceptor {
    pub(crate) fn new(inner: OpenSSLAcceptor<BoundedAcceptor>) -> Self {
        Self(inner)
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for CertificateAcceptor {
    type Stream = OwnErrors<TlsStream<S>>;
    type Service = WithCertificates<TlsService<S>>;
    type Future = Accepted<(Self::Stream, Self::Service)>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepting = self.0.accept(stream, service);
        Box::pin(async move {
            let (stream, inner) = accepting.await?;
            let certificates = PeerCertificates::of(stream.ssl())?;
            Ok((
                OwnErrors::new(stream),
                WithCertificates {
                    inner,
                    certificates,
                },
            ))
        })
    }
}

impl<S, B> Service<Request<B>> for WithCertificates<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(certificates) = &self.certificates {
            request.extensions_mut().insert(certificates.clone());
        }
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests;
