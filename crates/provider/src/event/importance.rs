//! How urgent each kind of event is, and whose doing: for the logs of other systems.
//!
//! Every kind stands here once, by the name that is on record; a test goes over all kinds.

use Doing::{OfOperators, OfPeople};
use Urgency::{Act, Look, Note, Plain};

/// Whose doing events of a kind are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Of people who sign in, of portals, or of whoever tries to.
    OfPeople,
    /// Of operators, or of this server with its own keys, log and clients.
    OfOperators,
}

/// What an event of a kind asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Nothing.
    Plain,
    /// To be known: something was changed.
    Note,
    /// A look: something was refused, stopped or lost.
    Look,
    /// Somebody has to act at once.
    Act,
}

/// Whose doing a kind is and how urgent, by its name; none where this program has no such kind.
#[must_use]
pub fn importance(kind: &str) -> Option<(Doing, Urgency)> {
    let mut kinds = KINDS.iter();
    let (_, doing, urgency) = kinds.find(|(name, _, _)| *name == kind)?;
    Some((*doing, *urgency))
}

#[rustfmt::skip]
const KINDS: &[(&str, Doing, Urgency)] = &[
    ("account.exported", OfPeople, Plain),
    ("account.not_me", OfPeople, Act),
    ("account.opened", OfPeople, Plain),
    ("account.refused", OfPeople, Look),
    ("admin.refused", OfOperators, Look),
    ("agent_instance.acknowledged", OfPeople, Plain),
    ("agent_instance.allowed_by_owner", OfPeople, Plain),
    ("agent_instance.first_used", OfPeople, Look),
    ("agent_instance.forgotten", OfOperators, Note),
    ("agent_instance.refused", OfPeople, Look),
    ("agent_instance.revoked_by_operator", OfOperators, Note),
    ("agent_instance.revoked_by_owner", OfPeople, Look),
    ("agent_instance.trusted", OfOperators, Note),
    ("agentless_login.accepted", OfPeople, Plain),
    ("approval.cancelled", OfOperators, Note),
    ("approval.confirmed", OfOperators, Note),
    ("approval.expired", OfOperators, Note),
    ("approval.proposed", OfOperators, Note),
    ("approval.refused", OfOperators, Look),
    ("approval.taken_over", OfOperators, Note),
    ("authorization.begun", OfPeople, Plain),
    ("authorization.pushed", OfPeople, Plain),
    ("authorization.refused", OfPeople, Look),
    ("card.resumed", OfOperators, Note),
    ("card.suspended_by_code", OfPeople, Look),
    ("card.suspended_by_operator", OfOperators, Look),
    ("card.suspended_by_owner", OfPeople, Look),
    ("card.suspension_seen", OfPeople, Plain),
    ("card_grant.accepted", OfPeople, Plain),
    ("card_grant.refused", OfPeople, Look),
    ("client.added", OfOperators, Note),
    ("client.changed", OfOperators, Note),
    ("client.holdings_ended", OfOperators, Note),
    ("client.removed", OfOperators, Note),
    ("client.secret_rotated", OfOperators, Note),
    ("code.issued", OfPeople, Plain),
    ("configuration.reloaded", OfOperators, Note),
    ("consent.given", OfPeople, Plain),
    ("consent.refused", OfPeople, Look),
    ("console.looked_at", OfOperators, Note),
    ("console.opened", OfOperators, Note),
    ("console.refused", OfOperators, Look),
    ("database.backed_up", OfOperators, Note),
    ("database.restored", OfOperators, Look),
    ("device.approved", OfPeople, Plain),
    ("device.asked", OfPeople, Plain),
    ("device.code_typed", OfPeople, Plain),
    ("device.refused", OfPeople, Look),
    ("device.withdrawn", OfPeople, Plain),
    ("event_push.dropped", OfOperators, Look),
    ("event_push.refused", OfOperators, Look),
    ("event_push.undelivered", OfOperators, Look),
    ("event_stream.begun", OfOperators, Note),
    ("guard.account_stopped", OfPeople, Act),
    ("guard.look_ups_erased", OfOperators, Note),
    ("guard.look_ups_reported", OfPeople, Plain),
    ("guard.notice_seen", OfPeople, Plain),
    ("guard.session_stopped", OfPeople, Look),
    ("guard.stop_late", OfPeople, Look),
    ("guard.stop_lifted", OfOperators, Note),
    ("incident.closed", OfOperators, Note),
    ("incident.noted", OfOperators, Note),
    ("incident.opened", OfOperators, Look),
    ("incident.reported", OfOperators, Note),
    ("incident.taken_up", OfOperators, Note),
    ("initial_access_token.issued", OfOperators, Note),
    ("initial_access_token.revoked", OfOperators, Note),
    (cardea_ledger::ERASURE_KIND, OfOperators, Note),
    ("ledger.erasure_held", OfOperators, Look),
    (cardea_ledger::SIGNED_ERASURES_KIND, OfOperators, Note),
    ("ledger.events_missed", OfOperators, Act),
    ("ledger.history_accepted", OfOperators, Look),
    ("ledger.key_made", OfOperators, Note),
    ("ledger.key_reencrypted", OfOperators, Note),
    ("ledger.person_erased", OfOperators, Note),
    ("ledger.watch_begun", OfOperators, Note),
    ("ledger.watch_changed", OfOperators, Look),
    ("login.accepted", OfPeople, Plain),
    ("login.cancelled", OfPeople, Plain),
    ("login.refused", OfPeople, Look),
    ("logout.delivered", OfPeople, Plain),
    ("logout.unconfirmed", OfPeople, Plain),
    ("logout.undelivered", OfPeople, Look),
    ("presence.mass_loss_begun", OfPeople, Act),
    ("presence.mass_loss_ended", OfPeople, Plain),
    ("refused_use.seen", OfPeople, Plain),
    ("registration.refused", OfOperators, Look),
    ("revocation.grace_used", OfPeople, Look),
    ("session.activated", OfPeople, Plain),
    ("session.continued", OfPeople, Plain),
    ("session.ended", OfPeople, Plain),
    ("siem.begun", OfOperators, Note),
    ("step_up.asked", OfPeople, Plain),
    ("step_up.declined", OfPeople, Plain),
    ("step_up.given", OfPeople, Plain),
    ("step_up.refused", OfPeople, Look),
    ("suspend_code.made", OfPeople, Plain),
    ("suspend_code.refused", OfPeople, Look),
    ("token.refused", OfPeople, Look),
    ("token.revoked", OfPeople, Plain),
    ("token_key.deleted", OfOperators, Note),
    ("token_key.made", OfOperators, Note),
    ("token_key.withdrawn", OfOperators, Look),
    ("token_keys.reencrypted", OfOperators, Note),
    ("token_lookup.refused", OfPeople, Look),
    ("tokens.issued", OfPeople, Plain),
    ("trust_anchor.added", OfOperators, Note),
    ("trust_anchor.removed", OfOperators, Note),
    ("userinfo.refused", OfPeople, Look),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::examples;
    use super::{KINDS, importance};

    #[test]
    fn every_kind_stands_here_once_and_nothing_else_does() {
        let named: BTreeSet<_> = KINDS.iter().map(|(name, _, _)| *name).collect();
        assert_eq!(named.len(), KINDS.len(), "each once");
        let mut kinds: BTreeSet<_> = examples().iter().map(|it| it.name()).collect();
        // The same kind as the one by a code, but for who did it.
        kinds.insert("card.suspended_by_operator");
        assert_eq!(kinds, named);
        assert_eq!(importance("something.newer"), None);
    }
}
