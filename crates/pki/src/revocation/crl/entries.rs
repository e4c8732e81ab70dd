//! The entries of a list (RFC 5280 section 5.3), as a sorted index of serial numbers.

mod entry_extensions;

use super::Entry;
use super::fields::Fields;
use crate::revocation::RevocationReason;
use crate::{Error, name};
use asn1::{BigInt, Choice2, DateTime, Sequence, SequenceOf, Tlv};
use asn1::{UtcTime, X509GeneralizedTime};
use entry_extensions::{EntryExtensions, ExtensionReader};
use openssl::x509::{X509Name, X509NameRef};
use std::collections::HashMap;
use time::{Date, OffsetDateTime, Time};

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

/// One entry: a key to sort by, the reason and the date, in 32 bytes.
#[derive(Clone, Copy)]
struct Record {
    key_tail: u128,
    key_head: u64,
    /// The date as [`pack`] writes it in the upper bits, the reason in the lowest 8.
    facts: u64,
}

/// The issuer's place in two octets, the serial number's length in one and the serial number in
/// 21, as two big-endian numbers.
type Key = (u64, u128);

const KEY_OCTETS: usize = 24;
const _: () = assert!(KEY_OCTETS == 3 + SERIAL_OCTETS_MAX);

/// `None` for a serial number that is longer than any certificate's may be.
fn key_of(issuer: u16, serial: &[u8]) -> Option<Key> {
    let mut octets = [0; KEY_OCTETS];
    let length = u8::try_from(serial.len()).ok()?;
    let (start, rest) = octets.split_at_mut(3);
    let place = rest.len().checked_sub(serial.len())?;
    let [high, low] = issuer.to_be_bytes();
    start.copy_from_slice(&[high, low, length]);
    rest.get_mut(place..)?.copy_from_slice(serial);
    let (head, tail) = octets.split_first_chunk::<8>()?;
    let (tail, _) = tail.split_first_chunk::<16>()?;
    Some((u64::from_be_bytes(*head), u128::from_be_bytes(*tail)))
}

/// The fields of a date in 40 bits; it is only unpacked when somebody asks.
fn pack(date: &DateTime) -> u64 {
    u64::from(date.year()) << 26
        | u64::from(date.month()) << 22
        | u64::from(date.day()) << 17
        | u64::from(date.hour()) << 12
        | u64::from(date.minute()) << 6
        | u64::from(date.second())
}

fn unpack(packed: u64) -> Option<OffsetDateTime> {
    let field = |shift: u32, bits: u32| u8::try_from(packed >> shift & ((1 << bits) - 1)).ok();
    let year = i32::try_from(packed >> 26).ok()?;
    let month = time::Month::try_from(field(22, 4)?).ok()?;
    let date = Date::from_calendar_date(year, month, field(17, 5)?).ok()?;
    let time = Time::from_hms(field(12, 5)?, field(6, 6)?, field(0, 6)?).ok()?;
    Some(date.with_time(time).assume_utc())
}

impl Record {
    fn new(key: Key, date: &DateTime, reason: RevocationReason) -> Self {
        Self {
            key_tail: key.1,
            key_head: key.0,
            facts: pack(date) << 8 | u64::from(reason.code()),
        }
    }

    fn key(&self) -> Key {
        (self.key_head, self.key_tail)
    }

    fn reason(self) -> RevocationReason {
        let [.., code] = self.facts.to_be_bytes();
        RevocationReason::from_code(code)
    }

    /// The parser has refused dates that the calendar does not have.
    fn revoked_at(self) -> OffsetDateTime {
        unpack(self.facts >> 8).unwrap_or(OffsetDateTime::UNIX_EPOCH)
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
        let place = self.records.binary_search_by_key(key, Record::key).ok()?;
        self.records.get(place).copied()
    }
}

/// Reads the entries of a list, and whether all of them are understood: one critical extension
/// that is not closes the whole list (RFC 5280 section 5.3).
///
/// Only an indirect list may move entries to other issuers.
pub(super) fn read(fields: &Fields<'_>, is_indirect: bool) -> Result<(Entries, bool), Error> {
    let Some(entries) = fields.entries else {
        return Ok(Builder::new(fields, 0, is_indirect)?.finish(0));
    };
    // This finds the end of every entry, so that their room is taken once and exactly.
    let entries =
        asn1::parse_single::<SequenceOf<'_, Sequence<'_>>>(entries).map_err(Unreadable::from)?;
    let listed = entries.len();
    let mut builder = Builder::new(fields, listed, is_indirect)?;
    let mut extensions = ExtensionReader::new(fields.has_version_2);
    let mut read = 0;
    for entry in entries {
        let entry = RawEntry::read(entry)?;
        builder.add(&entry, &extensions.read(entry.extensions)?)?;
        read += 1;
    }
    // An entry that is stepped over would make a revoked card look good.
    if read != listed {
        return Err(Error::CrlMalformed("its entries cannot be counted"));
    }
    Ok(builder.finish(listed))
}

/// That an entry is not readable; where and why would be a hundred bytes for each entry.
struct Unreadable;

impl From<asn1::ParseError> for Unreadable {
    fn from(_: asn1::ParseError) -> Self {
        Self
    }
}

impl From<Unreadable> for Error {
    fn from(_: Unreadable) -> Self {
        Self::CrlMalformed("an entry is not readable")
    }
}

/// One entry, its extensions not yet read.
struct RawEntry<'a> {
    serial: &'a [u8],
    revoked_at: DateTime,
    /// The whole of the optional SEQUENCE.
    extensions: Option<&'a [u8]>,
}

impl<'a> RawEntry<'a> {
    fn read(entry: Sequence<'a>) -> Result<Self, Unreadable> {
        entry.parse(|fields| {
            let serial = fields.read_element::<BigInt<'a>>()?.as_bytes();
            let revoked_at = match fields.read_element()? {
                Choice2::ChoiceA::<UtcTime, X509GeneralizedTime>(time) => {
                    time.as_datetime().clone()
                }
                Choice2::ChoiceB(time) => time.as_datetime().clone(),
            };
            let extensions = fields.read_element::<Option<Tlv<'a>>>()?;
            Ok(Self {
                serial,
                revoked_at,
                extensions: extensions.map(|extensions| extensions.full_data()),
            })
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
            self.records
                .push(Record::new(key, &entry.revoked_at, facts.reason));
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
        self.records.sort_unstable_by_key(Record::key);
        self.records.dedup_by(|later, kept| {
            let is_same = later.key() == kept.key();
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

#[cfg(test)]
mod tests {
    use super::{key_of, pack, unpack};
    use asn1::DateTime;
    use time::macros::datetime;

    #[test]
    fn a_date_comes_out_as_it_went_in() {
        let kept = |year, month, day, hour, minute, second| {
            let date = DateTime::new(year, month, day, hour, minute, second).expect("a date");
            unpack(pack(&date))
        };
        for (fields, expected) in [
            ((1950, 1, 1, 0, 0, 0), datetime!(1950-01-01 00:00:00 UTC)),
            (
                (2024, 2, 29, 23, 59, 59),
                datetime!(2024-02-29 23:59:59 UTC),
            ),
            (
                (9999, 12, 31, 23, 59, 59),
                datetime!(9999-12-31 23:59:59 UTC),
            ),
        ] {
            let (year, month, day, hour, minute, second) = fields;
            let actual = kept(year, month, day, hour, minute, second);
            assert_eq!(actual, Some(expected));
        }
    }

    #[test]
    fn each_issuer_and_serial_number_has_a_key_of_its_own() {
        let serials: [&[u8]; 7] = [
            &[0],
            &[1],
            &[0, 0xff],
            &[0xff],
            &[1, 0],
            &[0x11; 20],
            &[0x11; 21],
        ];
        let mut keys: Vec<_> = [0, 1, 4095]
            .iter()
            .flat_map(|issuer| serials.iter().map(|serial| key_of(*issuer, serial)))
            .collect();
        assert!(keys.iter().all(Option::is_some));
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 3 * serials.len());
        assert_eq!(
            key_of(0, &[0x11; 22]),
            None,
            "longer than any certificate's"
        );
    }
}
