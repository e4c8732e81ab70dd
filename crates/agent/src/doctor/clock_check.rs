//! The workstation's clock beside the issuers'.

use super::cause::Cause;
use super::finding::Finding;
use crate::clock::workstation_seconds;

/// Below this nobody is in trouble.
const TOLERATED_SECONDS: i64 = 120;

/// What is known of the time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// How far this workstation is ahead of the issuer, in seconds, where one told its time.
    ahead_seconds: Option<i64>,
}

impl Clock {
    /// By the time that an issuer has just told, in unix seconds.
    pub(super) fn of(issuers_time: i64) -> Self {
        Self {
            ahead_seconds: Some(workstation_seconds().saturating_sub(issuers_time)),
        }
    }

    /// Now, by the issuer's time where it is known.
    pub(super) fn now(self) -> i64 {
        workstation_seconds().saturating_sub(self.ahead_seconds.unwrap_or(0))
    }

    /// The first that knows.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            ahead_seconds: self.ahead_seconds.or(other.ahead_seconds),
        }
    }

    /// Whether it is off by more than anybody bears.
    pub(super) fn is_off(self) -> bool {
        self.ahead_seconds
            .is_some_and(|ahead| ahead.saturating_abs() > TOLERATED_SECONDS)
    }

    /// That it is off.
    pub(super) fn judge(self, issuer: &str) -> Option<Finding> {
        let ahead = self.ahead_seconds.filter(|_| self.is_off())?;
        let (french, english) = span(ahead.saturating_abs());
        let words = if ahead > 0 {
            (format!("avance de {french}"), format!("is {english} fast"))
        } else {
            (format!("retarde de {french}"), format!("is {english} slow"))
        };
        let finding = Finding::new(Cause::ClockOff).with("issuer", issuer);
        Some(finding.with_words("offset", words))
    }
}

/// A span of time in its largest unit, rounded: an hour less the time of asking is an hour.
fn span(seconds: i64) -> (String, String) {
    let minutes = (seconds + 30) / 60;
    let (count, french, english) = match minutes {
        0..60 => (minutes, "minute", "minute"),
        60..1_440 => ((minutes + 30) / 60, "heure", "hour"),
        _ => ((minutes + 720) / 1_440, "jour", "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    (
        format!("{count} {french}{plural}"),
        format!("{count} {english}{plural}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_beyond_two_minutes_on_either_side() {
        let clock = |ahead| Clock {
            ahead_seconds: Some(ahead),
        };
        for (ahead, is_off) in [
            (0, false),
            (120, false),
            (-120, false),
            (121, true),
            (-121, true),
        ] {
            assert_eq!(clock(ahead).judge("i").is_some(), is_off, "{ahead}");
        }
        assert!(Clock::default().judge("i").is_none());
        assert_eq!(span(180).1, "3 minutes");
        assert_eq!(span(3_600).0, "1 heure");
        assert_eq!(span(3_598).0, "1 heure");
        assert_eq!(span(86_390).1, "1 day");
        assert_eq!(span(400 * 86_400).1, "400 days");
    }
}
