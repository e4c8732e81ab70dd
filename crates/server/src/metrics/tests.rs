//! Events become numbers, and no label is a caller's word.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use cardea_provider::Clock as _;
use cardea_provider::event::{Event, EventKind};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::Metrics;
use crate::clock::SystemClock;

fn text_of(metrics: &Metrics) -> String {
    let mut registry = Registry::with_prefix("cardea");
    metrics.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text
}

#[test]
fn refusals_are_counted_by_their_code_and_name_nobody() {
    let metrics = Metrics::default();
    let refused = EventKind::LoginRefused {
        code: "pki.certificate_revoked",
        instance_jkt: None,
        card: None,
    };
    let event = Event::new(refused, SystemClock.now()).of_client("a-portal");
    metrics.count(&event);
    metrics.count(&event);
    let ended = EventKind::SessionEnded {
        reason: "card_removed",
        codes_revoked: 0,
        grants_revoked: 0,
        families_revoked: 0,
    };
    metrics.count(&Event::new(ended, SystemClock.now()));
    let text = text_of(&metrics);
    for line in [
        "cardea_refusals_total{event=\"login.refused\",code=\"pki.certificate_revoked\"} 2",
        "cardea_logins_total{way=\"login\",outcome=\"refused\",acr=\"\"} 2",
        "cardea_events_total{event=\"login.refused\"} 2",
        "cardea_sessions_ended_total{reason=\"card_removed\"} 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("a-portal"));
    // The reason of an end is no refusal.
    assert!(!text.contains("code=\"card_removed\""));
}

/// Whatever a stranger sends makes no series of its own.
#[test]
fn requests_are_told_apart_by_what_the_program_knows() {
    let metrics = Metrics::default();
    let invented = Method::from_bytes(b"INVENTED").unwrap();
    let took = Duration::from_millis(3);
    metrics.observe_request(
        &invented,
        "unknown",
        StatusCode::NOT_FOUND,
        Some("server.not_found"),
        took,
    );
    metrics.observe_request(&Method::GET, "/login/{id}", StatusCode::OK, None, took);
    let text = text_of(&metrics);
    for line in [
        "cardea_answers_refused_total{code=\"server.not_found\"} 1",
        "cardea_http_request_duration_seconds_count{method=\"other\",route=\"unknown\",status=\"4xx\"} 1",
        "cardea_http_request_duration_seconds_count{method=\"GET\",route=\"/login/{id}\",status=\"2xx\"} 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("INVENTED"));
}
