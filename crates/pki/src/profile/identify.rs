//! From a validated path to the professional: a profile applied to the end entity's certificate.
//!
//! What makes it a card comes first, then which card it is, then the operator's policy, and the
//! person last: a software certificate is refused as one, whatever else is wrong with it.

use super::definition::{Definition, Found, IdentifierRule, ProfessionRule, Sources, TestMark};
use super::extractor::{check_attributes, check_set};
use super::{
    CardFamily, CardReference, PersonIdentifierType, Profession, ProfessionalIdentity,
    ProfilePolicy, Structure, TestCards,
};
use crate::{Certificate, Error, Oid, ValidatedPath};

pub(super) fn identify(
    profile: &Definition,
    path: &ValidatedPath,
    policy: &ProfilePolicy,
) -> Result<ProfessionalIdentity, Error> {
    identify_certificate(profile, path.end_entity(), Some(path.policies()), policy)
}

/// The same for a certificate that nobody has verified, test card or not.
pub(super) fn identify_unverified(
    profile: &Definition,
    certificate: &Certificate,
) -> Result<ProfessionalIdentity, Error> {
    let kinds = profile.identifiers.iter().map(|rule| rule.kind.clone());
    let every_kind: Vec<PersonIdentifierType> = kinds.collect();
    let read = |policy| {
        let policy = ProfilePolicy {
            identifiers: Some(every_kind.clone()),
            ..policy
        };
        identify_certificate(profile, certificate, None, &policy)
    };
    match read(ProfilePolicy::production()) {
        Err(Error::TestMarkRefused) => read(ProfilePolicy::sandbox()),
        outcome => outcome,
    }
}

fn identify_certificate(
    profile: &Definition,
    certificate: &Certificate,
    path_policies: Option<&[Oid]>,
    policy: &ProfilePolicy,
) -> Result<ProfessionalIdentity, Error> {
    check_requirements(profile, certificate)?;
    let family_value = read_family_value(profile, certificate, path_policies)?;
    let number = read_card_number(profile, certificate)?;
    let family = find_family(profile, certificate, family_value.as_ref())?;
    let profession = read_profession(profile, certificate, &family)?;
    let test = is_test(profile, certificate, policy)?;
    policy.check_card(&family, test, path_policies.unwrap_or_default())?;

    check_subject(profile, certificate)?;
    let (rule, subject_id) = read_identifier(
        &profile.identifiers,
        certificate,
        &family,
        "the person identifier has no known form",
    )?
    .ok_or_else(|| missing_identifier(profile))?;
    policy.check_identifier(&rule.kind, rule.only_if_listed)?;
    let name = |sources: &Option<Sources>| -> Result<Option<String>, Error> {
        let Some(sources) = sources else {
            return Ok(None);
        };
        Ok(sources.read(certificate)?.map(|found| found.value))
    };
    Ok(ProfessionalIdentity {
        subject_id,
        subject_id_type: rule.kind.clone(),
        given_name: name(&profile.names.given_name)?,
        family_name: name(&profile.names.family_name)?,
        title: name(&profile.names.title)?,
        profession,
        structure: read_structure(profile, certificate, &family)?,
        card: CardReference { family, number },
        test,
    })
}

fn check_requirements(profile: &Definition, certificate: &Certificate) -> Result<(), Error> {
    for requirement in &profile.requirements {
        if !requirement.condition.holds(certificate)? {
            return Err(Error::NotACard(requirement.otherwise.clone().into()));
        }
    }
    Ok(())
}

fn read_family_value(
    profile: &Definition,
    certificate: &Certificate,
    path_policies: Option<&[Oid]>,
) -> Result<Option<Found>, Error> {
    let Some(sources) = &profile.family else {
        return Ok(None);
    };
    let found = sources
        .read(certificate)?
        .ok_or(Error::NotACard("it does not say its card type".into()))?;
    let is_granted = |granted: &[Oid]| granted.iter().any(|policy| *policy == *found.value);
    if profile.policy_on_path && !path_policies.is_none_or(is_granted) {
        return Err(Error::NotACard(
            "its authorities do not grant the certificate policy that it states".into(),
        ));
    }
    Ok(Some(found))
}

fn read_card_number(profile: &Definition, certificate: &Certificate) -> Result<String, Error> {
    let found = profile
        .card
        .number
        .read(certificate)?
        .ok_or(Error::NotACard("it has no card number".into()))?;
    match &profile.card.pattern {
        Some(pattern) if !pattern.fits(&found.value) => {
            Err(found.refused("the card number is malformed"))
        }
        _ => Ok(found.value),
    }
}

fn find_family(
    profile: &Definition,
    certificate: &Certificate,
    value: Option<&Found>,
) -> Result<CardFamily, Error> {
    for family in &profile.families {
        let has_value = value.is_none_or(|found| family.values.contains(&found.value));
        let when = family.when.as_ref();
        let holds = || when.map_or(Ok(true), |condition| condition.holds(certificate));
        if has_value && holds()? {
            return Ok(family.name.clone());
        }
    }
    Err(value.map_or(
        Error::ProfileExtensionInvalid("the card is of no family of the profile"),
        |found| found.refused("the card type is not known"),
    ))
}

/// A student's card has its code in another terminology than a professional's: read in the wrong
/// one it would make a student a doctor. So the family says which terminology a card may use.
fn read_profession(
    profile: &Definition,
    certificate: &Certificate,
    family: &CardFamily,
) -> Result<Option<Profession>, Error> {
    let mut profession = None;
    for rule in &profile.professions {
        let Some(read) = read_code(rule, certificate, family)? else {
            continue;
        };
        if profession.replace(read).is_some() {
            return Err(rule.sources.missing("the card has two professions"));
        }
    }
    Ok(profession)
}

fn read_code(
    rule: &ProfessionRule,
    certificate: &Certificate,
    family: &CardFamily,
) -> Result<Option<Profession>, Error> {
    let required = rule.required_for.contains(family);
    let Some(found) = rule.sources.read(certificate)? else {
        return match required {
            true => Err(rule.sources.missing("the card has no profession")),
            false => Ok(None),
        };
    };
    if !required && !rule.optional_for.contains(family) {
        return Err(found.refused("the profession does not fit the card type"));
    }
    if !rule.pattern.fits(&found.value) {
        return Err(found.refused("the profession code is malformed or out of range"));
    }
    Ok(Some(Profession {
        code: format!("{:0>width$}", found.value, width = rule.digits_min),
        system: rule.system.clone(),
    }))
}

fn is_test(
    profile: &Definition,
    certificate: &Certificate,
    policy: &ProfilePolicy,
) -> Result<bool, Error> {
    match &profile.test_mark {
        TestMark::ByAnchor => Ok(policy.test_cards == TestCards::Require),
        TestMark::When(condition) => condition.holds(certificate),
    }
}

fn check_subject(profile: &Definition, certificate: &Certificate) -> Result<(), Error> {
    let rule = &profile.subject;
    let name = certificate.subject();
    check_attributes(name, &rule.attributes, &rule.repeatable)
        .map_err(Error::ProfileSubjectInvalid)?;
    if let Some(set) = &rule.one_set {
        check_set(name, &set.all, &set.optional).map_err(Error::ProfileSubjectInvalid)?;
    }
    Ok(())
}

/// The first kind of identifier that the family has and whose place has a value of its form;
/// nothing where no place has a value.
fn read_identifier<'r, Kind>(
    rules: &'r [IdentifierRule<Kind>],
    certificate: &Certificate,
    family: &CardFamily,
    no_known_form: &'static str,
) -> Result<Option<(&'r IdentifierRule<Kind>, String)>, Error> {
    let mut unknown_form = None;
    let is_of_family = |rule: &&IdentifierRule<Kind>| {
        let families = rule.families.as_ref();
        families.is_none_or(|families| families.contains(family))
    };
    for rule in rules.iter().filter(is_of_family) {
        let Some(found) = rule.sources.read(certificate)? else {
            continue;
        };
        if rule.pattern.fits(&found.value) {
            return Ok(Some((rule, found.value)));
        }
        unknown_form.get_or_insert(found);
    }
    unknown_form.map_or(Ok(None), |found| Err(found.refused(no_known_form)))
}

fn missing_identifier(profile: &Definition) -> Error {
    let reason = "it has no person identifier";
    profile
        .identifiers
        .first()
        .map_or(Error::ProfileSubjectInvalid(reason), |rule| {
            rule.sources.missing(reason)
        })
}

fn read_structure(
    profile: &Definition,
    certificate: &Certificate,
    family: &CardFamily,
) -> Result<Option<Structure>, Error> {
    let Some(rule) = &profile.structure else {
        return Ok(None);
    };
    let name = match &rule.name {
        Some(sources) => sources.read(certificate)?,
        None => None,
    };
    let identifier = read_identifier(
        &rule.identifiers,
        certificate,
        family,
        "the structure identifier has no known form",
    )?;
    match (identifier, name) {
        (Some((rule, id)), name) => Ok(Some(Structure {
            id,
            id_type: rule.kind.clone(),
            name: name.map(|found| found.value),
        })),
        (None, None) => Ok(None),
        (None, Some(name)) => Err(name.refused("a structure has a name and no identifier")),
    }
}
