//! What operators watch: the listener for their programs, the stop, and telemetry.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use super::check::check_range;
use super::load::invalid;
use crate::error::Error;

/// `[operations]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct OperationsConfig {
    /// Where `/metrics`, `/readyz` and `/healthz` are served for operators' programs alone; nowhere
    /// when absent.
    pub listen: Option<SocketAddr>,
    /// A file with the token that `/metrics` asks for (`Authorization: Bearer`); must be given
    /// where the listener is not on the loopback.
    pub bearer_token_file: Option<PathBuf>,
    /// The folder that backups are written to, of which the newest file's time is told.
    pub backup_dir: Option<PathBuf>,
    /// Seconds between the signal to stop and the end of accepting: `/readyz` answers 503
    /// meanwhile, so that a load balancer leads new callers elsewhere.
    pub drain_seconds: u32,
    /// Seconds that running requests then have to end.
    pub stop_seconds: u32,
}

impl Default for OperationsConfig {
    fn default() -> Self {
        Self {
            listen: None,
            bearer_token_file: None,
            backup_dir: None,
            drain_seconds: 0,
            stop_seconds: 50,
        }
    }
}

/// `[telemetry]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TelemetryConfig {
    /// Where traces are sent by OTLP over HTTP, such as `http://127.0.0.1:4318`; nowhere when
    /// absent, unless the environment says so (`OTEL_EXPORTER_OTLP_ENDPOINT`).
    pub otlp_endpoint: Option<Url>,
    /// How many of a hundred traces are kept.
    pub sampled_percent: u8,
    /// Proxies whose `traceparent` header is believed; nobody's when empty.
    pub traceparent_from: Vec<IpAddr>,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            sampled_percent: 100,
            traceparent_from: Vec::new(),
        }
    }
}

/// Rules on both tables.
pub(super) fn check_operations(
    file: &Path,
    operations: &OperationsConfig,
    telemetry: &TelemetryConfig,
) -> Result<(), Error> {
    let is_loopback = |address: SocketAddr| address.ip().is_loopback();
    if operations.bearer_token_file.is_none() && !operations.listen.is_none_or(is_loopback) {
        return Err(invalid(
            file,
            None,
            "operations.bearer_token_file",
            "must be given because operations.listen is not a loopback address",
        ));
    }
    for (key, value, least, most) in [
        ("drain_seconds", operations.drain_seconds, 0, 600),
        ("stop_seconds", operations.stop_seconds, 1, 600),
    ] {
        check_range(file, &format!("operations.{key}"), value, least..=most)?;
    }
    let sampled = u32::from(telemetry.sampled_percent);
    check_range(file, "telemetry.sampled_percent", sampled, 0..=100)?;
    match &telemetry.otlp_endpoint {
        Some(url) if !matches!(url.scheme(), "http" | "https") => Err(invalid(
            file,
            None,
            "telemetry.otlp_endpoint",
            "must be an http or https address",
        )),
        _ => Ok(()),
    }
}
