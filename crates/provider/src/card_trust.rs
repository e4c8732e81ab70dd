//! Which cards are believed now: replaced as a whole while logins go on.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use cardea_jose::Algorithm;
use cardea_pki::KnownPaths;
use cardea_pki::profile::TestCards;
use cardea_storage::session_card;

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
    pub(crate) fn new(
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

    /// Whether a card may be let in here that is not there: a certificate is trusted or known, or
    /// cards are judged otherwise, under rules of the same name.
    fn may_let_in_more_than(&self, other: &Self) -> bool {
        let is_judged_alike = |mine: &TrustedRules| {
            let mut others = other.rules.iter();
            let other = others.find(|other| other.rules.name == mine.rules.name);
            other.is_some_and(|other| mine.rules.judges_like(&other.rules))
        };
        if !self.rules.iter().all(is_judged_alike) {
            return true;
        }
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
pub(crate) struct CardTrustInForce {
    current: RwLock<Arc<CardTrust>>,
    /// Rules that let in more than those that replaced them, until the card of every session that
    /// was opened by them is due.
    superseded: Mutex<Vec<Superseded>>,
}

#[derive(Clone, Debug)]
struct Superseded {
    /// A decision holds its rules until it has committed.
    rules: Weak<CardTrust>,
    /// The cards of the sessions that there were are due.
    is_looked_after: bool,
}

impl Superseded {
    fn is_over(&self) -> bool {
        self.rules.strong_count() == 0
    }
}

impl CardTrustInForce {
    pub(crate) fn new(rules: Vec<CardRules>, sandbox: bool) -> Result<Self, Error> {
        let trust = CardTrust::new(rules, None, sandbox, None)?;
        Ok(Self {
            current: RwLock::new(Arc::new(trust)),
            superseded: Mutex::default(),
        })
    }

    fn replace(&self, trust: CardTrust) {
        let current = &self.current;
        let mut current = current.write().unwrap_or_else(PoisonError::into_inner);
        if current.may_let_in_more_than(&trust) {
            let superseded = Superseded {
                rules: Arc::downgrade(&current),
                is_looked_after: false,
            };
            self.superseded().push(superseded);
        }
        *current = Arc::new(trust);
    }

    fn superseded(&self) -> MutexGuard<'_, Vec<Superseded>> {
        let superseded = self.superseded.lock();
        superseded.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider {
    /// Puts other card rules in place of those in force. Decisions that have begun end by the rules
    /// that they began with.
    pub(crate) fn replace_card_trust(&self, trust: CardTrust) {
        self.card_trust.replace(trust);
    }

    /// The card rules in force: taken once for each decision.
    pub(crate) fn card_trust(&self) -> Arc<CardTrust> {
        let in_force = &self.card_trust.current;
        let in_force = in_force.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&in_force)
    }

    pub(crate) fn is_in_force(&self, trust: &Arc<CardTrust>) -> bool {
        Arc::ptr_eq(trust, &self.card_trust())
    }

    /// Where rules were replaced by some that let in less, has every open session's card looked at
    /// again at once: a login with it might be refused. Once for the sessions that there are, and
    /// once more when the last decision has ended that began before. Call it every second or so:
    /// what the database did not take is done then.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn look_at_cards_again(&self) -> Result<(), Error> {
        let superseded = self.card_trust.superseded().clone();
        // As of before the sessions are looked for.
        let over: Vec<bool> = superseded.iter().map(Superseded::is_over).collect();
        let mut with_over = superseded.iter().zip(&over);
        if with_over.all(|(it, over)| it.is_looked_after && !over) {
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        session_card::make_all_due(&mut transaction, self.now()).await?;
        transaction.commit().await?;
        let is_of = |known: &Superseded, it: &Superseded| Weak::ptr_eq(&known.rules, &it.rules);
        self.card_trust.superseded().retain_mut(|it| {
            let mut known = superseded.iter().zip(&over);
            match known.find(|(known, _)| is_of(known, it)) {
                Some((_, is_over)) => {
                    it.is_looked_after = true;
                    !is_over
                }
                None => true,
            }
        });
        Ok(())
    }
}

impl CardRules {
    /// Whether a card that leads to the same anchors is judged alike.
    fn judges_like(&self, other: &Self) -> bool {
        self.path_policy == other.path_policy
            && self.revocation_policy == other.revocation_policy
            && self.profile_policy == other.profile_policy
            && self.profile == other.profile
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
