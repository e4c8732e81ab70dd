//! A profile that was checked: rules over extractors, ready to be applied.

use super::extractor::Extractor;
use super::file::Words;
use super::pattern::Pattern;
use super::{CardFamily, PersonIdentifierType, StructureIdentifierType};
use crate::{Certificate, Error, Oid};

/// Everything that a profile says.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) signature_algorithms: Vec<String>,
    pub(super) subject: SubjectRule,
    pub(super) requirements: Vec<Requirement>,
    pub(super) test_mark: TestMark,
    pub(super) card: CardNumberRule,
    pub(super) family: Option<Sources>,
    /// Whether the family's value is a certificate policy that the path must grant.
    pub(super) policy_on_path: bool,
    pub(super) families: Vec<Family>,
    pub(super) identifiers: Vec<IdentifierRule<PersonIdentifierType>>,
    pub(super) names: NameRules,
    pub(super) professions: Vec<ProfessionRule>,
    pub(super) structure: Option<StructureRule>,
}

#[derive(Debug)]
pub(super) struct SubjectRule {
    pub(super) attributes: Vec<Oid>,
    pub(super) repeatable: Vec<Oid>,
    pub(super) one_set: Option<OneSet>,
}

#[derive(Debug)]
pub(super) struct OneSet {
    pub(super) all: Vec<Oid>,
    pub(super) optional: Vec<Oid>,
}

#[derive(Debug)]
pub(super) struct Requirement {
    pub(super) condition: Condition,
    pub(super) otherwise: String,
}

#[derive(Debug)]
pub(super) enum TestMark {
    /// The operator's word for all cards of a trust anchor.
    ByAnchor,
    /// The certificate says it.
    When(Condition),
}

#[derive(Debug)]
pub(super) struct CardNumberRule {
    pub(super) number: Sources,
    pub(super) pattern: Option<Pattern>,
}

#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: CardFamily,
    pub(super) values: Vec<String>,
    pub(super) when: Option<Condition>,
}

#[derive(Debug)]
pub(super) struct IdentifierRule<Kind> {
    pub(super) kind: Kind,
    pub(super) sources: Sources,
    pub(super) pattern: Pattern,
    /// The families that have it; `None` means all.
    pub(super) families: Option<Vec<CardFamily>>,
    /// Whether it is refused where the operator does not list its kind.
    pub(super) only_if_listed: bool,
}

#[derive(Debug)]
pub(super) struct NameRules {
    pub(super) given_name: Option<Sources>,
    pub(super) family_name: Option<Sources>,
    pub(super) title: Option<Sources>,
}

#[derive(Debug)]
pub(super) struct ProfessionRule {
    pub(super) system: String,
    pub(super) sources: Sources,
    pub(super) pattern: Pattern,
    pub(super) digits_min: usize,
    pub(super) required_for: Vec<CardFamily>,
    pub(super) optional_for: Vec<CardFamily>,
}

#[derive(Debug)]
pub(super) struct StructureRule {
    pub(super) name: Option<Sources>,
    pub(super) identifiers: Vec<IdentifierRule<StructureIdentifierType>>,
}

/// A question to a certificate with the answer yes or no; a value that is absent is a no.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) sources: Sources,
    pub(super) test: Test,
}

#[derive(Debug)]
pub(super) enum Test {
    Present,
    OneOf(Vec<String>),
    EndsWith(String),
}

impl Condition {
    pub(super) fn holds(&self, certificate: &Certificate) -> Result<bool, Error> {
        let Some(found) = self.sources.read(certificate)? else {
            return Ok(false);
        };
        Ok(match &self.test {
            Test::Present => true,
            Test::OneOf(values) => values.contains(&found.value),
            Test::EndsWith(end) => found.value.ends_with(end.as_str()),
        })
    }
}

/// Places of a value, the preferred one first.
#[derive(Debug)]
pub(super) struct Sources(pub(super) Vec<Source>);

/// One place of a value.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) extractor: Extractor,
    pub(super) words: Option<Words>,
    pub(super) without_end: Option<String>,
}

/// A value, and where it was found.
pub(super) struct Found {
    pub(super) value: String,
    in_subject: bool,
}

impl Found {
    /// The error about this value.
    pub(super) fn refused(&self, reason: &'static str) -> Error {
        refusal(self.in_subject, reason)
    }
}

impl Sources {
    /// Whether the value can only be a certificate policy.
    pub(super) fn are_policies(&self) -> bool {
        let is_policy = |source: &Source| matches!(source.extractor, Extractor::Policy(_));
        self.0.iter().all(is_policy)
    }

    /// The value of the first place that has one.
    pub(super) fn read(&self, certificate: &Certificate) -> Result<Option<Found>, Error> {
        for source in &self.0 {
            let in_subject = source.extractor.is_subject();
            let value = source
                .extractor
                .read(certificate)
                .map_err(|reason| refusal(in_subject, reason))?;
            if let Some(value) = value.and_then(|value| source.shorten(value)) {
                return Ok(Some(Found { value, in_subject }));
            }
        }
        Ok(None)
    }

    /// The error about a value that stands nowhere.
    pub(super) fn missing(&self, reason: &'static str) -> Error {
        let in_subject = self.0.first().is_some_and(|s| s.extractor.is_subject());
        refusal(in_subject, reason)
    }
}

impl Source {
    /// Takes the words that are asked for; an identifier is never shortened.
    fn shorten(&self, value: String) -> Option<String> {
        let value = match &self.without_end {
            Some(end) => value.strip_suffix(end.as_str()).unwrap_or(&value),
            None => &value,
        };
        let shortened = match self.words {
            None => value,
            Some(Words::Last) => value.rsplit(' ').next()?,
            Some(Words::AllButLast) => value.rsplit_once(' ')?.0,
        };
        let shortened = shortened.trim();
        (!shortened.is_empty()).then(|| shortened.to_owned())
    }
}

fn refusal(in_subject: bool, reason: &'static str) -> Error {
    if in_subject {
        Error::ProfileSubjectInvalid(reason)
    } else {
        Error::ProfileExtensionInvalid(reason)
    }
}
