//! Many agents silent at once: the fault is ours, or of a network that is not theirs, and nobody's
//! session ends for it (docs/adr/0014-mass-loss.md).
//!
//! Whoever is lost at the same moment passes the grace period over a whole proof interval. So
//! silence is counted from one interval earlier, and what ended for silence lately counts too:
//! the alarm is there before the first of many would end, not after a part of them has. Agents are
//! counted and not sessions, of which one card holder may open any number.

use std::sync::{Mutex, PoisonError};

use cardea_storage::{Transaction, mass_loss, session};
use time::{Duration, OffsetDateTime};

use crate::config::{Lifetimes, MassLossBounds};
use crate::event::{Event, EventKind};
use crate::session::EndReason;
use crate::{Error, Provider};

/// What ended for silence counts for so long.
const LOST_LATELY: Duration = Duration::minutes(1);
/// After the loss is no longer one of many, those still silent have so long: agents wait up to a
/// quarter of a minute between two tries, some try more than once.
const SETTLING: Duration = Duration::minutes(1);
/// When the second grace is over, one in so many of the live sessions may end with each sweep.
const TRICKLE_SHARE: i64 = 100;
/// Sessions that a sweep in ordinary times ends for silence at most.
const ORDINARY_MAX: u32 = 100;

/// What silence means at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The agent is gone: its session ends.
    #[default]
    Gone,
    /// The fault is ours: it means nothing.
    OurFault,
    /// The fault was ours, and the time to come back is over: sessions end a few at a time.
    Trickle {
        /// How many may end with one sweep.
        count_max: u32,
    },
}

/// What this node last found out about silence.
#[derive(Debug, Default)]
pub(crate) struct Silence(Mutex<Meaning>);

impl Silence {
    pub(crate) fn meaning(&self) -> Meaning {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, meaning: Meaning) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = meaning;
    }
}

impl Meaning {
    /// How many sessions one sweep may end for silence.
    pub(crate) fn count_max(self) -> u32 {
        match self {
            Self::Gone => ORDINARY_MAX,
            Self::OurFault => 0,
            Self::Trickle { count_max } => count_max,
        }
    }
}

/// How many agents are silent, and of how many. An agent is an instance and a person: neither many
/// sessions of one card holder nor many people at one workstation are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    lost: i64,
    live: i64,
}

impl Provider {
    /// Whether silence is taken for a fault of ours at present: an alarm for the operator, raised
    /// by the sweep.
    #[must_use]
    pub fn is_losing_many(&self) -> bool {
        self.silence.meaning() != Meaning::Gone
    }

    /// Decides what silence means, in the transaction of the sweep that acts on it. All nodes share
    /// the record of a loss; none decides while its own agents could not have reached it.
    pub(crate) async fn judge_silence(
        &self,
        transaction: &mut Transaction,
        now: OffsetDateTime,
    ) -> Result<Meaning, Error> {
        let counts = self.count_lost(transaction, now).await?;
        let is_mass = counts.is_mass(self.mass_loss);
        let known = mass_loss::find(transaction).await?;
        match (known, is_mass) {
            (None, false) => Ok(Meaning::Gone),
            (None, true) => {
                if mass_loss::begin(transaction, now).await? {
                    self.record_loss(transaction, counts, now).await?;
                }
                Ok(Meaning::OurFault)
            }
            (Some(loss), _) => {
                if is_mass {
                    mass_loss::note_seen(transaction, now).await?;
                }
                // The time before we could be reached is not theirs.
                let began = loss.began_at.max(self.reachability.since(now));
                let has_time = now - began < second_grace(&self.lifetimes);
                let settles = now - loss.last_seen_at < SETTLING;
                if has_time && (is_mass || settles) {
                    return Ok(Meaning::OurFault);
                }
                if is_mass {
                    let share = counts.live / TRICKLE_SHARE;
                    let count_max = u32::try_from(share).unwrap_or_default().saturating_add(1);
                    return Ok(Meaning::Trickle { count_max });
                }
                if mass_loss::end(transaction).await? {
                    let lasted = (now - loss.began_at).whole_seconds();
                    let kind = EventKind::MassLossEnded {
                        lasted_seconds: lasted,
                    };
                    self.record(transaction, Event::new(kind, now)).await?;
                }
                Ok(Meaning::Gone)
            }
        }
    }

    async fn count_lost(
        &self,
        transaction: &mut Transaction,
        now: OffsetDateTime,
    ) -> Result<Counts, Error> {
        let reason = EndReason::PresenceLost.as_str();
        let silent_before = now - quiet_after(&self.lifetimes);
        let since = now - LOST_LATELY;
        let lost = session::count_lost_agents(transaction, silent_before, reason, since).await?;
        // Most of the time nobody is silent, and the live ones need not be counted.
        let live = if lost == 0 {
            0
        } else {
            session::count_live_agents(transaction, reason, since).await?
        };
        Ok(Counts { lost, live })
    }

    async fn record_loss(
        &self,
        transaction: &mut Transaction,
        counts: Counts,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let kind = EventKind::MassLossBegun {
            code: Error::MassPresenceLoss.code(),
            lost: counts.lost,
            live: counts.live,
        };
        self.record(transaction, Event::new(kind, now)).await?;
        transaction.after_commit(move || {
            tracing::error!(
                code = Error::MassPresenceLoss.code(),
                lost = counts.lost,
                live = counts.live,
                "many agents are silent at once: nobody's session ends for it"
            );
        });
        Ok(())
    }
}

impl Counts {
    fn is_mass(self, bounds: MassLossBounds) -> bool {
        self.lost >= i64::from(bounds.agents_min)
            && self.lost.saturating_mul(100) > self.live.saturating_mul(i64::from(bounds.percent))
    }
}

/// A second grace shorter than the first would be none.
fn second_grace(lifetimes: &Lifetimes) -> Duration {
    lifetimes.mass_loss_grace.max(lifetimes.presence_grace)
}

/// The silence from which on a session counts among those that are lost together: one interval
/// before it would end, but never so early that an agent in good order is counted.
fn quiet_after(lifetimes: &Lifetimes) -> Duration {
    let Lifetimes {
        presence_interval,
        presence_grace,
        ..
    } = *lifetimes;
    (presence_grace - presence_interval)
        .max(presence_interval + Duration::seconds(1))
        .min(presence_grace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_means_enough_agents_and_more_than_the_share() {
        let bounds = MassLossBounds {
            agents_min: 5,
            percent: 25,
        };
        for (lost, live, is_mass) in [
            (0, 0, false),
            (1, 1, false),
            (4, 4, false),
            (5, 5, true),
            (5, 19, true),
            (5, 20, false),
            (250, 1000, false),
            (251, 1000, true),
            (i64::MAX, i64::MAX, false),
        ] {
            let counts = Counts { lost, live };
            assert_eq!(counts.is_mass(bounds), is_mass, "{counts:?}");
        }
    }

    #[test]
    fn silence_counts_an_interval_early_but_not_that_of_an_agent_in_good_order() {
        for (interval, grace, quiet) in [(10, 30, 20), (10, 15, 11), (1, 2, 2), (1, 30, 29)] {
            let lifetimes = Lifetimes {
                presence_interval: Duration::seconds(interval),
                presence_grace: Duration::seconds(grace),
                ..Lifetimes::default()
            };
            assert_eq!(quiet_after(&lifetimes), Duration::seconds(quiet));
        }
    }
}
