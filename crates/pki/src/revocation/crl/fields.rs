//! The fields of a list (RFC 5280 section 5.1), read with the strict reader of the `der` crate,
//! and its entries, of which there may be a million, with that of the `asn1` crate, which takes a
//! tenth of the time.
//!
//! A second parser over the same bytes would cost more than everything else, so its part is
//! played by strictness: every header is read by a reader that knows definite, shortest-form
//! lengths only; every SEQUENCE is read to its last byte; what is not expected in its place is
//! an error, never stepped over; and the entries are counted twice. A list that one reader would
//! end earlier than another, which makes revoked certificates look good, does not parse at all.

use crate::revocation::status_policy::Window;
use crate::{Error, der_check};
use time::OffsetDateTime;
use x509_cert::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use x509_cert::der::{self, Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::time::Time;

/// The parts of a list, borrowed from its bytes.
pub(super) struct Fields<'a> {
    /// What is signed.
    pub(super) signed: &'a [u8],
    /// The signature's algorithm identifier.
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    /// The issuer's name.
    pub(super) issuer: &'a [u8],
    pub(super) window: Window,
    /// The whole of `revokedCertificates`, not yet read.
    pub(super) entries: Option<&'a [u8]>,
    pub(super) extensions: Vec<RawExtension<'a>>,
    /// Version 1 has no extensions, neither on the list nor on its entries.
    pub(super) has_version_2: bool,
}

/// One extension, its value not yet read.
#[derive(Clone, Copy)]
pub(super) struct RawExtension<'a> {
    pub(super) oid: ObjectIdentifier,
    pub(super) critical: bool,
    /// The contents of `extnValue`.
    pub(super) value: &'a [u8],
}

pub(super) fn read(der: &[u8]) -> Result<Fields<'_>, Error> {
    let unreadable = |_| Error::CrlMalformed("it is not one strict DER list");
    let fields = read_list(der).map_err(unreadable)?;
    // These two are handed on as a whole.
    if !der_check::is_one_der_value(fields.issuer) || !der_check::is_one_der_value(fields.algorithm)
    {
        return Err(Error::CrlMalformed("a field is not strict DER"));
    }
    if fields.has_repeated_extension() {
        return Err(Error::CrlMalformed("an extension is repeated"));
    }
    if !fields.has_version_2 && !fields.extensions.is_empty() {
        return Err(Error::CrlMalformed(
            "it has extensions but is not version 2",
        ));
    }
    Ok(fields)
}

impl Fields<'_> {
    fn has_repeated_extension(&self) -> bool {
        has_repetition(&self.extensions)
    }
}

fn read_list(der: &[u8]) -> der::Result<Fields<'_>> {
    let list = AnyRef::from_der(der)?;
    let mut reader = contents_of(list, Tag::Sequence)?;
    let signed = reader.tlv_bytes()?;
    let algorithm = reader.tlv_bytes()?;
    let signature = BitStringRef::decode(&mut reader)?;
    reader.finish(())?;
    let signature = signature
        .as_bytes()
        .ok_or_else(|| Tag::BitString.value_error())?;

    let mut reader = contents_of(AnyRef::from_der(signed)?, Tag::Sequence)?;
    let has_version_2 = read_version(&mut reader)?;
    // The signature does not cover the outer algorithm, so the two must agree
    // (RFC 5280 section 5.1.1.2).
    if reader.tlv_bytes()? != algorithm {
        return Err(Tag::Sequence.value_error());
    }
    let issuer = reader.tlv_bytes()?;
    let this_update = read_time(Time::decode(&mut reader)?);
    let next_update = match next_tag(&reader)? {
        Some(Tag::UtcTime | Tag::GeneralizedTime) => Some(read_time(Time::decode(&mut reader)?)),
        _ => None,
    };
    let entries = match next_tag(&reader)? {
        Some(Tag::Sequence) => Some(reader.tlv_bytes()?),
        _ => None,
    };
    let extensions = read_tagged_extensions(&mut reader)?;
    reader.finish(())?;
    Ok(Fields {
        signed,
        algorithm,
        signature,
        issuer,
        window: Window {
            this_update,
            next_update,
        },
        entries,
        extensions,
        has_version_2,
    })
}

/// `version` is absent in version 1, and 1 in version 2; there are no others.
fn read_version(reader: &mut SliceReader<'_>) -> der::Result<bool> {
    if next_tag(reader)? != Some(Tag::Integer) {
        return Ok(false);
    }
    match u8::decode(reader)? {
        1 => Ok(true),
        _ => Err(Tag::Integer.value_error()),
    }
}

fn read_tagged_extensions<'a>(reader: &mut SliceReader<'a>) -> der::Result<Vec<RawExtension<'a>>> {
    if reader.is_finished() {
        return Ok(Vec::new());
    }
    let tagged = AnyRef::decode(reader)?;
    let tag = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber::N0,
    };
    tagged.tag().assert_eq(tag)?;
    read_extensions(AnyRef::from_der(tagged.value())?)
}

/// Reads a SEQUENCE of extensions.
pub(super) fn read_extensions(extensions: AnyRef<'_>) -> der::Result<Vec<RawExtension<'_>>> {
    let mut reader = contents_of(extensions, Tag::Sequence)?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        let mut fields = contents_of(AnyRef::decode(&mut reader)?, Tag::Sequence)?;
        let oid = ObjectIdentifier::decode(&mut fields)?;
        let critical = match next_tag(&fields)? {
            Some(Tag::Boolean) => bool::decode(&mut fields)?,
            _ => false,
        };
        let value = OctetStringRef::decode(&mut fields)?.as_bytes();
        fields.finish(())?;
        found.push(RawExtension {
            oid,
            critical,
            value,
        });
    }
    Ok(found)
}

/// Extensions are few on a list and one or two on an entry.
pub(super) fn has_repetition(extensions: &[RawExtension<'_>]) -> bool {
    let mut rest = extensions;
    while let [first, others @ ..] = rest {
        if others.iter().any(|other| other.oid == first.oid) {
            return true;
        }
        rest = others;
    }
    false
}

/// A reader of a constructed value's contents.
pub(super) fn contents_of(value: AnyRef<'_>, tag: Tag) -> der::Result<SliceReader<'_>> {
    value.tag().assert_eq(tag)?;
    SliceReader::new(value.value())
}

/// The tag of the next value, or `None` at the end.
pub(super) fn next_tag(reader: &SliceReader<'_>) -> der::Result<Option<Tag>> {
    if reader.is_finished() {
        return Ok(None);
    }
    reader.peek_tag().map(Some)
}

/// X.509 times reach from 1970 (as this reader has it) to 9999, which the time type holds.
fn read_time(time: Time) -> OffsetDateTime {
    i64::try_from(time.to_unix_duration().as_secs())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
