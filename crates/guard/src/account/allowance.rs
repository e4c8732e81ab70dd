//! What an account may do now: the configuration, bent within its bounds by what is usual.

use crate::budget::{MICRO, micro};
use crate::config::Budget;

use super::habit::{Reference, Share, Usual};

/// Days from which on an account's own habit counts alone, not beside its profession's.
const SETTLED_DAYS: u16 = 15;

/// What time takes from how far patients have run ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forgiven {
    /// What each day takes away, with what a signed habit forgives.
    pub(crate) per_day: u32,
    /// What each day takes besides while the account is new, a pause of days no more than one.
    pub(crate) at_first: u32,
}

/// What an account may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// How far patients may run ahead of the cards.
    pub(crate) ahead: u32,
    /// What one card takes away from that, in millionths of a patient.
    pub(crate) card: i64,
    /// New patients without a card in a day, where the account's full days are known.
    pub(crate) usual_day: Option<u32>,
    /// Whether nearly everybody comes with a card here.
    pub(crate) is_mostly_with_card: bool,
    /// What time takes away.
    pub(crate) forgiven: Forgiven,
    /// How far patients may run ahead over weeks, where the account is known.
    pub(crate) drift: Option<u32>,
    /// What one card takes away from that.
    pub(crate) drift_card: i64,
    /// What a patient who is known takes away from it, where most don't show a card.
    pub(crate) drift_known: i64,
    /// Patients of earlier days who speak for the person in one day. Further ones count as if they
    /// were new: no more come back than do.
    pub(crate) returned_most: u32,
    /// For how many new patients a card of today makes room on a full day.
    pub(crate) day_card: i64,
}

impl Allowance {
    /// Works out the allowance: the account's own habit where it is known, else its profession's,
    /// else the configuration.
    pub(crate) fn of(budget: &Budget, own: &Usual, peers: &Usual) -> Self {
        let share = own.share.or(peers.share);
        let card = share.map_or(micro(budget.card_speaks_for), |share| card(share, budget));
        let full_day = own.full_day.map(u32::from);
        // A robot beside a person must not be able to tip this.
        let was_mostly = own.reference.is_some_and(Reference::is_mostly_with_card);
        let is_mostly_with_card =
            was_mostly || share.is_some_and(Share::is_mostly_with_card) && !own.is_without_cards();
        let forgiven = if is_mostly_with_card {
            0
        } else {
            u32::from(own.signed_day).min(budget.signed_habit_most)
        };
        // Where cards speak for the account from its first day on, nothing else need.
        let at_first = if own.is_at_first() && !is_mostly_with_card && own.cards_caught_up == 0 {
            budget.forgiven_at_first
        } else {
            0
        };
        let reference = own.reference;
        let by_cards = is_mostly_with_card && reference.is_some_and(Reference::knows_cards);
        Self {
            ahead: ahead(budget, own, peers) + forgiven / 2,
            card: card.min(micro(budget.card_speaks_for_most)),
            usual_day: full_day.map(|it| (2 * it + 20).max(budget.usual_day_least)),
            is_mostly_with_card,
            forgiven: Forgiven {
                per_day: budget.forgiven_per_day + forgiven,
                at_first: at_first.saturating_sub(forgiven),
            },
            drift: reference
                .filter(|it| by_cards || it.has_known_patients())
                .map(|it| budget.drift + it.full_day()),
            drift_card: if by_cards {
                reference.map_or(0, drift_card)
            } else {
                reference.map_or(0, drift_known)
            },
            drift_known: reference.filter(|_| !by_cards).map_or(0, drift_known),
            returned_most: own
                .full_returned
                .map_or(u32::MAX, |it| u32::from(it) * 5 / 4 + 10),
            day_card: reference.map_or(0, drift_card),
        }
    }
}

/// Half as much again as what the cards have caught up with so far, and a little.
fn ahead(budget: &Budget, own: &Usual, peers: &Usual) -> u32 {
    let of = |usual: &Usual| {
        let ahead = u32::from(usual.ahead?);
        // Without any card, only patients who came back speak for the account.
        let has_cards = usual.share.is_some_and(|share| share.with > 0);
        let most = if has_cards {
            budget.ahead_most
        } else {
            budget.ahead + budget.ahead / 2
        };
        let most = most.max(budget.ahead_least);
        Some((ahead + ahead / 2 + 20).clamp(budget.ahead_least, most))
    };
    match (of(own), of(peers)) {
        (Some(own_ahead), Some(_)) if own.days >= SETTLED_DAYS => own_ahead,
        (Some(own), Some(peers)) => own.max(peers),
        // A profession that shows cards says nothing about an account that never sees any.
        (None, Some(peers)) if own.is_without_cards() => peers.max(budget.ahead),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => budget.ahead,
    }
    // What cards have caught up with before counts from the first day on.
    .max(seen_so_far(budget, own))
}

/// A new account is not held to less than what it has shown already.
fn seen_so_far(budget: &Budget, own: &Usual) -> u32 {
    match (own.ahead, own.cards_caught_up) {
        (None, caught_up) if caught_up > 0 => {
            let caught_up = u32::from(caught_up);
            (caught_up + caught_up / 2 + 20).min(budget.ahead_most)
        }
        _ => 0,
    }
}

/// A fifth more than usually come without a card to each that comes with one.
fn drift_card(reference: Reference) -> i64 {
    if !reference.knows_cards() {
        return 0;
    }
    i64::from(reference.per_card) * 6 / 5
}

/// Twice as many as usually are new to each patient who is known or shows a card: who comes back
/// depends on holidays and the season, but to a robot nobody does.
fn drift_known(reference: Reference) -> i64 {
    if !reference.has_known_patients() {
        return 0;
    }
    i64::from(reference.per_known) * 2
}

/// Three times as many patients as usually come without a card to each that comes with one.
fn card(share: Share, budget: &Budget) -> i64 {
    if share.with == 0 {
        return micro(budget.card_speaks_for);
    }
    let (without, with) = (i64::from(share.without), i64::from(share.with));
    (3 * MICRO * without / with + MICRO / 2).max(MICRO)
}

#[cfg(test)]
mod tests {
    use super::Allowance;
    use crate::account::habit::{DayRecord, Habit, Share, Usual};
    use crate::budget::{MICRO, micro};
    use crate::config::Budget;

    fn usual(days: u16, without: u32, with: u32, ahead: u16) -> Usual {
        Usual {
            days,
            share: Some(Share { without, with }),
            ahead: Some(ahead),
            ..Usual::default()
        }
    }

    #[test]
    fn of_whom_nothing_is_known_the_configuration_decides() {
        let budget = Budget::default();
        let allowance = Allowance::of(&budget, &Usual::default(), &Usual::default());
        assert_eq!(allowance.ahead, budget.ahead);
        assert_eq!(allowance.card, micro(budget.card_speaks_for));
        assert_eq!(allowance.usual_day, None);
    }

    #[test]
    fn who_always_sees_cards_may_run_ahead_less() {
        let budget = Budget::default();
        let allowance = Allowance::of(&budget, &usual(20, 100, 900, 4), &Usual::default());
        assert_eq!(allowance.ahead, budget.ahead_least);
        assert_eq!(allowance.card, MICRO);
        assert!(allowance.is_mostly_with_card);
    }

    #[test]
    fn no_habit_stretches_the_caps() {
        let budget = Budget::default();
        let allowance = Allowance::of(&budget, &usual(20, 9_000, 1, 4_000), &Usual::default());
        assert_eq!(allowance.ahead, budget.ahead_most);
        assert_eq!(allowance.card, micro(budget.card_speaks_for_most));
    }

    /// Twenty days of an account that never shows a card.
    fn telephone(fresh: u16, returned: u16) -> Usual {
        let mut habit = Habit::default();
        for number in 0..20 {
            habit.close(DayRecord {
                day: 100 + number,
                fresh,
                returned,
                signed: number == 0,
                ..DayRecord::default()
            });
        }
        habit.usual
    }

    #[test]
    fn a_profession_that_shows_cards_says_nothing_about_who_never_sees_any() {
        let budget = Budget::default();
        let peers = usual(200, 100, 900, 10);
        let screen = Allowance::of(&budget, &telephone(30, 0), &peers);
        assert!(!screen.is_mostly_with_card);
        assert_eq!(screen.forgiven.per_day, budget.forgiven_per_day + 30);
        assert_eq!(screen.ahead, budget.ahead + 15);
        assert_eq!(screen.drift, None, "there is nothing to hold it to");
    }

    #[test]
    fn where_cards_are_not_usual_those_who_come_back_say_what_is() {
        let budget = Budget::default();
        let allowance = Allowance::of(&budget, &telephone(40, 20), &Usual::default());
        assert_eq!(allowance.drift, Some(budget.drift + 40));
        assert_eq!(allowance.drift_known, micro(4));
        assert_eq!(allowance.drift_card, micro(4));
        assert_eq!(allowance.returned_most, 35);
    }

    #[test]
    fn a_new_account_is_held_to_what_its_profession_does() {
        let budget = Budget::default();
        let peers = usual(200, 100, 900, 10);
        let new = Allowance::of(&budget, &Usual::default(), &peers);
        assert_eq!(new.ahead, budget.ahead_least);
        let week = Allowance::of(&budget, &usual(6, 50, 900, 60), &peers);
        assert_eq!(week.ahead, 110);
        let settled = Allowance::of(&budget, &usual(20, 50, 900, 20), &usual(200, 1, 1, 90));
        assert_eq!(settled.ahead, 50);
    }
}
