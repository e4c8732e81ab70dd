//! What the bus told about the screen, and what it adds up to.

use std::os::fd::OwnedFd;

use cardea_assertion::DepartureReason;

/// News about the screen.
#[derive(Debug)]
pub(super) enum Told {
    /// The session is asked to lock itself.
    Lock,
    /// The session is asked to unlock itself.
    Unlock,
    /// Enough time has gone by since [`Told::Lock`]: what the session says of itself counts.
    Settled,
    /// How the session describes itself: logind's properties.
    Session {
        /// `LockedHint`: the screen is locked.
        locked: bool,
        /// `Active`: the session has the screen.
        active: bool,
    },
    /// The session is over; the person logged out.
    SessionOver,
    /// logind knows no session of this user.
    NoSession,
    /// logind tells nothing more.
    LogindGone,
    /// Whether the desktop's screen saver covers the screen.
    SaverActive(bool),
    /// The machine goes to sleep; the inhibitor delays it while it is held.
    FallsAsleep(Option<OwnedFd>),
    /// The machine woke up.
    WokeUp,
}

/// The screen as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Screen {
    told_to_lock: bool,
    locked: bool,
    inactive: bool,
    over: bool,
    saver: bool,
    asleep: bool,
    /// logind tells what becomes of the session.
    is_followed: bool,
    /// logind went away: what it said last counts until it is back.
    is_old: bool,
}

impl Screen {
    /// Takes news in; returns what delays the machine's sleep until it is dropped.
    pub(super) fn take(&mut self, told: Told) -> Option<OwnedFd> {
        match told {
            Told::Lock => self.told_to_lock = true,
            Told::Unlock => (self.told_to_lock, self.locked) = (false, false),
            Told::Settled if self.is_old => {}
            Told::Settled => self.told_to_lock = false,
            Told::Session { locked, active } => {
                if std::mem::take(&mut self.is_old) {
                    (self.told_to_lock, self.asleep) = (false, false);
                }
                self.is_followed = true;
                // "Locked" that turns into "not locked" is an unlocking without the signal.
                if self.locked && !locked {
                    self.told_to_lock = false;
                }
                (self.locked, self.inactive, self.over) = (locked, !active, false);
            }
            Told::SessionOver => (self.over, self.is_followed) = (true, false),
            Told::NoSession => {
                // What was awake enough to say so does not sleep.
                self.asleep &= !self.is_old;
                self.is_followed = false;
            }
            Told::LogindGone => (self.is_old, self.is_followed) = (true, false),
            Told::SaverActive(active) => self.saver = active,
            Told::FallsAsleep(delay) => {
                self.asleep = true;
                return delay;
            }
            Told::WokeUp => self.asleep = false,
        }
        None
    }

    /// Whether a lock of the screen would be heard of.
    pub(super) fn is_followed(&self) -> bool {
        self.is_followed
    }

    /// Why nobody is in front of the screen, if so.
    pub(super) fn withheld(&self) -> Option<DepartureReason> {
        let away = self.told_to_lock || self.locked || self.inactive || self.over || self.saver;
        if self.asleep {
            Some(DepartureReason::Sleep)
        } else {
            away.then_some(DepartureReason::ScreenLocked)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKED: Option<DepartureReason> = Some(DepartureReason::ScreenLocked);
    const OPEN: Told = Told::Session {
        locked: false,
        active: true,
    };
    const SHUT: Told = Told::Session {
        locked: true,
        active: true,
    };
    const BEHIND: Told = Told::Session {
        locked: false,
        active: false,
    };

    fn check(news: Vec<(Told, Option<DepartureReason>)>) {
        let mut screen = Screen::default();
        assert_eq!(screen.withheld(), None);
        for (told, withheld) in news {
            let what = format!("{told:?}");
            screen.take(told);
            assert_eq!(screen.withheld(), withheld, "{what}");
        }
    }

    #[test]
    fn a_screen_is_locked_by_signal_or_by_what_the_session_says() {
        check(vec![(Told::Lock, LOCKED), (Told::Unlock, None)]);
        check(vec![(SHUT, LOCKED), (OPEN, None)]);
        check(vec![(Told::Lock, LOCKED), (SHUT, LOCKED), (OPEN, None)]);
        check(vec![
            (Told::Lock, LOCKED),
            (SHUT, LOCKED),
            (Told::Unlock, None),
        ]);
    }

    #[test]
    fn nothing_stays_locked_where_nothing_locks() {
        // Another property changed meanwhile: no unlocking.
        check(vec![
            (Told::Lock, LOCKED),
            (OPEN, LOCKED),
            (Told::Settled, None),
        ]);
        let settled = (Told::Settled, LOCKED);
        check(vec![
            (Told::Lock, LOCKED),
            (SHUT, LOCKED),
            settled,
            (OPEN, None),
        ]);
    }

    #[test]
    fn another_session_on_the_screen_and_the_end_of_ones_own_count_as_well() {
        check(vec![(OPEN, None), (BEHIND, LOCKED), (OPEN, None)]);
        check(vec![(Told::SessionOver, LOCKED), (OPEN, None)]);
    }

    #[test]
    fn the_screen_saver_counts_by_itself() {
        let saver = Told::SaverActive;
        check(vec![
            (saver(true), LOCKED),
            (OPEN, LOCKED),
            (saver(false), None),
        ]);
        check(vec![
            (SHUT, LOCKED),
            (saver(true), LOCKED),
            (Told::LogindGone, LOCKED),
        ]);
    }

    #[test]
    fn logind_that_goes_away_opens_no_screen() {
        let gone = || (Told::LogindGone, LOCKED);
        check(vec![(SHUT, LOCKED), gone(), (Told::NoSession, LOCKED)]);
        check(vec![(SHUT, LOCKED), gone(), (SHUT, LOCKED), (OPEN, None)]);
        check(vec![(BEHIND, LOCKED), gone(), (OPEN, None)]);
        let settled = (Told::Settled, LOCKED);
        check(vec![(Told::Lock, LOCKED), gone(), settled, (OPEN, None)]);
        check(vec![(OPEN, None), (Told::LogindGone, None)]);
        // It went while the machine slept, and did not hear it wake.
        let asleep = Some(DepartureReason::Sleep);
        for back in [OPEN, Told::NoSession] {
            check(vec![
                (Told::FallsAsleep(None), asleep),
                (Told::LogindGone, asleep),
                (back, None),
            ]);
        }
    }

    #[test]
    fn a_lock_is_heard_of_while_logind_tells_of_the_session() {
        let mut screen = Screen::default();
        assert!(!screen.is_followed());
        for (told, followed) in [
            (Told::SaverActive(false), false),
            (OPEN, true),
            (SHUT, true),
            (Told::LogindGone, false),
            (OPEN, true),
            (Told::SessionOver, false),
            (Told::NoSession, false),
        ] {
            screen.take(told);
            assert_eq!(screen.is_followed(), followed);
        }
    }

    #[test]
    fn a_machine_that_sleeps_is_locked_however_it_wakes() {
        let asleep = Some(DepartureReason::Sleep);
        check(vec![
            (Told::FallsAsleep(None), asleep),
            (Told::WokeUp, None),
        ]);
        let falls_asleep = (Told::FallsAsleep(None), asleep);
        check(vec![falls_asleep, (SHUT, asleep), (Told::WokeUp, LOCKED)]);
    }
}
