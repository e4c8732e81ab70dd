//! Traces for operators who collect them: OpenTelemetry by OTLP over HTTP, in protobuf.
//!
//! A trace has a span for each request, named by its route's pattern, and one for each step of a
//! card's verification. Of our own log lines nothing goes along; the attributes are the route, the
//! method, the status, the code of a refusal, the request's random id and eight characters of the
//! login's. Ended spans wait in a bounded queue for a thread of their own: a collector that is away
//! costs spans and never a login.

use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tokio::sync::oneshot;
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::config::TelemetryConfig;
use crate::error::Error;

/// How long a collector may take for a batch, unless the environment says otherwise.
const EXPORT_TIME: Duration = Duration::from_secs(5);
/// How long the last spans may take when the program ends.
const LAST_TIME: Duration = Duration::from_secs(3);
/// The environment's say in where traces go (OpenTelemetry's specification of the exporter).
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
const TIMES: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
];
/// Our own crates; what libraries say of connections and statements stays here.
const TARGETS: &str = "cardea";

/// The way that ended spans take, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Opens the way. To be called outside of the runtime: the exporter has a thread of its own.
    ///
    /// # Errors
    /// [`Error::TelemetryUnusable`].
    pub(crate) fn start(config: &TelemetryConfig) -> Result<Self, Error> {
        let is_named = |names: [&str; 2]| names.iter().any(|name| is_set(name));
        if is_disabled() || (config.otlp_endpoint.is_none() && !is_named(ENDPOINTS)) {
            return Ok(Self::default());
        }
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary);
        if let Some(endpoint) = &config.otlp_endpoint {
            let base = endpoint.as_str().trim_end_matches('/');
            exporter = exporter.with_endpoint(format!("{base}/v1/traces"));
        }
        if !is_named(TIMES) {
            exporter = exporter.with_timeout(EXPORT_TIME);
        }
        let exporter = exporter
            .build()
            .map_err(|source| Error::TelemetryUnusable { source })?;
        let version = env!("CARGO_PKG_VERSION");
        let resource = Resource::builder()
            .with_attribute(opentelemetry::KeyValue::new("service.version", version));
        let resource = match is_set("OTEL_SERVICE_NAME") {
            true => resource,
            false => resource.with_service_name("cardea"),
        };
        let mut provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build());
        if config.sampled_percent < 100 {
            let share = f64::from(config.sampled_percent) / 100.0;
            let sampler = Sampler::TraceIdRatioBased(share);
            provider = provider.with_sampler(Sampler::ParentBased(Box::new(sampler)));
        }
        Ok(Self(Some(provider.build())))
    }

    /// What follows the program's spans.
    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let tracer = self.0.as_ref()?.tracer("cardea");
        let layer: OpenTelemetryLayer<S, SdkTracer> = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(filter_fn(is_followed)))
    }

    /// Sends what waits yet, for a short while, or until `at_once`. The exporter waits in a thread
    /// that nobody waits for at the program's end.
    pub(crate) async fn finish(self, at_once: impl Future<Output = ()>) {
        let Some(provider) = self.0 else { return };
        let (done, finished) = oneshot::channel();
        thread::spawn(move || {
            if let Err(error) = provider.shutdown_with_timeout(LAST_TIME) {
                tracing::warn!(%error, "the last traces may be lost");
            }
            let _ = done.send(());
        });
        tokio::select! {
            biased;
            () = at_once => {}
            _ = finished => {}
        }
    }
}

fn is_followed(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with(TARGETS)
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn is_disabled() -> bool {
    std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Makes a request's span part of the trace that a configured proxy began (W3C Trace Context);
/// whoever else sends such a header is not listened to.
pub(crate) fn continue_trace(span: &Span, request: &Request, proxies: &[IpAddr]) {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if !peer.is_some_and(|ConnectInfo(peer)| proxies.contains(&peer.ip().to_canonical())) {
        return;
    }
    let context = TraceContextPropagator::new().extract(&Headers(request.headers()));
    // Without a layer that follows spans there is no trace to continue.
    let _ = span.set_parent(context);
}

/// Notes how a request was answered.
pub(crate) fn note_answer(span: &Span, status: u16, code: Option<&'static str>) {
    span.set_attribute("http.response.status_code", i64::from(status));
    if let Some(code) = code {
        span.set_attribute("cardea.code", code);
    }
}

/// The two headers of W3C Trace Context, and no other: baggage is anybody's text.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" | "tracestate" => self.0.get(key)?.to_str().ok(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::body::Body;
    use axum::extract::{ConnectInfo, Request};
    use opentelemetry::trace::TraceContextExt as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::{Telemetry, continue_trace};

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// Whoever is no configured proxy begins no trace of ours, and none is forced to be kept.
    #[test]
    fn a_strangers_traceparent_is_not_believed() {
        let telemetry = Telemetry(Some(SdkTracerProvider::builder().build()));
        let subscriber = tracing_subscriber::registry().with(telemetry.layer());
        let _following = tracing::subscriber::set_default(subscriber);
        let trace_of = |peer: &str| {
            let mut request = Request::new(Body::empty());
            let parent = PARENT.parse().unwrap();
            request.headers_mut().insert("traceparent", parent);
            let peer: SocketAddr = peer.parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(peer));
            let span = tracing::info_span!("request");
            continue_trace(&span, &request, &["10.0.0.9".parse().unwrap()]);
            span.context().span().span_context().trace_id().to_string()
        };
        let known = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(trace_of("10.0.0.9:4711"), known);
        assert_eq!(trace_of("[::ffff:10.0.0.9]:4711"), known);
        assert_ne!(trace_of("10.0.0.8:4711"), known);
    }
}
