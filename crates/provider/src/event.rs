//! What is put on record: every decision, in the transaction of its effect.
//!
//! A refusal without an effect, to a stranger who named nothing of ours, is only noted in the log.
//!
//! Events name people by their `sub` and things by random ids; no name, number or address of
//! theirs, no token, secret or cookie ever stands in one. What an operator does stands there with
//! the account that did it, and a client that comes or goes with its whole registration.

mod administration;
mod console;
mod events_out;
mod evidence;
mod guard;
mod importance;
mod incident;
mod instance;
#[cfg(test)]
mod kept;
mod ledger;
mod notice;
mod said;
mod stored;
mod suspension;
mod tie;

use async_trait::async_trait;
use cardea_oauth2_types::GrantType;
use cardea_storage::Transaction;
use serde::Serialize;
use time::OffsetDateTime;

#[cfg(test)]
pub(crate) use kept::examples;

pub use administration::AdministrationEvent;
pub use console::{ApprovalEvent, ConsoleEvent, ConsoleView};
pub use events_out::EventsOutEvent;
pub use evidence::{EvidenceUsed, GraceUsed, HoldingsEnded};
pub use guard::{GuardEvent, RecordedReport};
pub(crate) use guard::{LOOK_UPS_ERASED, LOOK_UPS_REPORTED};
pub use importance::{Doing, Urgency, importance};
pub use incident::IncidentEvent;
pub use instance::InstanceEvent;
pub use ledger::LedgerEvent;
pub use notice::NoticeEvent;
pub use said::{Says, says};
pub use suspension::SuspensionEvent;

use evidence::is_zero;

use crate::activity::Through;
use crate::keys::rotation::KeyPlace;
use crate::restoration::SignedRestore;
use crate::{Error, Operator};

/// Where events go.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Appends one event in the transaction of its effect: both happen or neither.
    async fn append(&self, transaction: &mut Transaction, event: &Event) -> Result<(), Error>;

    /// Tells the operator of a refusal that changed nothing and that a stranger can provoke at
    /// will: a line in the log and no row, so that nobody fills the table or keeps the disk busy.
    fn note(&self, event: &Event) {
        tracing::info!(
            event = event.kind.name(),
            client_id = event.client_id.as_deref(),
            code = event.kind.code(),
            "refused, and not on record"
        );
    }
}

/// The event table, over which the tamper-evident log stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoredEvents;

/// One event: when, about whom and what, and the decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id, where something else names the event; else it gets one when it is
    /// appended.
    pub id: Option<String>,
    /// When, by the server's clock.
    pub occurred_at: OffsetDateTime,
    /// The login it belongs to.
    pub authorization_request_id: Option<String>,
    /// The session it belongs to.
    pub session_id: Option<String>,
    /// The person's pseudonym.
    pub sub: Option<String>,
    /// The client.
    pub client_id: Option<String>,
    /// The decision.
    pub kind: EventKind,
}

/// The decisions that are put on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum EventKind {
    /// A client's authorization request was accepted and a login page shown.
    AuthorizationBegun {},
    /// A client's authorization request was refused.
    AuthorizationRefused {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
    },
    /// A client has pushed an authorization request.
    AuthorizationPushed {
        /// Whether it came in a signed request object.
        signed: bool,
    },
    /// The person agreed to what the consent page named.
    ConsentGiven {
        /// The names of the claims, parted by spaces.
        covered: String,
        /// Whether she is not asked again.
        remembered: bool,
    },
    /// The person refused what the consent page named.
    ConsentRefused {
        /// Codes of this client for this person that were taken back.
        codes_revoked: u64,
        /// And access tokens.
        grants_revoked: u64,
        /// And families of refresh tokens.
        families_revoked: u64,
    },
    /// A card assertion was refused.
    LoginRefused {
        /// Stable code: the precise one, which the browser never sees.
        #[serde(skip)]
        code: &'static str,
        /// The agent instance's key thumbprint, where it is known whose card it was.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance_jkt: Option<String>,
        /// Our id of the card, where it is one that is known here.
        #[serde(skip_serializing_if = "Option::is_none")]
        card: Option<String>,
    },
    /// The person went back to the portal instead of signing in.
    LoginCancelled {},
    /// A device has asked for a person's answer (RFC 8628).
    DeviceAsked {},
    /// A person has typed the code that the device shows.
    DeviceCodeTyped {},
    /// The person says that the device is none of hers, or does not sign in to it.
    DeviceRefused {},
    /// The device has taken its request back: whoever asked there is gone.
    DeviceWithdrawn {},
    /// A card has answered for the device.
    DeviceApproved {},
    /// A card assertion was accepted; the session waits for its presence key.
    LoginAccepted {
        /// Level reached.
        acr: &'static str,
        /// Our id of the card.
        #[serde(skip_serializing_if = "Option::is_none")]
        card: Option<String>,
        /// The agent instance's key thumbprint.
        instance_jkt: String,
        /// What the workstation called itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        workstation: Option<String>,
        /// The reader, as the agent named it.
        #[serde(skip_serializing_if = "Option::is_none")]
        reader: Option<String>,
        /// For what the card signed, where not for a portal's page on the same screen.
        #[serde(skip_serializing_if = "Option::is_none")]
        through: Option<Through>,
        /// The card rules that accepted it.
        card_rules: String,
        /// What says that the card is not revoked.
        #[serde(flatten)]
        revocation: EvidenceUsed,
    },
    /// A card answered a TLS handshake, and the person said yes; the session waits for its browser.
    AgentlessLoginAccepted {
        /// Level reached.
        acr: &'static str,
        /// Our id of the card.
        #[serde(skip_serializing_if = "Option::is_none")]
        card: Option<String>,
        /// For what the card signed, where not for a portal's page on the same screen.
        #[serde(skip_serializing_if = "Option::is_none")]
        through: Option<Through>,
        /// The card rules that accepted it.
        card_rules: String,
        /// What says that the card is not revoked.
        #[serde(flatten)]
        revocation: EvidenceUsed,
    },
    /// A card grant of business software was refused.
    CardGrantRefused {
        /// Stable code: the precise one, which the client does not see.
        #[serde(skip)]
        code: &'static str,
        /// The agent instance's key thumbprint, where it is known whose card it was.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance_jkt: Option<String>,
        /// Our id of the card, where it is one that is known here.
        #[serde(skip_serializing_if = "Option::is_none")]
        card: Option<String>,
    },
    /// A card grant was accepted; the session waits for its presence key.
    CardGrantAccepted {
        /// Level reached.
        acr: &'static str,
        /// Our id of the card.
        #[serde(skip_serializing_if = "Option::is_none")]
        card: Option<String>,
        /// The agent instance's key thumbprint.
        instance_jkt: String,
        /// What the workstation called itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        workstation: Option<String>,
        /// The card rules that accepted it.
        card_rules: String,
        /// What says that the card is not revoked.
        #[serde(flatten)]
        revocation: EvidenceUsed,
    },
    /// A person used an agent instance for the first time: to be announced to that person.
    AgentInstanceFirstUsed {
        /// The agent instance's key thumbprint.
        instance_jkt: String,
        /// What the workstation called itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        workstation: Option<String>,
    },
    /// A person said that an agent instance is hers.
    AgentInstanceAcknowledged {
        /// The agent instance's key thumbprint.
        instance_jkt: String,
        /// What the workstation called itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        workstation: Option<String>,
        /// Whether she said so where she is known; at the new instance it counts there alone.
        for_good: bool,
    },
    /// A workstation was trusted, taken out or refused.
    Instance(InstanceEvent),
    /// A code of the account page opened nothing.
    AccountRefused {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
    },
    /// A person has opened the page of her own account, with her card and PIN.
    AccountOpened {},
    /// A person took what is on record about her away in a file.
    AccountExported {
        /// `json` or `pdf`.
        form: &'static str,
        /// How many entries.
        entries: u64,
    },
    /// A login relied on stale revocation evidence within the operator's grace.
    RevocationGraceUsed(GraceUsed),
    /// The presence key has answered.
    SessionActivated {},
    /// The person showed the same card again: the older session's clients moved to this one.
    SessionContinued {
        /// How many clients moved.
        clients: u64,
    },
    /// A session is over.
    SessionEnded {
        /// Why.
        #[serde(skip)]
        reason: &'static str,
        /// Unredeemed codes that died with it.
        codes_revoked: u64,
        /// Access tokens that died with it.
        grants_revoked: u64,
        /// Families of refresh tokens that died with it.
        #[serde(skip_serializing_if = "is_zero")]
        families_revoked: u64,
    },
    /// A code was given to a client.
    CodeIssued {
        /// The client's own session id.
        sid: String,
        /// Whether no card was asked, because the client was in the session already.
        silent: bool,
    },
    /// A grant was turned into tokens.
    TokensIssued {
        /// Which grant.
        grant_type: GrantType,
        /// The client's own session id; none for a service's own token.
        #[serde(skip_serializing_if = "Option::is_none")]
        sid: Option<String>,
        /// The access token's id.
        jti: String,
        /// The scope granted.
        scope: String,
    },
    /// A client gave a token back before it expired (RFC 7009).
    TokenRevoked {
        /// `access_token` or `refresh_token`.
        token: &'static str,
        /// Access tokens that were taken back.
        grants_revoked: u64,
        /// Families of refresh tokens that were taken back.
        families_revoked: u64,
    },
    /// A client that did not prove itself asked about a token, or wanted to give one back.
    TokenLookupRefused {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
    },
    /// A token request was refused.
    TokenRefused {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
        /// Access tokens that were taken back, as when a code or a refresh token was used twice.
        grants_revoked: u64,
        /// Families of refresh tokens that were taken back.
        #[serde(skip_serializing_if = "is_zero")]
        families_revoked: u64,
    },
    /// A userinfo request was refused.
    UserinfoRefused {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
    },
    /// What servers go by was changed, or somebody who may not tried to.
    Administration(AdministrationEvent),
    /// An operator has opened the console, or looked at somebody's data there.
    Console(ConsoleEvent),
    /// A change that takes two operators has made a step.
    Approval(ApprovalEvent),
    /// A resource server listens from now on for sessions and tokens that end.
    EventStreamBegun {
        /// Its own name for the stream.
        stream: String,
    },
    /// Something was not pushed, or goes out to a SIEM.
    EventsOut(EventsOutEvent),
    /// A guard stopped a session or an account, or an operator lifted that.
    Guard(GuardEvent),
    /// Something was done about an incident.
    Incident(IncidentEvent),
    /// Something was done to the tamper-evident log itself.
    Ledger(LedgerEvent),
    /// A person was told of something, or said that it was not she.
    Notice(NoticeEvent),
    /// Something happened about a card that is lost, or the code for it.
    Suspension(SuspensionEvent),
    /// A running server gave something to a client before it knew that the client was taken out.
    ClientHoldingsEnded(HoldingsEnded),
    /// A token key was made, or taken in from a file.
    TokenKeyMade {
        /// Its id.
        kid: String,
        /// What it signs with.
        algorithm: String,
        /// Where its private half is.
        place: KeyPlace,
        /// Whether it came from a file.
        #[serde(rename = "imported")]
        is_imported: bool,
        /// From when on it signs, unix seconds.
        signs_from: i64,
        /// Who, where it was not the schedule.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Operator>,
    },
    /// A token key was deleted because all of its tokens are over.
    TokenKeyDeleted {
        /// Its id.
        kid: String,
    },
    /// An operator took a token key out at once.
    TokenKeyWithdrawn {
        /// Its id.
        kid: String,
        /// What it signed with.
        algorithm: String,
        /// Who.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Operator>,
        /// Why, in the operator's words.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The token keys of the database were encrypted anew.
    TokenKeysReencrypted {
        /// Who.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Operator>,
        /// How many.
        keys: u64,
        /// By which key.
        encryption_key_id: String,
    },
    /// A client was told that a session is over.
    LogoutDelivered {
        /// The client's own session id.
        sid: String,
        /// How many tries it took.
        attempts: i64,
    },
    /// A client was not told that a session is over, and will not be.
    LogoutUndelivered {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
        /// The client's own session id.
        sid: String,
        /// How many tries there were.
        attempts: i64,
    },
    /// An operator has copied the whole database.
    DatabaseBackedUp {
        /// Who.
        by: Operator,
        /// Which copy.
        backup_sha256: String,
        /// How many rows.
        rows: u64,
    },
    /// An operator took the database back to an earlier moment.
    DatabaseRestored {
        /// Who.
        by: Operator,
        /// From which copy.
        backup_sha256: String,
        /// When that was made: events between then and now are not here.
        backup_made_at: i64,
        /// How many sessions ended by it.
        sessions_ended: u64,
        /// Both ends of the log, over its own signature; none where its key could not sign.
        #[serde(skip_serializing_if = "Option::is_none")]
        log: Option<SignedRestore>,
        /// The records of restores that the replaced database knew of: a second restore does not
        /// take the explanation of the first away.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        earlier: Vec<String>,
    },
    /// Many agents are silent at once: nobody's session ends for silence.
    MassLossBegun {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
        /// Agents that are silent, or whose session ended for it lately.
        lost: i64,
        /// Of how many.
        live: i64,
    },
    /// The silence of many is over.
    MassLossEnded {
        /// How long it lasted.
        lasted_seconds: i64,
    },
    /// A logout request could not be acted on without asking the person.
    LogoutUnconfirmed {
        /// Stable code, where a parameter was wrong.
        #[serde(skip)]
        code: Option<&'static str>,
    },
}

impl EventKind {
    /// The stable name of this kind of event.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AuthorizationBegun {} => "authorization.begun",
            Self::AuthorizationRefused { .. } => "authorization.refused",
            Self::AuthorizationPushed { .. } => "authorization.pushed",
            Self::ConsentGiven { .. } => "consent.given",
            Self::ConsentRefused { .. } => "consent.refused",
            Self::LoginRefused { .. } => "login.refused",
            Self::LoginCancelled {} => "login.cancelled",
            Self::DeviceAsked {} => "device.asked",
            Self::DeviceCodeTyped {} => "device.code_typed",
            Self::DeviceRefused {} => "device.refused",
            Self::DeviceWithdrawn {} => "device.withdrawn",
            Self::DeviceApproved {} => "device.approved",
            Self::LoginAccepted { .. } => "login.accepted",
            Self::AgentlessLoginAccepted { .. } => "agentless_login.accepted",
            Self::CardGrantRefused { .. } => "card_grant.refused",
            Self::CardGrantAccepted { .. } => "card_grant.accepted",
            Self::AgentInstanceFirstUsed { .. } => "agent_instance.first_used",
            Self::AgentInstanceAcknowledged { .. } => "agent_instance.acknowledged",
            Self::Instance(event) => event.name(),
            Self::AccountRefused { .. } => "account.refused",
            Self::AccountOpened {} => "account.opened",
            Self::AccountExported { .. } => "account.exported",
            Self::RevocationGraceUsed(_) => "revocation.grace_used",
            Self::SessionActivated {} => "session.activated",
            Self::SessionContinued { .. } => "session.continued",
            Self::SessionEnded { .. } => "session.ended",
            Self::CodeIssued { .. } => "code.issued",
            Self::TokensIssued { .. } => "tokens.issued",
            Self::TokenRefused { .. } => "token.refused",
            Self::TokenRevoked { .. } => "token.revoked",
            Self::TokenLookupRefused { .. } => "token_lookup.refused",
            Self::UserinfoRefused { .. } => "userinfo.refused",
            Self::Administration(event) => event.name(),
            Self::Console(event) => event.name(),
            Self::Approval(event) => event.name(),
            Self::EventStreamBegun { .. } => "event_stream.begun",
            Self::EventsOut(event) => event.name(),
            Self::Guard(event) => event.name(),
            Self::Incident(event) => event.name(),
            Self::Ledger(event) => event.name(),
            Self::Notice(event) => event.name(),
            Self::Suspension(event) => event.name(),
            Self::ClientHoldingsEnded(_) => "client.holdings_ended",
            Self::TokenKeyMade { .. } => "token_key.made",
            Self::TokenKeyDeleted { .. } => "token_key.deleted",
            Self::TokenKeyWithdrawn { .. } => "token_key.withdrawn",
            Self::TokenKeysReencrypted { .. } => "token_keys.reencrypted",
            Self::LogoutDelivered { .. } => "logout.delivered",
            Self::LogoutUndelivered { .. } => "logout.undelivered",
            Self::DatabaseBackedUp { .. } => "database.backed_up",
            Self::DatabaseRestored { .. } => "database.restored",
            Self::MassLossBegun { .. } => "presence.mass_loss_begun",
            Self::MassLossEnded { .. } => "presence.mass_loss_ended",
            Self::LogoutUnconfirmed { .. } => "logout.unconfirmed",
        }
    }

    /// The code of a refusal, or the reason of an end.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::AuthorizationRefused { code }
            | Self::AccountRefused { code }
            | Self::LoginRefused { code, .. }
            | Self::CardGrantRefused { code, .. }
            | Self::TokenRefused { code, .. }
            | Self::TokenLookupRefused { code }
            | Self::UserinfoRefused { code }
            | Self::LogoutUndelivered { code, .. }
            | Self::MassLossBegun { code, .. } => Some(code),
            Self::Administration(event) => event.code(),
            Self::Console(event) => event.code(),
            Self::Approval(event) => event.code(),
            Self::EventsOut(event) => event.code(),
            Self::Guard(event) => event.code(),
            Self::Instance(event) => event.code(),
            Self::Suspension(event) => event.code(),
            Self::SessionEnded { reason, .. } => Some(reason),
            Self::LogoutUnconfirmed { code } => *code,
            _ => None,
        }
    }

    /// The revocation evidence that a login rests on.
    #[must_use]
    pub fn revocation(&self) -> Option<EvidenceUsed> {
        match self {
            Self::LoginAccepted { revocation, .. }
            | Self::AgentlessLoginAccepted { revocation, .. }
            | Self::CardGrantAccepted { revocation, .. }
            | Self::Guard(GuardEvent::StepUpGiven { revocation, .. }) => Some(*revocation),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EventKind;

    #[test]
    fn the_code_has_a_column_of_its_own_and_details_hold_the_rest() {
        let refused = EventKind::TokenRefused {
            code: "provider.code_reused",
            grants_revoked: 1,
            families_revoked: 0,
        };
        assert_eq!(
            serde_json::to_string(&refused).unwrap(),
            r#"{"grants_revoked":1}"#
        );
        assert_eq!(refused.code(), Some("provider.code_reused"));
        let begun = serde_json::to_string(&EventKind::AuthorizationBegun {}).unwrap();
        assert_eq!(begun, "{}");
    }
}
