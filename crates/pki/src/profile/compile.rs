//! From the form of a profile file to its rules, with every mistake named by its key.

mod source;

use super::attribute_type;
use super::definition::{
    CardNumberRule, Condition, Definition, Family, IdentifierRule, NameRules, OneSet,
    ProfessionRule, Requirement, Sources, StructureRule, SubjectRule, Test, TestMark,
};
use super::file::{
    CardFile, FamilyFile, IdentifierFile, ProfessionFile, ProfileFile, RequireFile, SourcesFile,
    StructureFile, SubjectFile, TestMarkFile,
};
use super::pattern::Pattern;
use super::{CardFamily, PersonIdentifierType, StructureIdentifierType};
use crate::Oid;
use source::{sources, values};

/// Most entries of any list.
const LIST_ENTRIES_MAX: usize = 64;
/// Most characters of a text that is shown or compared.
const TEXT_CHARACTERS_MAX: usize = 200;
const NAME_CHARACTERS_MAX: usize = 40;
/// JWS algorithms that a card assertion can have (RFC 7518 section 3.1; BP256R1 is ECDSA with
/// SHA-256 on brainpoolP256r1).
const SIGNATURE_ALGORITHMS: &[&str] = &["RS256", "PS256", "ES256", "ES384", "BP256R1"];

/// One mistake in a profile file.
#[derive(Debug)]
pub(super) struct Mistake {
    /// Where, such as `identifier[2].pattern`.
    pub(super) key: String,
    /// What is wrong, and what it must be.
    pub(super) reason: String,
}

fn mistake<T>(key: impl Into<String>, reason: impl Into<String>) -> Result<T, Mistake> {
    Err(Mistake {
        key: key.into(),
        reason: reason.into(),
    })
}

pub(super) fn compile(file: ProfileFile) -> Result<Definition, Mistake> {
    check_name("name", &file.name)?;
    check_text("description", &file.description)?;
    check_signature_algorithms(&file.signature_algorithms)?;
    let CardFile {
        number,
        number_pattern,
        family,
        policy_on_path,
        families: family_files,
    } = file.card;
    let families = families(family_files, family.is_some())?;
    let family = family.map(|it| sources("card.family", it)).transpose()?;
    if policy_on_path && !family.as_ref().is_some_and(Sources::are_policies) {
        let reason = "must not be there unless card.family is a policy";
        return mistake("card.policy_on_path", reason);
    }
    let declared: Vec<CardFamily> = families.iter().map(|family| family.name.clone()).collect();
    if file.identifier.is_empty() {
        let reason = "must have at least one [[identifier]]: nobody is recognised without one";
        return mistake("identifier", reason);
    }
    Ok(Definition {
        subject: subject(file.subject)?,
        requirements: each("require", file.require, requirement)?,
        test_mark: test_mark(file.test_mark)?,
        card: CardNumberRule {
            number: sources("card.number", number)?,
            pattern: number_pattern
                .map(|text| pattern("card.number_pattern", &text))
                .transpose()?,
        },
        family,
        policy_on_path,
        families,
        identifiers: each("identifier", file.identifier, |key, it| {
            identifier(key, it, &declared, PersonIdentifierType::new)
        })?,
        names: NameRules {
            given_name: name_sources("person.given_name", file.person.given_name)?,
            family_name: name_sources("person.family_name", file.person.family_name)?,
            title: name_sources("person.title", file.person.title)?,
        },
        professions: each("profession", file.profession, |key, it| {
            profession(key, it, &declared)
        })?,
        structure: file
            .structure
            .map(|it| structure(it, &declared))
            .transpose()?,
        name: file.name,
        description: file.description,
        signature_algorithms: file.signature_algorithms,
    })
}

fn name_sources(key: &str, file: Option<SourcesFile>) -> Result<Option<Sources>, Mistake> {
    file.map(|it| source::name_sources(key, it)).transpose()
}

/// Applies one rule to each entry of a list, with the entry's key.
fn each<File, Rule>(
    key: &str,
    entries: Vec<File>,
    rule: impl Fn(&str, File) -> Result<Rule, Mistake>,
) -> Result<Vec<Rule>, Mistake> {
    check_length(key, entries.len())?;
    let numbered = entries.into_iter().enumerate();
    numbered
        .map(|(index, entry)| rule(&format!("{key}[{index}]"), entry))
        .collect()
}

fn check_length(key: &str, length: usize) -> Result<(), Mistake> {
    if length > LIST_ENTRIES_MAX {
        return mistake(key, format!("must have at most {LIST_ENTRIES_MAX} entries"));
    }
    Ok(())
}

fn check_name(key: &str, name: &str) -> Result<(), Mistake> {
    let well_formed = name.len() <= NAME_CHARACTERS_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if well_formed {
        Ok(())
    } else {
        mistake(
            key,
            "must be 1 to 40 small letters, digits and _, a letter first",
        )
    }
}

fn check_text(key: &str, text: &str) -> Result<(), Mistake> {
    let length = text.chars().count();
    if length == 0 || length > TEXT_CHARACTERS_MAX || text.chars().any(char::is_control) {
        return mistake(
            key,
            "must have 1 to 200 characters, and no control characters",
        );
    }
    Ok(())
}

fn check_signature_algorithms(names: &[String]) -> Result<(), Mistake> {
    let key = "signature_algorithms";
    if names.is_empty() {
        return mistake(
            key,
            "must name at least one algorithm that the cards sign with",
        );
    }
    check_length(key, names.len())?;
    for (index, name) in names.iter().enumerate() {
        if !SIGNATURE_ALGORITHMS.contains(&name.as_str()) {
            let known = SIGNATURE_ALGORITHMS.join(", ");
            return mistake(format!("{key}[{index}]"), format!("must be one of {known}"));
        }
    }
    Ok(())
}

fn oid(key: &str, text: &str) -> Result<Oid, Mistake> {
    Oid::parse(text).map_or_else(
        || mistake(key, "must be an object identifier, such as 1.2.250.1.71"),
        Ok,
    )
}

fn attribute(key: &str, text: &str) -> Result<Oid, Mistake> {
    attribute_type::parse(text).map_or_else(
        || {
            let reason = "must be an attribute type, such as CN, SN, GN or 2.5.4.3";
            mistake(key, reason)
        },
        Ok,
    )
}

fn pattern(key: &str, text: &str) -> Result<Pattern, Mistake> {
    check_text(key, text)?;
    Pattern::parse(text).or_else(|reason| mistake(key, reason))
}

fn subject(file: SubjectFile) -> Result<SubjectRule, Mistake> {
    let attributes =
        |key: &str, names: Vec<String>| each(key, names, |key, name: String| attribute(key, &name));
    if file.attributes.is_empty() {
        let reason = "must list the attributes that the subject may have";
        return mistake("subject.attributes", reason);
    }
    let allowed = attributes("subject.attributes", file.attributes)?;
    let repeatable = attributes("subject.repeatable", file.repeatable)?;
    let one_set = match file.one_set {
        None => None,
        Some(set) => Some(OneSet {
            all: attributes("subject.one_set.all", set.all)?,
            optional: attributes("subject.one_set.optional", set.optional)?,
        }),
    };
    if let Some(set) = &one_set {
        if set.all.is_empty() {
            return mistake("subject.one_set.all", "must name the members of the set");
        }
        let members = set.all.iter().chain(&set.optional);
        for member in members {
            if !allowed.contains(member) || repeatable.contains(member) {
                let reason = "must hold attributes of subject.attributes that are not repeatable";
                return mistake("subject.one_set", reason);
            }
        }
    }
    if repeatable.iter().any(|oid| !allowed.contains(oid)) {
        let reason = "must be attributes that subject.attributes lists too";
        return mistake("subject.repeatable", reason);
    }
    Ok(SubjectRule {
        attributes: allowed,
        repeatable,
        one_set,
    })
}

fn requirement(key: &str, file: RequireFile) -> Result<Requirement, Mistake> {
    check_text(&format!("{key}.otherwise"), &file.otherwise)?;
    Ok(Requirement {
        condition: condition(key, file.from, file.equals, file.ends_with)?,
        otherwise: file.otherwise,
    })
}

fn condition(
    key: &str,
    from: SourcesFile,
    equals: Option<Vec<String>>,
    ends_with: Option<String>,
) -> Result<Condition, Mistake> {
    let test = match (equals, ends_with) {
        (None, None) => Test::Present,
        (Some(equals), None) => Test::OneOf(values(&format!("{key}.equals"), equals)?),
        (None, Some(end)) => {
            check_text(&format!("{key}.ends_with"), &end)?;
            Test::EndsWith(end)
        }
        (Some(_), Some(_)) => return mistake(key, "must have equals or ends_with, not both"),
    };
    Ok(Condition {
        sources: sources(&format!("{key}.from"), from)?,
        test,
    })
}

fn test_mark(file: TestMarkFile) -> Result<TestMark, Mistake> {
    let key = "test_mark";
    match (file.by, file.from) {
        (Some(_), None) if file.equals.is_none() && file.ends_with.is_none() => {
            Ok(TestMark::ByAnchor)
        }
        (None, Some(from)) => condition(key, from, file.equals, file.ends_with).map(TestMark::When),
        _ => mistake(
            key,
            "must say where the mark stands (from, with equals or ends_with), or by = \"anchor\" \
             where certificates have none",
        ),
    }
}

fn families(files: Vec<FamilyFile>, by_value: bool) -> Result<Vec<Family>, Mistake> {
    let key = "card.families";
    if files.is_empty() {
        return mistake(key, "must have at least one [[card.families]]");
    }
    let families = each(key, files, |key, it| family(key, it, by_value))?;
    for (index, family) in families.iter().enumerate() {
        let same = |earlier: &Family| earlier.name == family.name;
        if families.iter().take(index).any(same) {
            return mistake(format!("{key}[{index}].name"), "must not stand twice");
        }
    }
    Ok(families)
}

fn family(key: &str, file: FamilyFile, by_value: bool) -> Result<Family, Mistake> {
    check_name(&format!("{key}.name"), &file.name)?;
    let values_key = format!("{key}.values");
    if file.values.is_empty() == by_value {
        let reason = match by_value {
            true => "must list the values of card.family that mean this family",
            false => "must not be there without card.family, which says where the value stands",
        };
        return mistake(values_key, reason);
    }
    let values = match by_value {
        true => values(&values_key, file.values)?,
        false => Vec::new(),
    };
    let when = file
        .when
        .map(|it| condition(&format!("{key}.when"), it.from, it.equals, it.ends_with));
    Ok(Family {
        name: CardFamily::new(&file.name),
        values,
        when: when.transpose()?,
    })
}

fn identifier<Kind>(
    key: &str,
    file: IdentifierFile,
    declared: &[CardFamily],
    kind: impl Fn(&str) -> Kind,
) -> Result<IdentifierRule<Kind>, Mistake> {
    check_name(&format!("{key}.type"), &file.r#type)?;
    Ok(IdentifierRule {
        kind: kind(&file.r#type),
        sources: sources(&format!("{key}.from"), file.from)?,
        pattern: pattern(&format!("{key}.pattern"), &file.pattern)?,
        families: file
            .families
            .map(|names| declared_families(&format!("{key}.families"), names, declared))
            .transpose()?,
        only_if_listed: file.only_if_listed,
    })
}

/// Names of families, each of them one of the profile's.
fn declared_families(
    key: &str,
    names: Vec<String>,
    declared: &[CardFamily],
) -> Result<Vec<CardFamily>, Mistake> {
    each(key, names, |key, name: String| {
        let family = CardFamily::new(&name);
        match declared.contains(&family) {
            true => Ok(family),
            false => mistake(key, "must be the name of one of the card.families"),
        }
    })
}

fn profession(
    key: &str,
    file: ProfessionFile,
    declared: &[CardFamily],
) -> Result<ProfessionRule, Mistake> {
    check_text(&format!("{key}.system"), &file.system)?;
    let digits_min = file.digits_min.unwrap_or(0);
    if digits_min > NAME_CHARACTERS_MAX {
        return mistake(format!("{key}.digits_min"), "must be at most 40");
    }
    let families = |member: &str, names: Vec<String>| {
        declared_families(&format!("{key}.{member}"), names, declared)
    };
    let required_for = families("required_for", file.required_for)?;
    let optional_for = families("optional_for", file.optional_for)?;
    if required_for.is_empty() && optional_for.is_empty() {
        let reason = "must say by required_for or optional_for which families carry it";
        return mistake(key, reason);
    }
    Ok(ProfessionRule {
        system: file.system,
        sources: sources(&format!("{key}.from"), file.from)?,
        pattern: pattern(&format!("{key}.pattern"), &file.pattern)?,
        digits_min,
        required_for,
        optional_for,
    })
}

fn structure(file: StructureFile, declared: &[CardFamily]) -> Result<StructureRule, Mistake> {
    let key = "structure.identifier";
    if file.identifier.is_empty() {
        return mistake(key, "must have at least one [[structure.identifier]]");
    }
    Ok(StructureRule {
        name: name_sources("structure.name", file.name)?,
        identifiers: each(key, file.identifier, |key, it| match it.only_if_listed {
            true => mistake(
                format!("{key}.only_if_listed"),
                "must not be there: a trust anchor lists kinds of persons' identifiers alone",
            ),
            false => identifier(key, it, declared, StructureIdentifierType::new),
        })?,
    })
}
