//! Traces by OTLP over HTTP, as a collector receives them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

use crate::card::Card;
use crate::operations::Watched;
use crate::relying_party::{Request, sign_in};

type Received = Arc<Mutex<Vec<Vec<u8>>>>;

/// Whatever else stood in a trace would have to be thought about first.
const ATTRIBUTES: [&str; 8] = [
    "request_id",
    "method",
    "route",
    "login_id",
    "http.response.status_code",
    "cardea.code",
    "session",
    "busy_ns",
];

async fn collector() -> (String, Received) {
    async fn take(State(received): State<Received>, headers: HeaderMap, body: Bytes) {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        received.lock().unwrap().push(body.to_vec());
    }
    let received = Received::default();
    let router = Router::new()
        .route("/v1/traces", post(take))
        .with_state(Arc::clone(&received));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), received)
}

fn find<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("{name} in {names:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_one_trace_of_steps_that_names_nobody() {
    let (endpoint, received) = collector().await;
    let telemetry =
        format!("[telemetry]\notlp_endpoint = \"{endpoint}\"\ntraceparent_from = [\"127.0.0.1\"]");
    let mut watched = Watched::start("", &telemetry).await;
    let card = Card::pharmacist(&watched.app);
    let signed_in = sign_in(&watched.app, &Request::new(), &card).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let asked = watched.app.get("/jwks").header("traceparent", parent);
    assert_eq!(asked.send().await.unwrap().status(), 200);
    drop(signed_in.connection);
    // What waits is sent before the program ends.
    watched.program.terminate();
    assert!(watched.program.ended().await);

    let bodies = received.lock().unwrap().clone();
    let decode = |body: &Vec<u8>| ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
    let requests: Vec<_> = bodies.iter().map(decode).collect();
    let resource = format!("{:?}", requests[0].resource_spans[0].resource);
    assert!(resource.contains("service.name") && resource.contains("cardea"));
    let resources = requests
        .into_iter()
        .flat_map(|request| request.resource_spans);
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    let spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).collect();

    let judged = find(&spans, "POST /login/{id}/assertion");
    for step in [
        "check_shape",
        "redeem_challenge",
        "check_origin",
        "verify_signatures",
        "validate_path",
        "check_revocation",
        "check_profile",
        "check_policy",
    ] {
        let step = find(&spans, step);
        assert_eq!(step.trace_id, judged.trace_id, "{}", step.name);
    }
    let known = find(&spans, "GET /jwks");
    let hex: String = known
        .trace_id
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, "0af7651916cd43dd8448eb211c80319c");

    let used = spans.iter().flat_map(|span| &span.attributes);
    let names: BTreeSet<&str> = used.map(|attribute| attribute.key.as_str()).collect();
    for name in &names {
        assert!(ATTRIBUTES.contains(name), "{names:?}");
    }
    let text = format!("{spans:?}");
    for secret in ["LEFEVRE", "127.0.0.1", "eyJ", &signed_in.code] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(spans.iter().all(|span| span.events.is_empty()));
}
