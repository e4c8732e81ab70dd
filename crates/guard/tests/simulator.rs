//! The simulator is what it says: the same for a seed, in order of time, each scenario in shape.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{HashMap, HashSet};

use cardea_guard::simulator::event::{Author, Event};
use cardea_guard::simulator::line::line;
use cardea_guard::simulator::scale::Scale;
use cardea_guard::simulator::scenario::{self, ROBOT_STARTS, ROBOTS};

const DAY: i64 = 86_400_000;

fn events(name: &str, seed: u64, days: u32) -> Vec<Event> {
    scenario::traffic(name, seed, days, Scale::USUAL)
        .unwrap()
        .collect()
}

/// Look-ups a working day, patients a day without a card, and the most in any minute.
fn shape(name: &str) -> (f64, f64, usize) {
    let events = events(name, 5, 28);
    let days: HashSet<i64> = events.iter().map(|event| event.at / DAY).collect();
    let absent: HashSet<(i64, u64)> = events
        .iter()
        .filter(|event| !event.present)
        .map(|event| (event.at / DAY, event.patient))
        .collect();
    let mut minutes: HashMap<i64, usize> = HashMap::new();
    for event in &events {
        *minutes.entry(event.at / 60_000).or_default() += 1;
    }
    let days = days.len() as f64;
    let busiest = minutes.into_values().max().unwrap_or(0);
    (
        events.len() as f64 / days,
        absent.len() as f64 / days,
        busiest,
    )
}

#[test]
fn a_seed_gives_the_same_lines_and_another_seed_others() {
    for (name, _) in scenario::names() {
        if name == "honest" || name.starts_with("flat-out") {
            continue;
        }
        let days = if name == "spread-over-19" {
            3
        } else {
            ROBOT_STARTS + 1
        };
        assert_eq!(events(name, 1, days), events(name, 1, days), "{name}");
        assert_ne!(events(name, 1, days), events(name, 2, days), "{name}");
    }
    assert_eq!(events("honest", 3, 2), events("honest", 3, 2));
    assert!(scenario::traffic("no-such", 1, 1, Scale::USUAL).is_none());
}

#[test]
fn time_never_runs_backwards() {
    for name in [
        "honest",
        "ward",
        "pharmacy-median",
        "rides-along",
        "spread-over-19",
    ] {
        let events = events(name, 4, 24);
        assert!(events.len() > 100, "{name}");
        assert!(events.is_sorted_by_key(|event| event.at), "{name}");
    }
}

#[test]
fn honest_accounts_have_the_shape_that_their_sources_give() {
    // Look-ups a day with repeats, patients without a card a day, most in a minute.
    let expected = [
        ("pharmacy-small", 50.0..160.0, 8.0..35.0, 2..15),
        ("pharmacy-median", 180.0..420.0, 40.0..110.0, 4..30),
        (
            "pharmacy-busiest",
            2_000.0..4_500.0,
            300.0..1_000.0,
            24..120,
        ),
        ("physician", 25.0..90.0, 12.0..45.0, 2..20),
        ("teleconsultant", 30.0..80.0, 20.0..50.0, 2..20),
        ("ward", 80.0..220.0, 20.0..40.0, 2..20),
        ("emergency", 40.0..180.0, 15.0..60.0, 2..25),
        ("secretary", 80.0..250.0, 55.0..140.0, 2..25),
        ("nurse", 55.0..110.0, 25.0..50.0, 2..20),
        ("laboratory", 180.0..420.0, 80.0..220.0, 5..40),
        ("unattended", 500.0..2_500.0, 5.0..80.0, 4..40),
    ];
    for (name, look_ups, absent, minute) in expected {
        let found = shape(name);
        assert!(look_ups.contains(&found.0), "{name}: {found:?}");
        assert!(absent.contains(&found.1), "{name}: {found:?}");
        assert!(minute.contains(&found.2), "{name}: {found:?}");
    }
}

#[test]
fn a_pharmacy_keeps_its_hours_and_its_patients_come_back() {
    let events = events("pharmacy-median", 6, 28);
    // Local noon is 10 or 11 hours UTC; on call it is open at night and on some Sundays.
    let at_night = events
        .iter()
        .filter(|event| event.at % DAY < 5 * 3_600_000)
        .count();
    assert!(
        at_night * 50 < events.len(),
        "{at_night} of {}",
        events.len()
    );
    let last_week = events
        .iter()
        .filter(|event| event.at - events[0].at > 21 * DAY);
    let before: HashSet<u64> = events
        .iter()
        .filter(|event| event.at - events[0].at <= 21 * DAY)
        .map(|event| event.patient)
        .collect();
    let (known, all) = last_week.fold((0, 0), |(known, all), event| {
        (
            known + usize::from(before.contains(&event.patient)),
            all + 1,
        )
    });
    assert!(known * 2 > all, "{known} of {all}");
}

#[test]
fn robots_go_at_the_rate_they_claim_and_only_a_forger_has_cards() {
    let hourly = [
        ("burst-rate", 1_150.0..1_250.0),
        ("busiest-average", 170.0..190.0),
        ("thirty-an-hour", 29.0..31.0),
        ("human-like", 8.0..20.0),
        ("forged-presence", 120.0..240.0),
    ];
    for robot in &ROBOTS {
        let start = if robot.new_account { 0 } else { ROBOT_STARTS };
        let all = events(robot.name, 7, start + 1);
        let by_robot: Vec<_> = all.iter().filter(|it| it.author == Author::Robot).collect();
        assert!(!by_robot.is_empty(), "{}", robot.name);
        let forges = robot.manner.forges_presence;
        assert!(
            by_robot.iter().all(|event| event.present == forges),
            "{}",
            robot.name
        );
        let hours: f64 = robot.manner.hours.iter().map(|(from, to)| to - from).sum();
        let rate = by_robot.len() as f64 / hours;
        if let Some((_, claimed)) = hourly.iter().find(|(name, _)| *name == robot.name) {
            assert!(claimed.contains(&rate), "{}: {rate} an hour", robot.name);
        }
        if robot.name == "slow-for-weeks" {
            assert!(by_robot.len() <= 25);
        }
    }
}

#[test]
fn a_line_is_what_the_replay_takes() {
    let mut traffic = scenario::traffic("pharmacy-small", 1, 2, Scale::USUAL).unwrap();
    let account = traffic.accounts()[0].clone();
    let event = traffic.next().unwrap();
    let line: serde_json::Value = serde_json::from_str(&line(&account, &event).unwrap()).unwrap();
    for member in [
        "t",
        "sub",
        "profession",
        "service",
        "patient",
        "session",
        "source",
    ] {
        assert!(
            line[member].as_str().is_some_and(|text| !text.is_empty()),
            "{member}"
        );
    }
    assert!(line["patient_present"].is_boolean());
    assert!(line["t"].as_str().unwrap().ends_with('Z'), "{line}");
}
