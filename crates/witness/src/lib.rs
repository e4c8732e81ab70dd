//! A witness of transparency logs: it cosigns a log's checkpoint only if the log has done nothing
//! but grow since the last one, and it never forgets. Whoever runs a log can then not show one
//! history to some and another to others, not even with the log's own key.
//!
//! It speaks C2SP's tlog-witness (`POST /add-checkpoint`) and signs `cosignature/v1`. It never sees
//! an entry of a log, knows no clock but for the time in its cosignature, and has nothing to do
//! with the server of a log: it belongs on another machine, in other hands.
//!
//! [`verify`] checks an exported log by itself.
//!
//! ```
//! let text = r#"
//!     name = "witness.example.org"
//!     key_file = "witness.key"
//!     state_folder = "state"
//!     [[log]]
//!     origin = "log.example.org"
//!     keys = ["log.example.org+b7706ae2+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"]
//! "#;
//! let config = cardea_witness::Config::parse(text, "witness.toml".as_ref())?;
//! assert_eq!(config.logs.len(), 1);
//! let wrong = text.replace("+b7706ae2+", "+b7706ae3+");
//! let refused = cardea_witness::Config::parse(&wrong, "witness.toml".as_ref()).unwrap_err();
//! assert_eq!(refused.code(), "witness.config_invalid", "the key's id is another's");
//! # Ok::<(), cardea_witness::Error>(())
//! ```

mod clock;
mod config;
mod error;
mod key_file;
mod restore;
mod route;
mod serve;
mod state;
pub mod verify;
mod witness;

pub use clock::unix_seconds;
pub use config::{Config, LogConfig, ServeConfig};
pub use error::Error;
pub use key_file::{make as make_key, public as public_key};
pub use restore::accept_restore;
pub use route::router;
pub use serve::serve;
pub use witness::Witness;
