//! A fresh signature that the issuer tells of.

use serde_json::{Value, json};

use super::{STOPPED, Stand, guard, session, stand};
use crate::test_issuer::{NOW, until};
use crate::{Act, Answer, Decider, Patient};

const LEVEL: &str = "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change";

/// So many patients without a card in one session, from a number on.
fn walk(decider: &Decider, session: &str, numbers: std::ops::Range<u32>) -> Answer {
    let mut answer = Answer::Allow;
    for number in numbers {
        let patient = Patient::from_pseudonym(&number.to_string());
        let mut act = Act::look_up("a-person", "records", patient);
        (act.at, act.session) = (NOW * 1_000, session.to_owned());
        answer = decider.decide(&act).answer;
        if answer != Answer::Allow {
            break;
        }
    }
    answer
}

impl Stand {
    fn level(&self, jti: &str, sequence: u64, (sub, sid): (&str, &str), level: &str) {
        let mut subject = session(sid);
        subject["user"] = json!({"format": "iss_sub", "iss": self.issuer.url, "sub": sub});
        let events = json!({LEVEL: {"current_level": level}});
        self.say_set(jti, sequence, &subject, &events);
    }

    /// What stands before a slash in a SET's id is the same in all streams.
    fn say_set(&self, jti: &str, sequence: u64, subject: &Value, events: &Value) {
        let set = self.issuer.set(&json!({
            "jti": jti, "sequence": sequence, "sub_id": subject, "events": events,
            "txn": jti.split('/').next(),
        }));
        self.issuer.say(|says| {
            says.sets.insert(jti.to_owned(), set);
            if let Some(beat) = &mut says.heartbeat {
                beat["sequence"] = sequence.into();
            }
        });
    }
}

/// One signature restores a bounded budget, for the session that was asked, and once.
#[tokio::test]
async fn a_signature_that_the_issuer_tells_of_answers_what_was_asked_there_and_once() {
    const PIN: &str = "urn:cardea:acr:card-pin";
    let stand = stand().await;
    let folder = tempfile::tempdir().unwrap();
    let (guard, decider) = guard(&stand, &folder);
    stand.check.tell(guard);
    stand.heard().await;
    assert_eq!(walk(&decider, "a-session", 0..500), Answer::StepUp);
    for (jti, sequence, named, level) in [
        ("another session", 1, ("a-person", "elsewhere"), PIN),
        ("another person", 2, ("somebody", "a-session"), PIN),
        (
            "another level",
            3,
            ("a-person", "a-session"),
            "urn:cardea:acr:card-pin-cached",
        ),
    ] {
        stand.level(jti, sequence, named, level);
        until(|| stand.has_acknowledged(jti)).await;
        assert_ne!(walk(&decider, "a-session", 1_000..1_001), Answer::Allow);
    }
    stand.level("fresh", 4, ("a-person", "a-session"), PIN);
    until(|| stand.has_acknowledged("fresh")).await;
    assert_eq!(walk(&decider, "a-session", 2_000..2_001), Answer::Allow);
    // Bounded: the walk is stopped again, and the same signature is no second answer.
    assert_eq!(walk(&decider, "a-session", 3_000..3_500), Answer::StepUp);
    stand.level("fresh", 5, ("a-person", "a-session"), PIN);
    // Nor is it as another stream tells it, or where it was asked for long before.
    stand.level("fresh/elsewhere", 6, ("a-person", "a-session"), PIN);
    let mut of_session = session("a-session");
    of_session["user"] = json!({"format": "iss_sub", "iss": stand.issuer.url, "sub": "a-person"});
    let stale = json!({LEVEL: {"current_level": PIN, "asked_at_ms": NOW * 1_000 - 60_000}});
    stand.say_set("stale", 7, &of_session, &stale);
    let subject = json!({
        "format": "complex",
        "user": {"format": "iss_sub", "iss": stand.issuer.url, "sub": "nobody"},
        "application": {"format": "opaque", "id": "elsewhere"},
    });
    let marker = json!({STOPPED: {"stop": "s", "stop_sequence": 1}});
    stand.say_set("marker", 8, &subject, &marker);
    until(|| stand.has_acknowledged("marker")).await;
    assert!(stand.has_acknowledged("fresh/elsewhere") && stand.has_acknowledged("stale"));
    assert_ne!(walk(&decider, "a-session", 4_000..4_001), Answer::Allow);
    assert!(stand.check.check_stream().is_ok());
}
