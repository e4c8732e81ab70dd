//! The configuration file as TOML gives it, before it is checked.

use std::path::{Path, PathBuf};

use cardea_assertion::EnrolledLog;
use cardea_jose::Jwk;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Backend, InstanceKeyPlace, LoopbackChoice, invalid};
use crate::Error;
use crate::language::LanguageChoice;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    #[serde(default = "default_port")]
    pub(super) port: u16,
    pub(super) socket: Option<PathBuf>,
    #[serde(default)]
    pub(super) browser_extensions: Vec<String>,
    #[serde(default)]
    pub(super) loopback: LoopbackChoice,
    #[serde(default)]
    pub(super) language: LanguageChoice,
    #[serde(default = "default_pinentry")]
    pub(super) pinentry: PathBuf,
    pub(super) state_dir: Option<PathBuf>,
    #[serde(default)]
    pub(super) instance_key: InstanceKeyPlace,
    pub(super) instance_name: Option<String>,
    #[serde(default = "default_backend")]
    pub(super) backend: Backend,
    #[serde(default = "default_prompt_timeout_seconds")]
    pub(super) prompt_timeout_seconds: u32,
    #[serde(default)]
    pub(super) pin_policy: PinPolicy,
    pub(super) pin_kept_max_minutes: Option<u32>,
    #[serde(default)]
    pub(super) keep_pin_without_screen_lock: bool,
    #[serde(default = "default_browser")]
    pub(super) browser: PathBuf,
    #[serde(default = "default_requests_per_minute")]
    pub(super) requests_per_minute: u32,
    #[serde(default = "default_end_at_screen_lock")]
    pub(super) end_at_screen_lock: bool,
    #[serde(default)]
    pub(super) issuer: Vec<Issuer>,
    #[serde(default)]
    pub(super) business_software: BusinessSoftware,
    #[serde(default)]
    pub(super) tray: Tray,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tray {
    #[serde(default = "default_tray_enabled")]
    pub(super) enabled: bool,
}

impl Default for Tray {
    fn default() -> Self {
        Self {
            enabled: default_tray_enabled(),
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PinPolicy {
    #[default]
    Strict,
    Pharmacy,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BusinessSoftware {
    #[serde(default)]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) client: Vec<AllowedClient>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllowedClient {
    pub(super) client_id: String,
    #[serde(default)]
    pub(super) addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Issuer {
    pub(super) issuer: String,
    pub(super) name: Option<String>,
    pub(super) origins: Option<Vec<String>>,
    pub(super) roots: Option<Vec<Jwk>>,
    pub(super) roots_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) signed_at: Option<i64>,
    pub(super) log: Option<EnrolledLog>,
}

/// Reads the text; an error names the line's key as well as the reason.
pub(super) fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, Error> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_at(text, span.start));
        let key = match line {
            Some((number, key)) => format!("line {number}, {key}"),
            None => "(file)".to_owned(),
        };
        invalid(path, &key, error.message())
    })
}

/// The line's number, from 1, and the key or table that begins it.
fn line_at(text: &str, offset: usize) -> (usize, &str) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text
        .get(start..)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    let key = line.split('=').next().unwrap_or_default().trim();
    (
        before.matches('\n').count() + 1,
        if key.is_empty() { "(file)" } else { key },
    )
}

fn default_port() -> u16 {
    47_110
}

fn default_pinentry() -> PathBuf {
    PathBuf::from("pinentry")
}

fn default_browser() -> PathBuf {
    PathBuf::from("xdg-open")
}

fn default_backend() -> Backend {
    Backend::Automatic
}

fn default_prompt_timeout_seconds() -> u32 {
    90
}

fn default_end_at_screen_lock() -> bool {
    true
}

fn default_tray_enabled() -> bool {
    true
}

fn default_requests_per_minute() -> u32 {
    30
}
