//! Which cards are believed now: replaced as a whole while logins go on.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use cardea_jose::Algorithm;
use cardea_pki::KnownPaths;
use cardea_pki::profile::TestCards;

use crate::config::CardRules;
use crate::{Error, Provider};

/// Most cards whose path is remembered, for each of the card rules: some 50 MB.
const KNOWN_CARDS_MAX: usize = 4096;

/// The card rules of one moment. A decision takes them once and keeps to them, so that no login is
/// judged half by the old and half by the new.
#[derive(Debug)]
pub(crate) struct CardTrust {
    rules: Vec<TrustedRules>,
    /// What cards of any of the rules sign with.
    algorithms: Vec<Algorithm>,
    /// The count of changes of the added anchors that they come from; none before the first.
    revision: Option<i64>,
}

/// One of the card rules, and the certification paths of cards that it has seen.
#[derive(Debug)]
pub(crate) struct TrustedRules {
    pub(crate) rules: CardRules,
    pub(crate) known_paths: Arc<KnownPaths>,
}

impl CardTrust {
    /// Checks card rules; `before` are those that they replace.
    fn new(
        rules: Vec<CardRules>,
        revision: Option<i64>,
        sandbox: bool,
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        if rules.is_empty() {
            return Err(Error::CardRulesMissing);
        }
        if sandbox {
            check_sandbox(&rules)?;
        }
        let algorithms = card_algorithms(&rules);
        // Paths rest on a store and forget themselves under another one, so that they may go along.
        let known_paths = |name: &str| {
            let mut old = before.into_iter().flat_map(|before| &before.rules);
            old.find(|old| old.rules.name == name)
                .map_or_else(fresh_paths, |old| Arc::clone(&old.known_paths))
        };
        let rules = rules.into_iter().map(|rules| TrustedRules {
            known_paths: known_paths(&rules.name),
            rules,
        });
        Ok(Self {
            rules: rules.collect(),
            algorithms,
            revision,
        })
    }

    pub(crate) fn rules(&self) -> &[TrustedRules] {
        &self.rules
    }

    pub(crate) fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    pub(crate) fn revision(&self) -> Option<i64> {
        self.revision
    }

    /// Whether a certificate is trusted or known here that is not there under the same rules.
    pub(crate) fn trusts_more_than(&self, other: &Self) -> bool {
        let certificates = |trust: &Self| -> HashSet<(String, Vec<u8>)> {
            let all = trust.rules.iter().flat_map(|it| {
                let store = &it.rules.trust_store;
                let named = |der: &[u8]| (it.rules.name.clone(), der.to_vec());
                let both = store.anchors().chain(store.intermediates());
                both.map(move |certificate| named(certificate.sha256()))
                    .collect::<Vec<_>>()
            });
            all.collect()
        };
        !certificates(self).is_subset(&certificates(other))
    }
}

fn fresh_paths() -> Arc<KnownPaths> {
    Arc::new(KnownPaths::new(KNOWN_CARDS_MAX))
}

/// The card rules in force, which are swapped and never changed in place.
#[derive(Debug)]
pub(crate) struct CardTrustInForce(RwLock<Arc<CardTrust>>);

impl CardTrustInForce {
    pub(crate) fn new(rules: Vec<CardRules>, sandbox: bool) -> Result<Self, Error> {
        let trust = CardTrust::new(rules, None, sandbox, None)?;
        Ok(Self(RwLock::new(Arc::new(trust))))
    }
}

impl Provider {
    /// Puts other card rules in place of those in force, or keeps those and says why. Decisions
    /// that have begun end by the rules that they began with.
    ///
    /// # Errors
    /// [`Error::CardRulesMissing`], [`Error::SandboxTakesRealCards`].
    pub fn replace_card_rules(&self, rules: Vec<CardRules>) -> Result<(), Error> {
        self.replace_card_rules_at(rules, self.card_trust().revision())
    }

    pub(crate) fn replace_card_rules_at(
        &self,
        rules: Vec<CardRules>,
        revision: Option<i64>,
    ) -> Result<(), Error> {
        let before = self.card_trust();
        let trust = CardTrust::new(rules, revision, self.sandbox, Some(&before))?;
        let in_force = &self.card_trust.0;
        let mut in_force = in_force.write().unwrap_or_else(PoisonError::into_inner);
        *in_force = Arc::new(trust);
        Ok(())
    }

    /// The card rules in force: taken once for each decision.
    pub(crate) fn card_trust(&self) -> Arc<CardTrust> {
        let in_force = &self.card_trust.0;
        let in_force = in_force.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&in_force)
    }
}

/// A real card in a sandbox would bring a real person into it.
fn check_sandbox(card_rules: &[CardRules]) -> Result<(), Error> {
    let real = card_rules
        .iter()
        .find(|rules| rules.profile_policy.test_cards != TestCards::Require);
    match real {
        None => Ok(()),
        Some(rules) => Err(Error::SandboxTakesRealCards {
            rules: rules.name.clone(),
        }),
    }
}

fn card_algorithms(rules: &[CardRules]) -> Vec<Algorithm> {
    let names = rules
        .iter()
        .flat_map(|rules| rules.profile.signature_algorithms());
    // A profile lists names of this list alone.
    names
        .filter_map(|name| Algorithm::named_by_card(name).ok())
        .collect()
}
