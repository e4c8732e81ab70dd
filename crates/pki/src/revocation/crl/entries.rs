//! The entries of a list (RFC 5280 section 5.3).

use super::Entry;
use crate::Error;
use crate::revocation::RevocationReason;
use std::collections::HashMap;
use time::OffsetDateTime;
use x509_parser::extensions::ParsedExtension;
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};

/// Entries by serial number. Half a million of them are searched at every login, so they are
/// kept small.
pub(super) struct Entries {
    by_serial: HashMap<Box<[u8]>, CompactEntry>,
}

#[derive(Clone, Copy)]
struct CompactEntry {
    revoked_at_seconds: i64,
    reason: RevocationReason,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.by_serial.len()
    }

    pub(super) fn find(&self, serial: &[u8]) -> Option<Entry> {
        let entry = self.by_serial.get(without_padding(serial))?;
        let revoked_at = OffsetDateTime::from_unix_timestamp(entry.revoked_at_seconds)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Some(Entry {
            revoked_at,
            reason: entry.reason,
        })
    }
}

/// Reads the entries, and says if one of them forbids using the list at all: an entry extension
/// that is critical and unknown, or one that moves the entry to another issuer.
pub(super) fn read(
    list: &CertificateRevocationList<'_>,
) -> Result<(Entries, Option<&'static str>), Error> {
    let mut by_serial = HashMap::with_capacity(list.tbs_cert_list.revoked_certificates.len());
    let mut unusable = None;
    for revoked in list.iter_revoked_certificates() {
        let (reason, forbids) = read_extensions(revoked)?;
        unusable = unusable.or(forbids);
        let entry = CompactEntry {
            revoked_at_seconds: revoked.revocation_date.timestamp(),
            reason,
        };
        let serial = without_padding(revoked.raw_serial());
        // An entry given twice keeps the reason that cannot be taken back.
        let known: Option<&CompactEntry> = by_serial.get(serial);
        if known.is_none_or(|known| known.reason == RevocationReason::CertificateHold) {
            by_serial.insert(Box::from(serial), entry);
        }
    }
    Ok((Entries { by_serial }, unusable))
}

fn read_extensions(
    revoked: &RevokedCertificate<'_>,
) -> Result<(RevocationReason, Option<&'static str>), Error> {
    let mut reason = RevocationReason::Unspecified;
    let mut unusable = None;
    for extension in revoked.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::ReasonCode(code) => reason = RevocationReason::from_code(code.0),
            ParsedExtension::InvalidityDate(_) => {}
            ParsedExtension::ParseError { .. } => {
                return Err(Error::CrlMalformed("an entry extension is not readable"));
            }
            _ if extension.critical => unusable = Some("a critical entry extension is unknown"),
            _ => {}
        }
    }
    Ok((reason, unusable))
}

/// Leading zero octets do not change a number; lists and certificates may pad differently.
fn without_padding(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(zeros..).unwrap_or_default()
}
