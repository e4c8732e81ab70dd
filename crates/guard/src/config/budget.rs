//! The budget of one kind of act, for one profession at one service.

use serde::{Deserialize, Serialize};

/// Declares the settings once: as they hold, and as a section may change some of them.
macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident = $default:expr, $range:expr;)+) => {
        /// What an account may do before it is asked for a signature, and what follows.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Budget {
            $($(#[$doc])* pub $name: u32,)+
        }

        impl Default for Budget {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        /// The settings of a section that says something of its own; the rest is as above it.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct BudgetSection {
            $($name: Option<u32>,)+
        }

        impl BudgetSection {
            /// These settings laid over others.
            pub(crate) fn over(&self, below: &Budget) -> Budget {
                Budget { $($name: self.$name.unwrap_or(below.$name),)+ }
            }

            /// The first setting that is out of its range.
            pub(crate) fn mistake(&self) -> Option<(&'static str, String)> {
                $(if let Some(value) = self.$name && !($range).contains(&value) {
                    let (least, most) = ($range.start(), $range.end());
                    let reason = format!("{value} is not from {least} to {most}");
                    return Some((stringify!($name), reason));
                })+
                None
            }
        }
    };
}

settings! {
    /// Distinct patients without a card in a minute; nothing stretches it.
    per_minute = 40, 1..=100_000;
    /// Distinct patients without a card in an hour; nothing stretches it.
    per_hour = 300, 1..=100_000;
    /// Distinct patients without a card in 24 hours; nothing stretches it.
    per_day = 1_500, 1..=4_000;
    /// Distinct patients without a card in seven days; nothing stretches it.
    per_week = 6_000, 1..=100_000;
    /// Distinct patients without a card in thirty days; nothing stretches it.
    per_month = 20_000, 1..=100_000;
    /// How far patients without a card may run ahead of those who were there, while nothing is
    /// known of the account and its profession.
    ahead = 80, 1..=100_000;
    /// The same at least, however regular the account is.
    ahead_least = 50, 1..=100_000;
    /// The same at most, whatever is usual there.
    ahead_most = 200, 1..=100_000;
    /// Patients without a card that one card speaks for, while nothing is known.
    card_speaks_for = 20, 0..=1_000;
    /// The same at most, whatever is usual there.
    card_speaks_for_most = 25, 0..=1_000;
    /// Patients that each day takes from what has run ahead.
    forgiven_per_day = 3, 0..=1_000;
    /// Patients that each of an account's first ten days takes besides, where cards are not usual:
    /// nobody can have come back yet who could speak for the person.
    forgiven_at_first = 13, 0..=1_000;
    /// Where nobody shows cards and the person has signed: new patients a day that its habit may
    /// forgive besides, at most.
    signed_habit_most = 150, 0..=1_000;
    /// How far patients without a card may run ahead over weeks of what is usual for a known
    /// account, beside one of its full days.
    drift = 120, 1..=100_000;
    /// New patients without a card that every account may have in a day, however quiet it is.
    usual_day_least = 40, 1..=100_000;
    /// Patients that a fresh signature leaves room for. Each further one leaves half as much within
    /// seven days where most patients show their card, and a quarter less within a day where they
    /// don't.
    signature_restores = 50, 1..=100_000;
    /// Signatures within that time that restore something.
    signatures_most = 4, 0..=20;
    /// Refused patients after which answers are slow.
    slow_after = 3, 1..=1_000;
    /// Seconds to wait then.
    slow_seconds = 60, 1..=86_400;
    /// Refused patients after which the session is stopped.
    stop_session_after = 8, 1..=1_000;
    /// Refused patients after which the account is stopped, over all sessions.
    stop_account_after = 16, 1..=1_000;
}

impl Budget {
    /// What is written in a practitioner's name is rarer than what is read.
    pub(crate) fn of_writes() -> Self {
        Self {
            per_minute: 10,
            per_hour: 60,
            per_day: 150,
            per_week: 500,
            per_month: 1_500,
            ahead: 30,
            ahead_least: 20,
            ahead_most: 80,
            forgiven_at_first: 0,
            usual_day_least: 20,
            signature_restores: 20,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, BudgetSection};

    #[test]
    fn a_section_changes_what_it_names() {
        let section: BudgetSection = toml::from_str("per_hour = 7").unwrap();
        let budget = section.over(&Budget::default());
        assert_eq!(budget.per_hour, 7);
        assert_eq!(budget.per_day, Budget::default().per_day);
    }

    #[test]
    fn a_setting_out_of_its_range_is_named() {
        let section: BudgetSection = toml::from_str("per_day = 0").unwrap();
        let (key, reason) = section.mistake().unwrap();
        assert_eq!(
            (key, reason.as_str()),
            ("per_day", "0 is not from 1 to 4000")
        );
        assert_eq!(BudgetSection::default().mistake(), None);
    }
}
