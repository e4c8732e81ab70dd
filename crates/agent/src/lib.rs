//! The agent on the workstation: it stands between login pages, the person and the card.
//!
//! A login page of an enrolled issuer hands over a challenge; the agent checks that page, issuer
//! and signing key belong to one enrolment, asks the person for the PIN in a window of its own,
//! lets the card sign a statement that names the page's origin, and tells the server when the card
//! leaves.
//!
//! It deliberately does not validate certificates (the server does), does not keep a PIN, does not
//! sign anything but its own typed statements, and is not reachable from other machines or for
//! other users of this one.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use cardea_agent::config::{Config, Environment};
//! use cardea_agent::{Agent, LocalApi, Pinentry, peer_check};
//!
//! # async fn example() -> Result<(), cardea_agent::Error> {
//! let config = Config::load(Path::new("agent.toml"), &Environment::read())?;
//! let api = LocalApi::bind(config.port).await?;
//! let cards = config.backend.open()?;
//! let prompt = Pinentry::find(&config)?;
//! let agent = Agent::new(config, cards, prompt)?;
//! api.serve(agent, peer_check::of_this_platform(), std::future::pending()).await
//! # }
//! ```

mod agent;
pub mod agent_socket;
mod blocked_sites;
mod boot_clock;
pub mod browser_policies_command;
pub mod browser_setup_command;
pub mod business_software;
mod card_access;
pub mod card_command;
mod card_session;
mod challenge_check;
mod challenge_keys;
mod chooser_page;
mod clock;
pub mod config;
pub mod config_place;
mod consent;
mod conversation;
mod display_text;
pub mod doctor;
pub mod enrol_command;
mod enrolled_issuers;
mod enrolment;
mod error;
mod host_check;
#[doc(hidden)]
pub mod hostile_input;
mod instance_key;
mod issuer_tls;
mod kept_pins;
mod language;
mod local_api;
mod log_memory;
pub mod memory;
mod message;
pub mod native_host;
mod notice;
mod origin_check;
mod own_page;
mod own_status;
mod page_request;
pub mod peer_check;
pub mod pin_policy;
mod pin_prompt;
mod presence;
mod problem;
mod program_api;
mod progress;
mod prompt_slot;
mod prompt_text;
mod prompt_window;
mod protected_file;
mod protected_program;
mod rate_limit;
mod reader_held;
mod reader_patience;
mod reader_watch;
mod redeemed_challenges;
pub mod screen_lock;
pub mod several_users;
mod sign_in;
pub mod sign_in_command;
pub mod state_page;
pub mod status_command;
mod step_up;
mod tray;
pub mod unblock_command;
mod wanted;

pub use agent::Agent;
pub use agent_socket::AgentSocket;
pub use card_access::CardAccess;
pub use enrolment::{Enrolment, IssuerUrl};
pub use error::Error;
pub use language::Language;
pub use local_api::{LocalApi, LoopbackDoor};
pub use log_memory::{KnownLog, LogRefusal, WatchDiffers};
pub use pin_prompt::{Choice, Confirmation, PinPrompt, PinQuestion, Pinentry, become_prompt};
pub use program_api::{CallingProgram, ProgramApi};
pub use tray::Tray;
