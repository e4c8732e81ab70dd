//! One act, signature, stop or lift in the form in which guards tell each other of it.

use serde::{Deserialize, Serialize};

use crate::account::Around;
use crate::act::number_of;
use crate::{Act, Actor, Decider, Decision, FreshSignature, Kind, Patient, ToldStop};

/// What changes a subject's accounts. Whoever applies the same records in the same order comes to
/// the same state: the record says what its writer knew around the account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Record {
    Act(ActRecord),
    Signature {
        session: Option<u64>,
        signature: FreshSignature,
        at: i64,
    },
    Lift {
        service: String,
        at: i64,
    },
    Stop {
        service: String,
        stop: ToldStop,
    },
    LiftStop {
        service: String,
        sequence: i64,
        at: i64,
    },
}

/// An act without names of sessions and places: their numbers are compared, nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ActRecord {
    at: i64,
    service: String,
    profession: Option<String>,
    kind: Kind,
    actor: Actor,
    session: u64,
    source: Option<u64>,
    patients: Vec<Patient>,
    patient_present: bool,
    sequence: bool,
    follow_up: Option<bool>,
    around: Around,
    is_doubted: bool,
}

impl Record {
    pub(super) fn of_act(decider: &Decider, act: &Act) -> Self {
        let source = number_of(act.source.as_bytes());
        Self::Act(ActRecord {
            at: act.at,
            service: act.service.clone(),
            profession: act.profession.clone(),
            kind: act.kind,
            actor: act.actor,
            session: number_of(act.session.as_bytes()),
            source: (!act.source.is_empty()).then_some(source),
            patients: act.patients.clone(),
            patient_present: act.patient_present,
            sequence: act.sequence,
            follow_up: act.follow_up,
            around: decider.around(act),
            is_doubted: decider.is_doubting(act.at),
        })
    }

    pub(super) fn of_signature(session: Option<&str>, signature: FreshSignature, at: i64) -> Self {
        Self::Signature {
            session: session.map(|it| number_of(it.as_bytes())),
            signature,
            at,
        }
    }

    /// Reads an entry of a journal: its tag, then the record.
    pub(super) fn read(entry: &[u8]) -> Option<Self> {
        postcard::from_bytes(entry.get(8..)?).ok()
    }

    /// The account may be known elsewhere.
    pub(super) fn doubt(&mut self) {
        if let Self::Act(act) = self {
            act.is_doubted = true;
        }
    }

    /// Changes the subject's accounts; an act has a decision.
    pub(super) fn apply(self, decider: &Decider, subject: &str) -> Option<Decision> {
        match self {
            Self::Act(record) => {
                let (around, is_doubted) = (record.around, record.is_doubted);
                let act = record.into_act(subject);
                Some(decider.decide_within(&act, &around, is_doubted))
            }
            Self::Signature {
                session,
                signature,
                at,
            } => {
                let session = session.map(name);
                decider.hear_signature(subject, session.as_deref(), signature, at);
                None
            }
            Self::Lift { service, at } => {
                decider.lift(subject, &service, at);
                None
            }
            Self::Stop { service, stop } => {
                decider.stop(subject, &service, stop);
                None
            }
            Self::LiftStop {
                service,
                sequence,
                at,
            } => {
                decider.lift_stop(subject, &service, sequence, at);
                None
            }
        }
    }
}

impl ActRecord {
    fn into_act(self, subject: &str) -> Act {
        Act {
            at: self.at,
            subject: subject.to_owned(),
            profession: self.profession,
            service: self.service,
            kind: self.kind,
            actor: self.actor,
            session: name(self.session),
            source: self.source.map(name).unwrap_or_default(),
            patients: self.patients,
            patient_present: self.patient_present,
            sequence: self.sequence,
            follow_up: self.follow_up,
        }
    }
}

/// A number stands for the name everywhere where states are shared.
fn name(number: u64) -> String {
    format!("{number:016x}")
}
