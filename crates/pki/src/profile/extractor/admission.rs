//! The admission extension of ISIS-MTT (Common PKI part 1, table 29a): who admitted the holder to
//! which profession, under which registration number.
//!
//! ```text
//! AdmissionSyntax ::= SEQUENCE {
//!     admissionAuthority    GeneralName OPTIONAL,
//!     contentsOfAdmissions  SEQUENCE OF Admissions }
//! Admissions ::= SEQUENCE {
//!     admissionAuthority    [0] EXPLICIT GeneralName OPTIONAL,
//!     namingAuthority       [1] EXPLICIT NamingAuthority OPTIONAL,
//!     professionInfos       SEQUENCE OF ProfessionInfo }
//! ProfessionInfo ::= SEQUENCE {
//!     namingAuthority       [0] EXPLICIT NamingAuthority OPTIONAL,
//!     professionItems       SEQUENCE OF DirectoryString (SIZE(1..128)),
//!     professionOIDs        SEQUENCE OF OBJECT IDENTIFIER OPTIONAL,
//!     registrationNumber    PrintableString (SIZE(1..128)) OPTIONAL,
//!     addProfessionInfo     OCTET STRING OPTIONAL }
//! ```

use super::text;
use crate::Certificate;
use serde::Deserialize;
use x509_cert::der::asn1::Utf8StringRef;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, PrintableStringRef};
use x509_cert::der::{self, Reader, SliceReader, Tag, Tagged};

/// `id-isismtt-at-admission`.
const ADMISSION: &str = "1.3.36.8.3.3";

/// What a profile reads of the admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::profile) enum AdmissionPart {
    /// The registration number.
    RegistrationNumber,
    /// The profession as an object identifier.
    ProfessionOid,
    /// The profession in words.
    ProfessionItem,
}

#[derive(Default)]
struct ProfessionInfo {
    items: Vec<String>,
    oids: Vec<String>,
    registration_number: Option<String>,
}

/// A part of the one admission to the one profession. A certificate with several could be read as
/// either, so it is refused.
pub(super) fn value_of(
    certificate: &Certificate,
    part: AdmissionPart,
) -> Result<Option<String>, &'static str> {
    let Some(extension) = certificate.private_extension(ADMISSION) else {
        return Ok(None);
    };
    let infos = read(&extension.value).map_err(|_| "the admission is malformed")?;
    let [info] = infos.as_slice() else {
        return Err("the admission is not to one profession");
    };
    let value = match part {
        AdmissionPart::RegistrationNumber => info.registration_number.clone(),
        AdmissionPart::ProfessionOid => one(&info.oids)?,
        AdmissionPart::ProfessionItem => one(&info.items)?,
    };
    if let Some(value) = &value {
        text::check(value)?;
    }
    Ok(value)
}

fn one(values: &[String]) -> Result<Option<String>, &'static str> {
    match values {
        [] => Ok(None),
        [value] => Ok(Some(value.clone())),
        _ => Err("the admission names one profession in several ways"),
    }
}

fn read(value: &[u8]) -> der::Result<Vec<ProfessionInfo>> {
    let mut reader = SliceReader::new(value)?;
    let mut infos = Vec::new();
    reader.sequence(|syntax| {
        skip_tagged(syntax)?;
        syntax.sequence(|contents| {
            while !contents.is_finished() {
                contents.sequence(|admissions| {
                    skip_tagged(admissions)?;
                    skip_tagged(admissions)?;
                    admissions.sequence(|list| {
                        while !list.is_finished() {
                            infos.push(list.sequence(profession_info)?);
                        }
                        Ok(())
                    })
                })?;
            }
            Ok(())
        })
    })?;
    reader.finish(infos)
}

fn profession_info<'a>(info: &mut impl Reader<'a>) -> der::Result<ProfessionInfo> {
    let mut read = ProfessionInfo::default();
    skip_tagged(info)?;
    info.sequence(|items| {
        while !items.is_finished() {
            read.items.push(directory_string(items.decode()?)?);
        }
        Ok(())
    })?;
    if next_is(info, Tag::Sequence) {
        info.sequence(|oids| {
            while !oids.is_finished() {
                read.oids
                    .push(oids.decode::<ObjectIdentifier>()?.to_string());
            }
            Ok(())
        })?;
    }
    if next_is(info, Tag::PrintableString) {
        let number: PrintableStringRef<'_> = info.decode()?;
        read.registration_number = Some(number.as_str().to_owned());
    }
    if next_is(info, Tag::OctetString) {
        let _: OctetStringRef<'_> = info.decode()?;
    }
    Ok(read)
}

/// An optional member with a context-specific tag, which nothing here reads.
fn skip_tagged<'a>(reader: &mut impl Reader<'a>) -> der::Result<()> {
    if !reader.is_finished() && reader.peek_tag()?.is_context_specific() {
        let _: AnyRef<'_> = reader.decode()?;
    }
    Ok(())
}

fn next_is<'a>(reader: &impl Reader<'a>, tag: Tag) -> bool {
    reader.peek_tag().is_ok_and(|next| next == tag)
}

fn directory_string(value: AnyRef<'_>) -> der::Result<String> {
    match value.tag() {
        Tag::Utf8String => Ok(value.decode_as::<Utf8StringRef<'_>>()?.as_str().to_owned()),
        Tag::PrintableString => Ok(value
            .decode_as::<PrintableStringRef<'_>>()?
            .as_str()
            .to_owned()),
        other => Err(other.unexpected_error(Some(Tag::Utf8String))),
    }
}
