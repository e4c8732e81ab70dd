//! The listener that asks for cards' certificates: its routes, and no others.
//!
//! Every answer closes its connection, and no session is resumed: so each request has a handshake
//! of its own, which the card's key has answered just now.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cardea_pki::Certificate;
use openssl::x509::X509;

use crate::body_limit::{BODY_BYTES_MAX, limit_body_and_address};
use crate::config::{AgentlessConfig, Config};
use crate::error::Error;
use crate::error_response::render_refusals_away;
use crate::handler::agentless::{get_confirmation, post_confirmation};
use crate::provider_config::load_certificates;
use crate::request_log::log_request;
use crate::router::{limit_time, refuse_address, refuse_method};
use crate::security_headers::add_security_headers;
use crate::settled_answers::settle_answers;
use crate::state::AppState;
use crate::tls::client_certificate::{CertificateDemand, ClientCertificates, TlsVersions};
use crate::uninterrupted::answer_to_the_end;

/// The routes, with what every request and answer passes through.
pub(crate) fn router(state: AppState) -> Router {
    let passing = from_fn_with_state(state.clone(), pass_through);
    Router::new()
        .route(
            "/agentless/{id}",
            get(get_confirmation)
                .post(post_confirmation)
                .head(refuse_method),
        )
        .fallback(refuse_address)
        .method_not_allowed_fallback(refuse_method)
        .layer((passing, DefaultBodyLimit::max(BODY_BYTES_MAX)))
        .with_state(state)
}

/// What every request and answer passes through, from the outside to the inside.
async fn pass_through(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let own = state.clone();
    answer_to_the_end(&state, async move {
        let state = &own;
        log_request(state, request, |request| {
            close_connection(request, |request| {
                add_security_headers(state, request, |request| {
                    render_refusals_away(state, request, |request| {
                        limit_time(request, |request| {
                            settle_answers(state, request, |request| {
                                limit_body_and_address(request, |request| next.run(request))
                            })
                        })
                    })
                })
            })
        })
        .await
    })
    .await
}

/// How the listener asks for certificates. TLS 1.3 wants RSASSA-PSS, which a CPS3 cannot sign with,
/// so that it is spoken only where the operator says that all cards can. The names of the cards'
/// authorities go along: browsers then offer no other certificate, and nothing is decided by it.
///
/// # Errors
/// [`Error`], when a file of the trust anchors cannot be read.
pub(crate) fn client_certificates(
    config: &Config,
    agentless: &AgentlessConfig,
) -> Result<ClientCertificates, Error> {
    let mut named_authorities = Vec::new();
    for anchor in &config.trust_anchor {
        let files = std::iter::once(&anchor.anchors).chain(&anchor.intermediates);
        for file in files {
            for certificate in load_certificates(file)? {
                named_authorities.extend(X509::from_der(Certificate::der(&certificate)).ok());
            }
        }
    }
    Ok(ClientCertificates {
        demand: CertificateDemand::Required,
        versions: match agentless.cards_sign_pss {
            true => TlsVersions::Both,
            false => TlsVersions::Tls12Alone,
        },
        named_authorities,
    })
}

/// Ends the connection with its answer (RFC 9112 section 9.6). HTTP/2, which carries many requests
/// on one handshake, is not offered; whoever speaks it all the same is refused.
async fn close_connection<F>(request: Request, next: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    if request.version() > Version::HTTP_11 {
        return StatusCode::HTTP_VERSION_NOT_SUPPORTED.into_response();
    }
    let mut response = next(request).await;
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}
