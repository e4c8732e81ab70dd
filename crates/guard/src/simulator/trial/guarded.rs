//! The guard as a judge, by the same interface as a portal's adapter.

use std::collections::HashMap;

use super::Judge;
use crate::simulator::event::{Account, Event};
use crate::{AccountState, Act, Actor, Answer, Around, Decider, Patient, Rules, judge, sign};

/// The guard with its rules.
pub struct Guarded {
    decider: Decider,
    /// What a robot that knows the rules works out for itself of the guard's state, once asked.
    worked_out: Option<HashMap<String, AccountState>>,
}

impl Guarded {
    /// A guard that has seen nothing yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            decider: Decider::new(rules),
            worked_out: None,
        }
    }
}

impl Judge for Guarded {
    fn judge(&mut self, account: &Account, event: &Event) -> Answer {
        let act = act(account, event);
        if let Some(states) = &mut self.worked_out {
            let state = states.entry(account.subject.clone()).or_default();
            let _ = judge(self.decider.rules(), state, &act, &Around::default());
        }
        self.decider.decide(&act).answer
    }

    fn reveal(&mut self) {
        self.worked_out = Some(HashMap::new());
    }

    fn would_allow(&self, account: &Account, event: &Event) -> bool {
        let state = self
            .worked_out
            .as_ref()
            .and_then(|states| states.get(&account.subject));
        // What other accounts do is the one thing that it can't know.
        let mut state = state.cloned().unwrap_or_default();
        let act = act(account, event);
        judge(self.decider.rules(), &mut state, &act, &Around::default()).answer == Answer::Allow
    }

    fn signed(&mut self, account: &Account, event: &Event) {
        let session = event.session_name();
        self.decider
            .fresh_signature(&account.subject, Some(&session), event.at);
        if let Some(state) = self
            .worked_out
            .as_mut()
            .and_then(|it| it.get_mut(&account.subject))
        {
            let names = (account.service.as_str(), Some(account.profession.as_str()));
            sign(
                self.decider.rules(),
                state,
                names,
                &Around::default(),
                event.at,
            );
        }
    }

    fn lift(&mut self, account: &Account, at: i64) {
        self.decider.lift(&account.subject, &account.service, at);
        if let Some(state) = self
            .worked_out
            .as_mut()
            .and_then(|it| it.get_mut(&account.subject))
        {
            state.lift(at);
        }
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
