//! The runs behind the tables: worlds of honest traffic, robots, and what judges make of them.

use std::collections::HashMap;

use cardea_guard::Rules;
use cardea_guard::simulator::scale::Scale;
use cardea_guard::simulator::scenario::{self, ROBOT_DAYS, ROBOT_STARTS, ROBOTS};
use cardea_guard::simulator::trial::Judge;
use cardea_guard::simulator::trial::fixed_limit::{FixedLimit, Peaks};
use cardea_guard::simulator::trial::guarded::Guarded;
use cardea_guard::simulator::trial::honest::{self, Tally};
use cardea_guard::simulator::trial::hostile::{self, Yield};

/// Six weeks: the flu season begins, the clock changes, a holiday, one day at three times the
/// usual.
pub(crate) const HONEST_DAYS: u32 = 42;

/// Needless requests in 1 000 practitioner-days that the fixed limit may cost, in its hour and in
/// its day each: it was fitted to what the guard is compared with.
const FITTED_TO: f64 = 1.0;

/// Traffic to try a judge on.
pub(crate) struct World {
    /// Its name in the tables.
    pub(crate) name: &'static str,
    /// Its parameters.
    pub(crate) scale: Scale,
    /// Its seeds.
    pub(crate) seeds: Vec<u64>,
}

/// The published traffic first, then what nothing was fitted to.
pub(crate) fn worlds(seeds: u64) -> Vec<World> {
    let unseen = Scale {
        epidemic: Some((18, 3.5)),
        ..Scale::USUAL
    };
    let held_out = [
        ("other seeds", unseen),
        (
            "a third busier",
            Scale {
                volume: 1.35,
                ..unseen
            },
        ),
        (
            "a third quieter",
            Scale {
                volume: 0.65,
                ..unseen
            },
        ),
        (
            "cards left at home",
            Scale {
                unread: 1.6,
                ..unseen
            },
        ),
        (
            "a town of visitors",
            Scale {
                newcomers: 2.0,
                ..unseen
            },
        ),
        (
            "names that no configuration knows",
            Scale {
                strange_names: true,
                ..unseen
            },
        ),
    ];
    let mut worlds = vec![World {
        name: "published",
        scale: Scale::USUAL,
        seeds: (1..=seeds).collect(),
    }];
    for (nth, (name, scale)) in (0_u64..).zip(held_out) {
        let first = 0x0005_eed7_0000 + 1_000 * nth;
        worlds.push(World {
            name,
            scale,
            seeds: (first..first + seeds.div_ceil(2)).collect(),
        });
    }
    worlds
}

/// What honest people bear, by kind of account.
pub(crate) type Burden = HashMap<String, Tally>;

/// What a robot took, an entry for each account and seed.
pub(crate) type Loot = HashMap<&'static str, Vec<Vec<Yield>>>;

impl World {
    /// The best fixed limits for this world's own honest traffic.
    pub(crate) fn fixed_limit(&self) -> FixedLimit {
        let mut peaks = Peaks::default();
        for seed in &self.seeds {
            if let Some(traffic) = scenario::traffic("honest", *seed, HONEST_DAYS, self.scale) {
                peaks.add(traffic);
            }
        }
        FixedLimit::fitted(&peaks, FITTED_TO)
    }

    /// Lets honest people work before new judges, one a seed.
    pub(crate) fn burden(&self, judge: impl Fn() -> Box<dyn Judge>) -> Burden {
        let mut all = Burden::new();
        for seed in &self.seeds {
            let Some(traffic) = scenario::traffic("honest", *seed, HONEST_DAYS, self.scale) else {
                continue;
            };
            for (kind, tally) in honest::try_out(traffic, judge().as_mut()) {
                all.entry(kind).or_default().add(tally);
            }
        }
        all
    }

    /// Lets robots loose before new judges, one a seed.
    pub(crate) fn loot(&self, names: Option<&[&str]>, judge: impl Fn() -> Box<dyn Judge>) -> Loot {
        let mut all = Loot::new();
        for robot in &ROBOTS {
            if names.is_some_and(|names| !names.contains(&robot.name)) {
                continue;
            }
            for seed in &self.seeds {
                let days = if robot.new_account {
                    ROBOT_DAYS
                } else {
                    ROBOT_STARTS + ROBOT_DAYS
                };
                let Some(traffic) = scenario::traffic(robot.name, *seed, days, self.scale) else {
                    continue;
                };
                let taken = hostile::try_out(robot, traffic, judge().as_mut());
                all.entry(robot.name).or_default().push(taken);
            }
        }
        all
    }
}

/// A guard with these rules.
pub(crate) fn guard(rules: &Rules) -> Box<dyn Judge> {
    Box::new(Guarded::new(rules.clone()))
}

/// A fixed limit with nothing counted.
pub(crate) fn limit(limit: &FixedLimit, factor: f64) -> Box<dyn Judge> {
    Box::new(limit.scaled(factor))
}
