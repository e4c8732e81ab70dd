//! Which cards an operator accepts.

use super::CardFamily;
use crate::{Error, Oid};

/// Whether cards that their issuer marked as test cards are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestCards {
    /// Only real cards: for production.
    Refuse,
    /// Only test cards: for a sandbox, so that no real person ends up in it.
    Require,
}

/// One accepted family of cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardRule {
    /// The family.
    pub family: CardFamily,
    /// Certificate policies of which the path must be valid for one; empty accepts any, which is
    /// right where the issuer gives all families the same policy.
    pub policies: Vec<Oid>,
}

/// Which cards an operator accepts. A family without a rule is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfilePolicy {
    /// The accepted families.
    pub cards: Vec<CardRule>,
    /// Test cards or real ones.
    pub test_cards: TestCards,
}

impl ProfilePolicy {
    /// Real cards of every family, any certificate policy.
    #[must_use]
    pub fn production() -> Self {
        let families = [
            CardFamily::Cps,
            CardFamily::Cpf,
            CardFamily::Cpe,
            CardFamily::Cpa,
        ];
        let rule = |family| CardRule {
            family,
            policies: Vec::new(),
        };
        Self {
            cards: families.map(rule).to_vec(),
            test_cards: TestCards::Refuse,
        }
    }

    /// Test cards of every family, any certificate policy.
    #[must_use]
    pub fn sandbox() -> Self {
        Self {
            test_cards: TestCards::Require,
            ..Self::production()
        }
    }

    pub(crate) fn check(
        &self,
        family: CardFamily,
        is_test: bool,
        path_policies: &[Oid],
    ) -> Result<(), Error> {
        if is_test != (self.test_cards == TestCards::Require) {
            return Err(Error::TestMarkRefused);
        }
        let refused = Error::CardFamilyRefused {
            family: family.as_str(),
        };
        let rule = self
            .cards
            .iter()
            .find(|rule| rule.family == family)
            .ok_or(refused)?;
        // `anyPolicy` on the path is no statement about the card, so it satisfies no rule.
        let accepted = rule.policies.is_empty()
            || path_policies
                .iter()
                .any(|policy| rule.policies.contains(policy));
        if accepted {
            Ok(())
        } else {
            Err(Error::CardPolicyRefused {
                family: family.as_str(),
            })
        }
    }
}
