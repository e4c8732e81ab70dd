//! The repository's chores, started as `cargo xtask COMMAND`.
//!
//! What it is: a small program that installs what the project needs, builds it, starts the whole
//! system with a virtual card in a real reader, runs every test and checks the source. It is built
//! before anything else exists on the machine, so it uses the standard library, `anyhow` and
//! `serde_json` and no system library.
//!
//! What it does not do: it takes no part in the product. No other crate but `e2e` depends on it.
//!
//! ```text
//! cargo xtask demo      # the whole system, with a card, on this machine
//! cargo xtask test      # every test; the last line is `N passed, M failed`
//! ```

pub mod bench;
pub mod cargo_tool;
pub mod check;
pub mod command_line;
pub mod demo;
pub mod fixtures;
pub mod install;
pub mod output;
pub mod package;
pub mod process;
pub mod sbom;
pub mod soak;
pub mod system;
pub mod test_run;
pub mod tidy;
pub mod workspace;
