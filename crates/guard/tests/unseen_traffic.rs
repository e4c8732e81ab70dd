//! Robots and honest people that no configuration names, under the rules as shipped.
//!
//! The numbers here are wide on purpose: they are what must never be passed, not what is reached.
//! What is reached stands in docs/guard-evidence.md.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::HashSet;

use cardea_guard::{Act, Actor, Answer, Decider, Kind, Patient, Rules};

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// A Monday at midnight.
const START: i64 = 20_398 * DAY;

/// A small generator: the same traffic in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// From a tenth of `mean` to about three times of it, as people's pauses are.
    fn pause(&mut self, mean: i64) -> i64 {
        let turns: i64 = (0..3)
            .map(|_| i64::try_from(self.below(100)).unwrap())
            .min()
            .unwrap();
        mean / 10 + mean * turns / 25
    }
}

fn act(subject: &str, patient: &str, at: i64) -> Act {
    Act {
        at,
        profession: Some("Q-77".to_owned()),
        session: format!("{subject}-{}", at / DAY),
        source: format!("at-{subject}"),
        ..Act::look_up(subject, "registre", Patient::from_pseudonym(patient))
    }
}

/// What a robot got, until it was asked and in all. It signs as often as `signs` says.
struct Loot {
    before_asked: usize,
    all: usize,
    last: Answer,
}

fn rob(decider: &Decider, acts: impl Iterator<Item = (Act, String)>, mut signs: u32) -> Loot {
    let mut seen = HashSet::new();
    let (mut before_asked, mut last) = (None, Answer::Allow);
    for (act, patient) in acts {
        let mut answer = decider.decide(&act).answer;
        if answer != Answer::Allow {
            before_asked.get_or_insert(seen.len());
        }
        if answer == Answer::StepUp && signs > 0 {
            signs -= 1;
            decider.fresh_signature(&act.subject, Some(&act.session), act.at);
            answer = decider.decide(&act).answer;
        }
        if answer == Answer::Allow {
            seen.insert(patient);
        }
        last = answer;
        if answer == Answer::StopAccount {
            break;
        }
    }
    let all = seen.len();
    Loot {
        before_asked: before_asked.unwrap_or(all),
        all,
        last,
    }
}

/// A robot alone on an account: `gap` draws the time to the next look-up.
fn walk(
    subject: &str,
    seed: u64,
    count: u32,
    mut gap: impl FnMut(&mut Dice) -> i64,
) -> Vec<(Act, String)> {
    let mut dice = Dice(seed | 1);
    let mut at = START + 9 * HOUR;
    let mut acts = Vec::new();
    for number in 0..count {
        let patient = format!("{subject}/{number}/{}", dice.below(1 << 40));
        acts.push((act(subject, &patient, at), patient));
        at += gap(&mut dice);
        // At night and over lunch people don't work, and robots that imitate them neither.
        if (at - START) % DAY > 18 * HOUR {
            at += 15 * HOUR;
        }
    }
    acts
}

#[test]
fn robots_on_accounts_that_nobody_knows_are_stopped_whatever_their_rhythm() {
    let robots: [(&str, i64, i64, usize); 5] = [
        ("flat out", SECOND, 0, 40),
        ("at the rate of a rush hour", 0, 4 * SECOND, 80),
        ("thirty an hour", 0, 120 * SECOND, 100),
        ("like a person", 0, 240 * SECOND, 100),
        ("twenty a day", 0, 1_600 * SECOND, 300),
    ];
    for (name, steady, human, most) in robots {
        let decider = Decider::new(Rules::default());
        let gap = |dice: &mut Dice| steady + if human > 0 { dice.pause(human) } else { 0 };
        let loot = rob(&decider, walk(name, 7, 600, gap).into_iter(), 0);
        assert!(loot.all <= most, "{name}: {}", loot.all);
        assert!(loot.last >= Answer::StopSession, "{name}: {:?}", loot.last);
    }
}

#[test]
fn a_captured_workstation_that_signs_each_time_is_stopped_all_the_same() {
    for (name, mean) in [("flat out", SECOND), ("a minute each", 60 * SECOND)] {
        let decider = Decider::new(Rules::default());
        let acts = walk(name, 3, 450, |dice| dice.pause(mean));
        let acts = acts.into_iter().filter(|(act, _)| act.at < START + DAY);
        let loot = rob(&decider, acts, u32::MAX);
        assert!(loot.all <= 220, "{name}: {}", loot.all);
        assert!(loot.last >= Answer::StopSession, "{name}: {:?}", loot.last);
    }
}

#[test]
fn repeats_of_its_own_patients_buy_a_robot_little() {
    let decider = Decider::new(Rules::default());
    let mut dice = Dice(11);
    let fresh = walk("repeats", 5, 400, |dice| dice.pause(150 * SECOND));
    let mut acts: Vec<(Act, String)> = Vec::new();
    for (mut next, patient) in fresh {
        if acts.len() > 5 && dice.percent(50) {
            let old = usize::try_from(dice.below(acts.len() as u64)).unwrap();
            let (old, name) = acts[old].clone();
            let again = Act { at: next.at, ..old };
            acts.push((again, name));
            next.at += 30 * SECOND;
        }
        acts.push((next, patient));
    }
    let loot = rob(&decider, acts.into_iter(), 0);
    assert!(loot.all <= 120, "{}", loot.all);
}

#[test]
fn nineteen_accounts_at_once_get_less_each_than_one_alone() {
    let decider = Decider::new(Rules::default());
    let mut acts: Vec<_> = (0..19_u64)
        .flat_map(|robot| {
            let subject = format!("victim-{robot}");
            walk(&subject, robot + 1, 200, |dice| dice.pause(120 * SECOND))
        })
        .collect();
    acts.sort_by_key(|(act, _)| act.at);
    let loot = rob(&decider, acts.into_iter(), 0);
    assert!(loot.all < 1_500, "{}", loot.all);
}

#[test]
fn a_patient_known_to_be_there_is_free_at_any_rate() {
    let decider = Decider::new(Rules::default());
    for number in 0..5_000 {
        let mut next = act(
            "counter",
            &format!("p{number}"),
            START + number * 2 * SECOND,
        );
        next.patient_present = true;
        assert_eq!(decider.decide(&next).answer, Answer::Allow);
    }
}

#[test]
fn a_rush_hour_an_epidemic_and_a_ward_are_not_disturbed() {
    let decider = Decider::new(Rules::default());
    let (mut dice, mut asked) = (Dice(99), 0);
    let mut acts = Vec::new();
    for day in 0..30_i64 {
        let rush = if day % 10 == 9 { 3 } else { 1 };
        for pharmacy in 0..8_u64 {
            for _ in 0..(120 + 10 * pharmacy) * rush {
                let hour = if dice.percent(40) {
                    17
                } else {
                    9 + dice.below(9)
                };
                let at = i64::try_from(hour * 3_600_000 + dice.below(3_600_000)).unwrap();
                let patient = format!("p{pharmacy}-{}", dice.below(3_000));
                let mut next = act(
                    &format!("pharmacy-{pharmacy}"),
                    &patient,
                    START + day * DAY + at,
                );
                next.patient_present = dice.percent(70);
                acts.push(next);
            }
        }
        for nurse in 0..6_i64 {
            for round in 0..3 {
                for bed in 0..30 {
                    let patient = format!("bed-{bed}-{}", (day + bed) / 6);
                    let at =
                        START + day * DAY + (7 + 4 * round) * HOUR + (bed * 70 + nurse) * SECOND;
                    acts.push(act(&format!("nurse-{nurse}"), &patient, at));
                }
            }
        }
    }
    acts.sort_by_key(|act| act.at);
    for act in &acts {
        asked += u32::from(decider.decide(act).answer != Answer::Allow);
    }
    assert_eq!(asked, 0, "of {} acts", acts.len());
}

/// Whoever never sees a card: `known` of a hundred patients come back; she signs when asked. How
/// often she was asked.
fn work_without_cards(decider: &Decider, subject: &str, days: i64, a_day: u32, known: u64) -> u32 {
    let mut dice = Dice(17);
    let (mut patients, mut asked) = (Vec::new(), 0);
    for day in (0..days).filter(|day| day % 7 < 5) {
        let mut at = START + day * DAY + 8 * HOUR;
        for number in 0..a_day {
            let is_known = !patients.is_empty() && dice.percent(known);
            let patient = if is_known {
                let old = usize::try_from(dice.below(patients.len() as u64)).unwrap();
                patients.get(old).cloned().unwrap()
            } else {
                format!("{subject}-{day}-{number}")
            };
            at += dice.pause(300 * SECOND);
            let next = act(subject, &patient, at);
            let answer = decider.decide(&next).answer;
            if answer != Answer::Allow {
                assert_eq!(answer, Answer::StepUp, "day {day}");
                asked += 1;
                at += 20 * SECOND;
                decider.fresh_signature(subject, None, at);
                assert_eq!(decider.decide(&Act { at, ..next }).answer, Answer::Allow);
            }
            patients.push(patient);
        }
    }
    asked
}

#[test]
fn who_never_sees_a_card_signs_once_for_weeks() {
    let decider = Decider::new(Rules::default());
    assert_eq!(work_without_cards(&decider, "on-the-screen", 50, 28, 0), 1);
    assert_eq!(work_without_cards(&decider, "telephone", 50, 70, 30), 1);
}

/// A profession that is known to show cards: eight accounts, two weeks until the tests begin.
fn with_colleagues_who_see_cards() -> Decider {
    let decider = Decider::new(Rules::default());
    let mut dice = Dice(23);
    for day in -14..0_i64 {
        for number in 0..240_i64 {
            let subject = format!("surgery-{}", number % 8);
            let patient = format!("{subject}-{}", dice.below(500));
            let at = START + day * DAY + 8 * HOUR + number * 120 * SECOND;
            let mut next = act(&subject, &patient, at);
            next.patient_present = dice.percent(80);
            assert_eq!(decider.decide(&next).answer, Answer::Allow);
        }
    }
    decider
}

#[test]
fn who_is_new_and_alone_in_never_seeing_cards_signs_and_is_not_stopped() {
    for (name, a_day, known, most) in [
        ("screen", 28, 0, 1),
        ("screen", 64, 0, 2),
        ("tel", 70, 30, 2),
    ] {
        let decider = with_colleagues_who_see_cards();
        let asked = work_without_cards(&decider, name, 40, a_day, known);
        assert!((1..=most).contains(&asked), "{a_day} a day: {asked}");
    }
}

/// A portal that never says who is there, on the first day: what all do looks like a campaign.
#[test]
fn who_signs_is_no_part_of_a_campaign_and_is_not_stopped() {
    let decider = Decider::new(Rules::default());
    let mut dice = Dice(41);
    let mut acts: Vec<Act> = Vec::new();
    for person in 0..12 {
        let subject = format!("counter-{person}");
        let mut at = START + 8 * HOUR;
        for number in 0..150 {
            at += dice.pause(220 * SECOND);
            acts.push(act(&subject, &format!("{subject}-{number}"), at));
        }
    }
    acts.sort_by_key(|act| act.at);
    let mut asked = 0;
    for next in acts {
        let answer = decider.decide(&next).answer;
        if answer != Answer::Allow {
            assert_eq!(answer, Answer::StepUp);
            asked += 1;
            decider.fresh_signature(&next.subject, Some(&next.session), next.at);
            assert_eq!(decider.decide(&next).answer, Answer::Allow);
        }
    }
    assert!((12..=36).contains(&asked), "{asked}");
}

#[test]
fn a_robot_on_a_new_account_gains_little_where_colleagues_see_cards() {
    for (name, mean, signs, most) in [
        ("like a person", 240 * SECOND, 0, 60),
        ("flat out, and she signs", SECOND, u32::MAX, 220),
        ("a minute each, and she signs", 60 * SECOND, u32::MAX, 220),
    ] {
        let decider = with_colleagues_who_see_cards();
        let acts = walk(name, 3, 450, |dice| dice.pause(mean));
        let acts = acts.into_iter().filter(|(act, _)| act.at < START + DAY);
        let loot = rob(&decider, acts, signs);
        assert!(loot.all <= most, "{name}: {}", loot.all);
        assert!(loot.last >= Answer::StopSession, "{name}: {:?}", loot.last);
    }
}

#[test]
fn a_robot_on_the_account_of_who_never_sees_a_card_is_found_by_whom_nobody_knows() {
    let decider = Decider::new(Rules::default());
    work_without_cards(&decider, "telephone", 28, 70, 30);
    let start = 28 * DAY;
    // As many a day as she had, at her rate: no budget of a day is passed.
    let acts = walk("telephone", 9, 1_200, |dice| dice.pause(420 * SECOND));
    let acts = acts.into_iter().map(|(act, patient)| {
        let at = act.at + start;
        (Act { at, ..act }, patient)
    });
    let loot = rob(&decider, acts, 0);
    assert!(loot.all <= 300, "{}", loot.all);
    assert!(loot.last >= Answer::StopSession, "{:?}", loot.last);
}

#[test]
fn answers_never_become_milder_by_going_on_and_only_an_operator_lifts_a_stop() {
    let decider = Decider::new(Rules::default());
    let mut last = Answer::Allow;
    for number in 0..400_i64 {
        let mut next = act("robot", &format!("r{number}"), START + number * SECOND);
        // A session that was stopped is left for another.
        if last == Answer::StopSession {
            next.session = format!("session-{number}");
        }
        let answer = decider.decide(&next).answer;
        let is_new_session = last == Answer::StopSession;
        assert!(answer >= last || is_new_session, "{last:?} then {answer:?}");
        last = answer;
    }
    assert_eq!(last, Answer::StopAccount);
    decider.fresh_signature("robot", None, START + DAY);
    let after = act("robot", "r1", START + DAY);
    assert_eq!(decider.decide(&after).answer, Answer::StopAccount);
    decider.lift("robot", "another service", START + DAY);
    assert_eq!(decider.decide(&after).answer, Answer::StopAccount);
    decider.lift("robot", "registre", START + DAY);
    assert_eq!(decider.decide(&after).answer, Answer::Allow);
}

#[test]
fn an_act_from_the_past_is_judged_now_and_a_signature_that_nobody_asked_for_restores_nothing() {
    let decider = Decider::new(Rules::default());
    let mut got = 0;
    for number in 0..200_i64 {
        decider.fresh_signature("robot", None, START + number);
        // Each act claims to be a day older than the one before.
        let next = act("robot", &format!("r{number}"), START - number * DAY);
        got += u32::from(decider.decide(&next).answer == Answer::Allow);
        if got > 70 {
            break;
        }
        if decider.decide(&next).answer != Answer::Allow {
            break;
        }
    }
    assert!(got <= 60, "{got}");
}

#[test]
fn a_search_that_names_fifty_counts_fifty() {
    let decider = Decider::new(Rules::default());
    let patients = |page: u32| (0..50).map(move |hit| format!("hit-{page}-{hit}"));
    let mut search = act("searcher", "", START);
    search.patients = patients(0).map(|it| Patient::from_pseudonym(&it)).collect();
    assert_eq!(decider.decide(&search).answer, Answer::StepUp);
    assert_eq!(decider.decide(&search).reasons.len(), 2, "awaited, and why");
}

#[test]
fn twelve_hundred_certificates_are_not_made_in_one_name() {
    let decider = Decider::new(Rules::default());
    let acts = walk("physician", 2, 1_200, |dice| dice.pause(90 * SECOND));
    let acts = acts.into_iter().map(|(act, patient)| {
        let write = Act {
            kind: Kind::Write,
            ..act
        };
        (write, patient)
    });
    let loot = rob(&decider, acts, 0);
    assert!(loot.before_asked <= 30 && loot.all <= 40, "{}", loot.all);
}

#[test]
fn a_service_without_a_person_has_a_budget_and_nobody_to_sign() {
    let decider = Decider::new(Rules::default());
    let answers: Vec<_> = (0..2_000_i64)
        .map(|number| {
            let mut next = act("rights-check", &format!("u{number}"), START + number * 10);
            next.actor = Actor::Service;
            decider.decide(&next).answer
        })
        .collect();
    let per_minute = usize::try_from(Rules::default().unattended("rights-check").per_minute);
    let allowed = answers.iter().filter(|it| **it == Answer::Allow).count();
    assert_eq!(allowed, per_minute.unwrap());
    assert!(!answers.contains(&Answer::StepUp));
    assert_eq!(answers.last(), Some(&Answer::StopAccount));
}

#[test]
fn names_beyond_number_take_bounded_memory() {
    let text = "[rules]\naccounts_max = 2000";
    let config = cardea_guard::Config::parse(text, std::path::Path::new("guard.toml")).unwrap();
    let decider = Decider::new(config.rules);
    for number in 0..20_000_i64 {
        let mut next = act(&format!("s{number}"), "p", START + number);
        next.service = format!("service-{}", number % 5_000);
        next.source = format!("source-{number}");
        let _ = decider.decide(&next);
    }
    let tally = decider.tally();
    assert!(tally.accounts <= 2_100, "{}", tally.accounts);
    assert!(tally.bytes < 4_000_000, "{}", tally.bytes);
}
