//! The statements of a card login, a card grant and a step-up, and the exact bytes that get signed.
//!
//! Twelve JWTs with a `typ` of their own each, so that none passes for another: the server's login
//! challenge, the card's assertion and the agent's attestation of it; the same three of a grant for
//! business software ([`GrantChallenge`], [`GrantClaims`], [`GrantAttestationClaims`]) and of a
//! step-up ([`StepUpChallenge`], [`StepUpClaims`], [`StepUpAttestationClaims`]); the agent's
//! presence statements; the list of challenge keys under the issuer's root keys, and the
//! document that introduces an issuer to a workstation. The crate
//! checks forms, signatures and what two statements must agree on; it keeps no state, asks no
//! clock, and does not judge certificates. Formats: docs/architecture.md, "Card login"; of the
//! grant: `card_grant.rs` and `grant_challenge.rs`, byte for byte, and docs/adr/0016; of the
//! step-up: `step_up.rs` and docs/adr/0043.
//!
//! ```
//! use cardea_assertion::{sign_present, verify_presence};
//! use cardea_jose::{Algorithm, SigningKey};
//!
//! # fn main() -> Result<(), cardea_assertion::Error> {
//! let presence_key = SigningKey::generate(Algorithm::Es256)?;
//! let statement = sign_present(&presence_key, "https://id.example.fr", "server-nonce")?;
//! let presence = verify_presence(&statement, "https://id.example.fr")?;
//! assert_eq!(presence.jkt(), presence_key.kid());
//! # Ok(())
//! # }
//! ```

mod attestation;
mod card_grant;
mod card_statement;
mod challenge;
mod challenge_keys;
mod enrolment;
mod error;
mod grant_challenge;
mod host_account;
mod log_shown;
mod notice;
mod origin;
mod presence;
mod signing_input;
mod step_up;
mod unverified;

pub use attestation::{
    ATTESTATION_BYTES_MAX, ATTESTATION_TYP, AttestationClaims, INSTANCE_NAME_BYTES_MAX,
    InstanceThumbprint, verify_attestation,
};
pub use card_grant::{
    GRANT_ATTESTATION_TYP, GRANT_TYP, GrantAttestationClaims, GrantClaims, UnverifiedGrant,
    VerifiedGrant, certificate_name,
};
pub use card_statement::CardStatement;
pub use challenge::{
    CHALLENGE_BYTES_MAX, CHALLENGE_TYP, LoginChallenge, Purpose, UnverifiedChallenge,
    VerifiedChallenge,
};
pub use challenge_keys::{
    CHALLENGE_KEYS_BYTES_MAX, CHALLENGE_KEYS_TYP, ChallengeKeyList, verify_challenge_keys,
};
pub use enrolment::{
    ENROLMENT_BYTES_MAX, ENROLMENT_TYP, EnrolledLog, EnrolmentDocument, UncomparedEnrolment,
    root_fingerprint,
};
pub use error::Error;
pub use grant_challenge::{GRANT_CHALLENGE_TYP, GrantChallenge};
pub use host_account::HostAccount;
pub use log_shown::{
    LOG_SHOWN_BYTES_MAX, LogShown, NewestShown, RESTORES_SHOWN_MAX, RestoreShown,
    WATCHERS_SHOWN_MAX, WatchShown,
};
pub use notice::{Notice, NoticeKind};
pub use origin::Origin;
pub use presence::{
    DepartureReason, PRESENCE_BYTES_MAX, PRESENCE_TYP, PresenceState, VerifiedPresence,
    sign_departed, sign_present, verify_presence,
};
pub use signing_input::{AssertionClaims, Confirmation, SigningInput, UserVerification};
pub use step_up::{
    STEP_UP_ATTESTATION_TYP, STEP_UP_CHALLENGE_TYP, STEP_UP_TYP, StepUpAttestationClaims,
    StepUpChallenge, StepUpClaims, UnverifiedStepUp, VerifiedStepUp,
};
pub use unverified::{
    ASSERTION_BYTES_MAX, ASSERTION_TYP, CARD_ALGORITHMS, UnverifiedAssertion, UnverifiedStatement,
    VerifiedAssertion, VerifiedStatement,
};
