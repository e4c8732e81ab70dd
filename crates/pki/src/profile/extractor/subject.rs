//! Values of the subject's attributes.

use super::text;
use crate::{DistinguishedName, Oid};

/// The value of the one attribute of a type.
pub(super) fn value_of(
    name: &DistinguishedName,
    oid: &Oid,
) -> Result<Option<String>, &'static str> {
    let mut found = name.attributes_of(oid.as_str());
    let Some(attribute) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() {
        return Err("an attribute is repeated");
    }
    let value = attribute.value.as_ref().ok_or("a value is not text")?;
    text::check(value)?;
    Ok(Some(value.clone()))
}

pub(super) fn check_attributes(
    name: &DistinguishedName,
    allowed: &[Oid],
    repeatable: &[Oid],
) -> Result<(), &'static str> {
    for attribute in name.relative_names().flatten() {
        if repeatable.contains(&attribute.oid) {
            continue;
        }
        if !allowed.contains(&attribute.oid) {
            return Err("it has an attribute of another profile");
        }
        if name.attributes_of(attribute.oid.as_str()).count() > 1 {
            return Err("an attribute is repeated");
        }
    }
    Ok(())
}

pub(super) fn check_set(
    name: &DistinguishedName,
    members: &[Oid],
    optional: &[Oid],
) -> Result<(), &'static str> {
    let is_it = |set: &[crate::Attribute]| {
        let has = |oid: &Oid| set.iter().any(|attribute| attribute.oid == *oid);
        members.iter().all(has)
            && set.iter().all(|attribute| {
                members.contains(&attribute.oid) || optional.contains(&attribute.oid)
            })
    };
    if name.relative_names().any(is_it) {
        Ok(())
    } else {
        Err("the members of the person's set are not together, or not alone")
    }
}
