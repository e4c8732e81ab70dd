//! The server side of Cardea: an OpenID Provider whose people sign in with a smart card.
//!
//! This crate holds what `provider` deliberately leaves out: HTTP routes, pages, configuration,
//! outbound fetches and the wiring between them. It follows OpenID Connect Core 1.0, RFC 6749,
//! RFC 9700, RFC 9457 and the logout specifications; it decides nothing about cards, clients or
//! tokens. The program is `cardea`; `cardea --help` lists its commands, and
//! `cardea.example.toml` beside this crate shows a whole configuration.
//!
//! ```no_run
//! # async fn example() -> Result<(), cardea_server::error::Error> {
//! use std::path::Path;
//!
//! let config = cardea_server::config::Config::load(Path::new("cardea.toml"))?;
//! let app = cardea_server::app::App::build(&config).await?;
//! let router = app.router(); // an axum router, ready to be served
//! # Ok(())
//! # }
//! ```

mod account;
mod activity;
pub mod admin_api;
mod administration;
mod agentless;
mod anchor_reload;
mod anchor_view;
pub mod app;
mod approval_view;
mod backchannel_logout;
mod bearer;
mod body_limit;
mod card_recheck;
mod card_view;
mod certificate_reload;
mod challenge_list;
mod client_address;
mod client_metadata;
mod client_registration;
mod client_reload;
mod client_throttle;
mod clock;
pub mod command;
pub mod config;
mod connection_limit;
mod console;
mod cookie;
mod cross_origin;
mod delivery_places;
mod endpoint;
mod environment_secret;
pub mod error;
mod error_list;
mod error_response;
mod event_log;
mod event_push;
mod file_limit;
mod form;
mod handler;
mod http_client;
mod incident_report;
mod instance_view;
mod key_encryption;
mod key_file;
mod key_rotation;
mod key_vault;
mod language;
mod ldap_client;
mod ledger;
mod listener;
mod log_format;
mod login_error;
mod metrics;
mod moment;
mod mtls;
mod named_files;
mod openapi;
mod operations;
mod page;
mod pdf;
mod pkcs11;
mod presence;
mod presence_wait;
mod private_memory;
mod problem;
mod provider_config;
mod rate_limit;
mod readiness;
mod refusal;
pub mod reload;
mod request_log;
mod retry_after;
mod revocation_fetch;
mod router;
mod same_origin;
mod security_events;
mod security_headers;
mod server_keys;
mod settings;
mod settled_answers;
mod shutdown;
mod siem;
mod state;
mod stop_view;
mod suspend_throttle;
mod sweeper;
mod telemetry;
mod time_zone;
mod tls;
mod token_key_files;
mod uninterrupted;
