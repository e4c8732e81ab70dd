//! What acts are judged by, found by service, profession and kind of act.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::budget::{Budget, BudgetSection};
use super::signals::Signals;
use super::unattended::{Unattended, UnattendedBudget};
use crate::Kind;

/// What acts are judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The points of the robot signals.
    pub signals: Signals,
    /// Accounts that are kept at most; the one that was quiet longest makes room.
    pub accounts_max: usize,
    default: KindBudgets,
    services: BTreeMap<String, ServiceRules>,
    unattended: Unattended,
}

/// The budgets of look-ups and of writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct KindBudgets {
    look_up: Budget,
    write: Budget,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ServiceRules {
    default: KindBudgets,
    professions: BTreeMap<String, KindBudgets>,
}

impl Default for Rules {
    fn default() -> Self {
        RulesSection::default().into_rules()
    }
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RulesSection::deserialize(deserializer).map(RulesSection::into_rules)
    }
}

impl Rules {
    /// The budget of a person's acts. Names that the configuration does not know are `default`.
    #[must_use]
    pub fn budget(&self, service: &str, profession: Option<&str>, kind: Kind) -> &Budget {
        let of_service = self.services.get(service);
        let of_profession = of_service
            .zip(profession)
            .and_then(|(service, profession)| service.professions.get(profession));
        let budgets = of_profession
            .or(of_service.map(|service| &service.default))
            .unwrap_or(&self.default);
        match kind {
            Kind::LookUp => &budgets.look_up,
            Kind::Write => &budgets.write,
        }
    }

    /// The budget of a service that acts without a person.
    #[must_use]
    pub fn unattended(&self, client: &str) -> &UnattendedBudget {
        self.unattended.of(client)
    }
}

/// `[rules]` as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RulesSection {
    accounts_max: Option<Bounded<1, 10_000_000>>,
    signals: Signals,
    default: KindSections,
    service: BTreeMap<String, ServiceSection>,
    unattended: Unattended,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ServiceSection {
    default: KindSections,
    profession: BTreeMap<String, KindSections>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct KindSections {
    look_up: CheckedSection,
    write: CheckedSection,
}

impl RulesSection {
    fn into_rules(self) -> Rules {
        let built_in = KindBudgets {
            look_up: Budget::default(),
            write: Budget::of_writes(),
        };
        let default = self.default.over(&built_in);
        let services = self.service.into_iter().map(|(name, section)| {
            let of_service = section.default.over(&default);
            let professions = section.profession.into_iter();
            let professions = professions
                .map(|(name, section)| (name, section.over(&of_service)))
                .collect();
            let rules = ServiceRules {
                default: of_service,
                professions,
            };
            (name, rules)
        });
        Rules {
            signals: self.signals,
            accounts_max: self.accounts_max.map_or(1_000_000, |bound| bound.0),
            services: services.collect(),
            default,
            unattended: self.unattended,
        }
    }
}

impl KindSections {
    fn over(&self, below: &KindBudgets) -> KindBudgets {
        KindBudgets {
            look_up: self.look_up.0.over(&below.look_up),
            write: self.write.0.over(&below.write),
        }
    }
}

/// A section whose numbers are all in their ranges.
#[derive(Clone, Debug, Default)]
struct CheckedSection(BudgetSection);

impl<'de> Deserialize<'de> for CheckedSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let section = BudgetSection::deserialize(deserializer)?;
        match section.mistake() {
            Some((key, reason)) => Err(serde::de::Error::custom(format!("{key}: {reason}"))),
            None => Ok(Self(section)),
        }
    }
}

/// A count within bounds.
#[derive(Clone, Copy, Debug)]
struct Bounded<const LEAST: usize, const MOST: usize>(usize);

impl<'de, const LEAST: usize, const MOST: usize> Deserialize<'de> for Bounded<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = usize::deserialize(deserializer)?;
        if (LEAST..=MOST).contains(&value) {
            return Ok(Self(value));
        }
        let reason = format!("{value} is not from {LEAST} to {MOST}");
        Err(serde::de::Error::custom(reason))
    }
}
