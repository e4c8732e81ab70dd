//! The guard as a judge, by the same interface as a portal's adapter.

use super::Judge;
use crate::simulator::event::{Account, Event};
use crate::{Act, Actor, Answer, Decider, Patient, Rules};

/// The guard with its rules.
pub struct Guarded {
    decider: Decider,
}

impl Guarded {
    /// A guard that has seen nothing yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            decider: Decider::new(rules),
        }
    }
}

impl Judge for Guarded {
    fn judge(&mut self, account: &Account, event: &Event) -> Answer {
        self.decider.decide(&act(account, event)).answer
    }

    fn would_allow(&self, account: &Account, event: &Event) -> bool {
        let decision = self.decider.preview(&act(account, event));
        decision.answer == Answer::Allow
    }

    fn signed(&mut self, account: &Account, event: &Event) {
        // As in the replay, whose line of a signature names no session.
        self.decider
            .fresh_signature(&account.subject, None, event.at);
    }

    fn lift(&mut self, account: &Account, at: i64) {
        self.decider.lift(&account.subject, &account.service, at);
    }
}

/// The look-up as the portal's adapter states it.
fn act(account: &Account, event: &Event) -> Act {
    let patient = Patient::from_pseudonym(&event.pseudonym());
    let actor = if account.unattended {
        Actor::Service
    } else {
        Actor::Person
    };
    Act {
        at: event.at,
        profession: Some(account.profession.clone()),
        actor,
        session: event.session_name(),
        source: event.source_name(),
        patient_present: event.present,
        sequence: event.sequence,
        ..Act::look_up(&account.subject, &account.service, patient)
    }
}
