//! Which form the kept states have: another version's can't be read.

use serde_json::Value;

use crate::act::number_of;
use crate::{Act, Decider, Kind, Patient, Rules};

/// A number that changes with the names and the kinds of what is kept of an account.
pub(super) fn layout() -> u64 {
    let decider = Decider::new(Rules::default());
    // Enough of everything for each list to have an entry: refusals, sessions, days, a card.
    for number in 0..200_u32 {
        let patient = Patient::from_pseudonym(&number.to_string());
        let mut act = Act::look_up("sub", "service", patient);
        act.at = 1_795_996_800_000 + i64::from(number) * 100;
        act.session = number.to_string();
        act.patient_present = number == 0;
        if number == 1 {
            act.at -= 86_400_000;
            act.kind = Kind::Write;
        }
        let _ = decider.decide(&act);
        if number % 70 == 69 {
            decider.fresh_signature("sub", Some(&act.session), act.at);
        }
    }
    let mut text = String::from("5");
    let kept = serde_json::to_value(decider.carry_out("sub"));
    describe(&kept.unwrap_or_default(), &mut text);
    number_of(text.as_bytes())
}

fn describe(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push('?'),
        Value::Bool(_) => text.push('b'),
        Value::Number(_) => text.push('n'),
        Value::String(_) => text.push('s'),
        Value::Array(all) => {
            text.push('[');
            if let Some(first) = all.first() {
                describe(first, text);
            }
            text.push(']');
        }
        Value::Object(all) => {
            for (name, value) in all {
                text.push_str(name);
                describe(value, text);
            }
        }
    }
}
