//! The subject of a card certificate.

use super::identifier::{self, Identifier};
use crate::profile::{PersonIdentifierType, Structure};
use crate::{Attribute, DistinguishedName, Error};

const COUNTRY: &str = "2.5.4.6";
const STATE: &str = "2.5.4.8";
const ORGANISATION: &str = "2.5.4.10";
const ORGANISATIONAL_UNIT: &str = "2.5.4.11";
const TITLE: &str = "2.5.4.12";
const COMMON_NAME: &str = "2.5.4.3";
const SURNAME: &str = "2.5.4.4";
const GIVEN_NAME: &str = "2.5.4.42";

/// The attributes a card's subject may have, and no others: an attribute of another profile must
/// not ride along unread.
const ALLOWED: &[&str] = &[
    COUNTRY,
    STATE,
    ORGANISATION,
    ORGANISATIONAL_UNIT,
    TITLE,
    COMMON_NAME,
    SURNAME,
    GIVEN_NAME,
];
/// The members of the person's relative distinguished name, in any order: DER sorts them by
/// their encoding, so the order differs with the lengths of the values.
const PERSON_MEMBERS: &[&str] = &[COMMON_NAME, SURNAME, GIVEN_NAME];
/// Longest value read; the standard's own bounds are 64 and less.
const VALUE_CHARACTERS_MAX: usize = 128;

pub(super) struct Subject {
    pub(super) identifier: Identifier<PersonIdentifierType>,
    pub(super) given_name: Option<String>,
    pub(super) family_name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) structure: Option<Structure>,
}

impl Subject {
    pub(super) fn read(name: &DistinguishedName) -> Result<Self, Error> {
        check_attributes(name)?;
        check_person_set(name)?;
        let identifier = value_of(name, COMMON_NAME)?
            .ok_or(Error::ProfileSubjectInvalid("it has no person identifier"))?;
        Ok(Self {
            identifier: identifier::read_person(&identifier)?,
            given_name: value_of(name, GIVEN_NAME)?,
            family_name: value_of(name, SURNAME)?,
            title: value_of(name, TITLE)?,
            structure: read_structure(name)?,
        })
    }
}

/// Every attribute is known and stands once; two common names would be two identities.
fn check_attributes(name: &DistinguishedName) -> Result<(), Error> {
    for attribute in name.relative_names().flatten() {
        if !ALLOWED.contains(&attribute.oid.as_str()) {
            return Err(Error::ProfileSubjectInvalid(
                "it has an attribute of another profile",
            ));
        }
        if name.attributes_of(attribute.oid.as_str()).count() > 1 {
            return Err(Error::ProfileSubjectInvalid("an attribute is repeated"));
        }
    }
    Ok(())
}

/// Common name, surname and given name stand together in one set.
fn check_person_set(name: &DistinguishedName) -> Result<(), Error> {
    let has = |set: &[Attribute], oid: &str| set.iter().any(|attribute| attribute.oid == oid);
    let complete = name.relative_names().any(|set| {
        set.len() == PERSON_MEMBERS.len() && PERSON_MEMBERS.iter().all(|oid| has(set, oid))
    });
    if complete {
        Ok(())
    } else {
        Err(Error::ProfileSubjectInvalid(
            "identifier, surname and given name are not one set",
        ))
    }
}

fn value_of(name: &DistinguishedName, oid: &str) -> Result<Option<String>, Error> {
    let Some(attribute) = name.attributes_of(oid).next() else {
        return Ok(None);
    };
    let value = attribute
        .value
        .as_ref()
        .ok_or(Error::ProfileSubjectInvalid("a value is not text"))?;
    if value.is_empty() || value.chars().count() > VALUE_CHARACTERS_MAX {
        return Err(Error::ProfileSubjectInvalid("a value is empty or too long"));
    }
    if value.chars().any(is_deceptive) {
        return Err(Error::ProfileSubjectInvalid(
            "a value has control or direction characters",
        ));
    }
    Ok(Some(value.clone()))
}

/// Characters that are not seen or that change how the rest is seen: NUL and other controls,
/// zero-width and bidirectional formatting (Unicode TR 36).
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn read_structure(name: &DistinguishedName) -> Result<Option<Structure>, Error> {
    let structure_name = value_of(name, ORGANISATION)?;
    let Some(id) = value_of(name, ORGANISATIONAL_UNIT)? else {
        return match structure_name {
            None => Ok(None),
            Some(_) => Err(Error::ProfileSubjectInvalid(
                "a structure has a name and no identifier",
            )),
        };
    };
    let Identifier {
        value: id,
        kind: id_type,
    } = identifier::read_structure(&id)?;
    Ok(Some(Structure {
        id,
        id_type,
        name: structure_name,
    }))
}
