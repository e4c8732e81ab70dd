//! `[retention]`: how many days what is kept for its own sake is kept (docs/privacy.md).

use std::path::Path;

use cardea_provider::KeptFor;
use serde::Deserialize;
use time::Duration;

use super::check::check_range;
use super::load::invalid;
use crate::error::Error;

/// `[retention]`, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RetentionConfig {
    /// Refusals that concern no person and no session.
    pub refusals_of_nobody_days: u32,
    /// What is personal in the log's entries of logins, sessions and tokens.
    pub logins_days: u32,
    /// The same of guards' decisions.
    pub guard_days: u32,
    /// The same of what operators do.
    pub operators_days: u32,
    /// The same of incidents; and incidents with their notes, from when they were closed.
    pub incidents_days: u32,
    /// Look-ups that guards report, with patients' pseudonyms.
    pub look_ups_days: u32,
    /// What people were told of refused uses and of guards' stops.
    pub notices_days: u32,
    /// Sessions, tokens and consents that are over.
    pub sessions_days: u32,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            refusals_of_nobody_days: 30,
            logins_days: 365,
            guard_days: 365,
            operators_days: 1_095,
            incidents_days: 1_095,
            look_ups_days: 180,
            notices_days: 180,
            sessions_days: 1,
        }
    }
}

impl RetentionConfig {
    /// The same as the provider takes it.
    #[must_use]
    pub fn kept_for(&self) -> KeptFor {
        KeptFor {
            refusals_of_nobody: days(self.refusals_of_nobody_days),
            logins: days(self.logins_days),
            guard: days(self.guard_days),
            operators: days(self.operators_days),
            incidents: days(self.incidents_days),
            look_ups: days(self.look_ups_days),
            notices: days(self.notices_days),
        }
    }

    /// How long ended records are kept.
    #[must_use]
    pub fn sessions(&self) -> Duration {
        days(self.sessions_days)
    }

    /// What follows, a line each, for whoever checks the file.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        let erased = |what: &str, days: u32| {
            format!("what is personal in the log's entries of {what} is erased after {days} days")
        };
        vec![
            format!(
                "look-ups, with patients' pseudonyms, are deleted after {} days",
                self.look_ups_days
            ),
            erased("logins and sessions", self.logins_days),
            erased("guards' decisions", self.guard_days),
            erased("what operators do", self.operators_days),
            erased("incidents", self.incidents_days),
            format!(
                "closed incidents are deleted after {} days, what people were told after {}, \
                 refusals of nobody after {}, ended sessions after {}",
                self.incidents_days,
                self.notices_days,
                self.refusals_of_nobody_days,
                self.sessions_days
            ),
            "what an open incident is about stays until it is closed".to_owned(),
        ]
    }
}

fn days(days: u32) -> Duration {
    Duration::days(i64::from(days))
}

/// Each within what serves its purpose, and none that makes another useless.
pub(super) fn check_retention(file: &Path, retention: &RetentionConfig) -> Result<(), Error> {
    let it = retention;
    let bounds = [
        (
            "refusals_of_nobody_days",
            it.refusals_of_nobody_days,
            1,
            365,
        ),
        ("logins_days", it.logins_days, 180, 1_095),
        ("guard_days", it.guard_days, 180, 1_095),
        ("operators_days", it.operators_days, 365, 3_650),
        ("incidents_days", it.incidents_days, 365, 3_650),
        ("look_ups_days", it.look_ups_days, 30, 1_095),
        ("notices_days", it.notices_days, 30, 1_095),
        ("sessions_days", it.sessions_days, 1, 30),
    ];
    for (key, value, least, most) in bounds {
        check_range(file, &format!("retention.{key}"), value, least..=most)?;
    }
    // Else the report of an incident names look-ups of which nobody knows any more who made them.
    if it.logins_days < it.look_ups_days {
        let reason = "must not be less than retention.look_ups_days: a look-up is no use to an \
                      incident report when the login is gone from which it came";
        return Err(invalid(file, None, "retention.logins_days", reason));
    }
    if it.refusals_of_nobody_days > it.logins_days {
        let reason = "must not be more than retention.logins_days";
        return Err(invalid(
            file,
            None,
            "retention.refusals_of_nobody_days",
            reason,
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{RetentionConfig, check_retention};

    fn reason_of(text: &str) -> String {
        let read: RetentionConfig = toml::from_str(text).unwrap();
        check_retention(Path::new("cardea.toml"), &read)
            .map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn each_time_has_its_bounds_and_a_mistake_names_its_key() {
        for sound in [
            "",
            "logins_days = 180",
            "logins_days = 1095\nlook_ups_days = 1095",
            "look_ups_days = 30",
            "sessions_days = 30",
        ] {
            assert_eq!(reason_of(sound), "", "{sound}");
        }
        for (wrong, key) in [
            ("logins_days = 179", "retention.logins_days"),
            ("logins_days = 1096", "retention.logins_days"),
            ("operators_days = 364", "retention.operators_days"),
            ("incidents_days = 3651", "retention.incidents_days"),
            ("look_ups_days = 29", "retention.look_ups_days"),
            ("look_ups_days = 366", "retention.logins_days"),
            ("notices_days = 0", "retention.notices_days"),
            ("sessions_days = 31", "retention.sessions_days"),
            ("guard_days = 1", "retention.guard_days"),
            (
                "logins_days = 180\nrefusals_of_nobody_days = 181",
                "retention.refusals_of_nobody_days",
            ),
        ] {
            let reason = reason_of(wrong);
            assert!(reason.contains(key), "{wrong}: {reason}");
        }
        assert!(toml::from_str::<RetentionConfig>("login_days = 365").is_err());
    }

    /// The provider's own defaults are those of the file.
    #[test]
    fn the_defaults_are_one() {
        let default = RetentionConfig::default();
        assert_eq!(default.kept_for(), cardea_provider::KeptFor::default());
        let retention = cardea_provider::Lifetimes::default().retention;
        assert_eq!(default.sessions(), retention);
    }
}
