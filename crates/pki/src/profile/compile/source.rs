//! One place of a value: exactly one extractor, with the keys that belong to it.

use super::{Mistake, attribute, check_length, check_text, each, mistake, oid};
use crate::profile::definition::{Source, Sources};
use crate::profile::extractor::{Extractor, ValueType};
use crate::profile::file::{SourceFile, SourcesFile};

const PLACES_MAX: usize = 4;
const EXTRACTORS: &str = "subject, extension, san_other_name, san_fascn, san_uri, admission, \
                          policy, certificate";
/// Extensions that path validation reads (RFC 5280 section 4.2): a profile gives them no second
/// meaning.
const STANDARD_EXTENSIONS: &[&str] = &[
    "2.5.29.",
    "1.3.6.1.5.5.7.1.",
    "2.16.840.1.113730.1.",
    "1.3.6.1.4.1.11129.2.4.",
];

/// The places of a value by which something is decided: the value stands as it is.
pub(super) fn sources(key: &str, file: SourcesFile) -> Result<Sources, Mistake> {
    let sources = name_sources(key, file)?;
    let shortens = |source: &Source| source.words.is_some() || source.without_end.is_some();
    if sources.0.iter().any(shortens) {
        let reason = "must not have words or without_end: names alone may be shortened";
        return mistake(key, reason);
    }
    Ok(sources)
}

/// The places of a name that is shown to people.
pub(super) fn name_sources(key: &str, file: SourcesFile) -> Result<Sources, Mistake> {
    if file.0.is_empty() || file.0.len() > PLACES_MAX {
        return mistake(key, "must have 1 to 4 places");
    }
    let is_list = file.0.len() > 1;
    let numbered = file.0.into_iter().enumerate();
    let places = numbered.map(|(index, place)| match is_list {
        true => source(&format!("{key}[{index}]"), place),
        false => source(key, place),
    });
    places.collect::<Result<_, _>>().map(Sources)
}

/// Values to compare with.
pub(super) fn values(key: &str, values: Vec<String>) -> Result<Vec<String>, Mistake> {
    if values.is_empty() {
        return mistake(key, "must have at least one value");
    }
    each(key, values, |key, value: String| {
        check_text(key, &value)?;
        Ok(value)
    })
}

fn source(key: &str, file: SourceFile) -> Result<Source, Mistake> {
    if let Some(end) = &file.without_end {
        check_text(&format!("{key}.without_end"), end)?;
    }
    let (words, without_end) = (file.words, file.without_end.clone());
    let typed = file.extension.is_some() || file.san_other_name.is_some();
    if file.r#as.is_some() != typed {
        return mistake(
            format!("{key}.as"),
            "must give the ASN.1 type of an extension or san_other_name, and of nothing else",
        );
    }
    if file.mask.is_some() && file.r#as != Some(ValueType::Octet) {
        return mistake(format!("{key}.mask"), "must stand beside as = \"octet\"");
    }
    let mut found = extractors(key, file)?.into_iter();
    match (found.next(), found.next()) {
        (Some(extractor), None) => Ok(Source {
            extractor,
            words,
            without_end,
        }),
        _ => mistake(key, format!("must have exactly one of {EXTRACTORS}")),
    }
}

fn extractors(key: &str, file: SourceFile) -> Result<Vec<Extractor>, Mistake> {
    let mut found = Vec::new();
    if let Some(name) = file.subject {
        found.push(Extractor::Subject(attribute(
            &format!("{key}.subject"),
            &name,
        )?));
    }
    if let (Some(dotted), Some(value_type)) = (file.extension, file.r#as) {
        let key = format!("{key}.extension");
        if STANDARD_EXTENSIONS
            .iter()
            .any(|arc| dotted.starts_with(arc))
        {
            let reason =
                "must be an extension of the card's issuer: path validation reads this one";
            return mistake(key, reason);
        }
        found.push(Extractor::Extension {
            oid: oid(&key, &dotted)?,
            value_type,
            mask: file.mask.unwrap_or(u8::MAX),
        });
    }
    if let (Some(dotted), Some(value_type)) = (file.san_other_name, file.r#as) {
        let oid = oid(&format!("{key}.san_other_name"), &dotted)?;
        found.push(Extractor::OtherName { oid, value_type });
    }
    if let Some(policies) = file.policy {
        let key = format!("{key}.policy");
        check_length(&key, policies.len())?;
        if policies.is_empty() {
            return mistake(key, "must list at least one certificate policy");
        }
        let policies = each(&key, policies, |key, dotted: String| oid(key, &dotted))?;
        found.push(Extractor::Policy(policies));
    }
    found.extend(file.san_fascn.map(Extractor::Fascn));
    found.extend(file.san_uri.map(|_| Extractor::Uuid));
    found.extend(file.admission.map(Extractor::Admission));
    found.extend(file.certificate.map(|_| Extractor::SerialNumber));
    Ok(found)
}
