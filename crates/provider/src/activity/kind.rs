//! Which events concern a person, so that her page has a sentence for each.

use crate::event::{
    AdministrationEvent as A, ConsoleEvent as C, EventKind as E, GuardEvent as G,
    IncidentEvent as Q, InstanceEvent as I, NoticeEvent as N, SuspensionEvent as S,
};
use ActivityKind as Kind;

/// How much a person has to look at what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityWeight {
    /// It deserves her attention: it stands apart, and marked.
    Marked,
    /// It stands in her history.
    Shown,
    /// How programs went on with what she began: her history has it on request.
    Detail,
}

/// One line a kind: its variant, its weight, and its name on record.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $weight:ident;)*) => {
        /// A kind of event that concerns a person.
        ///
        /// A new kind of event asks for its line in [`ActivityKind::of`]; one that concerns people
        /// gets a variant here, and then the compiler asks for its sentence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ActivityKind {
            $($(#[$doc])* $kind,)*
        }

        impl ActivityKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// Its stable name on record.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// How much she has to look at it.
            #[must_use]
            pub fn weight(self) -> ActivityWeight {
                match self {
                    $(Self::$kind => ActivityWeight::$weight,)*
                }
            }
        }
    };
}

kinds! {
    /// A portal's request ended without an answer after her card had signed.
    AuthorizationRefused = "authorization.refused", Detail;
    /// She let a portal know something of her.
    ConsentGiven = "consent.given", Shown;
    /// She did not.
    ConsentRefused = "consent.refused", Shown;
    /// A login with her card was refused.
    LoginRefused = "login.refused", Marked;
    /// A login was given up.
    LoginCancelled = "login.cancelled", Shown;
    /// A device's login was turned down.
    DeviceRefused = "device.refused", Shown;
    /// Her card answered for a device.
    DeviceApproved = "device.approved", Shown;
    /// Her card signed in.
    LoginAccepted = "login.accepted", Shown;
    /// Her card signed in without an agent.
    AgentlessLoginAccepted = "agentless_login.accepted", Shown;
    /// Business software was refused.
    CardGrantRefused = "card_grant.refused", Marked;
    /// Business software signed in with her card.
    CardGrantAccepted = "card_grant.accepted", Shown;
    /// Her card was used at a workstation for the first time.
    InstanceFirstUsed = "agent_instance.first_used", Marked;
    /// She said that a workstation is hers.
    InstanceAcknowledged = "agent_instance.acknowledged", Shown;
    /// She took a workstation out.
    InstanceRevokedByOwner = "agent_instance.revoked_by_owner", Shown;
    /// She let a workstation in again.
    InstanceAllowedByOwner = "agent_instance.allowed_by_owner", Shown;
    /// A login was refused because of the workstation.
    InstanceRefused = "agent_instance.refused", Marked;
    /// Her account page was opened.
    AccountOpened = "account.opened", Detail;
    /// Her log was taken away in a file.
    AccountExported = "account.exported", Shown;
    /// A login rests on older evidence than usual.
    RevocationGraceUsed = "revocation.grace_used", Detail;
    /// The agent watches the card of a session.
    SessionActivated = "session.activated", Detail;
    /// A newer session goes on with an older one's portals.
    SessionContinued = "session.continued", Detail;
    /// A session is over.
    SessionEnded = "session.ended", Shown;
    /// A portal got a code.
    CodeIssued = "code.issued", Detail;
    /// A portal got tokens.
    TokensIssued = "tokens.issued", Detail;
    /// A portal gave a token back.
    TokenRevoked = "token.revoked", Detail;
    /// A portal got no tokens.
    TokenRefused = "token.refused", Detail;
    /// A portal's question about her was refused.
    UserinfoRefused = "userinfo.refused", Detail;
    /// A request of hers to the admin API was refused.
    AdminRefused = "admin.refused", Shown;
    /// A guard stopped a session of hers.
    GuardSessionStopped = "guard.session_stopped", Marked;
    /// A guard stopped her account at a service.
    GuardAccountStopped = "guard.account_stopped", Marked;
    /// A guard asked for a stop that an operator had lifted meanwhile.
    GuardStopLate = "guard.stop_late", Detail;
    /// An operator lifted a stop.
    GuardStopLifted = "guard.stop_lifted", Shown;
    /// She said that she has seen a stop.
    GuardNoticeSeen = "guard.notice_seen", Detail;
    /// A guard has reported look-ups in her name.
    LookUpsReported = "guard.look_ups_reported", Detail;
    /// What was looked up in her name was erased.
    LookUpsErased = "guard.look_ups_erased", Shown;
    /// A guard asked for her card's signature again.
    StepUpAsked = "step_up.asked", Detail;
    /// Her card signed again.
    StepUpGiven = "step_up.given", Shown;
    /// It did not.
    StepUpDeclined = "step_up.declined", Shown;
    /// What was signed again was refused.
    StepUpRefused = "step_up.refused", Marked;
    /// A suspension code was made for a card of hers.
    SuspendCodeMade = "suspend_code.made", Shown;
    /// Somebody with its code suspended a card of hers.
    CardSuspendedByCode = "card.suspended_by_code", Marked;
    /// An operator suspended a card of hers.
    CardSuspendedByOperator = "card.suspended_by_operator", Marked;
    /// She suspended a card of hers.
    CardSuspendedByOwner = "card.suspended_by_owner", Shown;
    /// An operator let a card of hers in again.
    CardResumed = "card.resumed", Marked;
    /// She said that she has seen a suspension.
    SuspensionSeen = "card.suspension_seen", Detail;
    /// She said that she has seen refused uses of her card.
    RefusedUsesSeen = "refused_use.seen", Detail;
    /// She said that it was not she.
    NotMe = "account.not_me", Shown;
    /// An incident was opened about her.
    IncidentOpened = "incident.opened", Shown;
    /// An operator works on it.
    IncidentTakenUp = "incident.taken_up", Shown;
    /// An operator wrote something down about it.
    IncidentNoted = "incident.noted", Detail;
    /// An operator closed it.
    IncidentClosed = "incident.closed", Shown;
    /// An operator asked which patients were looked up in her name.
    IncidentReported = "incident.reported", Shown;
    /// She opened the operators' console.
    ConsoleOpened = "console.opened", Shown;
    /// She was refused at the operators' console.
    ConsoleRefused = "console.refused", Shown;
    /// An operator looked at what is on record about her.
    ConsoleLookedAt = "console.looked_at", Shown;
    /// A portal was told that a session is over.
    LogoutDelivered = "logout.delivered", Detail;
    /// A portal could not be told that a session is over.
    LogoutUndelivered = "logout.undelivered", Shown;
}

impl ActivityKind {
    /// The kind of a name on record; none where it concerns no person, or is newer than this
    /// program.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The names of every kind of a weight.
    #[must_use]
    pub fn names_of(weight: ActivityWeight) -> Vec<&'static str> {
        let kinds = Self::ALL.iter().filter(|kind| kind.weight() == weight);
        kinds.map(|kind| kind.name()).collect()
    }

    /// What an event is to a person; none where it concerns none.
    #[must_use]
    pub fn of(kind: &E) -> Option<Self> {
        Some(match kind {
            E::AuthorizationRefused { .. } => Self::AuthorizationRefused,
            E::ConsentGiven { .. } => Self::ConsentGiven,
            E::ConsentRefused { .. } => Self::ConsentRefused,
            E::LoginRefused { .. } => Self::LoginRefused,
            E::LoginCancelled {} => Self::LoginCancelled,
            E::DeviceRefused {} => Self::DeviceRefused,
            E::DeviceApproved {} => Self::DeviceApproved,
            E::LoginAccepted { .. } => Self::LoginAccepted,
            E::AgentlessLoginAccepted { .. } => Self::AgentlessLoginAccepted,
            E::CardGrantRefused { .. } => Self::CardGrantRefused,
            E::CardGrantAccepted { .. } => Self::CardGrantAccepted,
            E::AgentInstanceFirstUsed { .. } => Self::InstanceFirstUsed,
            E::AgentInstanceAcknowledged { .. } => Self::InstanceAcknowledged,
            E::AccountOpened {} => Self::AccountOpened,
            E::AccountExported { .. } => Self::AccountExported,
            E::RevocationGraceUsed(_) => Self::RevocationGraceUsed,
            E::SessionActivated {} => Self::SessionActivated,
            E::SessionContinued { .. } => Self::SessionContinued,
            E::SessionEnded { .. } => Self::SessionEnded,
            E::CodeIssued { .. } => Self::CodeIssued,
            E::TokensIssued { .. } => Self::TokensIssued,
            E::TokenRevoked { .. } => Self::TokenRevoked,
            E::TokenRefused { .. } => Self::TokenRefused,
            E::UserinfoRefused { .. } => Self::UserinfoRefused,
            E::LogoutDelivered { .. } => Self::LogoutDelivered,
            E::LogoutUndelivered { .. } => Self::LogoutUndelivered,
            E::Instance(event) => return of_instance(event),
            E::Administration(event) => return of_administration(event),
            E::Guard(event) => return of_guard(event),
            E::Suspension(event) => return of_suspension(event),
            E::Notice(event) => return of_notice(event),
            E::Incident(event) => return of_incident(event),
            E::Console(event) => return of_console(event),
            // About no person, or about everybody.
            E::AuthorizationBegun {}
            | E::AuthorizationPushed { .. }
            | E::DeviceAsked {}
            | E::DeviceCodeTyped {}
            | E::DeviceWithdrawn {}
            | E::AccountRefused { .. }
            | E::TokenLookupRefused { .. }
            | E::EventStreamBegun { .. }
            | E::Approval(_)
            | E::EventsOut(_)
            | E::Ledger(_)
            | E::ClientHoldingsEnded(_)
            | E::TokenKeyMade { .. }
            | E::TokenKeyDeleted { .. }
            | E::TokenKeyWithdrawn { .. }
            | E::TokenKeysReencrypted { .. }
            | E::DatabaseBackedUp { .. }
            | E::DatabaseRestored { .. }
            | E::MassLossBegun { .. }
            | E::MassLossEnded { .. }
            | E::LogoutUnconfirmed { .. } => return None,
        })
    }
}

fn of_instance(event: &I) -> Option<Kind> {
    match event {
        I::RevokedByOwner { .. } => Some(Kind::InstanceRevokedByOwner),
        I::AllowedByOwner { .. } => Some(Kind::InstanceAllowedByOwner),
        I::Refused { .. } => Some(Kind::InstanceRefused),
        I::Trusted { .. } | I::RevokedByOperator { .. } | I::Forgotten { .. } => None,
    }
}

fn of_administration(event: &A) -> Option<Kind> {
    match event {
        A::AdminRefused { .. } => Some(Kind::AdminRefused),
        A::ClientAdded { .. }
        | A::ClientChanged { .. }
        | A::RegistrationRefused { .. }
        | A::InitialAccessTokenIssued { .. }
        | A::InitialAccessTokenRevoked { .. }
        | A::TrustAnchorAdded { .. }
        | A::TrustAnchorRemoved { .. }
        | A::ConfigurationReloaded { .. }
        | A::ClientSecretRotated { .. }
        | A::ClientRemoved { .. } => None,
    }
}

fn of_guard(event: &G) -> Option<Kind> {
    match event {
        G::SessionStopped { .. } => Some(Kind::GuardSessionStopped),
        G::AccountStopped { .. } => Some(Kind::GuardAccountStopped),
        G::StopLate { .. } => Some(Kind::GuardStopLate),
        G::StopLifted { .. } => Some(Kind::GuardStopLifted),
        G::NoticeSeen { .. } => Some(Kind::GuardNoticeSeen),
        G::LookUpsReported { .. } => Some(Kind::LookUpsReported),
        G::LookUpsErased { .. } => Some(Kind::LookUpsErased),
        G::StepUpAsked { .. } => Some(Kind::StepUpAsked),
        G::StepUpGiven { .. } => Some(Kind::StepUpGiven),
        G::StepUpDeclined { .. } => Some(Kind::StepUpDeclined),
        G::StepUpRefused { .. } => Some(Kind::StepUpRefused),
    }
}

fn of_suspension(event: &S) -> Option<Kind> {
    match event {
        S::CodeMade { .. } => Some(Kind::SuspendCodeMade),
        S::CardSuspended { by: None, .. } => Some(Kind::CardSuspendedByCode),
        S::CardSuspended { by: Some(_), .. } => Some(Kind::CardSuspendedByOperator),
        S::CardSuspendedByOwner { .. } => Some(Kind::CardSuspendedByOwner),
        S::CardResumed { .. } => Some(Kind::CardResumed),
        S::SuspensionSeen { .. } => Some(Kind::SuspensionSeen),
        S::CodeRefused { .. } => None,
    }
}

fn of_notice(event: &N) -> Option<Kind> {
    match event {
        N::RefusedUsesSeen { .. } => Some(Kind::RefusedUsesSeen),
        N::NotMe { .. } => Some(Kind::NotMe),
    }
}

fn of_incident(event: &Q) -> Option<Kind> {
    match event {
        Q::Opened { .. } => Some(Kind::IncidentOpened),
        Q::TakenUp { .. } => Some(Kind::IncidentTakenUp),
        Q::Noted { .. } => Some(Kind::IncidentNoted),
        Q::Closed { .. } => Some(Kind::IncidentClosed),
        Q::Reported { .. } => Some(Kind::IncidentReported),
    }
}

fn of_console(event: &C) -> Option<Kind> {
    match event {
        C::Opened {} => Some(Kind::ConsoleOpened),
        C::Refused { .. } => Some(Kind::ConsoleRefused),
        C::LookedAt { .. } => Some(Kind::ConsoleLookedAt),
    }
}

#[cfg(test)]
mod tests {
    use super::{ActivityKind, ActivityWeight};
    use crate::event::examples;

    /// The kinds here and those on record have the same names, and none is left out.
    #[test]
    fn every_kind_that_concerns_a_person_is_found_by_its_name_on_record() {
        let mut found = Vec::new();
        for example in examples() {
            let kind = ActivityKind::of(&example);
            let by_name = ActivityKind::find(example.name());
            match kind {
                Some(kind) => {
                    assert_eq!(kind.name(), example.name());
                    found.push(kind);
                }
                None => assert_eq!(by_name, None, "{}", example.name()),
            }
        }
        for kind in ActivityKind::ALL {
            // One that an operator suspends is told from the others by who did it.
            let is_example = found.contains(kind);
            let by_operator = *kind == ActivityKind::CardSuspendedByOperator;
            assert!(is_example || by_operator, "{}", kind.name());
        }
    }

    #[test]
    fn what_deserves_attention_is_refusals_stops_new_workstations_and_suspensions() {
        let marked = ActivityKind::names_of(ActivityWeight::Marked);
        for name in [
            "login.refused",
            "card_grant.refused",
            "agent_instance.first_used",
            "agent_instance.refused",
            "guard.session_stopped",
            "guard.account_stopped",
            "card.suspended_by_code",
        ] {
            assert!(marked.contains(&name), "{name}");
        }
        assert!(!marked.contains(&"login.accepted"));
    }
}
