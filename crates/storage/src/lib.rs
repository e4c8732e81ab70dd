//! Records that must outlive a request, kept in SQLite (the embedded default) or PostgreSQL.
//!
//! One file a record; each holds the record's Rust form and the few statements that touch it. The
//! same static SQL text runs on both databases: `$1` placeholders, `BIGINT` unix seconds, `TEXT`
//! ids (base64url of random bytes), `ON CONFLICT` and `RETURNING`.
//!
//! What it deliberately does not do: decide anything. Expiry, ownership and limits are compared by
//! the caller; here a record is taken, changed or found. It also never sees the clock, makes no
//! random values, and never stores a secret: cookies and codes arrive as [`SecretDigest`], which
//! only SHA-256 can make.
//!
//! Every statement runs in a [`Transaction`], so that an effect and the event that tells of it are
//! written together or not at all.
//!
//! ```
//! # async fn example() -> Result<(), cardea_storage::Error> {
//! use cardea_storage::{Store, subject};
//! use time::OffsetDateTime;
//!
//! let store = Store::open_in_memory().await?;
//! let mut transaction = store.begin().await?;
//! let now = OffsetDateTime::UNIX_EPOCH;
//! let person = subject::PersonId { scheme: "rpps", value: "899700000001" };
//! let first = subject::load_or_create(&mut transaction, person, "sub-one", now).await?;
//! let again = subject::load_or_create(&mut transaction, person, "sub-two", now).await?;
//! assert_eq!(first, again);
//! transaction.commit().await
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```

pub mod access_grant;
pub mod account_cookie;
pub mod account_stop;
pub mod agent_instance;
pub mod agentless_code;

mod ahead;
pub mod approval;
pub mod authorization_code;
pub mod authorization_request;
pub mod backup;
pub mod card;
pub mod challenge;
pub mod challenge_list_version;
mod checkpoint;
pub mod client;
pub mod client_session;
pub mod consent;
mod database;
pub mod device_authorization;
pub mod dpop_key;
mod durability;
pub mod erasure;
mod error;
pub mod event;
pub mod event_push;
mod flush;
pub mod grant_challenge;
pub mod guard_notice;
pub mod guard_report;
pub mod health;
mod hooks;
pub mod incident;
pub mod initial_access_token;
pub mod instance_standing;
pub mod ledger;
pub mod live_notice;
pub mod logout_delivery;
pub mod mass_loss;
mod migrate;
pub mod not_me;
mod opening;
pub mod pairwise_subject;
pub mod pushed_authorization_request;
mod redemption;
pub mod refresh_token;
pub mod refused_use;
pub mod retention;
mod secret_digest;
pub mod security_event;
pub mod session;
pub mod session_card;
pub mod siem_output;
pub mod signing_key;
pub mod spending;
pub mod spent_jti;
mod sql;
mod sqlite;
pub mod step_up;
pub mod subject;
mod timestamp;
pub mod trust_anchor;

pub use ahead::for_this_request;
pub use database::{Store, Transaction};
pub use error::Error;
pub use health::observe_commits;
pub use redemption::Redemption;
pub use secret_digest::SecretDigest;
