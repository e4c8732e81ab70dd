//! The token check as a tower layer, for an API in Rust.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, Request};
use axum::response::Response;
use tower::{Layer, Service};

use crate::AccessError;
use crate::access_token::{Demand, TokenCheck, VerifiedAccess};
use crate::adapter::{Adapter, Guard, LookUps};
use crate::address_range::AddressRange;
use crate::proof_of_possession::{CertificateHeader, DPOP_NONCE, RequestSeen};
use crate::refusal_answer::{Challenging, nonce, refuse};

/// Lets those requests through whose token is good, with their [`VerifiedAccess`] beside.
///
/// ```no_run
/// # fn example(check: cardea_guard::TokenCheck) {
/// use axum::{Router, routing::get};
/// use cardea_guard::{Demand, TokenLayer, VerifiedAccess};
///
/// let layer = TokenLayer::new(check, "https://api.example.fr").with_demand(Demand::default());
/// let api: Router = Router::new()
///     .route("/me", get(async |access: VerifiedAccess| access.sub().to_owned()))
///     .layer(layer);
/// # }
/// ```
#[derive(Clone)]
pub struct TokenLayer(Arc<Rules>);

struct Rules {
    check: TokenCheck,
    origin: String,
    demand: Demand,
    certificates: Option<(CertificateHeader, Vec<AddressRange>)>,
    look_ups: Option<(Guard, Adapter)>,
}

/// What [`TokenLayer`] puts before a service.
#[derive(Clone)]
pub struct TokenService<S> {
    inner: S,
    rules: Arc<Rules>,
}

impl TokenLayer {
    /// A layer before an API whose clients know it by this origin (scheme, host, and port where it
    /// is not the scheme's own).
    #[must_use]
    pub fn new(check: TokenCheck, origin: impl Into<String>) -> Self {
        let origin = origin.into().trim_end_matches('/').to_owned();
        Self(Arc::new(Rules {
            check,
            origin,
            demand: Demand::default(),
            certificates: None,
            look_ups: None,
        }))
    }

    /// The same, and more is asked of each login.
    #[must_use]
    pub fn with_demand(self, demand: Demand) -> Self {
        self.change(|rules| rules.demand = demand)
    }

    /// The same, and a proxy at one of these addresses tells which certificate it saw. The service
    /// must be made with connection information (`into_make_service_with_connect_info`).
    #[must_use]
    pub fn with_certificates(self, header: CertificateHeader, proxies: Vec<AddressRange>) -> Self {
        self.change(|rules| rules.certificates = Some((header, proxies)))
    }

    /// The same, and every answer has to be allowed: a handler asks by its [`LookUps`] before it
    /// answers, and an answer of one that didn't ask is withheld.
    #[must_use]
    pub fn with_look_ups(self, guard: Guard, adapter: Adapter) -> Self {
        self.0.check.tell(guard.clone());
        self.change(|rules| rules.look_ups = Some((guard, adapter)))
    }

    fn change(self, change: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = Rules {
            check: self.0.check.clone(),
            origin: self.0.origin.clone(),
            demand: self.0.demand.clone(),
            certificates: self.0.certificates.clone(),
            look_ups: self.0.look_ups.clone(),
        };
        change(&mut rules);
        Self(Arc::new(rules))
    }
}

impl<S> Layer<S> for TokenLayer {
    type Service = TokenService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TokenService {
            inner,
            rules: Arc::clone(&self.0),
        }
    }
}

impl<S, B> Service<Request<B>> for TokenService<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let rules = Arc::clone(&self.rules);
        // The one that was ready serves this request; its clone is for the next.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            // What stands there is nobody's word but this layer's.
            request.extensions_mut().remove::<VerifiedAccess>();
            request.extensions_mut().remove::<LookUps>();
            let (parts, body) = request.into_parts();
            match rules.verify(&parts).await {
                Ok(access) => {
                    let look_ups = rules.look_ups(&access, &parts.headers);
                    let mut request = Request::from_parts(parts, body);
                    request.extensions_mut().insert(access);
                    if let Some(look_ups) = &look_ups {
                        request.extensions_mut().insert(look_ups.clone());
                    }
                    let response = inner.call(request).await?;
                    let mut response = match &look_ups {
                        Some(look_ups) => look_ups.release(response),
                        None => response,
                    };
                    if rules.check.demands_nonces()
                        && let Some(nonce) = nonce(&rules.check)
                    {
                        response.headers_mut().insert(DPOP_NONCE, nonce);
                    }
                    Ok(response)
                }
                Err(error) => Ok(refuse(&rules.check, &error, &parts.headers)),
            }
        })
    }
}

impl Rules {
    fn look_ups(&self, access: &VerifiedAccess, headers: &HeaderMap) -> Option<LookUps> {
        let (guard, adapter) = self.look_ups.clone()?;
        Some(LookUps {
            guard,
            adapter,
            access: access.clone(),
            challenging: Challenging::of(&self.check),
            headers: headers.clone(),
            is_stated: Arc::new(AtomicBool::new(false)),
        })
    }

    async fn verify(
        &self,
        parts: &axum::http::request::Parts,
    ) -> Result<VerifiedAccess, AccessError> {
        let certificate = match &self.certificates {
            Some((header, proxies)) if AddressRange::any(proxies, peer(&parts.extensions)) => {
                header.read(&parts.headers)?
            }
            _ => None,
        };
        let url = format!("{}{}", self.origin, original_path(parts));
        let seen = RequestSeen {
            method: parts.method.as_str(),
            url: &url,
            certificate: certificate.as_ref(),
        };
        let demands = std::slice::from_ref(&self.demand);
        self.check.check(&parts.headers, &seen, demands).await
    }
}

/// The path as the caller wrote it, also where a router of axum's is nested in another.
fn original_path(parts: &axum::http::request::Parts) -> &str {
    let original = parts.extensions.get::<axum::extract::OriginalUri>();
    original.map_or(parts.uri.path(), |original| original.0.path())
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map(|ConnectInfo(address)| address.ip())
}

#[cfg(test)]
mod tests;
