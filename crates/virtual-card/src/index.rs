//! The index of an authority: what it issued and what of it is revoked, in the text form that
//! `openssl ca` writes and `openssl ocsp` reads (tab-separated: status, expiry, revocation, serial
//! number, file, subject).

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// UTCTime with two digits of the year, as `openssl ca` writes it.
const TIME_FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
/// The same with the century, to read back: our PKI lives in 2000 to 2099.
const FULL_TIME_FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day][hour][minute][second]Z");

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    expiry: String,
    revoked: Option<OffsetDateTime>,
    serial: String,
    subject: String,
}

impl IndexEntry {
    /// A certificate that is not revoked.
    pub(crate) fn valid(serial: &[u8], not_after: OffsetDateTime, subject: &str) -> Self {
        Self {
            expiry: format_time(not_after),
            revoked: None,
            serial: crate::card_directory::hexadecimal(serial),
            subject: subject.to_owned(),
        }
    }

    fn parse(line: &str) -> Result<Self, &'static str> {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[status, expiry, revoked, serial, _file, subject] = columns.as_slice() else {
            return Err("a line has not six columns");
        };
        let revoked = match (status, revoked) {
            ("V" | "E", "") => None,
            ("R", time) => Some(parse_time(time).ok_or("a revocation time is malformed")?),
            _ => return Err("a status is unknown"),
        };
        if serial.is_empty() || !serial.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("a serial number is malformed");
        }
        Ok(Self {
            expiry: expiry.to_owned(),
            revoked,
            serial: serial.to_owned(),
            subject: subject.to_owned(),
        })
    }
}

/// Everything that one authority issued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    entries: Vec<IndexEntry>,
}

impl Index {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let entries = text
            .lines()
            .map(IndexEntry::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            let (status, revoked) = match entry.revoked {
                Some(at) => ("R", format_time(at)),
                None => ("V", String::new()),
            };
            let IndexEntry {
                expiry,
                serial,
                subject,
                ..
            } = entry;
            text.push_str(&format!(
                "{status}\t{expiry}\t{revoked}\t{serial}\tunknown\t{subject}\n"
            ));
        }
        text
    }

    pub(crate) fn push(&mut self, entry: IndexEntry) {
        self.entries.push(entry);
    }

    /// Marks a certificate as revoked; false when it is not known. The first date stays.
    pub(crate) fn revoke(&mut self, serial: &str, at: OffsetDateTime) -> bool {
        let found = self.entries.iter_mut().find(|entry| entry.serial == serial);
        match found {
            Some(entry) => {
                entry.revoked.get_or_insert(at);
                true
            }
            None => false,
        }
    }

    /// Serial numbers and dates of what is revoked.
    pub(crate) fn revoked(&self) -> impl Iterator<Item = (Vec<u8>, OffsetDateTime)> + '_ {
        self.entries
            .iter()
            .filter_map(|entry| Some((bytes_of_hexadecimal(&entry.serial), entry.revoked?)))
    }
}

fn bytes_of_hexadecimal(text: &str) -> Vec<u8> {
    // Only what `parse` or `valid` let in: pairs of hexadecimal digits.
    let digits: Vec<u32> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    let pairs = digits.chunks_exact(2);
    pairs
        .map(|pair| pair.iter().fold(0, |sum: u32, digit| sum << 4 | digit))
        .map(|byte| u8::try_from(byte).unwrap_or(u8::MAX))
        .collect()
}

fn format_time(at: OffsetDateTime) -> String {
    // The format has no component that can fail.
    at.to_offset(time::UtcOffset::UTC)
        .format(TIME_FORMAT)
        .unwrap_or_default()
}

fn parse_time(text: &str) -> Option<OffsetDateTime> {
    let with_century = format!("20{text}");
    Some(
        PrimitiveDateTime::parse(&with_century, FULL_TIME_FORMAT)
            .ok()?
            .assume_utc(),
    )
}

#[cfg(test)]
mod tests {
    use super::{Index, IndexEntry};
    use time::macros::datetime;

    #[test]
    fn index_is_written_as_openssl_reads_it() {
        let mut index = Index::default();
        let subject = "/C=FR/GN=Alix/CN=30B/1/SN=MOREAU";
        index.push(IndexEntry::valid(
            &[0x4a, 0x0b],
            datetime!(2029-01-02 03:04:05 UTC),
            subject,
        ));
        assert_eq!(
            index.to_text(),
            format!("V\t290102030405Z\t\t4A0B\tunknown\t{subject}\n")
        );
        assert!(index.revoke("4A0B", datetime!(2026-05-06 07:08:09 UTC)));
        assert!(
            index.revoke("4A0B", datetime!(2027-01-01 00:00:00 UTC)),
            "keeps the first date"
        );
        let revoked = format!("R\t290102030405Z\t260506070809Z\t4A0B\tunknown\t{subject}\n");
        assert_eq!(index.to_text(), revoked);
        assert_eq!(Index::parse(&revoked), Ok(index.clone()));
        let listed: Vec<_> = index.revoked().collect();
        assert_eq!(
            listed,
            [(vec![0x4a, 0x0b], datetime!(2026-05-06 07:08:09 UTC))]
        );
        assert!(
            !index.revoke("FF", datetime!(2026-05-06 07:08:09 UTC)),
            "not issued here"
        );
    }

    #[test]
    fn broken_lines_are_refused() {
        for line in [
            "V\t1\t\t4A\tunknown",
            "X\t1\t\t4A\tunknown\t/",
            "R\t1\tsoon\t4A\tunknown\t/",
        ] {
            assert!(Index::parse(line).is_err(), "{line:?}");
        }
    }
}
