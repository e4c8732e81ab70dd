//! What is kept of an account, and who decides over it.

mod allowance;
mod around;
mod decider;
mod evidence;
mod fresh_signature;
mod habit;
mod judge;
mod places;
mod standing;
mod told_stop;
mod track;

use serde::{Deserialize, Serialize};

pub use around::Around;
pub(crate) use decider::Carried;
pub use decider::{Decider, Tally};
pub use fresh_signature::FreshSignature;
pub use judge::{judge, sign, sign_in};
pub use told_stop::{StopHeld, ToldStop};

pub(crate) use places::Places;
pub(crate) use standing::Standing;
pub(crate) use track::Track;

use crate::budget::day_of;
use crate::{Act, Kind, Rules};

/// All that is kept of one subject at one service: plain data, so that it can be kept anywhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccountState {
    /// The newest act; an earlier one is judged as if it came now.
    last_at: i64,
    /// When the account was active last after a pause.
    busy_since: i64,
    standing: Standing,
    places: Places,
    look_ups: Track,
    writes: Option<Box<Track>>,
}

impl AccountState {
    /// When the account acted last, in milliseconds of Unix time.
    #[must_use]
    pub fn last_at(&self) -> i64 {
        self.last_at
    }

    /// Bytes that the account takes, its heap included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let writes = self.writes.as_ref();
        let writes = writes.map_or(0, |it| size_of::<Track>() + it.heap_bytes());
        size_of::<Self>() + self.standing.heap_bytes() + self.look_ups.heap_bytes() + writes
    }

    /// Whether the account waits for a signature or is stopped.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.standing.is_held()
    }

    /// Reads one word of each part that a decision over the act needs. A decision waits for memory
    /// most of its time; asked for all at once, the parts come together.
    fn glance(&self, act: &Act) -> u64 {
        let track = match act.kind {
            Kind::LookUp => Some(&self.look_ups),
            Kind::Write => self.writes.as_deref(),
        };
        let track = track.map_or(0, |it| it.glance(act.patients.first()));
        track ^ self.places.glance(act.at) ^ u64::from(self.standing.is_held())
    }

    /// What one kind of act has been so far.
    fn track(&mut self, kind: Kind) -> &mut Track {
        match kind {
            Kind::LookUp => &mut self.look_ups,
            Kind::Write => self.writes.get_or_insert_default(),
        }
    }

    /// Nothing is known of the account, and it may have been forgotten: it begins half-way.
    fn begin_half_way(&mut self, rules: &Rules, act: &Act) {
        self.last_at = act.at;
        for kind in [Kind::LookUp, Kind::Write] {
            let budget = rules.budget(&act.service, act.profession.as_deref(), kind);
            self.track(kind).begin_with(act.at, budget.ahead / 2);
        }
    }

    /// What it rests on that the account is refused.
    #[must_use]
    pub fn held(&self) -> StopHeld {
        self.standing.held()
    }

    /// The issuer says that the account is stopped.
    pub fn stop(&mut self, stop: ToldStop) {
        self.standing.stop_as_told(stop);
    }

    /// The issuer says that the stop of this number is lifted: the account begins anew, unless it
    /// was lifted here already, or a later stop holds.
    pub fn lift_stop(&mut self, sequence: i64, at: i64) {
        if self.standing.lift_as_told(sequence) {
            self.standing.lift();
            self.begin_anew(at);
        }
    }

    /// An operator lifts what holds the account: it begins anew, but is known as before.
    pub fn lift(&mut self, at: i64) {
        self.standing.lift_here(at);
        self.begin_anew(at);
    }

    fn begin_anew(&mut self, at: i64) {
        let day = day_of(at.max(self.last_at));
        self.look_ups.begin_anew(day);
        if let Some(writes) = &mut self.writes {
            writes.begin_anew(day);
        }
    }
}
