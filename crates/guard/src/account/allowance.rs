//! What an account may do now: the configuration, bent within its bounds by what is usual.

use crate::budget::{MICRO, micro};
use crate::config::Budget;

use super::habit::{Reference, Share, Usual};

/// Days from which on an account's own habit counts alone, not beside its profession's.
const SETTLED_DAYS: u16 = 15;

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
    /// What each day takes away, with what a signed habit forgives.
    pub(crate) forgiven_per_day: u32,
    /// How far patients may run ahead over weeks, where the account is known.
    pub(crate) drift: Option<u32>,
    /// What one card takes away from that.
    pub(crate) drift_card: i64,
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
        let is_mostly_with_card = was_mostly || share.is_some_and(Share::is_mostly_with_card);
        let forgiven = if is_mostly_with_card {
            0
        } else {
            u32::from(own.signed_day).min(budget.signed_habit_most)
        };
        let reference = own.reference;
        Self {
            ahead: ahead(budget, own, peers) + forgiven / 2,
            card: card.min(micro(budget.card_speaks_for_most)),
            usual_day: full_day.map(|it| (2 * it + 20).max(budget.usual_day_least)),
            is_mostly_with_card,
            forgiven_per_day: budget.forgiven_per_day + forgiven,
            drift: reference
                .filter(|_| is_mostly_with_card)
                .map(|it| budget.drift + it.full_day()),
            drift_card: reference.map_or(0, drift_card),
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
    i64::from(reference.per_card) * 6 / 5
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
    use crate::account::habit::{Share, Usual};
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
