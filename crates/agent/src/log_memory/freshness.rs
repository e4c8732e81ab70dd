//! Whether what is shown is as new as it must be: a log that stands still for one workstation looks
//! whole to it for ever.
//!
//! Two things tell. What was done from here is an event, so that the log has grown since; and
//! witnesses put the time under what they cosign, and sign an idle log anew. How much time has
//! passed, this workstation's clock says: the issuer is who is watched. That clock may be wrong, so
//! its distance from the witnesses' is learned, and what is refused is only what fell behind since.

use serde::{Deserialize, Serialize};

use super::LogRefusal;

/// An event has its place within seconds; an upgrade of several nodes, or a long queue of events,
/// may take longer.
const GROWTH_PATIENCE: i64 = 3600;
/// After so long without the witnesses the person is told.
const TOLD_AFTER: i64 = 24 * 3600;
/// After so long nobody is signed in, where the enrolment names witnesses: a machine of somebody
/// else may be away over a week-end, and over a few days on end.
const REFUSED_AFTER: i64 = 7 * 24 * 3600;

/// What a log owes to this workstation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Owed {
    /// Since when, by this workstation's clock.
    since: i64,
    /// So many entries, at least.
    least: u64,
}

/// What is remembered of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Freshness {
    /// By the newest checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grown: Option<Owed>,
    /// By the newest one that witnesses have cosigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cosigned: Option<Owed>,
    /// By how many seconds this clock is ahead of the witnesses' at least, as far as was ever seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ahead: Option<i64>,
    /// Whether the issuer's server was ever one that shows the newest checkpoint of all. One of
    /// before does not have an idle log cosigned anew: only that sign-ins come into it is demanded,
    /// with the patience that witnesses are given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    shows_newest: bool,
}

/// What is seen of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Entries of the newest checkpoint that goes on from what is kept.
    pub(super) newest: u64,
    /// Entries of the one that witnesses have cosigned.
    pub(super) cosigned: u64,
    /// When enough of them had; none where the enrolment names none.
    pub(super) cosigned_at: Option<i64>,
    /// Whether the newest of all is shown, and not only what is cosigned.
    pub(super) shows_newest: bool,
}

/// Something that may not be as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) why: LogRefusal,
    /// Whether it keeps somebody from signing in where the enrolment names witnesses.
    pub(super) is_grave: bool,
}

impl Freshness {
    /// Whether nothing is remembered: older programs read the file then.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes what is seen at a time of this workstation's clock.
    pub(super) fn look(&mut self, seen: Seen, now: i64) -> Option<Doubt> {
        self.shows_newest |= seen.shows_newest;
        let still = settle(&mut self.grown, seen.newest, now);
        let uncosigned = settle(&mut self.cosigned, seen.cosigned, now);
        let age = seen.cosigned_at.map(|at| now.saturating_sub(at).max(0));
        if let Some(age) = age {
            self.ahead = Some(self.ahead.unwrap_or(age).min(age));
        }
        // A server of before shows what witnesses have cosigned alone, which may wait for them; but
        // a sign-in is an entry there, too, and whoever passes for such a server owes it.
        let patience = match self.shows_newest {
            true => GROWTH_PATIENCE,
            false => REFUSED_AFTER,
        };
        if still >= patience {
            let why = LogRefusal::NotGrown {
                size: seen.newest,
                hours: whole(still, 3600),
            };
            let is_grave = true;
            return Some(Doubt { why, is_grave });
        }
        // It does not have an idle log cosigned anew, so that a cosignature may well be old.
        let age = age.map(|age| if self.shows_newest { age } else { 0 })?;
        let behind = age.saturating_sub(self.ahead.unwrap_or(0)).max(uncosigned);
        let told = age.max(uncosigned);
        let is_grave = behind >= REFUSED_AFTER;
        (told >= TOLD_AFTER).then(|| Doubt {
            why: LogRefusal::CosignedLongAgo {
                days: whole(if is_grave { behind } else { told }, 24 * 3600),
            },
            is_grave,
        })
    }

    /// Somebody signed in after this much of the log was shown: that is an entry more.
    pub(super) fn owe_sign_in(&mut self, shown: u64, kept: Seen, now: i64) {
        let least = shown.saturating_add(1);
        owe(&mut self.grown, (least, kept.newest), now);
        owe(&mut self.cosigned, (least, kept.cosigned), now);
    }

    /// So much was shown once, and is not now.
    pub(super) fn owe_newest(&mut self, least: u64, now: i64) {
        owe(&mut self.grown, (least, 0), now);
    }

    /// A log that was put back owes nothing from before.
    pub(super) fn forgive(&mut self) {
        self.grown = None;
        self.cosigned = None;
    }

    /// With what another program of this user has noted meanwhile.
    pub(super) fn or(self, other: Self, kept: Seen) -> Self {
        let open = |owed: Option<Owed>, has: u64| owed.filter(|it| it.least > has);
        Self {
            grown: self.grown.or(open(other.grown, kept.newest)),
            cosigned: self.cosigned.or(open(other.cosigned, kept.cosigned)),
            ahead: self.ahead.or(other.ahead),
            shows_newest: self.shows_newest || other.shows_newest,
        }
    }
}

/// What is owed longest stays: who asks for less each time would never be asked.
fn owe(owed: &mut Option<Owed>, (least, has): (u64, u64), now: i64) {
    if owed.is_none() && has < least {
        *owed = Some(Owed { since: now, least });
    }
}

/// Strikes out what is given; for how long it has been owed otherwise. A clock that was ahead when
/// it was noted begins anew.
fn settle(owed: &mut Option<Owed>, has: u64, now: i64) -> i64 {
    let Some(open) = owed else { return 0 };
    if has >= open.least {
        *owed = None;
        return 0;
    }
    open.since = open.since.min(now);
    now.saturating_sub(open.since)
}

fn whole(seconds: i64, unit: i64) -> u64 {
    u64::try_from(seconds.checked_div(unit).unwrap_or(0)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;
    const NOW: i64 = 1_795_996_800;

    fn seen(newest: u64, cosigned: u64, cosigned_at: i64) -> Seen {
        Seen {
            newest,
            cosigned,
            cosigned_at: Some(cosigned_at),
            shows_newest: true,
        }
    }

    fn look(freshness: &mut Freshness, seen: Seen, now: i64) -> Option<(&'static str, bool)> {
        let doubt = freshness.look(seen, now);
        doubt.map(|it| (it.why.code(), it.is_grave))
    }

    #[test]
    fn a_sign_in_is_an_entry_of_the_log_within_the_hour() {
        let mut freshness = Freshness::default();
        freshness.owe_sign_in(10, seen(10, 10, NOW), NOW);
        assert_eq!(look(&mut freshness, seen(10, 10, NOW), NOW + 3599), None);
        let still = Some(("agent.log_not_grown", true));
        let at = NOW + 3600;
        assert_eq!(look(&mut freshness, seen(10, 10, at), at), still);
        // A later sign-in asks for no less.
        freshness.owe_sign_in(10, seen(10, 10, at), at);
        assert_eq!(look(&mut freshness, seen(10, 10, at), at), still);
        assert_eq!(look(&mut freshness, seen(11, 11, at), at), None);
        assert_eq!(freshness.grown, None);
    }

    /// A server of before shows what is cosigned alone, and has nothing cosigned anew; but what
    /// was done there is an entry as well, or anybody would pass for one.
    #[test]
    fn a_server_that_never_showed_the_newest_owes_sign_ins_alone() {
        let mut freshness = Freshness::default();
        let one = |at| Seen {
            shows_newest: false,
            ..seen(10, 10, at)
        };
        assert_eq!(look(&mut freshness, one(NOW), NOW + 9 * DAY), None);
        let begun = NOW + 9 * DAY;
        freshness.owe_sign_in(10, one(NOW), begun);
        let told = Some(("agent.log_cosigned_long_ago", false));
        let still = Some(("agent.log_not_grown", true));
        for (days, expected) in [(0, None), (1, told), (6, told), (7, still)] {
            let looked = look(&mut freshness, one(NOW), begun + days * DAY);
            assert_eq!(looked, expected, "{days}");
        }
        // Once it has shown more, it must go on.
        let at = begun + DAY;
        assert_eq!(look(&mut freshness, seen(10, 10, at), at), still);
        assert_eq!(look(&mut freshness, one(NOW), at), still);
    }

    #[test]
    fn what_is_signed_and_never_cosigned_is_told_of_and_then_refused() {
        let mut freshness = Freshness::default();
        assert_eq!(look(&mut freshness, seen(10, 10, NOW), NOW), None);
        freshness.owe_sign_in(10, seen(10, 10, NOW), NOW);
        // The witness signs the same old tree again and again.
        for (days, expected) in [
            (0, None),
            (1, Some(("agent.log_cosigned_long_ago", false))),
            (6, Some(("agent.log_cosigned_long_ago", false))),
            (7, Some(("agent.log_cosigned_long_ago", true))),
        ] {
            let at = NOW + days * DAY;
            assert_eq!(
                look(&mut freshness, seen(99, 10, at), at),
                expected,
                "{days}"
            );
        }
        let at = NOW + 8 * DAY;
        assert_eq!(look(&mut freshness, seen(99, 11, at), at), None);
    }

    #[test]
    fn an_old_cosignature_is_told_of_and_then_refused() {
        let mut freshness = Freshness::default();
        for (days, expected) in [
            (0, None),
            (1, Some(("agent.log_cosigned_long_ago", false))),
            (7, Some(("agent.log_cosigned_long_ago", true))),
        ] {
            let at = NOW + days * DAY;
            assert_eq!(
                look(&mut freshness, seen(10, 10, NOW), at),
                expected,
                "{days}"
            );
        }
    }

    /// Whoever has a wrong clock is told, and not kept out by it alone.
    #[test]
    fn a_clock_that_is_wrong_by_a_year_keeps_nobody_out() {
        let mut freshness = Freshness::default();
        let ahead = 365 * DAY;
        let told = Some(("agent.log_cosigned_long_ago", false));
        for days in [0, 1, 10] {
            let at = NOW + days * DAY;
            assert_eq!(look(&mut freshness, seen(10, 10, at), at + ahead), told);
        }
        // What falls behind is found by it all the same.
        let at = NOW + 17 * DAY;
        let old = seen(10, 10, NOW + 10 * DAY);
        let refused = Some(("agent.log_cosigned_long_ago", true));
        assert_eq!(look(&mut freshness, old, at + ahead), refused);
        let behind = NOW - ahead;
        assert_eq!(look(&mut freshness, seen(10, 10, NOW), behind), None);
        // Put right, it does not count what it was ahead by.
        freshness.owe_sign_in(10, seen(10, 10, NOW), NOW + ahead);
        assert_eq!(look(&mut freshness, seen(10, 10, NOW), NOW), None);
        let at = NOW + 3600;
        let still = Some(("agent.log_not_grown", true));
        assert_eq!(look(&mut freshness, seen(10, 10, at), at), still);
    }

    #[test]
    fn what_another_program_noted_is_not_lost() {
        let mut noted = Freshness::default();
        noted.owe_sign_in(10, seen(10, 10, NOW), NOW);
        let own = Freshness::default();
        assert_eq!(own.or(noted, seen(10, 10, NOW)).grown, noted.grown);
        assert_eq!(own.or(noted, seen(11, 10, NOW)).grown, None);
        assert_eq!(own.or(noted, seen(11, 10, NOW)).cosigned, noted.cosigned);
    }
}
