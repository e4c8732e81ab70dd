//! The scenarios by name: honest accounts of each kind, all of them together, and each robot.

use super::population::{KINDS, Population};
use super::robot::{Gap, Manner, Numbers, Robot};
use super::scale::Scale;
use super::traffic::Traffic;

/// The day on which robots take over, after three weeks of the owner's work.
pub const ROBOT_STARTS: u32 = 21;
/// How long a patient robot goes on: four weeks.
pub const ROBOT_DAYS: u32 = 28;

/// A robot's scenario.
pub struct RobotScenario {
    /// Its name on the command line and in the tables.
    pub name: &'static str,
    /// What it does, in a few words.
    pub words: &'static str,
    /// Whose accounts it takes, one of [`KINDS`].
    pub owner: &'static str,
    /// How many accounts it spreads over: the traffic's first ones.
    pub accounts: u32,
    /// How many requests for a fresh card signature the person at the workstation answers.
    pub patience: u32,
    /// Whether it knows the guard's configuration and state, and asks only when let through.
    pub informed: bool,
    /// Whether nobody has used the account before.
    pub new_account: bool,
    /// How it goes about it.
    pub manner: Manner,
}

const DAY: &[(f64, f64)] = &[(9.0, 19.0)];
const OPEN: &[(f64, f64)] = &[(9.0, 12.5), (14.0, 19.0)];
const ROUND_THE_CLOCK: &[(f64, f64)] = &[(0.0, 24.0)];

const ALONE: Manner = Manner {
    hours: DAY,
    gap: Gap::Steady { seconds: 120.0 },
    daily_max: 100_000,
    days: ROBOT_DAYS,
    repeats: 0.0,
    numbers: Numbers::Random,
    forges_presence: false,
    in_her_session: false,
    beside_her: false,
};

const HUMAN: Manner = Manner {
    hours: OPEN,
    gap: Gap::Human {
        median: 150.0,
        pauses: 0.06,
    },
    ..ALONE
};

const PLAIN: RobotScenario = RobotScenario {
    name: "",
    words: "",
    owner: "pharmacy-median",
    accounts: 1,
    patience: 0,
    informed: false,
    new_account: false,
    manner: ALONE,
};

/// The breach's robot: one afternoon, as fast as answers come.
const FLAT_OUT: Manner = Manner {
    hours: &[(14.5, 19.0)],
    gap: Gap::Steady { seconds: 0.02 },
    daily_max: 27_000,
    days: 1,
    ..ALONE
};

/// All robots.
pub const ROBOTS: [RobotScenario; 23] = [
    RobotScenario {
        name: "flat-out",
        words: "27 000 random numbers, fifty a second",
        manner: FLAT_OUT,
        ..PLAIN
    },
    RobotScenario {
        name: "flat-out-sequence",
        words: "the same in sequence, which the portal's adapter says",
        manner: Manner {
            numbers: Numbers::InSequence,
            ..FLAT_OUT
        },
        ..PLAIN
    },
    RobotScenario {
        name: "flat-out-new-account",
        words: "flat out on an account that was never used",
        new_account: true,
        manner: FLAT_OUT,
        ..PLAIN
    },
    RobotScenario {
        name: "burst-rate",
        words: "twenty a minute, the rate of a rush hour, by day",
        manner: Manner {
            gap: Gap::Steady { seconds: 3.0 },
            ..ALONE
        },
        ..PLAIN
    },
    RobotScenario {
        name: "busiest-average",
        words: "180 an hour, the average of the busiest pharmacy",
        manner: Manner {
            gap: Gap::Steady { seconds: 20.0 },
            ..ALONE
        },
        ..PLAIN
    },
    RobotScenario {
        name: "thirty-an-hour",
        words: "30 an hour, by day and by night",
        manner: Manner {
            hours: ROUND_THE_CLOCK,
            ..ALONE
        },
        ..PLAIN
    },
    RobotScenario {
        name: "thirty-an-hour-sequence",
        words: "the same in sequence, which the portal's adapter says",
        manner: Manner {
            hours: ROUND_THE_CLOCK,
            numbers: Numbers::InSequence,
            ..ALONE
        },
        ..PLAIN
    },
    RobotScenario {
        name: "spread-over-19",
        words: "19 accounts, twelve an hour each, human-like",
        accounts: 19,
        manner: Manner {
            gap: Gap::Human {
                median: 230.0,
                pauses: 0.06,
            },
            ..HUMAN
        },
        ..PLAIN
    },
    RobotScenario {
        name: "human-like",
        words: "some 15 an hour, with jitter, pauses, lunch, opening hours",
        manner: HUMAN,
        ..PLAIN
    },
    RobotScenario {
        name: "human-like-busiest",
        words: "the same on the account of the busiest pharmacy",
        owner: "pharmacy-busiest",
        manner: HUMAN,
        ..PLAIN
    },
    RobotScenario {
        name: "human-like-emergency",
        words: "the same on an emergency department's account",
        owner: "emergency",
        manner: HUMAN,
        ..PLAIN
    },
    RobotScenario {
        name: "human-like-new-account",
        words: "the same on an account that was never used",
        new_account: true,
        manner: HUMAN,
        ..PLAIN
    },
    RobotScenario {
        name: "real-repeats",
        words: "human-like, 25 an hour, 60 % of them the account's former patients",
        manner: Manner {
            gap: Gap::Human {
                median: 90.0,
                pauses: 0.06,
            },
            repeats: 0.6,
            ..HUMAN
        },
        ..PLAIN
    },
    RobotScenario {
        name: "slow-for-weeks",
        words: "25 a day, human-like, for four weeks",
        manner: Manner {
            gap: Gap::Human {
                median: 600.0,
                pauses: 0.1,
            },
            daily_max: 25,
            ..HUMAN
        },
        ..PLAIN
    },
    RobotScenario {
        name: "rides-along",
        words: "in her session, behind a quarter of her own look-ups; she signs three times",
        patience: 3,
        manner: Manner {
            gap: Gap::BehindHers { share: 0.25 },
            in_her_session: true,
            ..HUMAN
        },
        ..PLAIN
    },
    RobotScenario {
        name: "rides-along-busiest",
        words: "the same behind a twentieth of the busiest pharmacy's",
        owner: "pharmacy-busiest",
        patience: 3,
        manner: Manner {
            gap: Gap::BehindHers { share: 0.05 },
            in_her_session: true,
            ..HUMAN
        },
        ..PLAIN
    },
    RobotScenario {
        name: "beside-her",
        words: "human-like from a place of its own, while she works on; she signs three times",
        patience: 3,
        manner: Manner {
            beside_her: true,
            ..HUMAN
        },
        ..PLAIN
    },
    RobotScenario {
        name: "slow-beside-her",
        words: "the same, 15 a day",
        patience: 3,
        manner: Manner {
            gap: Gap::Human {
                median: 900.0,
                pauses: 0.1,
            },
            daily_max: 15,
            beside_her: true,
            ..HUMAN
        },
        ..PLAIN
    },
    RobotScenario {
        name: "signs-slowly",
        words: "30 a day on the account of a physician on the screen, who signs three times",
        owner: "teleconsultant",
        patience: 3,
        manner: Manner {
            gap: Gap::Human {
                median: 600.0,
                pauses: 0.1,
            },
            daily_max: 30,
            ..HUMAN
        },
        ..PLAIN
    },
    RobotScenario {
        name: "captured-workstation",
        words: "60 an hour in her session; she signs five times, then no more",
        patience: 5,
        manner: Manner {
            gap: Gap::Human {
                median: 50.0,
                pauses: 0.02,
            },
            in_her_session: true,
            ..HUMAN
        },
        ..PLAIN
    },
    RobotScenario {
        name: "informed",
        words: "knows rules and state, asks only when it will be let through",
        informed: true,
        manner: Manner {
            gap: Gap::Human {
                median: 40.0,
                pauses: 0.01,
            },
            ..HUMAN
        },
        ..PLAIN
    },
    RobotScenario {
        name: "informed-busiest",
        words: "the same inside the busiest pharmacy's session, by her hours",
        owner: "pharmacy-busiest",
        informed: true,
        patience: 3,
        manner: Manner {
            gap: Gap::Human {
                median: 40.0,
                pauses: 0.01,
            },
            in_her_session: true,
            ..HUMAN
        },
        ..PLAIN
    },
    RobotScenario {
        name: "forged-presence",
        words: "holds the portal's key: 200 an hour, each with a patient's card that is not there",
        manner: Manner {
            gap: Gap::Human {
                median: 15.0,
                pauses: 0.01,
            },
            forges_presence: true,
            ..HUMAN
        },
        ..PLAIN
    },
];

/// The traffic of a scenario, or `None` if there is no such name.
#[must_use]
pub fn traffic(name: &str, seed: u64, days: u32, scale: Scale) -> Option<Traffic> {
    let population = if name == "honest" {
        Population::mixed(seed, scale)
    } else if KINDS.contains(&name) {
        let mut population = Population::new(seed, scale);
        let owner = population.owner(name);
        population.add(name, owner);
        population
    } else {
        let scenario = ROBOTS.iter().find(|scenario| scenario.name == name)?;
        taken_over(scenario, seed, scale)
    };
    let Population {
        accounts, workers, ..
    } = population;
    Some(Traffic::new(accounts, workers, days, scale.epidemic))
}

/// All names, with a few words on each.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let honest = [("honest", "a hundred honest accounts of every kind")];
    let kinds = KINDS.iter().map(|kind| (*kind, "one honest account"));
    let robots = ROBOTS.iter().map(|robot| (robot.name, robot.words));
    honest.into_iter().chain(kinds).chain(robots)
}

/// Honest accounts beside a robot's: no portal has its accounts alone.
const NEIGHBOURS: [&str; 12] = [
    "pharmacy-small",
    "pharmacy-small",
    "pharmacy-median",
    "pharmacy-median",
    "pharmacy-median",
    "pharmacy-median",
    "physician",
    "physician",
    "ward",
    "emergency",
    "emergency",
    "secretary",
];

/// The robot's accounts come first.
fn taken_over(scenario: &RobotScenario, seed: u64, scale: Scale) -> Population {
    let mut population = Population::new(seed, scale);
    for _ in 0..scenario.accounts {
        let account = population.next_account();
        let owner = population.owner(scenario.owner);
        let starts = if scenario.new_account {
            0
        } else {
            ROBOT_STARTS
        };
        let robot = Robot::new(owner, account, seed, starts, scenario.manner.clone());
        population.add(scenario.owner, Box::new(robot));
    }
    for kind in NEIGHBOURS {
        let owner = population.owner(kind);
        population.add(kind, owner);
    }
    population
}
