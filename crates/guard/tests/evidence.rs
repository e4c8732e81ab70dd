//! A short run of the evidence with the rules that are shipped, by bounds so wide that only a
//! guard that has lost its wits breaks them. The numbers stand in `docs/guard-evidence.md`.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use cardea_guard::simulator::scale::Scale;
use cardea_guard::simulator::scenario::{self, ROBOT_STARTS, ROBOTS};
use cardea_guard::simulator::trial::guarded::Guarded;
use cardea_guard::simulator::trial::honest::{self, Tally};
use cardea_guard::simulator::trial::hostile;
use cardea_guard::{Config, Rules};

fn shipped() -> Rules {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("guard.example.toml");
    Config::load(&file).unwrap().rules
}

#[test]
fn robots_are_stopped_early() {
    let most = [
        ("flat-out-sequence", 1, 100),
        ("busiest-average", 1, 100),
        ("thirty-an-hour", 4, 150),
        ("human-like", 6, 300),
        ("slow-for-weeks", 10, 300),
        ("informed", 3, 500),
        ("rides-along", 10, 500),
        ("beside-her", 10, 300),
        ("captured-workstation", 6, 400),
    ];
    for (name, days, most) in most {
        let robot = ROBOTS.iter().find(|robot| robot.name == name).unwrap();
        let traffic = scenario::traffic(name, 11, ROBOT_STARTS + days, Scale::USUAL).unwrap();
        let taken = hostile::try_out(robot, traffic, &mut Guarded::new(shipped()));
        assert!(taken[0].reached <= most, "{name}: {:?}", taken[0]);
        if robot.patience > 0 {
            assert!(taken[0].before_stop.is_some(), "{name}: {:?}", taken[0]);
        }
    }
}

#[test]
fn honest_people_are_not_stopped_and_hardly_asked() {
    let mut all = Tally::default();
    for kind in [
        "pharmacy-small",
        "pharmacy-median",
        "physician",
        "nurse",
        "ward",
    ] {
        let traffic = scenario::traffic(kind, 12, 14, Scale::USUAL).unwrap();
        for tally in honest::try_out(traffic, &mut Guarded::new(shipped())).into_values() {
            all.add(tally);
        }
    }
    assert!(all.practitioner_days > 40, "{all:?}");
    assert_eq!(all.stops, 0, "{all:?}");
    assert!(all.step_ups + all.slowed <= 2, "{all:?}");
}

#[test]
fn whoever_forges_the_patients_cards_is_not_held_up_and_the_documents_say_so() {
    let robot = ROBOTS
        .iter()
        .find(|robot| robot.name == "forged-presence")
        .unwrap();
    let traffic = scenario::traffic(robot.name, 11, ROBOT_STARTS + 1, Scale::USUAL).unwrap();
    let taken = hostile::try_out(robot, traffic, &mut Guarded::new(shipped()));
    assert!(taken[0].reached > 500, "{:?}", taken[0]);
}
