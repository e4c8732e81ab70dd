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

mod access_error;
mod access_token;
mod account;
mod act;
mod adapter;
mod address_range;
mod budget;
mod clock;
pub mod config;
mod decision;
mod delivery;
mod error;
mod event_stream;
mod extractor;
mod forward_auth;
mod http_client;
mod introspection;
mod jwks_source;
mod layer;
mod peer;
mod proof_of_possession;
mod refusal_answer;
pub mod replay;
mod revoked_sessions;
mod serve;
mod signal;
pub mod simulator;
mod spool;
mod state;
#[cfg(test)]
mod test_issuer;
#[cfg(test)]
mod test_redis;
mod unix_socket;

pub use access_error::AccessError;
pub use access_token::{
    Binding, Demand, RevocationUse, StepUp, TokenCheck, TokenConfig, VerifiedAccess,
};
pub use account::{
    AccountState, Around, Decider, FreshSignature, StopHeld, Tally, ToldStop, judge, sign, sign_in,
};
pub use act::{Act, Actor, Kind, Patient};
pub use adapter::{
    Adapter, AdapterError, Guard, Judgement, LookUpStatement, LookUps, LookUpsConfig,
    PresenceStatement, PseudonymKey, Seen, StatementKeys, Withheld, is_in_sequence, lift,
};
pub use address_range::AddressRange;
pub use clock::{Clock, SystemClock};
pub use config::{Config, Rules};
pub use decision::{Answer, Decision, Language, Reason, ReasonCode};
pub use delivery::{Reports, Resent, resend};
pub use error::Error;
pub use extractor::NotChecked;
pub use layer::{TokenLayer, TokenService};
pub use proof_of_possession::{CertificateDigest, CertificateHeader, NonceUse, RequestSeen};
pub use serve::{ServeConfig, serve};
pub use spool::{
    NoReporter, Recorded, Report, ReportedPart, ReportedReason, ReportedStop, ReportedToken,
    Reporter, Spool, SpoolConfig, SpoolStatus, SpooledRecord,
};
pub use state::{Accounts, Deciding, Health, RedisConfig, StateConfig, open as open_accounts};
