//! Stands in front of a portal's API and tells a robot from a person: early, explainably, and
//! without a stop that honest people would feel.
//!
//! What it deliberately does not do: it issues nothing, it learns nothing that nobody can explain,
//! and it never sees a patient's number, only pseudonyms that the portal's adapter made.
//!
//! ```
//! use cardea_guard::{Act, Answer, Decider, Patient, Rules};
//!
//! let decider = Decider::new(Rules::default());
//! let mut act = Act::look_up("sub-1", "records", Patient::from_pseudonym("p-1"));
//! act.at = 1_795_996_800_000;
//! assert_eq!(decider.decide(&act).answer, Answer::Allow);
//! ```

mod account;
mod act;
pub mod config;
mod decision;
mod error;
pub mod replay;
pub mod simulator;

pub use account::{AccountState, Decider};
pub use act::{Act, Actor, Kind, Patient};
pub use config::{Config, Rules};
pub use decision::{Answer, Decision, Language, Reason};
pub use error::Error;
