//! The listener for clients that show certificates (RFC 8705): what of the server is served there,
//! and where the certificate of a request comes from.
//!
//! It is a host and a port of its own (docs/adr/0027): a listener that asks for certificates has
//! browsers ask their users. The routes are those that clients call themselves, and no page.
//!
//! Behind a proxy that ends TLS the certificate comes in a header. It is believed at this listener
//! alone, which then serves the proxy and nobody else; at every other listener the header is a
//! caller's own words, and nothing reads it (attack F11).

mod certificate_header;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use cardea_oauth2_types::MtlsEndpointAliases;
use cardea_pki::{PathPolicy, RevocationPolicy, TrustStore};
use cardea_provider::{
    ClientCertificateRevocation, ClientCertificateRules, ClientCredentials, Endpoint, Error,
    PresentedCertificate, Provider,
};

use crate::config::{ClientAddress, Config, MtlsConfig, MtlsProxyConfig, RevocationCheck};
use crate::problem::Problem;
use crate::provider_config::{load_trust_store, revocation_policy_of};
use crate::refusal::{Form, Refusal};
use crate::revocation_fetch::AnchorSettings;
use crate::router::mtls_router;
use crate::state::{AppState, AtListener};
use crate::tls::client_certificate::PeerCertificates;

/// Where the certificates of a listener's requests come from.
#[derive(Clone, Debug)]
enum Source {
    /// From the connection's own handshake.
    Handshake,
    /// From a proxy's header.
    Proxy(Arc<MtlsProxyConfig>),
}

/// What is served to clients with certificates.
pub(crate) fn router(state: &AppState, mtls: &MtlsConfig) -> Router {
    let state = state.at(AtListener {
        base_url: mtls.url.as_str().to_owned(),
        // Without a proxy, whoever connects is the caller, whatever it writes into a header.
        client_address: match mtls.proxy {
            Some(ref proxy) => proxy.client_address,
            None => Some(ClientAddress::Peer),
        },
    });
    let source = match &mtls.proxy {
        None => Source::Handshake,
        Some(proxy) => Source::Proxy(Arc::new(proxy.clone())),
    };
    mtls_router(state, |routes| {
        routes.route_layer(from_fn_with_state(source, take_certificate))
    })
}

/// Middleware that leaves a request with the certificate that this listener vouches for, or none.
async fn take_certificate(
    State(source): State<Source>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if let Source::Proxy(proxy) = source {
        let address = peer.ip().to_canonical();
        if !proxy
            .addresses
            .iter()
            .any(|it| it.to_canonical() == address)
        {
            return Err(refuse_stranger());
        }
        // Whatever the proxy's own handshake with us showed is the proxy's, not the client's.
        request.extensions_mut().remove::<PeerCertificates>();
        let read = certificate_header::take(proxy.header, request.headers_mut());
        if let Some(certificates) = read.map_err(refuse)? {
            request.extensions_mut().insert(certificates);
        }
    }
    Ok(next.run(request).await)
}

fn refuse_stranger() -> Refusal {
    Refusal::json(Problem::ProxyUnknown)
}

fn refuse(error: Error) -> Refusal {
    let status = Problem::RequestMalformed.status();
    Refusal {
        form: Form::OAuth {
            error: error.oauth_error(),
            status,
        },
        code: error.code(),
    }
}

/// The other end of a connection, and what it showed.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: ClientCertificate,
}

/// The certificate that came with a request, if any; nobody has judged it.
#[derive(Clone, Debug)]
pub(crate) struct ClientCertificate(Option<PeerCertificates>);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = <ConnectInfo<SocketAddr> as FromRequestParts<S>>::Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let ConnectInfo(address) = ConnectInfo::from_request_parts(parts, state).await?;
        let certificates = parts.extensions.get::<PeerCertificates>().cloned();
        Ok(Self {
            address,
            certificate: ClientCertificate(certificates),
        })
    }
}

impl ClientCertificate {
    /// Reads it.
    ///
    /// # Errors
    /// [`Error::ClientCertificateMalformed`].
    pub(crate) fn read(&self) -> Result<Option<PresentedCertificate>, Error> {
        let certificates = self.0.as_ref();
        certificates
            .map(|it| PresentedCertificate::read(it.leaf_first()))
            .transpose()
    }

    /// Puts it beside what else a request says about who sends it.
    ///
    /// # Errors
    /// [`Error::ClientCertificateMalformed`].
    pub(crate) fn join(&self, credentials: ClientCredentials) -> Result<ClientCredentials, Error> {
        Ok(match self.read()? {
            Some(certificate) => credentials.with_certificate(certificate),
            None => credentials,
        })
    }
}

/// The endpoints of the listener, as discovery announces them (RFC 8705 section 5).
pub(crate) fn aliases(provider: &Provider, mtls: &MtlsConfig) -> MtlsEndpointAliases {
    let at = |endpoint: Endpoint| {
        let path = endpoint.path_on_host(provider.issuer(), provider.profile());
        format!("{}{path}", mtls.url.as_str())
    };
    MtlsEndpointAliases {
        token_endpoint: at(Endpoint::Token),
        device_authorization_endpoint: provider
            .offers_device_grant()
            .then(|| at(Endpoint::DeviceAuthorization)),
        pushed_authorization_request_endpoint: at(Endpoint::PushedAuthorizationRequest),
        introspection_endpoint: at(Endpoint::Introspection),
        revocation_endpoint: at(Endpoint::Revocation),
        userinfo_endpoint: at(Endpoint::Userinfo),
    }
}

/// The authorities that vouch for clients, and how evidence about their certificates is fetched.
pub(crate) fn rules_of(
    config: &Config,
) -> Result<(Vec<ClientCertificateRules>, Vec<AnchorSettings>), crate::error::Error> {
    let mut rules = Vec::new();
    let mut anchors = Vec::new();
    for anchor in config.mtls.iter().flat_map(|mtls| &mtls.trust_anchor) {
        let name = rules_name(&anchor.name);
        let intermediates = anchor.intermediates.as_deref();
        let trust_store: TrustStore = load_trust_store(&anchor.anchors, intermediates)?;
        if anchor.revocation_check == RevocationCheck::Required {
            anchors.push(AnchorSettings::new(&name, &anchor.revocation, &trust_store));
        }
        rules.push(ClientCertificateRules {
            name,
            trust_store,
            path_policy: PathPolicy::login(),
            revocation: match anchor.revocation_check {
                RevocationCheck::Off => ClientCertificateRevocation::Unchecked,
                RevocationCheck::Required => {
                    let policy: RevocationPolicy = revocation_policy_of(&anchor.revocation);
                    ClientCertificateRevocation::Checked(policy)
                }
            },
        });
    }
    Ok((rules, anchors))
}

/// Cards' rules have other names, whatever the operator calls both.
pub(crate) fn rules_name(trust_anchor: &str) -> String {
    format!("mtls:{trust_anchor}")
}
