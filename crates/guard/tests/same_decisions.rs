//! The same traffic gets the same decisions, to the byte.
//!
//! What makes the guard faster must not show here. Who changes what is decided finds the new number
//! in the failure, and says in the message of the change what became different and why.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use cardea_guard::{Act, Actor, Answer, Decider, Decision, Kind, Patient, Rules};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// A Monday at midnight.
const START: i64 = 20_398 * DAY;
const DAYS: i64 = 45;
const PEOPLE: u64 = 48;

/// Numbers of the test's own: those that are shipped may change without changing this.
const RULES: &str = "
[default.look_up]
per_minute = 40
per_hour = 300
per_day = 1500
per_week = 6000
per_month = 20000
ahead = 60
ahead_least = 40
ahead_most = 200
card_speaks_for = 20
card_speaks_for_most = 25
forgiven_per_day = 3
signed_habit_most = 150
drift = 120
usual_day_least = 40
signature_restores = 50
signatures_most = 4
slow_after = 3
slow_seconds = 60
stop_session_after = 8
stop_account_after = 16

[service.two.default.look_up]
per_hour = 90
[service.two.profession.nurse.look_up]
ahead = 100
per_day = 400
[service.two.profession.nurse.write]
per_minute = 3

[unattended.client.robot-of-the-clinic]
per_minute = 20
per_hour = 200
per_day = 700
stop_account_after = 40
";

/// A small generator: the same traffic in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn time(&mut self, bound: i64) -> i64 {
        i64::try_from(self.below(u64::try_from(bound).unwrap())).unwrap()
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// All decisions so far, as one number (FNV-1a), and how often each answer was given.
struct Fingerprint {
    number: u64,
    answers: [u32; 5],
}

impl Fingerprint {
    fn note(&mut self, decision: &Decision) {
        let mut text = decision.answer.word().to_owned();
        if let Answer::Slow { wait } = decision.answer {
            text += &format!(" {}", wait.as_secs());
        }
        for reason in &decision.reasons {
            let (code, count, limit) = (reason.code(), reason.count(), reason.limit());
            text += &format!(" {code} {count} {limit}");
        }
        text.push('\n');
        for byte in text.bytes() {
            self.number = (self.number ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let place = match decision.answer {
            Answer::Allow => 0,
            Answer::StepUp => 1,
            Answer::Slow { .. } => 2,
            Answer::StopSession => 3,
            Answer::StopAccount => 4,
        };
        self.answers[place] += 1;
    }
}

/// One person's day: a counter with cards, a telephone without, a ward, a physician.
fn work(dice: &mut Dice, person: u64, day: i64, acts: &mut Vec<Act>) {
    let (looks, cards, known, profession, service) = match person % 4 {
        0 => (70, 70, 2_000, Some("pharmacist"), "one"),
        1 => (30, 0, 300, Some("secretary"), "one"),
        2 => (60, 0, 45, Some("nurse"), "two"),
        _ => (18, 45, 600, None, "three"),
    };
    let looks = looks / 2 + dice.below(looks) + if day % 11 == 10 { looks } else { 0 };
    for _ in 0..looks {
        let at = START + day * DAY + 8 * HOUR + dice.time(10 * HOUR);
        let patient = if person % 4 == 2 {
            format!("bed-{}-{}", dice.below(known), (day + 3) / 5)
        } else {
            format!("{person}-{}", dice.below(known))
        };
        let mut act = Act {
            at,
            profession: profession.map(str::to_owned),
            session: format!("{person}-{day}-{}", dice.below(2)),
            source: format!("place-{person}-{}", dice.below(3)),
            patient_present: dice.percent(cards),
            follow_up: dice.percent(50).then(|| dice.percent(70)),
            ..Act::look_up(
                &format!("sub-{person}"),
                service,
                Patient::from_pseudonym(&patient),
            )
        };
        if dice.percent(4) {
            act.kind = Kind::Write;
        }
        if dice.percent(3) {
            let more = dice.below(9);
            let more = (0..more).map(|_| format!("{person}-{}", dice.below(known)));
            act.patients
                .extend(more.map(|it| Patient::from_pseudonym(&it)));
        }
        acts.push(act);
    }
}

/// Robots on some of the accounts: flat out, steadily, like a person, beside the person's own work.
fn rob(dice: &mut Dice, person: u64, day: i64, acts: &mut Vec<Act>) {
    let (count, pause) = match person % 5 {
        0 => (160, SECOND),
        1 => (120, 4 * MINUTE),
        2 => (15, 30 * MINUTE),
        _ => (60, 7 * MINUTE),
    };
    let mut at = START + day * DAY + dice.time(14 * HOUR);
    for number in 0..count {
        at += if person.is_multiple_of(2) {
            pause
        } else {
            pause / 10 + dice.time(pause * 2)
        };
        let patient = Patient::from_pseudonym(&format!("stolen-{person}-{day}-{number}"));
        let service = ["one", "one", "two", "three"][usize::try_from(person % 4).unwrap()];
        let professions = [Some("pharmacist"), Some("secretary"), Some("nurse"), None];
        acts.push(Act {
            at,
            profession: professions[usize::try_from(person % 4).unwrap()].map(str::to_owned),
            session: format!("{person}-{day}-{}", dice.below(3)),
            source: format!("far-{}", dice.below(2)),
            sequence: person.is_multiple_of(3) && dice.percent(80),
            follow_up: Some(false),
            ..Act::look_up(&format!("sub-{person}"), service, patient)
        });
    }
}

fn unattended(dice: &mut Dice, day: i64, acts: &mut Vec<Act>) {
    let names = ["robot-of-the-clinic", "another-robot"];
    let mut at = START + day * DAY + 6 * HOUR;
    for number in 0..260 {
        at += dice.time(20 * SECOND);
        let many = 1 + dice.below(4);
        let patients = (0..many).map(|it| format!("unattended-{day}-{}", number / 2 + it));
        acts.push(Act {
            at,
            actor: Actor::Service,
            patient_present: dice.percent(10),
            patients: patients.map(|it| Patient::from_pseudonym(&it)).collect(),
            ..Act::look_up(
                names[usize::try_from(dice.below(2)).unwrap()],
                "rights",
                Patient::from_pseudonym(""),
            )
        });
    }
}

#[test]
fn forty_five_days_of_people_and_robots_get_the_same_decisions_as_ever() {
    let decider = Decider::new(toml::from_str::<Rules>(RULES).unwrap());
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut seen = Fingerprint {
        number: 0xcbf2_9ce4_8422_2325,
        answers: [0; 5],
    };
    for day in 0..DAYS {
        let mut acts = Vec::new();
        for person in 0..PEOPLE {
            if day % 7 < 5 || person % 4 == 2 {
                work(&mut dice, person, day, &mut acts);
            }
            let is_robbed =
                day >= 15 && person.is_multiple_of(3) && (day + i64::from(person == 9)) % 2 == 0;
            if is_robbed {
                rob(&mut dice, person, day, &mut acts);
            }
        }
        unattended(&mut dice, day, &mut acts);
        acts.sort_by_key(|act| act.at);
        for mut act in acts {
            if dice.percent(1) {
                act.at -= dice.time(3 * MINUTE);
            }
            if dice.percent(1) && act.subject == "sub-7" {
                act.service = format!("service-{}", dice.below(30));
            }
            let decision = decider.decide(&act);
            seen.note(&decision);
            seen.note(&decider.preview(&act));
            let (subject, session) = (act.subject.as_str(), act.session.as_str());
            let in_session = dice.percent(70).then_some(session);
            match decision.answer {
                Answer::StepUp if dice.percent(60) => {
                    decider.fresh_signature(subject, in_session, act.at);
                }
                Answer::StopAccount if dice.percent(2) => {
                    decider.lift(subject, &act.service, act.at);
                }
                _ => {}
            }
        }
    }
    let decided = (format!("{:016x}", seen.number), seen.answers);
    let answers = [215_580, 2_918, 507, 2_909, 17_640];
    assert_eq!(decided, ("95dcb3076b5eed29".to_owned(), answers));
}
