//! One file, read within bounds: certificates, CRLs and OCSP responses as DER or PEM.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use cardea_pki::revocation::{Crl, OcspResponse};
use cardea_pki::{Certificate, Error as PkiError};
use openssl::x509::{X509, X509Crl};
use x509_parser::asn1_rs::{Header, Tag};
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;

use super::input_error::InputError;

/// Most bytes of one file: the largest CRL that is read, in PEM's base64.
const FILE_BYTES_MAX: u64 = 96 * 1024 * 1024;
/// Most PEM blocks of one file.
const BLOCKS_MAX: usize = 20_000;

/// What a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// X.509 certificates.
    Certificate,
    /// Certificate revocation lists.
    Crl,
    /// OCSP responses, DER only.
    Ocsp,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Crl => "CRL",
            Self::Ocsp => "OCSP response",
        }
    }
}

/// One thing in a file.
#[derive(Clone)]
pub(super) enum Item {
    Certificate(Certificate),
    Crl(Crl),
    Ocsp(OcspResponse),
    /// It is of this kind, and breaks a rule of it: a verdict, where it is the leaf.
    Refused(Kind, Arc<PkiError>),
    /// It says that it is of this kind, and is not.
    Garbage(Kind),
}

impl Item {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Certificate(_) => Kind::Certificate,
            Self::Crl(_) => Kind::Crl,
            Self::Ocsp(_) => Kind::Ocsp,
            Self::Refused(kind, _) | Self::Garbage(kind) => *kind,
        }
    }
}

/// Tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    device: u64,
    inode: u64,
    pub(super) bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Seconds since 1970 of the file's last change.
    pub(super) fn changed_at(self) -> i64 {
        self.changed.0.max(self.modified.0)
    }
}

/// The file's metadata, if it is a regular file.
pub(super) fn metadata(file: &Path) -> Result<Metadata, InputError> {
    let unreadable = |source| InputError::Unreadable {
        file: file.to_owned(),
        source,
    };
    let metadata = fs::metadata(file).map_err(unreadable)?;
    if metadata.is_file() || metadata.is_dir() {
        Ok(metadata)
    } else {
        Err(unreadable(io::Error::other("it is no regular file")))
    }
}

/// Reads a regular file within the bound.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, InputError> {
    let unreadable = |source| InputError::Unreadable {
        file: file.to_owned(),
        source,
    };
    let metadata = metadata(file)?;
    if metadata.is_dir() {
        return Err(unreadable(io::ErrorKind::IsADirectory.into()));
    }
    let reader = File::open(file).map_err(unreadable)?;
    read_within(reader, FILE_BYTES_MAX)
        .map_err(unreadable)?
        .ok_or_else(|| InputError::TooLarge {
            file: file.to_owned(),
            bound: FILE_BYTES_MAX,
            unit: "bytes",
        })
}

/// Reads to the end; `None` when there is more than the bound.
pub(super) fn read_within(reader: impl Read, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(bytes_max + 1).read_to_end(&mut bytes)?;
    let is_within = u64::try_from(bytes.len()).is_ok_and(|length| length <= bytes_max);
    Ok(is_within.then_some(bytes))
}

/// Everything of a file that is a certificate, a CRL or an OCSP response; empty when it is none.
///
/// # Errors
/// [`InputError::TooLarge`] beyond [`BLOCKS_MAX`]: a list that is left out in silence could be the
/// one that revokes.
pub(super) fn items(file: &Path, bytes: &[u8]) -> Result<Vec<Item>, InputError> {
    // A SEQUENCE in DER; text may begin with the same octet, the digit zero.
    if bytes.first() == Some(&0x30) {
        let items = der_item(bytes).map_or_else(|| der_garbage(bytes), |item| vec![item]);
        if !items.is_empty() {
            return Ok(items);
        }
    }
    let mut items = Vec::new();
    for (index, block) in Pem::iter_from_buffer(bytes).enumerate() {
        if index >= BLOCKS_MAX {
            return Err(InputError::TooLarge {
                file: file.to_owned(),
                bound: u64::try_from(BLOCKS_MAX).unwrap_or(u64::MAX),
                unit: "PEM blocks",
            });
        }
        match block {
            Ok(block) => items.extend(pem_item(&block)),
            // Which kind it would have been is not known, so it spoils whatever is asked for.
            Err(_) => items.extend([Kind::Certificate, Kind::Crl].map(Item::Garbage)),
        }
    }
    Ok(items)
}

fn pem_item(block: &Pem) -> Option<Item> {
    match block.label.as_str() {
        "CERTIFICATE" | "X509 CERTIFICATE" => {
            Some(certificate(&block.contents).unwrap_or(Item::Garbage(Kind::Certificate)))
        }
        "X509 CRL" => Some(crl(&block.contents).unwrap_or(Item::Garbage(Kind::Crl))),
        // Keys and the like are nobody's business here.
        _ => None,
    }
}

fn der_item(der: &[u8]) -> Option<Item> {
    certificate(der).or_else(|| crl(der)).or_else(|| {
        let response = OcspResponse::parse(der, None).ok()?;
        Some(Item::Ocsp(response))
    })
}

/// What bytes would be that begin as a certificate, a list or a response does, and that no reader
/// takes: cut short, or changed on the way. A SEQUENCE in a SEQUENCE begins a certificate and a
/// list alike (RFC 5280 sections 4.1 and 5.1), an ENUMERATED in one a response (RFC 6960 section
/// 4.2.1).
fn der_garbage(der: &[u8]) -> Vec<Item> {
    let inner = Header::from_der(der)
        .and_then(|(contents, _)| Header::from_der(contents))
        .map(|(_, inner)| inner.tag());
    match inner {
        Ok(Tag::Sequence) => [Kind::Certificate, Kind::Crl].map(Item::Garbage).to_vec(),
        Ok(Tag::Enumerated) => match OcspResponse::parse(der, None) {
            Ok(response) => vec![Item::Ocsp(response)],
            Err(error) => vec![Item::Refused(Kind::Ocsp, Arc::new(error))],
        },
        _ => Vec::new(),
    }
}

/// OpenSSL reads more than our rules allow: what it reads is a certificate, though a refused one.
fn certificate(der: &[u8]) -> Option<Item> {
    match Certificate::parse(der) {
        Ok(certificate) => Some(Item::Certificate(certificate)),
        Err(error) => X509::from_der(der)
            .is_ok()
            .then(|| Item::Refused(Kind::Certificate, Arc::new(error))),
    }
}

fn crl(der: &[u8]) -> Option<Item> {
    match Crl::parse(der) {
        Ok(crl) => Some(Item::Crl(crl)),
        Err(error) => X509Crl::from_der(der)
            .is_ok()
            .then(|| Item::Refused(Kind::Crl, Arc::new(error))),
    }
}
