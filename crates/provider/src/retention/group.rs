//! Which kinds of entries are kept equally long.

/// Kinds that are kept equally long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventGroup {
    /// Logins, refused or not, and what people do in their sessions.
    Logins,
    /// What guards decide about people.
    Guard,
    /// What operators do, and what happens to the server.
    Operators,
    /// Incidents.
    Incidents,
}

/// What the log itself rests on: `cardea ledger verify` reads what these say, however old.
pub const PERMANENT_KINDS: &[&str] = &[
    "database.backed_up",
    "database.restored",
    "guard.look_ups_erased",
    "guard.look_ups_reported",
    "ledger.erasure_held",
    "ledger.erasures_signed",
    "ledger.events_missed",
    "ledger.history_accepted",
    "ledger.key_made",
    "ledger.key_reencrypted",
    "ledger.person_erased",
    "ledger.personal_data_erased",
    "ledger.watch_begun",
    "ledger.watch_changed",
    "token_key.deleted",
    "token_key.made",
    "token_key.withdrawn",
    "token_keys.reencrypted",
];

const LOGINS: &[&str] = &[
    "account.exported",
    "account.opened",
    "account.refused",
    "agent_instance.acknowledged",
    "agent_instance.allowed_by_owner",
    "agent_instance.first_used",
    "agent_instance.refused",
    "agent_instance.revoked_by_owner",
    "agentless_login.accepted",
    "authorization.begun",
    "authorization.pushed",
    "authorization.refused",
    "card.suspended_by_code",
    "card.suspended_by_owner",
    "card.suspension_seen",
    "card_grant.accepted",
    "card_grant.refused",
    "code.issued",
    "consent.given",
    "consent.refused",
    "device.approved",
    "device.asked",
    "device.code_typed",
    "device.refused",
    "device.withdrawn",
    "login.accepted",
    "login.cancelled",
    "login.refused",
    "logout.delivered",
    "logout.unconfirmed",
    "logout.undelivered",
    "refused_use.seen",
    "registration.refused",
    "revocation.grace_used",
    "session.activated",
    "session.continued",
    "session.ended",
    "suspend_code.made",
    "suspend_code.refused",
    "token.refused",
    "token.revoked",
    "token_lookup.refused",
    "tokens.issued",
    "userinfo.refused",
];

const GUARD: &[&str] = &[
    "guard.account_stopped",
    "guard.notice_seen",
    "guard.session_stopped",
    "guard.stop_late",
    "guard.stop_lifted",
    "step_up.asked",
    "step_up.declined",
    "step_up.given",
    "step_up.refused",
];

const OPERATORS: &[&str] = &[
    "admin.refused",
    "agent_instance.forgotten",
    "agent_instance.revoked_by_operator",
    "agent_instance.trusted",
    "approval.cancelled",
    "approval.confirmed",
    "approval.expired",
    "approval.proposed",
    "approval.refused",
    "approval.taken_over",
    "card.resumed",
    "card.suspended_by_operator",
    "client.added",
    "client.changed",
    "client.holdings_ended",
    "client.removed",
    "client.secret_rotated",
    "configuration.reloaded",
    "console.looked_at",
    "console.opened",
    "console.refused",
    "event_push.dropped",
    "event_push.refused",
    "event_push.undelivered",
    "event_stream.begun",
    "initial_access_token.issued",
    "initial_access_token.revoked",
    "presence.mass_loss_begun",
    "presence.mass_loss_ended",
    "siem.begun",
    "trust_anchor.added",
    "trust_anchor.removed",
];

const INCIDENTS: &[&str] = &[
    "account.not_me",
    "incident.closed",
    "incident.noted",
    "incident.opened",
    "incident.reported",
    "incident.taken_up",
];

impl EventGroup {
    /// Every group.
    pub const ALL: [Self; 4] = [Self::Logins, Self::Guard, Self::Operators, Self::Incidents];

    /// The group of a kind; none of one that stays, and of one that this program does not know.
    #[must_use]
    pub fn of(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.kinds().contains(&kind))
    }

    /// Its name, as the configuration has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logins => "logins",
            Self::Guard => "guard",
            Self::Operators => "operators",
            Self::Incidents => "incidents",
        }
    }

    /// Its kinds.
    #[must_use]
    pub const fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Logins => LOGINS,
            Self::Guard => GUARD,
            Self::Operators => OPERATORS,
            Self::Incidents => INCIDENTS,
        }
    }
}
