//! The entries of a list (RFC 5280 section 5.3).

use super::Entry;
use super::scope::Use;
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

    /// Serial numbers compare by their octets: OpenSSL has refused any but the shortest form, and
    /// without the sign octet 255 would be -1.
    pub(super) fn find(&self, serial: &[u8]) -> Option<Entry> {
        let entry = self.by_serial.get(serial)?;
        let revoked_at = OffsetDateTime::from_unix_timestamp(entry.revoked_at_seconds)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Some(Entry {
            revoked_at,
            reason: entry.reason,
        })
    }
}

/// Reads the entries, and what may be read out of the list: nothing, if one entry has an
/// extension that is critical and unknown, or that moves it to another issuer.
pub(super) fn read(list: &CertificateRevocationList<'_>) -> Result<(Entries, Use), Error> {
    let mut by_serial = HashMap::with_capacity(list.tbs_cert_list.revoked_certificates.len());
    let mut usable = Use::Complete;
    for revoked in list.iter_revoked_certificates() {
        let (reason, entry_use) = read_extensions(revoked)?;
        usable = usable.max(entry_use);
        let entry = CompactEntry {
            revoked_at_seconds: revoked.revocation_date.timestamp(),
            reason,
        };
        let serial = revoked.raw_serial();
        // An entry given twice keeps the reason that cannot be taken back.
        let known: Option<&CompactEntry> = by_serial.get(serial);
        if known.is_none_or(|known| known.reason == RevocationReason::CertificateHold) {
            by_serial.insert(Box::from(serial), entry);
        }
    }
    Ok((Entries { by_serial }, usable))
}

fn read_extensions(revoked: &RevokedCertificate<'_>) -> Result<(RevocationReason, Use), Error> {
    let mut reason = RevocationReason::Unspecified;
    let mut usable = Use::Complete;
    for extension in revoked.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::ReasonCode(code) => reason = RevocationReason::from_code(code.0),
            ParsedExtension::InvalidityDate(_) => {}
            ParsedExtension::ParseError { .. } => {
                return Err(Error::CrlMalformed("an entry extension is not readable"));
            }
            _ if extension.critical => usable = Use::Nothing,
            _ => {}
        }
    }
    Ok((reason, usable))
}
