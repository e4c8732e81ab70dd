//! Which events go by themselves. Every kind stands here once, and the compiler asks for a new one:
//! what strangers bring about must not stay for ever (attack H9).

use std::collections::BTreeMap;

use cardea_oauth2_types::GrantType;
use cardea_storage::Store;
use cardea_storage::event::list_newest;
use cardea_storage::retention::{Kind, delete_batch};
use serde_json::Value;
use time::Duration;

use super::{
    AdministrationEvent, ApprovalEvent, ConsoleEvent, ConsoleView, Event, EventKind, EventLog as _,
    EventsOutEvent, EvidenceUsed, GraceUsed, GuardEvent, HoldingsEnded, IncidentEvent,
    InstanceEvent, LedgerEvent, NoticeEvent, StoredEvents, SuspensionEvent,
};
use crate::approval::ProposedChange;
use crate::bare_provider::now;
use crate::incident::{IncidentBy, IncidentKind};
use crate::keys::rotation::KeyPlace;
use crate::{AnchorRole, Author, Operator, OperatorsChanged};

/// What becomes of an event that concerns no person and no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// A stranger can bring it about: it goes after a while.
    Forgotten,
    /// It goes with the login that it began.
    WithItsLogin,
    /// A person's card, an operator, or this server was needed for it, or a client that had proven
    /// itself and got something.
    Kept,
}

use Fate::{Forgotten, Kept, WithItsLogin};

/// One line a kind: its pattern, its fate and an example.
macro_rules! kinds {
    ($($pattern:pat => $fate:expr, $example:expr;)*) => {
        fn fate(kind: &EventKind) -> Fate {
            match kind {
                $($pattern => $fate,)*
            }
        }

        pub(crate) fn examples() -> Vec<EventKind> {
            vec![$($example.into(),)*]
        }
    };
}

use AdministrationEvent as A;
use ApprovalEvent as P;
use ConsoleEvent as K;
use EventKind as E;
use EventsOutEvent as O;
use GuardEvent as G;
use IncidentEvent as C;
use InstanceEvent as I;
use LedgerEvent as L;
use NoticeEvent as N;
use SuspensionEvent as S;

const CODE: &str = "provider.code";

kinds! {
    E::AuthorizationBegun {} => WithItsLogin, E::AuthorizationBegun {};
    E::AuthorizationRefused { .. } => Forgotten, E::AuthorizationRefused { code: CODE };
    E::AuthorizationPushed { .. } => Forgotten, E::AuthorizationPushed { signed: false };
    E::ConsentGiven { .. } => Kept, E::ConsentGiven { covered: text(), remembered: true };
    E::ConsentRefused { .. } => Kept,
        E::ConsentRefused { codes_revoked: 0, grants_revoked: 0, families_revoked: 0 };
    E::LoginRefused { .. } => Forgotten, E::LoginRefused {
        code: CODE, instance_jkt: None, card: None };
    E::LoginCancelled {} => Forgotten, E::LoginCancelled {};
    E::DeviceAsked {} => Forgotten, E::DeviceAsked {};
    E::DeviceCodeTyped {} => Forgotten, E::DeviceCodeTyped {};
    E::DeviceRefused {} => Forgotten, E::DeviceRefused {};
    E::DeviceWithdrawn {} => Forgotten, E::DeviceWithdrawn {};
    E::DeviceApproved {} => Kept, E::DeviceApproved {};
    E::LoginAccepted { .. } => Kept, E::LoginAccepted {
        acr: "acr", card: None, instance_jkt: text(), workstation: None, reader: None,
        through: None, card_rules: text(), revocation: EVIDENCE };
    E::AgentlessLoginAccepted { .. } => Kept, E::AgentlessLoginAccepted {
        acr: "acr", card: None, through: None, card_rules: text(), revocation: EVIDENCE };
    E::CardGrantRefused { .. } => Forgotten, E::CardGrantRefused {
        code: CODE, instance_jkt: None, card: None };
    E::CardGrantAccepted { .. } => Kept, E::CardGrantAccepted {
        acr: "acr", card: None, instance_jkt: text(), workstation: None, card_rules: text(),
        revocation: EVIDENCE };
    E::AgentInstanceFirstUsed { .. } => Kept,
        E::AgentInstanceFirstUsed { instance_jkt: text(), workstation: None };
    E::AgentInstanceAcknowledged { .. } => Kept,
        E::AgentInstanceAcknowledged { instance_jkt: text(), workstation: None, for_good: true };
    E::Instance(I::Trusted { .. }) => Kept,
        I::Trusted { instance_jkt: text(), by: author(), name: text() };
    E::Instance(I::RevokedByOperator { .. }) => Kept,
        I::RevokedByOperator { instance_jkt: text(), by: author(), sessions_ended: 1 };
    E::Instance(I::Forgotten { .. }) => Kept, I::Forgotten { instance_jkt: text(), by: author() };
    E::Instance(I::RevokedByOwner { .. }) => Kept,
        I::RevokedByOwner { instance_jkt: text(), workstation: None, sessions_ended: 1 };
    E::Instance(I::AllowedByOwner { .. }) => Kept,
        I::AllowedByOwner { instance_jkt: text(), workstation: None };
    // On record with the person alone, whose card and PIN were needed for it.
    E::Instance(I::Refused { .. }) => Kept,
        I::Refused { code: CODE, instance_jkt: text(), workstation: None };
    E::AccountRefused { .. } => Forgotten, E::AccountRefused { code: CODE };
    E::AccountOpened {} => Kept, E::AccountOpened {};
    E::AccountExported { .. } => Kept, E::AccountExported { form: "json", entries: 1 };
    E::RevocationGraceUsed(_) => Kept,
        E::RevocationGraceUsed(GraceUsed { age_seconds: 1, stale_by_seconds: 1 });
    E::SessionActivated {} => Kept, E::SessionActivated {};
    E::SessionContinued { .. } => Kept, E::SessionContinued { clients: 1 };
    E::SessionEnded { .. } => Kept, E::SessionEnded {
        reason: "logout", codes_revoked: 0, grants_revoked: 0, families_revoked: 0 };
    E::CodeIssued { .. } => Kept, E::CodeIssued { sid: text(), silent: false };
    E::TokensIssued { .. } => Kept, E::TokensIssued {
        grant_type: GrantType::ClientCredentials, sid: None, jti: text(), scope: text() };
    E::TokenRevoked { .. } => Kept, E::TokenRevoked {
        token: "access_token", grants_revoked: 1, families_revoked: 0 };
    E::TokenLookupRefused { .. } => Forgotten, E::TokenLookupRefused { code: CODE };
    E::TokenRefused { .. } => Forgotten,
        E::TokenRefused { code: CODE, grants_revoked: 0, families_revoked: 0 };
    E::UserinfoRefused { .. } => Forgotten, E::UserinfoRefused { code: CODE };
    E::Administration(A::ClientAdded { .. }) => Kept,
        A::ClientAdded { by: author(), registration: Value::Null };
    E::Administration(A::ClientChanged { .. }) => Kept,
        A::ClientChanged { by: author(), registration: Value::Null };
    E::Administration(A::RegistrationRefused { .. }) => Forgotten,
        A::RegistrationRefused { code: CODE };
    E::Administration(A::InitialAccessTokenIssued { .. }) => Kept, A::InitialAccessTokenIssued {
        by: author(), id: text(), uses: 1, expires_at: 1, limits: Value::Null };
    E::Administration(A::InitialAccessTokenRevoked { .. }) => Kept,
        A::InitialAccessTokenRevoked { by: author(), id: text() };
    E::Administration(A::TrustAnchorAdded { .. }) => Kept, A::TrustAnchorAdded {
        by: author(), rules: text(), role: AnchorRole::Anchor, sha256: text(), subject: text(),
        not_after: 1 };
    E::Administration(A::TrustAnchorRemoved { .. }) => Kept,
        A::TrustAnchorRemoved { by: author(), rules: text(), sha256: text() };
    E::Administration(A::ConfigurationReloaded { .. }) => Kept,
        A::ConfigurationReloaded { by: author(), replaced: Vec::new(), kept: Vec::new(),
            operators: OperatorsChanged::default() };
    // On record with the person alone: who shows no token of one stands in the log.
    E::Administration(A::AdminRefused { .. }) => Kept, A::AdminRefused { code: CODE };
    E::Administration(A::ClientSecretRotated { .. }) => Kept,
        A::ClientSecretRotated { by: author(), overlap_seconds: 1 };
    E::Administration(A::ClientRemoved { .. }) => Kept,
        A::ClientRemoved { by: author(), registration: Value::Null, ended: ENDED };
    E::Console(K::Opened {}) => Kept, K::Opened {};
    // On record with the person alone, as at the admin API.
    E::Console(K::Refused { .. }) => Kept, K::Refused { code: CODE };
    E::Console(K::LookedAt { .. }) => Kept,
        K::LookedAt { by: author(), view: ConsoleView::Person };
    E::Approval(P::Proposed { .. }) => Kept, P::Proposed {
        proposal: text(), by: author(), change: change(), expires_at: 1 };
    E::Approval(P::TakenOver { .. }) => Kept, P::TakenOver { proposal: text(), by: author() };
    E::Approval(P::Confirmed { .. }) => Kept, P::Confirmed { proposal: text(), by: author() };
    E::Approval(P::Cancelled { .. }) => Kept, P::Cancelled { proposal: text(), by: author() };
    E::Approval(P::Expired { .. }) => Kept, P::Expired { proposal: text() };
    E::Approval(P::Refused { .. }) => Kept,
        P::Refused { code: CODE, proposal: text(), by: author() };
    E::EventStreamBegun { .. } => Kept, E::EventStreamBegun { stream: text() };
    E::EventsOut(O::PushRefused { .. }) => Kept,
        O::PushRefused { code: CODE, jti: text(), err: text(), attempts: 1 };
    E::EventsOut(O::PushUndelivered { .. }) => Kept,
        O::PushUndelivered { code: CODE, jti: text(), attempts: 1 };
    E::EventsOut(O::PushDropped { .. }) => Kept, O::PushDropped { code: CODE, events: 1 };
    E::EventsOut(O::SiemBegun { .. }) => Kept, O::SiemBegun { output: text(), place: 1 };
    // They concern somebody, whom they do not name.
    E::Guard(G::LookUpsReported { .. }) => Kept,
        G::LookUpsReported { guard: text(), reports: Vec::new() };
    E::Guard(G::LookUpsErased { .. }) => Kept,
        G::LookUpsErased {
            by: author(), reports: vec![text()], digests: vec![text()], record: text() };
    E::Guard(G::SessionStopped { .. }) => Kept,
        G::SessionStopped { guard: text(), service: text(), reasons: vec![text()] };
    E::Guard(G::AccountStopped { .. }) => Kept, G::AccountStopped {
        stop: text(), guard: text(), service: text(), reasons: vec![text()] };
    E::Guard(G::StopLate { .. }) => Kept, G::StopLate {
        guard: text(), service: text(), reasons: vec![text()] };
    E::Guard(G::StopLifted { .. }) => Kept,
        G::StopLifted { stop: text(), service: text(), by: author(), reason: text() };
    E::Guard(G::NoticeSeen { .. }) => Kept, G::NoticeSeen { notice: text() };
    E::Guard(G::StepUpAsked { .. }) => Kept,
        G::StepUpAsked { guard: text(), service: text(), patients: 1 };
    E::Guard(G::StepUpGiven { .. }) => Kept, G::StepUpGiven {
        guard: text(), service: text(), patients: 1, revocation: EVIDENCE };
    E::Guard(G::StepUpDeclined { .. }) => Kept,
        G::StepUpDeclined { guard: text(), service: text(), reason: "cancelled" };
    // On record with the session alone that was asked.
    E::Guard(G::StepUpRefused { .. }) => Kept, G::StepUpRefused { code: CODE };
    E::Incident(C::Opened { .. }) => Kept, C::Opened {
        incident: text(), kind: IncidentKind::NotMe, by: IncidentBy::Person, event_id: None,
        stop: None, words_sha256: None };
    E::Incident(C::TakenUp { .. }) => Kept, C::TakenUp { incident: text(), by: author() };
    E::Incident(C::Noted { .. }) => Kept, C::Noted {
        incident: text(), number: 1, by: author(), words_sha256: text() };
    E::Incident(C::Closed { .. }) => Kept,
        C::Closed { incident: text(), by: author(), reason: text() };
    E::Incident(C::Reported { .. }) => Kept, C::Reported {
        by: author(), scope_sha256: text(), look_ups: 1, form: "csv" };
    E::Ledger(L::KeyMade { .. }) => Kept, L::KeyMade { verifier_key: text() };
    E::Ledger(L::KeyReencrypted { .. }) => Kept,
        L::KeyReencrypted { by: author(), encryption_key_id: text() };
    E::Ledger(L::HistoryAccepted { .. }) => Kept,
        L::HistoryAccepted { by: author(), size_before: Some(2), size: 1 };
    E::Ledger(L::WatchChanged { .. }) => Kept,
        L::WatchChanged { witnesses: vec![text()], quorum: 1, waived: false };
    E::Ledger(L::WatchBegun { .. }) => Kept,
        L::WatchBegun { witnesses: vec![text()], quorum: 1, size: 1, root: text() };
    E::Ledger(L::PersonalDataErased { .. }) => Kept,
        L::PersonalDataErased { by: author(), places: vec![1], record: text() };
    E::Ledger(L::PersonalDataAged { .. }) => Kept,
        L::PersonalDataAged { retention: "logins", places: vec![1], record: text() };
    E::Ledger(L::ErasuresSigned { .. }) => Kept, L::ErasuresSigned { record: text() };
    E::Ledger(L::EventsMissed { .. }) => Kept, L::EventsMissed {
        gone: vec![text()], altered: vec![text()] };
    E::Ledger(L::ErasureHeld { .. }) => Kept, L::ErasureHeld { places: vec![1] };
    E::Ledger(L::PersonErased { .. }) => Kept, L::PersonErased {
        by: author(), rows: BTreeMap::new(), in_spite_of_incidents: None };
    E::Notice(N::RefusedUsesSeen { .. }) => Kept, N::RefusedUsesSeen { notices: vec![text()] };
    E::Notice(N::NotMe { .. }) => Kept,
        N::NotMe { line: text(), incident: text(), sessions_ended: 1 };
    E::Suspension(S::CodeMade { .. }) => Kept, S::CodeMade { card: text() };
    E::Suspension(S::CodeRefused { .. }) => Forgotten, S::CodeRefused { code: CODE };
    E::Suspension(S::CardSuspended { .. }) => Kept, S::CardSuspended {
        card: text(), by: None, reason: None, sessions_ended: 1 };
    E::Suspension(S::CardSuspendedByOwner { .. }) => Kept,
        S::CardSuspendedByOwner { card: text(), sessions_ended: 1 };
    E::Suspension(S::CardResumed { .. }) => Kept,
        S::CardResumed { card: text(), by: author(), reason: text() };
    E::Suspension(S::SuspensionSeen { .. }) => Kept, S::SuspensionSeen { card: text() };
    E::ClientHoldingsEnded(_) => Kept, E::ClientHoldingsEnded(ENDED);
    E::TokenKeyMade { .. } => Kept, E::TokenKeyMade {
        kid: text(), algorithm: text(), place: KeyPlace::Database, is_imported: false,
        signs_from: 1, by: None };
    E::TokenKeyDeleted { .. } => Kept, E::TokenKeyDeleted { kid: text() };
    E::TokenKeyWithdrawn { .. } => Kept,
        E::TokenKeyWithdrawn { kid: text(), algorithm: text(), by: None, reason: None };
    E::TokenKeysReencrypted { .. } => Kept,
        E::TokenKeysReencrypted { by: None, keys: 1, encryption_key_id: text() };
    E::LogoutDelivered { .. } => Kept, E::LogoutDelivered { sid: text(), attempts: 1 };
    E::LogoutUndelivered { .. } => Kept,
        E::LogoutUndelivered { code: CODE, sid: text(), attempts: 1 };
    E::DatabaseBackedUp { .. } => Kept,
        E::DatabaseBackedUp { by: operator(), backup_sha256: text(), rows: 1 };
    E::DatabaseRestored { .. } => Kept, E::DatabaseRestored {
        by: operator(), backup_sha256: text(), backup_made_at: 1, sessions_ended: 1, log: None,
        earlier: Vec::new() };
    E::MassLossBegun { .. } => Kept, E::MassLossBegun { code: CODE, lost: 1, live: 1 };
    E::MassLossEnded { .. } => Kept, E::MassLossEnded { lasted_seconds: 1 };
    E::LogoutUnconfirmed { .. } => Forgotten, E::LogoutUnconfirmed { code: None };
}

const EVIDENCE: EvidenceUsed = EvidenceUsed {
    source: "crl",
    age_seconds: 1,
    stale_by_seconds: 0,
};
const ENDED: HoldingsEnded = HoldingsEnded {
    codes_revoked: 0,
    grants_revoked: 0,
    refresh_tokens_revoked: 0,
    sessions_left: 0,
};

fn text() -> String {
    "text".to_owned()
}

fn operator() -> Operator {
    Operator {
        uid: 0,
        user: None,
        login_uid: None,
        login_user: None,
    }
}

fn change() -> ProposedChange {
    ProposedChange::LiftStop {
        with: Vec::new(),
        stop: text(),
        service: text(),
        reason: text(),
    }
}

fn author() -> Author {
    Author::Account(operator())
}

#[tokio::test]
async fn h9_whatever_a_stranger_brings_about_is_forgotten_and_nothing_else_is() {
    let store = Store::open_in_memory().await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    for kind in examples() {
        let event = Event::new(kind, now());
        StoredEvents.append(&mut transaction, &event).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let later = now() + Duration::seconds(1);
    delete_batch(&store, Kind::RefusalOfNobody, later)
        .await
        .unwrap();
    let mut reading = store.begin_read().await.unwrap();
    let left = list_newest(&mut reading, 1_000).await.unwrap();
    for kind in examples() {
        let is_kept = left.iter().any(|it| it.kind == kind.name());
        assert_eq!(is_kept, fate(&kind) != Forgotten, "{}", kind.name());
    }
}
