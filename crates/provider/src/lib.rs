//! The decisions of an OpenID provider whose only authenticator is a professional's smart card.
//!
//! It answers, without HTTP: may this client ask, does this assertion log this person in, is the
//! card still there, what do the tokens say, who must hear that a session is over. It follows
//! OIDC Core 1.0, RFC 6749, RFC 7636, RFC 9068, RFC 9207, OIDC RP-Initiated Logout 1.0 and OIDC
//! Back-Channel Logout 1.0.
//!
//! What it deliberately does not do: open a socket, read a clock of its own, read configuration,
//! or offer anything weaker than the card. Evidence of revocation comes through
//! [`RevocationSource`], the time through [`Clock`], and every decision is put on record through
//! [`EventLog`] in the transaction of its effect.
//!
//! One login, as the server drives it:
//!
//! ```no_run
//! # use cardea_provider::{BegunAuthorization, LoginAttempt, Provider, RevocationSource};
//! # async fn login(
//! #     provider: &Provider,
//! #     parameters: cardea_oauth2_types::AuthorizationParameters,
//! #     source: &dyn RevocationSource,
//! #     assertion: &str, attestation: &str, statement: &str, nonce: &str,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let begun = provider.begin_authorization(parameters, None).await?;
//! let BegunAuthorization::Login { request_id, login_cookie, .. } = begun else { return Ok(()) };
//! let login_cookie = login_cookie.expose();
//!
//! let challenge = provider.issue_challenge(&request_id, login_cookie).await?;
//! // … the agent has the card answer the challenge …
//! let attempt = LoginAttempt { request_id: &request_id, login_cookie, assertion, attestation };
//! let pending = provider.authenticate(attempt, source).await?;
//! // … the agent's connection answers a nonce with the key of `pending.presence_jkt` …
//! provider.accept_presence(statement, Some(nonce)).await?;
//! let done = provider.complete_authorization(&request_id, login_cookie, None).await?;
//! println!("303 See Other: {}", done.response.location());
//! # Ok(())
//! # }
//! ```

mod account;
mod activity;
mod admin;
mod agentless;
mod anchors;
mod approval;
mod authentication;
mod authorization;
#[cfg(test)]
mod bare_provider;
mod card_grant;
mod card_trust;
mod challenge;
mod claims;
mod client;
mod client_authentication;
mod client_certificate;
mod clock;
mod config;
mod console;
mod device;
mod dpop;
mod endpoint;
mod error;
pub mod event;
mod event_push;
mod grant;
mod guard_reports;
pub mod incident;
mod instances;
mod introspection;
mod issuer;
mod key_binding;
mod keys;
mod ledger_records;
mod logout;
mod logout_queue;
mod mass_loss;
mod not_me;
mod notices;
mod own_page;
mod presence;
mod protocol_profile;
mod provider;
mod psc;
mod reachability;
mod recheck;
mod records;
mod refusals_on_record;
mod registration;
mod restoration;
mod retention;
mod retry;
mod revocation;
mod revocation_source;
mod secret;
mod security_events;
mod session;
mod siem;
mod step_up;
mod subject;
mod suspension;
mod sweep;
mod token;
mod userinfo;
mod waiting_logins;

pub use account::{
    ACCOUNT, ACCOUNT_CALLBACK_PATH, ACCOUNT_CLIENT_ID, ACCOUNT_NAME, ACCOUNT_PATH, AccountSession,
};
pub use activity::{
    ActivityKind, ActivityWeight, EXPORTED_MAX, HISTORY_PAGE_MAX, HistoryEntry, HistoryPage,
    HistoryQuestion, LookUpsOfPortal, Means, OWN_FILES_MAX, OwnEvents, OwnFile, OwnLookUps,
    OwnSession, Place, Through,
};
pub use admin::{
    ADMIN_PATH, ADMIN_SCOPE, AdminOperator, AdminRules, FourEyes, OperatorPerson, OperatorProven,
    OperatorsChanged,
};
pub use agentless::{AgentlessConfirmation, AgentlessOffer, AgentlessPage, AgentlessVisit};
pub use anchors::{
    ADDED_CERTIFICATES_MAX, AddedAnchor, AnchorRegistrations, AnchorRole, CardRulesPlan,
    EXPIRES_SOON, canonical_fingerprint, check_fingerprint, fingerprint,
};
pub use approval::{
    Approvals, Outcome, PROPOSAL_LIFETIME, PROPOSALS_MAX, Proposal, ProposedChange,
};
pub use authentication::{
    AuthenticationError, LoginAttempt, PendingSession, PublicRefusal, StepUpAttempt,
};
pub use authorization::{
    AuthorizationError, AuthorizationResponse, BegunAuthorization, CancelledLogin, CardNews,
    CardNewsAnswer, CompletedAuthorization, ConsentAnswer, ConsentPage, ConsentedAuthorization,
    Datum, DeniedWorkstations, GuardNews, LoginPage, NewWorkstation, NewWorkstations,
    PushedAuthorization, RefusedUseNotice, RefusedUses, SuspendedCard,
};
pub use card_grant::{CardGrantRefusal, IssuedGrantChallenge};
pub use cardea_storage::instance_standing::DecidedStanding;
pub use cardea_storage::session::SessionState;
pub use cardea_storage::step_up::WaitingStepUp;
pub use claims::{ClaimRequest, PROFESSIONAL_CLAIMS, PROFILE_CLAIMS, RequestedClaims};
pub use client::{
    Author, CardAcceptance, Client, ClientAuthentication, ClientRegistrations, ClientSecret,
    ClientsReload, ConfiguredClientsPlan, ConsentPolicy, Demand, EventPush, NewClient, Operator,
    PushAuthorization, REGISTRATION_BYTES_MAX, RegisteredBy, RetiringSecret, RotatedSecret,
    SECRET_OVERLAP_MAX, SubjectType, check_redirect_uri, is_public_address,
};
pub use client_authentication::{AssertionAudience, ClientCredentials};
pub use client_certificate::{
    ClientCertificateRevocation, ClientCertificateRules, PresentedCertificate,
};
pub use clock::{Clock, SharedTime};
pub use config::{
    AgentlessLogin, AuthorizationRules, CardRules, Lifetimes, MassLossBounds, ProofRules,
    ProviderConfig, UserVerificationPolicy,
};
pub use console::{
    CHART_DAYS, CONSOLE, CONSOLE_CLIENT_ID, CONSOLE_NAME, CONSOLE_PATH, ConsoleSession, Found,
    LookUpsAgainstBudget, NamedPerson, NamedSession, OperatorNumbers, SAME_LOOK, TIMELINE_PAGE_MAX,
    TimelineOf, TimelinePage,
};
pub use device::{ClaimedDevice, DeviceAuthorization, DevicePage, DeviceRequest};
pub use dpop::{DpopNonceUse, DpopRequest, PresentedToken, TokenScheme};
pub use endpoint::Endpoint;
pub use error::Error;
pub use event::{EventLog, StoredEvents};
pub use event_push::{PushDelivery, PushOutcome};
pub use grant::{PendingCardGrant, TokenError, TokenRequest};
pub use guard_reports::{
    AccountStops, GuardReports, GuardStopNotice, LookUpFinding, LookUpsChecked, LookUpsOnRecord,
    ReportsTaken, STOPS_MAX, StoppedThing,
};
pub use instances::{
    INSTANCE_NOTE_BYTES_MAX, INSTANCES_MAX, InstancePolicy, InstanceRefusal, InstanceReport,
    InstanceStanding, OWN_WORKSTATIONS_SHOWN_MAX, OperatorDecision, OwnWorkstation,
    RefusedInstance, TrustedInstances, WorkstationChange,
};
pub use introspection::{Introspection, IntrospectionAnswer, IntrospectionForm, TokenLookup};
pub use issuer::Issuer;
pub use key_binding::KeyBinding;
pub use keys::{KeyWindow, ProviderKeys, TokenKey, rotation};
pub use ledger_records::{CosignedHead, ErasedPerson, LedgerRecords, LogWatch};
pub use logout::{LogoutDecision, LogoutParameters};
pub use logout_queue::DeliveryOutcome;
pub use not_me::{NotMe, NotMeCard, NotMeSaid, NotMeThen, NotMeWorkstation};
pub use notices::LiveNotice;
pub use own_page::{OwnPage, OwnPageLogin};
pub use presence::PresenceOutcome;
pub use protocol_profile::{
    ClientProof, Permission, ProfileRules, ProtocolProfile, RefreshTokenRotation,
};
pub use provider::Provider;
pub use psc::{AcrWords, CLAIM_SET};
pub use recheck::DueCard;
pub use records::Records;
pub use registration::{
    InitialAccessTokens, IssuedInitialAccessToken, NewInitialAccessToken, Registered,
    RegisteredConsent, RegisteredNames, RegistrationDemands, RegistrationLimits, RegistrationTerms,
};
pub use restoration::{
    LogEnds, LostSuspension, Restoration, RestoreNotary, Restored, SignedRestore,
};
pub use retention::{EventGroup, KeptFor, PERMANENT_KINDS};
pub use revocation_source::{EvidenceRequest, RevocationSource};
pub use secret::Secret;
pub use security_events::{EventPoll, EventStream, PolledEvents, WaitingEvents};
pub use session::{EndReason, EndedSession};
pub use siem::SiemBeginning;
pub use step_up::StepUpDecline;
pub use suspension::{
    CardSuspension, CardSuspensions, CodeAccepted, ListedCard, MadeSuspendCode, OwnCard,
    SUSPENSION_REASON_BYTES_MAX, SuspendCode, SuspendCodeOffer, SuspendedBy, SuspendedByCode,
};
pub use token::LogoutDelivery;
pub use userinfo::UserinfoAnswer;
