//! The extensions of one entry (RFC 5280 section 5.3).

use crate::revocation::RevocationReason;
use crate::revocation::crl::fields::{RawExtension, contents_of, has_repetition, read_extensions};
use crate::{Error, der_check};
use x509_cert::der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier};
use x509_cert::der::{self, Decode, Reader, Tag, TagNumber, Tagged};

const REASON_CODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
const INVALIDITY_DATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.24");
const CERTIFICATE_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.29");

/// Most different extensions that are remembered: there are ten reasons.
const KNOWN_MAX: usize = 12;

/// What the extensions of an entry say.
#[derive(Clone, Copy)]
pub(super) struct EntryExtensions<'a> {
    pub(super) reason: RevocationReason,
    /// Whose certificates the entries are about from here on, by the name's DER.
    pub(super) issuer: Option<&'a [u8]>,
    /// Whether nothing critical is unknown.
    pub(super) is_understood: bool,
}

const NONE: EntryExtensions<'_> = EntryExtensions {
    reason: RevocationReason::Unspecified,
    issuer: None,
    is_understood: true,
};

/// Reads extensions and remembers the last ones: a million entries have a handful of reasons,
/// and the same bytes mean the same.
pub(super) struct ExtensionReader<'a> {
    known: Vec<(&'a [u8], EntryExtensions<'a>)>,
    has_version_2: bool,
}

impl<'a> ExtensionReader<'a> {
    pub(super) fn new(has_version_2: bool) -> Self {
        Self {
            known: Vec::new(),
            has_version_2,
        }
    }

    pub(super) fn read(
        &mut self,
        extensions: Option<&'a [u8]>,
    ) -> Result<EntryExtensions<'a>, Error> {
        let Some(extensions) = extensions else {
            return Ok(NONE);
        };
        if !self.has_version_2 {
            return Err(Error::CrlMalformed(
                "an entry has extensions but the list is not version 2",
            ));
        }
        let known = self.known.iter().find(|(bytes, _)| *bytes == extensions);
        if let Some((_, known)) = known {
            return Ok(*known);
        }
        let read = read(extensions)?;
        if self.known.len() < KNOWN_MAX {
            self.known.push((extensions, read));
        }
        Ok(read)
    }
}

fn read(extensions: &[u8]) -> Result<EntryExtensions<'_>, Error> {
    let unreadable = |_| Error::CrlMalformed("an entry extension is not readable");
    let extensions = AnyRef::from_der(extensions)
        .and_then(read_extensions)
        .map_err(unreadable)?;
    if has_repetition(&extensions) {
        return Err(Error::CrlMalformed("an entry extension is repeated"));
    }
    let mut facts = NONE;
    for extension in extensions {
        read_extension(&extension, &mut facts).map_err(unreadable)?;
    }
    Ok(facts)
}

fn read_extension<'a>(
    extension: &RawExtension<'a>,
    facts: &mut EntryExtensions<'a>,
) -> der::Result<()> {
    match extension.oid {
        REASON_CODE => {
            let code = AnyRef::from_der(extension.value)?;
            code.tag().assert_eq(Tag::Enumerated)?;
            let [code] = code.value() else {
                return Err(Tag::Enumerated.value_error());
            };
            facts.reason = RevocationReason::from_code(*code);
        }
        INVALIDITY_DATE => {
            GeneralizedTime::from_der(extension.value)?;
        }
        CERTIFICATE_ISSUER => match directory_name(extension.value)? {
            Some(name) => facts.issuer = Some(name),
            None => facts.is_understood = false,
        },
        _ => facts.is_understood &= !extension.critical,
    }
    Ok(())
}

/// The one directory name that an issuer is given by; `None` when it is given otherwise.
fn directory_name(general_names: &[u8]) -> der::Result<Option<&[u8]>> {
    let mut names = contents_of(AnyRef::from_der(general_names)?, Tag::Sequence)?;
    if names.is_finished() {
        return Ok(None);
    }
    let first = AnyRef::decode(&mut names)?;
    let directory_name = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber::N4,
    };
    if first.tag() != directory_name || !names.is_finished() {
        return Ok(None);
    }
    if !der_check::is_one_der_value(first.value()) {
        return Err(Tag::Sequence.value_error());
    }
    Ok(Some(first.value()))
}
