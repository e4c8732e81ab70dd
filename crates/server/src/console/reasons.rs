//! Why a guard stopped an account, in a few words each: whoever confirms that it is let in again
//! must understand what was seen.

use serde_json::Value;

use crate::language::{Language, Text};

/// One line for each reason, with its numbers. A newer guard's stands as it is.
pub(crate) fn lines(reasons: &Value, language: Language) -> Vec<String> {
    let list = reasons.as_array().into_iter().flatten();
    let line = |reason: &Value| {
        let code = reason.get("code")?.as_str()?;
        let number = |name: &str| reason.get(name).and_then(Value::as_u64);
        let words = words(code).map_or(code, |text| text.in_language(language));
        Some(match (number("count"), number("limit")) {
            (Some(count), Some(limit)) => {
                let against = AGAINST.in_language(language);
                let against = against.replace("{count}", &count.to_string());
                format!("{words}{}", against.replace("{limit}", &limit.to_string()))
            }
            _ => words.to_owned(),
        })
    };
    list.filter_map(line).collect()
}

/// A guard's code, as `cardea_guard`'s `ReasonCode` has it.
fn words(code: &str) -> Option<Text> {
    of_patients(code).or_else(|| of_habits(code))
}

fn of_patients(code: &str) -> Option<Text> {
    Some(match code {
        "ahead" => Text::new(
            "patients beyond what the cards shown explain",
            "patients au-delà de ce qu’expliquent les cartes présentées",
        ),
        "per_minute" => Text::new(
            "patients without their card in a minute",
            "patients sans leur carte en une minute",
        ),
        "per_hour" => Text::new(
            "patients without their card in an hour",
            "patients sans leur carte en une heure",
        ),
        "per_day" => Text::new(
            "patients without their card in 24 hours",
            "patients sans leur carte en 24 heures",
        ),
        "per_week" => Text::new(
            "patients without their card in seven days",
            "patients sans leur carte en sept jours",
        ),
        "per_month" => Text::new(
            "patients without their card in thirty days",
            "patients sans leur carte en trente jours",
        ),
        "usual_day" => Text::new(
            "new patients without their card today, far beyond the account’s fullest days",
            "nouveaux patients sans leur carte ce jour, bien au-delà des jours les plus chargés",
        ),
        "drift" => Text::new(
            "patients over the last weeks beyond what is usual",
            "patients de plus que d’habitude ces dernières semaines",
        ),
        "unattended" => Text::new(
            "patients of an unattended service",
            "patients d’un service automatique",
        ),
        _ => return None,
    })
}

fn of_habits(code: &str) -> Option<Text> {
    Some(match code {
        "metronome" => Text::new(
            "look-ups as regular as a machine’s",
            "consultations d’une régularité de machine",
        ),
        "fast" => Text::new(
            "patients in a minute, faster than a person reads",
            "patients en une minute, plus vite qu’une personne ne lit",
        ),
        "no_pause" => Text::new("minutes without a pause", "minutes sans pause"),
        "unusual_hour" => Text::new(
            "an hour (UTC) at which the account never worked in so many days",
            "une heure (UTC) à laquelle le compte n’a jamais travaillé en autant de jours",
        ),
        "nobody_known" => Text::new(
            "patients known to the account, against those new to it",
            "patients connus du compte, pour ceux qui lui sont nouveaux",
        ),
        "new_place" => Text::new(
            "a new place; other places known, from so many days",
            "un lieu nouveau ; autres lieux connus, depuis autant de jours",
        ),
        "two_places" => Text::new(
            "changes between two places within minutes",
            "passages d’un lieu à l’autre en quelques minutes",
        ),
        "sequence" => Text::new(
            "look-ups of numbers in sequence",
            "consultations de numéros en séquence",
        ),
        "no_follow_up" => Text::new(
            "look-ups that nothing was done with",
            "consultations sans aucun acte ensuite",
        ),
        "others_too" => Text::new(
            "accounts that do the same at the same time",
            "comptes qui font de même en même temps",
        ),
        "signature_awaited" => Text::new(
            "further patients while a signature was awaited",
            "autres patients pendant l’attente d’une signature",
        ),
        "signatures_spent" => Text::new(
            "signatures in seven days that restored the budget",
            "signatures en sept jours qui ont rétabli le budget",
        ),
        "session_stopped" => Text::new(
            "sessions stopped within seven days",
            "sessions arrêtées en sept jours",
        ),
        "account_stopped" => Text::new(
            "patients refused since the account is stopped; sessions stopped before",
            "patients refusés depuis l’arrêt du compte ; sessions arrêtées avant",
        ),
        _ => return None,
    })
}

const AGAINST: Text = Text::new(": {count} / {limit}", "\u{a0}: {count} / {limit}");

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{lines, words};
    use crate::language::Language;

    /// Its source is the one list of them; nothing of the guard is linked into the server.
    const OF_GUARD: &str = include_str!("../../../guard/src/decision/reason.rs");

    #[test]
    fn every_reason_that_a_guard_has_is_in_words() {
        let (_, list) = OF_GUARD.split_once("\nreasons! {").unwrap();
        let (list, _) = list.split_once("\n}").unwrap();
        let rows = list.lines().filter(|line| line.ends_with("\","));
        let codes: Vec<_> = rows
            .filter_map(|line| line.trim().split_once(", \""))
            .filter(|(name, _)| name.chars().all(char::is_alphanumeric))
            .map(|(_, word)| word.trim_end_matches("\","))
            .collect();
        assert!(codes.len() >= 20 && codes.contains(&"per_day"), "{codes:?}");
        for code in codes {
            assert!(words(code).is_some(), "{code} is in no words");
        }
    }

    #[test]
    fn a_reason_is_told_with_its_numbers_and_one_without_words_as_it_is() {
        let reasons = json!([
            {"code": "per_day", "count": 41, "limit": 40},
            {"code": "of_tomorrow", "count": 1, "limit": 2},
            {"count": 1},
        ]);
        let french = [
            "patients sans leur carte en 24 heures\u{a0}: 41 / 40",
            "of_tomorrow\u{a0}: 1 / 2",
        ];
        assert_eq!(lines(&reasons, Language::French), french);
        let english = &lines(&reasons, Language::English)[0];
        assert_eq!(english, "patients without their card in 24 hours: 41 / 40");
    }
}
