//! Which cards an operator accepts.

use super::{CardFamily, PersonIdentifierType};
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

/// Which cards an operator accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfilePolicy {
    /// The accepted families, the others being refused; `None` accepts every family of the
    /// profile, under any certificate policy.
    pub cards: Option<Vec<CardRule>>,
    /// The accepted kinds of person identifiers, the others being refused; `None` accepts every
    /// kind of the profile but those that it accepts only where they are listed.
    pub identifiers: Option<Vec<PersonIdentifierType>>,
    /// Test cards or real ones.
    pub test_cards: TestCards,
}

impl ProfilePolicy {
    /// Real cards of every family, any certificate policy, any kind of identifier but those
    /// that the profile accepts only where they are listed.
    #[must_use]
    pub fn production() -> Self {
        Self {
            cards: None,
            identifiers: None,
            test_cards: TestCards::Refuse,
        }
    }

    /// Test cards of every family, any certificate policy, any kind of identifier but those
    /// that the profile accepts only where they are listed.
    #[must_use]
    pub fn sandbox() -> Self {
        Self {
            test_cards: TestCards::Require,
            ..Self::production()
        }
    }

    pub(super) fn check_card(
        &self,
        family: &CardFamily,
        is_test: bool,
        path_policies: &[Oid],
    ) -> Result<(), Error> {
        if is_test != (self.test_cards == TestCards::Require) {
            return Err(Error::TestMarkRefused);
        }
        let Some(rules) = &self.cards else {
            return Ok(());
        };
        let rule = rules
            .iter()
            .find(|rule| rule.family == *family)
            .ok_or_else(|| Error::CardFamilyRefused {
                family: family.to_string(),
            })?;
        // `anyPolicy` on the path is no statement about the card, so it satisfies no rule.
        let accepted = rule.policies.is_empty()
            || path_policies
                .iter()
                .any(|policy| rule.policies.contains(policy));
        if accepted {
            Ok(())
        } else {
            Err(Error::CardPolicyRefused {
                family: family.to_string(),
            })
        }
    }

    pub(super) fn check_identifier(
        &self,
        kind: &PersonIdentifierType,
        only_if_listed: bool,
    ) -> Result<(), Error> {
        let accepted = match &self.identifiers {
            Some(kinds) => kinds.contains(kind),
            None => !only_if_listed,
        };
        if accepted {
            Ok(())
        } else {
            Err(Error::IdentifierTypeRefused {
                identifier_type: kind.to_string(),
            })
        }
    }
}
