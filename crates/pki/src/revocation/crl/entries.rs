//! The entries of a list (RFC 5280 section 5.3), as a sorted index of serial numbers.

mod entry_extensions;

use super::Entry;
use super::fields::{Fields, contents_of, seconds_of};
use crate::revocation::RevocationReason;
use crate::{Error, name};
use entry_extensions::{EntryExtensions, ExtensionReader};
use openssl::x509::{X509Name, X509NameRef};
use std::collections::HashMap;
use time::OffsetDateTime;
use x509_cert::der::asn1::{AnyRef, IntRef};
use x509_cert::der::{self, Decode, Reader, SliceReader, Tag};
use x509_cert::time::Time;

/// Octets of the longest serial number that a certificate may have (RFC 5280 section 4.1.2.2), its
/// sign octet included.
const SERIAL_OCTETS_MAX: usize = 21;
/// Most authorities that one indirect list may speak for.
const ISSUERS_MAX: u16 = 4096;

/// Entries by issuer and serial number.
///
/// A million of them are searched at every login: they are kept in one sorted block of 32 bytes
/// each and found by halving it.
pub(super) struct Entries {
    records: Vec<Record>,
    /// The list's own issuer first, then those that entries of an indirect list name.
    issuers: Vec<X509Name>,
    listed: usize,
}

/// One entry: a key to sort by, the reason and the date.
#[derive(Clone, Copy)]
struct Record {
    key: Key,
    /// Seconds since 1970 in the upper 56 bits (the year 9999 takes 38), the reason in the lowest 8.
    facts: u64,
}

/// Big-endian octets as words: two for the issuer's place, one for the serial number's length,
/// 21 for the serial number itself.
type Key = [u64; 3];

const KEY_OCTETS: usize = 24;
const _: () = assert!(KEY_OCTETS == 3 + SERIAL_OCTETS_MAX);

/// `None` for a serial number that is longer than any certificate's may be.
fn key_of(issuer: u16, serial: &[u8]) -> Option<Key> {
    let mut octets = [0; KEY_OCTETS];
    let length = u8::try_from(serial.len()).ok()?;
    if serial.len() > SERIAL_OCTETS_MAX {
        return None;
    }
    let (head, tail) = octets.split_at_mut(3);
    let [high, low] = issuer.to_be_bytes();
    head.copy_from_slice(&[high, low, length]);
    let place = tail.len().checked_sub(serial.len())?;
    tail.get_mut(place..)?.copy_from_slice(serial);
    let (words, _) = octets.as_chunks::<8>();
    let [first, second, third] = words else {
        return None;
    };
    Some([first, second, third].map(|word| u64::from_be_bytes(*word)))
}

impl Record {
    fn reason(self) -> RevocationReason {
        let [.., code] = self.facts.to_be_bytes();
        RevocationReason::from_code(code)
    }

    fn revoked_at(self) -> OffsetDateTime {
        i64::try_from(self.facts >> 8)
            .ok()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// Of two entries for one certificate the one that is harder to take back counts.
    fn weight(self) -> u8 {
        match self.reason() {
            RevocationReason::RemoveFromCrl => 0,
            RevocationReason::CertificateHold => 1,
            _ => 2,
        }
    }
}

impl Entries {
    /// How many entries the list has, also those that name a certificate twice.
    pub(super) fn len(&self) -> usize {
        self.listed
    }

    /// The entry for a certificate of `issuer`. Serial numbers compare by their octets: any but
    /// the shortest form has been refused, and without the sign octet 255 would be -1.
    pub(super) fn find(&self, issuer: &X509NameRef, serial: &[u8]) -> Result<Option<Entry>, Error> {
        let mut heaviest: Option<Record> = None;
        for (place, known) in self.issuers.iter().enumerate() {
            if !name::names_match(known, issuer)? {
                continue;
            }
            let found = u16::try_from(place)
                .ok()
                .and_then(|place| key_of(place, serial))
                .and_then(|key| self.search(&key));
            if let Some(found) = found
                && heaviest.is_none_or(|heaviest| found.weight() > heaviest.weight())
            {
                heaviest = Some(found);
            }
        }
        Ok(heaviest.map(|record| Entry {
            revoked_at: record.revoked_at(),
            reason: record.reason(),
        }))
    }

    fn search(&self, key: &Key) -> Option<Record> {
        let place = self
            .records
            .binary_search_by(|record| record.key.cmp(key))
            .ok()?;
        self.records.get(place).copied()
    }
}

/// Reads the entries of a list, and whether all of them are understood: one critical extension
/// that is not closes the whole list (RFC 5280 section 5.3).
///
/// Only an indirect list may move entries to other issuers.
pub(super) fn read(fields: &Fields<'_>, is_indirect: bool) -> Result<(Entries, bool), Error> {
    let unreadable = |_| Error::CrlMalformed("an entry is not readable");
    let listed = count(fields.entries).map_err(unreadable)?;
    let mut builder = Builder::new(fields, listed, is_indirect)?;
    let mut extensions = ExtensionReader::new(fields.has_version_2);
    let mut reader = SliceReader::new(fields.entries).map_err(unreadable)?;
    let mut read = 0;
    while !reader.is_finished() {
        let entry = RawEntry::decode_next(&mut reader).map_err(unreadable)?;
        builder.add(&entry, &extensions.read(entry.extensions)?)?;
        read += 1;
    }
    // An entry that is stepped over would make a revoked card look good.
    if read != listed {
        return Err(Error::CrlMalformed("its entries cannot be counted"));
    }
    Ok(builder.finish(listed))
}

/// Counts the entries by their headers alone, so that their room is taken once and exactly.
fn count(entries: &[u8]) -> der::Result<usize> {
    let mut reader = SliceReader::new(entries)?;
    let mut count = 0;
    while !reader.is_finished() {
        reader.tlv_bytes()?;
        count += 1;
    }
    Ok(count)
}

/// One entry, its extensions not yet read.
struct RawEntry<'a> {
    serial: &'a [u8],
    revoked_at_seconds: u64,
    extensions: Option<AnyRef<'a>>,
}

impl<'a> RawEntry<'a> {
    fn decode_next(reader: &mut SliceReader<'a>) -> der::Result<Self> {
        let mut fields = contents_of(AnyRef::decode(reader)?, Tag::Sequence)?;
        let serial = IntRef::decode(&mut fields)?.as_bytes();
        let revoked_at_seconds = seconds_of(Time::decode(&mut fields)?);
        let extensions = if fields.is_finished() {
            None
        } else {
            Some(AnyRef::decode(&mut fields)?)
        };
        fields.finish(Self {
            serial,
            revoked_at_seconds,
            extensions,
        })
    }
}

struct Builder<'a> {
    records: Vec<Record>,
    issuers: Vec<X509Name>,
    /// The place in `issuers` of each name that entries have given so far.
    places: HashMap<&'a [u8], u16>,
    /// Whose certificates the entries are about: an issuer holds until another is named
    /// (RFC 5280 section 5.3.3).
    current: u16,
    is_indirect: bool,
    is_understood: bool,
}

impl<'a> Builder<'a> {
    fn new(fields: &Fields<'a>, listed: usize, is_indirect: bool) -> Result<Self, Error> {
        Ok(Self {
            records: Vec::with_capacity(listed),
            issuers: vec![name_of(fields.issuer)?],
            places: HashMap::new(),
            current: 0,
            is_indirect,
            is_understood: true,
        })
    }

    fn add(&mut self, entry: &RawEntry<'a>, facts: &EntryExtensions<'a>) -> Result<(), Error> {
        self.is_understood &= facts.is_understood;
        if let Some(issuer) = facts.issuer {
            self.is_understood &= self.is_indirect;
            self.current = self.place_of(issuer)?;
        }
        // A serial number that no certificate can have needs no place in the index.
        if let Some(key) = key_of(self.current, entry.serial) {
            let facts = entry.revoked_at_seconds << 8 | u64::from(facts.reason.code());
            self.records.push(Record { key, facts });
        }
        Ok(())
    }

    fn place_of(&mut self, issuer: &'a [u8]) -> Result<u16, Error> {
        if let Some(place) = self.places.get(issuer) {
            return Ok(*place);
        }
        let place = u16::try_from(self.issuers.len())
            .ok()
            .filter(|place| *place < ISSUERS_MAX)
            .ok_or(Error::CrlMalformed("its entries name too many issuers"))?;
        self.issuers.push(name_of(issuer)?);
        self.places.insert(issuer, place);
        Ok(place)
    }

    fn finish(mut self, listed: usize) -> (Entries, bool) {
        self.records.sort_unstable_by_key(|record| record.key);
        self.records.dedup_by(|later, kept| {
            let is_same = later.key == kept.key;
            if is_same && later.weight() > kept.weight() {
                *kept = *later;
            }
            is_same
        });
        let entries = Entries {
            records: self.records,
            issuers: self.issuers,
            listed,
        };
        (entries, self.is_understood)
    }
}

fn name_of(der: &[u8]) -> Result<X509Name, Error> {
    X509Name::from_der(der).map_err(|_| Error::CrlMalformed("a name is not readable"))
}
